//! Servers that ask for readiness and then try, as programs do that were written for mio.

use crate::world::{connect, payload, what_connections_survive};
use crate::zip::zip;
use egret::net::{TcpListener, TcpStream};
use egret::sim;
use std::io;

/// Sends back what comes, by `readable` and `try_read`, `writable` and `try_write`.
async fn echo(stream: TcpStream) -> io::Result<()> {
    let mut buf = [0; 700];
    loop {
        stream.readable().await?;
        let n = match stream.try_read(&mut buf) {
            Ok(0) => return Ok(()),
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        let mut sent = 0;
        while sent < n {
            stream.writable().await?;
            match stream.try_write(&buf[sent..n]) {
                Ok(more) => sent += more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[test]
fn readiness_that_is_not_true_costs_a_try_and_not_a_spin() {
    sim::check(0..500, |sim| {
        what_connections_survive(sim);
        sim.buffers(sim.choose(1..=3000) as usize, sim.choose(1..=3000) as usize);
        let server = sim.host("server");
        server.server(|| async {
            let listener = TcpListener::bind("0.0.0.0:7").await.unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                egret::spawn(async move { echo(stream).await.unwrap() });
            }
        });
        let address = server.port(7);
        for number in 0..sim.up_to(3) {
            let sizes: Vec<_> = (0..3).map(|_| sim.choose(1..=20_000) as usize).collect();
            sim.host(&format!("client{number}")).client(async move {
                let mut stream = connect(address).await;
                for (round, size) in sizes.into_iter().enumerate() {
                    let (sent, mut got) = (payload(size, round), vec![0; size]);
                    let (mut reader, mut writer) = stream.split();
                    let (written, read) = zip(writer.write_all(&sent), reader.read_exact(&mut got)).await;
                    written.unwrap();
                    read.unwrap();
                    assert_eq!(got, sent);
                }
            });
        }
    });
}
