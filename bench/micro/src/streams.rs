//! An echo of 100 bytes between two tasks of one loop: of a TCP connection or a Unix one, with and without a time
//! limit around each read of the server.

use crate::runtimes::{Egret, Runtime, Tokio};
use std::io;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Bytes of a message.
const SIZE: usize = 100;

/// What a server allows a client to be silent for.
const LIMIT: Duration = Duration::from_secs(30);

/// A connection of a runtime, as both ends of the echo see it.
pub trait Stream: 'static {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize>;
    async fn write_all(&mut self, buf: &[u8]) -> io::Result<()>;
}

/// A runtime with connections.
pub trait Streams: Runtime {
    type Tcp: Stream;
    type Unix: Stream;

    fn tcp(stream: std::net::TcpStream) -> io::Result<Self::Tcp>;
    fn unix(stream: UnixStream) -> io::Result<Self::Unix>;
}

/// `n` messages from the client to the server and back over TCP; with `limited`, each read of the server has a limit.
pub async fn tcp<R: Streams>(rt: &R, limited: bool, n: u64) -> io::Result<()> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    let client = std::net::TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    for end in [&client, &server] {
        end.set_nodelay(true)?;
        end.set_nonblocking(true)?;
    }
    echo(rt, R::tcp(client)?, R::tcp(server)?, limited, n).await
}

/// The same over a pair of Unix sockets.
pub async fn unix<R: Streams>(rt: &R, n: u64) -> io::Result<()> {
    let (client, server) = UnixStream::pair()?;
    for end in [&client, &server] {
        end.set_nonblocking(true)?;
    }
    echo(rt, R::unix(client)?, R::unix(server)?, false, n).await
}

async fn echo<R: Runtime, S: Stream>(
    rt: &R,
    mut client: S,
    server: S,
    limited: bool,
    n: u64,
) -> io::Result<()> {
    let theirs = rt.clone();
    let end = rt.spawn(async move {
        if limited { serve_limited(&theirs, server).await } else { serve(server).await }.expect("an echo")
    });
    let (sent, mut received) = ([7; SIZE], [0; 4096]);
    for _ in 0..n {
        client.write_all(&sent).await?;
        let count = client.read(&mut received).await?;
        assert_eq!(&received[..count], &sent);
    }
    drop(client);
    end.await;
    Ok(())
}

async fn serve(mut stream: impl Stream) -> io::Result<()> {
    let mut buf = [0; 4096];
    loop {
        let count = stream.read(&mut buf).await?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buf[..count]).await?;
    }
}

async fn serve_limited<R: Runtime>(rt: &R, mut stream: impl Stream) -> io::Result<()> {
    let mut buf = [0; 4096];
    let mut count = 0;
    loop {
        let mut ended = true;
        rt.timeout(LIMIT, async {
            count = stream.read(&mut buf).await?;
            ended = count == 0;
            io::Result::Ok(())
        })
        .await;
        if ended {
            return Ok(());
        }
        stream.write_all(&buf[..count]).await?;
    }
}

impl Stream for egret::net::TcpStream {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        egret::net::TcpStream::read(self, buf).await
    }

    async fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        egret::net::TcpStream::write_all(self, buf).await
    }
}

impl Stream for egret::net::UnixStream {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        egret::net::UnixStream::read(self, buf).await
    }

    async fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        egret::net::UnixStream::write_all(self, buf).await
    }
}

impl Streams for Egret {
    type Tcp = egret::net::TcpStream;
    type Unix = egret::net::UnixStream;

    fn tcp(stream: std::net::TcpStream) -> io::Result<Self::Tcp> {
        egret::net::TcpStream::from_std(stream)
    }

    fn unix(stream: UnixStream) -> io::Result<Self::Unix> {
        egret::net::UnixStream::from_std(stream)
    }
}

impl Stream for tokio::net::TcpStream {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        tokio::io::AsyncReadExt::read(self, buf).await
    }

    async fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        tokio::io::AsyncWriteExt::write_all(self, buf).await
    }
}

impl Stream for tokio::net::UnixStream {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        tokio::io::AsyncReadExt::read(self, buf).await
    }

    async fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        tokio::io::AsyncWriteExt::write_all(self, buf).await
    }
}

impl Streams for Tokio {
    type Tcp = tokio::net::TcpStream;
    type Unix = tokio::net::UnixStream;

    fn tcp(stream: std::net::TcpStream) -> io::Result<Self::Tcp> {
        tokio::net::TcpStream::from_std(stream)
    }

    fn unix(stream: UnixStream) -> io::Result<Self::Unix> {
        tokio::net::UnixStream::from_std(stream)
    }
}
