//! The accept loop on glommio, which has io_uring only.

use glommio::net::{TcpListener, TcpStream};
use glommio::{LocalExecutorBuilder, spawn_local};
use server_common::{Options, announce, fail};
use std::io;

/// Listens where the arguments say and runs `handle` for each connection in a task of its own.
pub fn run<F>(handle: fn(TcpStream) -> F)
where
    F: Future<Output = io::Result<()>> + 'static,
{
    let options = Options::from_args();
    options.check_flavour(&[]);
    let executor = match LocalExecutorBuilder::default().make() {
        Ok(executor) => executor,
        Err(error) => fail("no executor", error),
    };
    if let Err(error) = executor.run(serve(&options, handle)) {
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
        let stream = listener.accept().await?;
        stream.set_nodelay(true)?;
        spawn_local(handle(stream)).detach();
    }
}
