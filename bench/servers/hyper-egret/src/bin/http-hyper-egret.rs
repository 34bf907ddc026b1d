//! "Hello, world!" by hyper on egret. Flavours: none has no time limits; `timer` limits how long a header may take.

use egret::hyper::Timer;
use egret::net::TcpListener;
use server_common::{Options, announce, fail};
use std::io;

fn main() {
    let options = Options::from_args();
    options.check_flavour(&["timer"]);
    let timer = options.flavour.is_some();
    let result: io::Result<()> = egret::block_on(async {
        let listener = TcpListener::bind(options.addr).await?;
        announce(listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            drop(egret::spawn(server_hyper::serve(stream, timer.then_some(Timer))));
        }
    });
    if let Err(error) = result {
        fail("the server failed", error);
    }
}
