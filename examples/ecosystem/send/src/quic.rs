//! quinn on egret: [`Egret`] implements [`quinn::Runtime`]. Its tasks, timers and sockets are those of the loop it is used on,
//! and no other thread is started.
//!
//! quinn requires `Send` of all three and moves none of them when the runtime is one thread: [`Confined`] checks that.

use egret::io::AsyncFd;
use egret::task::Confined;
use egret::time::{self, Sleep};
use quinn::udp::{RecvMeta, Transmit, UdpSocketState};
use quinn::{AsyncTimer, AsyncUdpSocket, Runtime, UdpPoller};
use std::fmt;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

/// The runtime that an endpoint of quinn is given.
#[derive(Debug)]
pub struct Egret;

impl Runtime for Egret {
    fn new_timer(&self, deadline: Instant) -> Pin<Box<dyn AsyncTimer>> {
        Box::pin(Timer(Confined::new(time::sleep_until(deadline.into()))))
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        drop(egret::spawn(future));
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        socket.set_nonblocking(true)?;
        let state = UdpSocketState::new((&socket).into())?;
        let shared = Rc::new(Shared { fd: AsyncFd::new(socket)?, state });
        Ok(Arc::new(Socket(Confined::new(shared))))
    }

    fn now(&self) -> Instant {
        time::Instant::now().into()
    }
}

struct Timer(Confined<Sleep>);

impl AsyncTimer for Timer {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.0.as_pin_mut().reset(deadline.into());
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_pin_mut().poll(cx)
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").finish_non_exhaustive()
    }
}

/// A socket and what quinn-udp knows of it: which offloads the kernel has.
struct Shared {
    fd: AsyncFd<UdpSocket>,
    state: UdpSocketState,
}

struct Socket(Confined<Rc<Shared>>);

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Writable(Confined::new(Waiting { shared: Rc::clone(&self.0), future: None })))
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.0.fd.try_io(egret::io::Interest::WRITABLE, |socket| self.0.state.send(socket.into(), transmit))
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.0.fd.poll_read_with(cx, |socket| self.0.state.recv(socket.into(), bufs, meta))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.fd.get_ref().local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.0.state.max_gso_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.0.state.gro_segments()
    }

    fn may_fragment(&self) -> bool {
        self.0.state.may_fragment()
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").finish_non_exhaustive()
    }
}

/// The wait of one connection for room to send. Each has its own, so that none displaces another's waker.
struct Writable(Confined<Waiting>);

struct Waiting {
    shared: Rc<Shared>,
    future: Option<Pin<Box<dyn Future<Output = io::Result<()>>>>>,
}

impl UdpPoller for Writable {
    fn poll_writable(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Waiting { shared, future } = &mut *self.0;
        let wait = future.get_or_insert_with(|| {
            let shared = Rc::clone(shared);
            Box::pin(async move { shared.fd.writable().await.map(drop) })
        });
        let result = wait.as_mut().poll(cx);
        if result.is_ready() {
            *future = None;
        }
        result
    }
}

impl fmt::Debug for Writable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writable").finish_non_exhaustive()
    }
}
