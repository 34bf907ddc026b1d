//! "Hello, world!" by hyper on egret. Flavours: none has no time limits; `timer` limits how long a header may take;
//! `upgrades` has none, and could hand a connection over to another protocol.

use egret::hyper::Timer;
use egret::net::TcpListener;
use egret::task::Confined;
use server_common::{Options, announce, fail};
use std::io;

fn main() {
    let options = Options::from_args();
    options.check_flavour(&["timer", "upgrades"]);
    let flavour = options.flavour.as_deref();
    let (timer, upgrades) = (flavour == Some("timer"), flavour == Some("upgrades"));
    let result: io::Result<()> = egret::block_on(async {
        let listener = TcpListener::bind(options.addr).await?;
        announce(listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            drop(match upgrades {
                true => egret::spawn(server_hyper::serve_with_upgrades(Confined::new(stream))),
                false => egret::spawn(server_hyper::serve(stream, timer.then_some(Timer))),
            });
        }
    });
    if let Err(error) = result {
        fail("the server failed", error);
    }
}
