//! [`Provider`]: the sockets and timers of egret for hickory-resolver; [`set`]: its answers for every look-up of egret.
//!
//! hickory requires `Send` of all of them and moves none: what it spawns goes to the loop that runs it. Copy this file into
//! a program.

use async_trait::async_trait;
use egret::net::{ResolverGuard, TcpStream, UdpSocket, set_resolver};
use egret::task::Confined;
use egret::time::{sleep, timeout};
use hickory_resolver::Resolver;
use hickory_resolver::net::runtime::{DnsTcpStream, DnsUdpSocket, RuntimeProvider, Spawn, Time};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Asks `resolver` for each name that egret is given on this thread, until the guard is dropped.
pub fn set(resolver: Resolver<Provider>) -> ResolverGuard {
    let resolver = Rc::new(resolver);
    set_resolver(move |host| {
        let resolver = resolver.clone();
        async move {
            let found = resolver.lookup_ip(host).await.map_err(io::Error::other)?;
            Ok(found.iter().collect())
        }
    })
}

/// hickory's runtime: egret's, of the thread that it is used on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Provider;

type Sent<T> = Pin<Box<dyn Send + Future<Output = io::Result<T>>>>;

impl RuntimeProvider for Provider {
    type Handle = Provider;
    type Timer = Timer;
    type Udp = Udp;
    type Tcp = Tcp;

    fn create_handle(&self) -> Provider {
        Provider
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        bind: Option<SocketAddr>,
        limit: Option<Duration>,
    ) -> Sent<Tcp> {
        Box::pin(Confined::new(async move {
            let socket = match server {
                SocketAddr::V4(_) => egret::net::TcpSocket::new_v4()?,
                SocketAddr::V6(_) => egret::net::TcpSocket::new_v6()?,
            };
            if let Some(address) = bind {
                socket.bind(address)?;
            }
            let stream = timeout(limit.unwrap_or(Duration::from_secs(5)), socket.connect(server)).await??;
            stream.set_nodelay(true)?;
            Ok(Tcp(Confined::new(stream)))
        }))
    }

    fn bind_udp(&self, local: SocketAddr, _server: SocketAddr) -> Sent<Udp> {
        Box::pin(Confined::new(async move { Ok(Udp(Confined::new(UdpSocket::bind(local).await?))) }))
    }
}

impl Spawn for Provider {
    fn spawn_bg(&mut self, future: impl Future<Output = ()> + Send + 'static) {
        egret::spawn(future);
    }
}

/// egret's timers.
#[derive(Clone, Copy, Debug)]
pub struct Timer;

#[async_trait]
impl Time for Timer {
    async fn delay_for(duration: Duration) {
        Confined::new(sleep(duration)).await;
    }

    async fn timeout<F: Future + Send + 'static>(duration: Duration, future: F) -> io::Result<F::Output> {
        Ok(Confined::new(timeout(duration, future)).await?)
    }
}

/// A socket for queries. The types are of this crate because the traits are of another.
pub struct Udp(Confined<UdpSocket>);

impl DnsUdpSocket for Udp {
    type Time = Timer;

    fn poll_recv_from(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.0.poll_recv_from(cx, buf)
    }

    fn poll_send_to(&self, cx: &mut Context<'_>, buf: &[u8], target: SocketAddr) -> Poll<io::Result<usize>> {
        self.0.poll_send_to(cx, buf, target)
    }
}

/// A connection, for answers that do not fit into a datagram.
pub struct Tcp(Confined<TcpStream>);

impl DnsTcpStream for Tcp {
    type Time = Timer;
}

impl futures_io::AsyncRead for Tcp {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl futures_io::AsyncWrite for Tcp {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}
