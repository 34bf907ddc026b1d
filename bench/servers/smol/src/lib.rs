//! The accept loop on smol: a `LocalExecutor` driven by `smol::block_on`.

use server_common::{Options, announce, fail};
use smol::LocalExecutor;
use smol::net::{TcpListener, TcpStream};
use std::io;

/// Listens where the arguments say and runs `handle` for each connection in a task of its own.
pub fn run<F>(handle: fn(TcpStream) -> F)
where
    F: Future<Output = io::Result<()>> + 'static,
{
    let options = Options::from_args();
    options.check_flavour(&[]);
    let executor = LocalExecutor::new();
    let result: io::Result<()> = smol::block_on(executor.run(async {
        let listener = TcpListener::bind(options.addr).await?;
        announce(listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            executor.spawn(handle(stream)).detach();
        }
    }));
    if let Err(error) = result {
        fail("the server failed", error);
    }
}
