//! The accept loop on monoio with its epoll driver.

use monoio::net::{TcpListener, TcpStream};
use monoio::{LegacyDriver, RuntimeBuilder};
use server_common::{Options, announce, fail};
use std::io;

/// Listens where the arguments say and runs `handle` for each connection in a task of its own.
pub fn run<F>(handle: fn(TcpStream) -> F)
where
    F: Future<Output = io::Result<()>> + 'static,
{
    let options = Options::from_args();
    options.check_flavour(&[]);
    if let Err(error) = serve(&options, handle) {
        fail("the server failed", error);
    }
}

fn serve<F>(options: &Options, handle: fn(TcpStream) -> F) -> io::Result<()>
where
    F: Future<Output = io::Result<()>> + 'static,
{
    let mut runtime = RuntimeBuilder::<LegacyDriver>::new().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(options.addr)?;
        announce(listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            monoio::spawn(handle(stream));
        }
    })
}
