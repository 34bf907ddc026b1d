//! The proxy of egret: what `examples/proxy.rs` does, for a number of connections.

use egret::io::copy_bidirectional;
use egret::net::TcpStream;
use std::net::{SocketAddr, TcpListener};

pub(crate) fn run(front: TcpListener, target: SocketAddr, connections: usize) {
    let relays = async {
        let front = egret::net::TcpListener::from_std(front)?;
        let mut relays = Vec::new();
        for _ in 0..connections {
            let (mut client, _) = front.accept().await?;
            relays.push(egret::spawn(async move {
                let mut server = TcpStream::connect(target).await?;
                client.set_nodelay(true)?;
                server.set_nodelay(true)?;
                copy_bidirectional(&mut client, &mut server).await
            }));
        }
        for relay in relays {
            relay.await.expect("a relay does not panic")?;
        }
        std::io::Result::Ok(())
    };
    egret::block_on(relays).expect("the loopback does not fail");
}
