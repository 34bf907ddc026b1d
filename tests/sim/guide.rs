//! The server of the guide.

#[path = "../../tests-ecosystem/guide/shout.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod shout;

use crate::world::connect_with_room;
use egret::net::TcpListener;
use egret::shutdown::Shutdown;
use egret::sim;
use egret::time::sleep;
use std::time::Duration;

/// Room in a send buffer of a megabyte would come when a third of it is free: after 85 seconds at this speed.
#[test]
fn a_client_that_takes_four_kilobytes_a_second_gets_all_of_its_lines() {
    const LINES: usize = 3000;
    const LINE: &[u8; 500] = &{
        let mut line = [b'x'; 500];
        line[499] = b'\n';
        line
    };
    sim::check(0..4, |sim| {
        sim.buffers(1 << 20, 64 << 10);
        let server = sim.host("server");
        server.server(|| async {
            let listener = TcpListener::bind("0.0.0.0:80").await.unwrap();
            shout::serve(listener, &Shutdown::new()).await.unwrap();
        });
        let address = server.port(80);
        sim.host("client").client(async move {
            let mut stream = connect_with_room(address, 4 << 20).await;
            stream.write_all(&LINE.repeat(LINES)).await.unwrap();
            let (mut taken, mut buf) = (0, [0; 4000]);
            while taken < LINE.len() * LINES {
                sleep(Duration::from_secs(1)).await;
                let n = stream.read(&mut buf).await.unwrap();
                assert_ne!(n, 0, "the end after {taken} bytes");
                taken += n;
            }
        });
    });
}
