//! The accept loop on compio with its io_uring driver.

use compio::net::{TcpListener, TcpStream};
use compio::runtime::Runtime;
use server_common::{Options, announce, fail};
use std::io;

/// Listens where the arguments say and runs `handle` for each connection in a task of its own.
pub fn run<F>(handle: fn(TcpStream) -> F)
where
    F: Future<Output = io::Result<()>> + 'static,
{
    let options = Options::from_args();
    options.check_flavour(&[]);
    if let Err(error) = Runtime::new().and_then(|runtime| runtime.block_on(serve(&options, handle))) {
        fail("the server failed", error);
    }
}

async fn serve<F>(options: &Options, handle: fn(TcpStream) -> F) -> io::Result<()>
where
    F: Future<Output = io::Result<()>> + 'static,
{
    let listener = TcpListener::bind(options.addr).await?;
    announce(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        compio::runtime::spawn(handle(stream)).detach();
    }
}
