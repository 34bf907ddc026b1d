//! The accept loop: descriptors and memory run out, connections die in the backlog, and each client is served all the same.

use crate::world::{assert_died, connect, everything};
use egret::net::TcpListener;
use egret::shutdown::{Drained, Shutdown};
use egret::sim::{self, Fault, Faults};
use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// One byte there and one back.
async fn ask(address: SocketAddr) -> io::Result<u8> {
    let mut stream = connect(address).await;
    stream.write_all(b"?").await?;
    let mut answer = [0];
    stream.read_exact(&mut answer).await?;
    Ok(answer[0])
}

async fn serve(most: usize, open: Rc<Cell<usize>>) -> io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    let shutdown = Shutdown::new();
    let served = listener.serve(&shutdown).max_connections(most).run(move |mut stream, _| {
        let open = open.clone();
        async move {
            open.set(open.get() + 1);
            assert!(open.get() <= most, "{} connections at once", open.get());
            let mut question = [0];
            let asked = stream.read_exact(&mut question).await.is_ok();
            // The work takes time, so that connections pile up.
            egret::time::sleep(Duration::from_micros(300)).await;
            if asked {
                let _ = stream.write_all(b"!").await;
            }
            open.set(open.get() - 1);
        }
    });
    served.await
}

#[test]
fn everybody_is_served_although_descriptors_run_out() {
    sim::check(0..600, |sim| {
        everything(sim);
        let server = sim.host("server");
        // The listener, and room for two or three connections.
        server.descriptor_limit(sim.choose(3..=4) as usize);
        let most = sim.choose(1..=8) as usize;
        server.server(move || async move { while serve(most, Rc::default()).await.is_err() {} });
        for number in 0..sim.up_to(6) {
            let address = server.port(7);
            sim.host(&format!("client{number}")).client(async move {
                loop {
                    match ask(address).await {
                        Ok(answer) => break assert_eq!(answer, b'!'),
                        Err(error) => assert_died(&error),
                    }
                }
            });
        }
    });
}

#[test]
fn a_backlog_that_no_edge_tells_of_is_served_when_descriptors_are_free_again() {
    sim::check(0..200, |sim| {
        // K7: with every second accept refused, and not one edge more than Linux gives.
        sim.faults(Faults::none().with(Fault::NoDescriptors, 0.5));
        let server = sim.host("server");
        server.server(|| async { while serve(100, Rc::default()).await.is_err() {} });
        let address = server.port(7);
        let count = sim.up_to(20);
        sim.host("clients").client(async move {
            let asked: Vec<_> = (0..count)
                .map(|_| egret::spawn(async move { while ask(address).await.is_err() {} }))
                .collect();
            for one in asked {
                one.await.unwrap();
            }
        });
    });
}

#[test]
fn a_server_that_is_told_to_end_answers_those_it_has_and_ends() {
    sim::check(0..400, |sim| {
        everything(sim);
        let server = sim.host("server");
        let requested = sim.choose(1..=20);
        server.client(async move {
            let listener = loop {
                match TcpListener::bind("0.0.0.0:7").await {
                    Ok(listener) => break listener,
                    Err(_) => egret::time::sleep(Duration::from_millis(1)).await,
                }
            };
            let shutdown = Shutdown::new();
            let timer = shutdown.clone();
            egret::spawn(async move {
                egret::time::sleep(Duration::from_millis(requested)).await;
                timer.request();
            });
            let served = listener.serve(&shutdown).run(|mut stream, _| async move {
                let mut question = [0];
                if stream.read_exact(&mut question).await.is_ok() {
                    let _ = stream.write_all(b"!").await;
                }
            });
            served.await.unwrap();
            // A client may have connected and never ask: it is cut off.
            match shutdown.drain(Duration::from_secs(2)).await {
                Drained::Clean | Drained::Aborted(_) => {}
            }
        });
        for number in 0..sim.up_to(4) {
            let address = server.port(7);
            let limit = Duration::from_secs(5);
            sim.host(&format!("client{number}")).client(async move {
                // It may come too late, and is then refused for ever.
                if let Ok(Ok(answer)) = egret::time::timeout(limit, ask(address)).await {
                    assert_eq!(answer, b'!');
                }
            });
        }
    });
}
