//! The accept loop on egret. Flavours: none sleeps between events, `spin` never does, `adaptive` and `adaptive-N`
//! look for N microseconds before they do, when they expect that to be enough.

use egret::net::{TcpListener, TcpStream};
use egret::runtime::{Builder, Park};
use server_common::{Options, announce, fail};
use std::io;
use std::time::Duration;

/// What a sleep costs the processor on the machine of the report.
const LIMIT: Duration = Duration::from_micros(20);

/// Listens where the arguments say and runs `handle` for each connection in a task of its own.
pub fn run<F>(handle: fn(TcpStream) -> F)
where
    F: Future<Output = io::Result<()>> + 'static,
{
    let options = Options::from_args();
    let park = match options.flavour.as_deref() {
        None => Park::Sleep,
        Some("spin") => Park::Spin,
        Some("adaptive") => Park::Adaptive { limit: LIMIT },
        Some(other) => match other.strip_prefix("adaptive-").and_then(|micros| micros.parse().ok()) {
            Some(micros) => Park::Adaptive { limit: Duration::from_micros(micros) },
            None => fail("flavours are spin, adaptive, and adaptive-N for N microseconds", other),
        },
    };
    let result =
        Builder::new().park(park).build().and_then(|runtime| runtime.block_on(serve(&options, handle)));
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
