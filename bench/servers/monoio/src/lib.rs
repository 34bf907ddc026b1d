//! The accept loop on monoio. Flavours: none is its epoll driver, `uring` its io_uring driver.

use monoio::net::{TcpListener, TcpStream};
use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};
use server_common::{Options, announce, fail};
use std::io;

/// Listens where the arguments say and runs `handle` for each connection in a task of its own.
pub fn run<F>(handle: fn(TcpStream) -> F)
where
    F: Future<Output = io::Result<()>> + 'static,
{
    let options = Options::from_args();
    options.check_flavour(&["uring"]);
    let result = if options.flavour.is_some() {
        let runtime = RuntimeBuilder::<IoUringDriver>::new().build();
        runtime.and_then(|mut runtime| runtime.block_on(serve(&options, handle)))
    } else {
        let runtime = RuntimeBuilder::<LegacyDriver>::new().build();
        runtime.and_then(|mut runtime| runtime.block_on(serve(&options, handle)))
    };
    if let Err(error) = result {
        fail("the server failed", error);
    }
}

async fn serve<F>(options: &Options, handle: fn(TcpStream) -> F) -> io::Result<()>
where
    F: Future<Output = io::Result<()>> + 'static,
{
    let listener = TcpListener::bind(options.addr)?;
    announce(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        monoio::spawn(handle(stream));
    }
}
