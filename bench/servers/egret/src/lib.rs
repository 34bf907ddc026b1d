//! The accept loop on egret. Without a flavour the loop sleeps between events; with `spin` it never does.

use egret::net::{TcpListener, TcpStream};
use egret::runtime::{Builder, Park};
use server_common::{Options, announce, fail};
use std::io;

/// Listens where the arguments say and runs `handle` for each connection in a task of its own.
pub fn run<F>(handle: fn(TcpStream) -> F)
where
    F: Future<Output = io::Result<()>> + 'static,
{
    let options = Options::from_args();
    let builder = match options.flavour.as_deref() {
        None => Builder::new(),
        Some("spin") => Builder::new().park(Park::Spin),
        #[cfg(feature = "inspect")]
        Some("no-recorder") => Builder::new().recorder(0),
        Some(other) => fail("the flavours are spin and, with feature inspect, no-recorder", other),
    };
    let result = builder.build().and_then(|runtime| runtime.block_on(serve(&options, handle)));
    if let Err(error) = result {
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
        drop(egret::spawn(handle(stream)));
    }
}
