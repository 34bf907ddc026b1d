//! "Hello, world!" by hyper on tokio's `current_thread`. Flavours: none has no time limits; `timer` limits how long a
//! header may take; `upgrades` has none, and could hand a connection over to another protocol.

use hyper_util::rt::{TokioIo, TokioTimer};
use server_common::{Options, announce, fail};
use std::io;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

fn main() {
    let options = Options::from_args();
    options.check_flavour(&["timer", "upgrades"]);
    let flavour = options.flavour.as_deref();
    let (timer, upgrades) = (flavour == Some("timer"), flavour == Some("upgrades"));
    let serve = async {
        let listener = TcpListener::bind(options.addr).await?;
        announce(listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let stream = TokioIo::new(stream);
            match upgrades {
                true => tokio::spawn(server_hyper::serve_with_upgrades(stream)),
                false => tokio::spawn(server_hyper::serve(stream, timer.then(TokioTimer::new))),
            };
        }
    };
    let result: io::Result<()> =
        Builder::new_current_thread().enable_all().build().and_then(|runtime| runtime.block_on(serve));
    if let Err(error) = result {
        fail("the server failed", error);
    }
}
