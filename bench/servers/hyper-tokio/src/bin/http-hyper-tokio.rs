//! "Hello, world!" by hyper on tokio's `current_thread`. Flavours: none has no time limits; `timer` limits how long a
//! header may take.

use hyper_util::rt::{TokioIo, TokioTimer};
use server_common::{Options, announce, fail};
use std::io;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

fn main() {
    let options = Options::from_args();
    options.check_flavour(&["timer"]);
    let timer = options.flavour.is_some();
    let serve = async {
        let listener = TcpListener::bind(options.addr).await?;
        announce(listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let timer = timer.then(TokioTimer::new);
            tokio::spawn(server_hyper::serve(TokioIo::new(stream), timer));
        }
    };
    let result: io::Result<()> =
        Builder::new_current_thread().enable_all().build().and_then(|runtime| runtime.block_on(serve));
    if let Err(error) = result {
        fail("the server failed", error);
    }
}
