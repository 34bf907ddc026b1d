//! The accept loop on egret.

use egret::net::{TcpListener, TcpStream};
use server_common::{Options, announce, fail};
use std::io;

/// Listens where the arguments say and runs `handle` for each connection in a task of its own.
pub fn run<F>(handle: fn(TcpStream) -> F)
where
    F: Future<Output = io::Result<()>> + 'static,
{
    let options = Options::from_args();
    options.check_flavour(&[]);
    let result: io::Result<()> = egret::block_on(async {
        let listener = TcpListener::bind(options.addr).await?;
        announce(listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            drop(egret::spawn(handle(stream)));
        }
    });
    if let Err(error) = result {
        fail("the server failed", error);
    }
}
