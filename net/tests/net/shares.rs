//! An address that cores share.

use crate::sockets_common::name;
use crate::uninterrupted::uninterrupted;
use egret_net::shares::{Share, Shares};
use egret_net::stream::Family;
use egret_net::{Sharing, TcpShares, UdpShares, UnixShares};
use egret_runtime::cores::{self, Builder, Core};
use egret_runtime::shutdown::Shutdown;
use egret_runtime::task::yield_now;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::{self, net::UnixStream};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

/// Says to each client which core serves it, and holds the connection until the client ends it.
async fn hold(mut stream: egret_net::TcpStream, core: usize) {
    if stream.write_all(&[core as u8]).await.is_ok() {
        let _ = stream.read(&mut [0]).await;
    }
}

/// A client, and the core that serves it.
fn client(address: SocketAddr) -> (TcpStream, usize) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut core = [0];
    stream.read_exact(&mut core).unwrap();
    (stream, usize::from(core[0]))
}

/// How many of the clients each core serves.
fn by_core<C>(clients: &[(C, usize)], cores: usize) -> Vec<usize> {
    (0..cores).map(|core| clients.iter().filter(|(_, of)| *of == core).count()).collect()
}

/// Serves on `count` cores while `clients` runs on a thread; returns how many connections each core has accepted.
fn serve(count: usize, sharing: Sharing, most: usize, clients: impl FnOnce(SocketAddr) + Send) -> Vec<u64> {
    let shares = TcpShares::bind("127.0.0.1:0", sharing).unwrap();
    let builder = Builder::new().count(count).deadline(Duration::from_secs(10));
    let (stop, address) = (builder.stop(), *shares.local_addr());
    let (ready, all_ready) = channel();
    thread::scope(|scope| {
        let clients = scope.spawn(move || {
            (0..count).for_each(|_| all_ready.recv().unwrap());
            let _stop = StopOnDrop(stop);
            clients(address);
        });
        let ended = builder.run(async |core: Core| {
            let serve = shares.share(&core)?.serve(core.shutdown()).max_connections(most);
            let (counts, index) = (serve.counts(), core.index());
            tell_when_served(ready.clone());
            serve.run(move |stream, _| hold(stream, index)).await?;
            io::Result::Ok(counts.accepted())
        });
        clients.join().unwrap();
        let ended = ended.unwrap();
        assert_eq!(ended.aborted, 0);
        ended.outputs
    })
}

/// Sends after the task of the server has been polled.
fn tell_when_served(ready: Sender<()>) {
    drop(egret_runtime::spawn(async move {
        yield_now().await;
        ready.send(()).unwrap();
    }));
}

/// Ends the cores also when a client panics.
struct StopOnDrop(cores::Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.request();
    }
}

#[test]
fn a_group_serves_every_client_and_each_core_serves_some() {
    let accepted = serve(2, Sharing::Group, usize::MAX, |address| {
        let clients: Vec<_> = (0..64).map(|_| client(address)).collect();
        let by_core = by_core(&clients, 2);
        // All 64 at one core would be a chance of 2 in 2^64.
        assert!(by_core.iter().all(|count| *count > 0), "{by_core:?}");
    });
    assert_eq!(accepted.iter().sum::<u64>(), 64);
}

#[test]
fn the_core_with_the_fewest_open_connections_gets_the_next() {
    let accepted = serve(3, Sharing::FewestOpen, usize::MAX, |address| {
        let mut clients: Vec<_> = (0..9).map(|_| client(address)).collect();
        assert_eq!(by_core(&clients, 3), [3, 3, 3]);
        // Core 1 loses its three. It has ended them when a new client goes there.
        clients.retain(|(_, core)| *core != 1);
        let mut back = Vec::new();
        while by_core(&back, 3)[1] < 3 {
            let (stream, core) = client(address);
            assert!(core == 1 || back.len() < 100, "core 1 is not chosen");
            back.push((stream, core));
        }
    });
    assert!(accepted.iter().all(|accepted| *accepted >= 3), "{accepted:?}");
}

#[test]
fn no_connection_is_handed_over_to_a_core_at_its_limit() {
    let accepted = serve(2, Sharing::FewestOpen, 1, |address| {
        let (first, second) = (client(address), client(address));
        assert_ne!(first.1, second.1);
        // Connected by the kernel, and not accepted.
        let mut third = TcpStream::connect(address).unwrap();
        let a_while = Duration::from_millis(50);
        third.set_read_timeout(Some(a_while)).unwrap();
        assert_eq!(
            uninterrupted(a_while, || third.read(&mut [0])).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        let freed = second.1;
        drop(second);
        third.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut core = [0];
        third.read_exact(&mut core).unwrap();
        assert_eq!(usize::from(core[0]), freed);
    });
    assert_eq!(accepted.iter().sum::<u64>(), 3);
}

#[test]
fn clients_in_the_queue_at_the_end_are_served() {
    for sharing in [Sharing::Group, Sharing::FewestOpen] {
        let shares = TcpShares::bind("127.0.0.1:0", sharing).unwrap();
        let address = *shares.local_addr();
        let (shared, connected) = (Barrier::new(3), Barrier::new(3));
        let clients = thread::scope(|scope| {
            let clients = scope.spawn(|| {
                shared.wait();
                let clients: Vec<_> = (0..32).map(|_| TcpStream::connect(address).unwrap()).collect();
                connected.wait();
                let core_of = |mut client: TcpStream| {
                    client.set_read_timeout(Some(PATIENCE)).unwrap();
                    let mut core = [0];
                    client.read_exact(&mut core).map(|()| core[0])
                };
                clients.into_iter().map(core_of).collect::<io::Result<Vec<_>>>()
            });
            let ended = Builder::new().count(2).run(async |core| {
                let share = shares.share(&core)?;
                shared.wait(); // all sockets listen, and no core accepts
                connected.wait();
                core.shutdown().request();
                let index = core.index();
                share.serve(core.shutdown()).run(move |stream, _| hold(stream, index)).await
            });
            ended.unwrap();
            clients.join().unwrap()
        });
        assert_eq!(clients.unwrap().len(), 32, "{sharing:?}");
        let closed = TcpStream::connect(address).unwrap_err();
        assert_eq!(closed.kind(), io::ErrorKind::ConnectionRefused, "{sharing:?}");
    }
}

#[test]
fn when_the_core_that_accepts_ends_another_accepts() {
    let shares = TcpShares::bind("127.0.0.1:0", Sharing::FewestOpen).unwrap();
    let builder = Builder::new().count(2);
    let (stop, address) = (builder.stop(), *shares.local_addr());
    let (ready, all_ready) = channel();
    let (leads, is_led) = channel();
    let is_led = Mutex::new(is_led);
    thread::scope(|scope| {
        scope.spawn(move || {
            (0..2).for_each(|_| all_ready.recv().unwrap());
            let _stop = StopOnDrop(stop);
            let mut clients: Vec<_> = (0..4).map(|_| client(address)).collect();
            assert_eq!(by_core(&clients, 2), [2, 2]);
            clients.sort_by_key(|(_, core)| *core);
            drop(clients.remove(0)); // ends core 0
            assert_eq!(uninterrupted(PATIENCE, || clients[0].0.read(&mut [0])).unwrap(), 0);
            let (_client, core) = client(address);
            assert_eq!(core, 1);
        });
        let ended = builder.run(async |core: Core| {
            if core.index() == 1 {
                is_led.lock().unwrap().recv().unwrap();
                let serve = shares.share(&core)?.serve(core.shutdown());
                tell_when_served(ready.clone());
                return serve.run(|stream, _| hold(stream, 1)).await;
            }
            let own = Shutdown::new();
            let serve = shares.share(&core)?.serve(&own);
            tell_when_served(ready.clone());
            tell_when_served(leads.clone());
            let end = move |stream, _| {
                let own = own.clone();
                async move {
                    hold(stream, 0).await;
                    own.request();
                }
            };
            serve.run(end).await
        });
        ended.unwrap();
    });
}

#[test]
fn unix_clients_are_handed_over_too() {
    let path = name();
    let shares = UnixShares::bind_unix(&path).unwrap();
    let builder = Builder::new().count(2);
    let stop = builder.stop();
    thread::scope(|scope| {
        let (ready, all_ready) = channel();
        scope.spawn(move || {
            (0..2).for_each(|_| all_ready.recv().unwrap());
            let _stop = StopOnDrop(stop);
            let address = unix::net::SocketAddr::from_abstract_name(&path[1..]).unwrap();
            let client = || {
                let mut stream = UnixStream::connect_addr(&address).unwrap();
                let mut core = [0];
                stream.read_exact(&mut core).unwrap();
                (stream, usize::from(core[0]))
            };
            let clients: Vec<_> = (0..8).map(|_| client()).collect();
            assert_eq!(by_core(&clients, 2), [4, 4]);
        });
        let ended = builder.run(async |core: Core| {
            let (share, index) = (shares.share(&core)?, core.index());
            tell_when_served(ready.clone());
            let answer = move |mut stream: egret_net::UnixStream, _| async move {
                if stream.write_all(&[index as u8]).await.is_ok() {
                    let _ = stream.read(&mut [0]).await;
                }
            };
            share.serve(core.shutdown()).run(answer).await
        });
        ended.unwrap();
    });
}

#[test]
fn a_share_is_taken_once() {
    for sharing in [Sharing::Group, Sharing::ByProcessor, Sharing::FewestOpen] {
        let shares = TcpShares::bind("127.0.0.1:0", sharing).unwrap();
        let ended = Builder::new().count(1).run(async |core| {
            let _share = shares.share(&core)?;
            io::Result::Ok(shares.share(&core).unwrap_err().to_string())
        });
        let address = shares.local_addr();
        assert_eq!(ended.unwrap().outputs, [format!("core 0 has taken its share of {address} before")]);
        // And of a larger set of cores, those beyond get an error.
        let refused = Builder::new().count(2).run(async |core| match core.index() {
            0 => {
                core.shutdown().requested().await;
                Ok(())
            }
            _ => shares.share(&core).map(drop),
        });
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}

#[test]
fn an_address_that_is_taken_is_an_error_before_any_core_runs() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for sharing in [Sharing::Group, Sharing::FewestOpen] {
        let refused = TcpShares::bind(address, sharing).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
    }
    let refused = UdpShares::bind("127.0.0.1:0", Sharing::FewestOpen).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn a_listener_that_was_made_elsewhere_is_shared() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut early = TcpStream::connect(address).unwrap(); // in its queue
    let shares = TcpShares::from_std(listener).unwrap();
    let builder = Builder::new().count(2);
    let stop = builder.stop();
    thread::scope(|scope| {
        scope.spawn(move || {
            let _stop = StopOnDrop(stop);
            early.read_exact(&mut [0]).unwrap();
        });
        let ended = builder.run(async |core: Core| {
            let (share, index) = (shares.share(&core)?, core.index());
            share.serve(core.shutdown()).run(move |stream, _| hold(stream, index)).await
        });
        ended.unwrap();
    });
}

#[test]
fn the_datagrams_of_a_group_arrive_at_its_cores() {
    const PEERS: usize = 32;
    let shares = UdpShares::bind("127.0.0.1:0", Sharing::Group).unwrap();
    let address = shares.local_addr();
    let builder = Builder::new().count(2);
    let stop = builder.stop();
    let shared = Barrier::new(3);
    thread::scope(|scope| {
        scope.spawn(|| {
            let _stop = StopOnDrop(stop);
            shared.wait();
            let peers: Vec<_> = (0..PEERS).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
            for peer in &peers {
                peer.set_read_timeout(Some(PATIENCE)).unwrap();
                peer.send_to(b"which?", address).unwrap();
            }
            let mut of = [0; 2];
            for peer in &peers {
                let mut core = [0];
                uninterrupted(PATIENCE, || peer.recv(&mut core)).unwrap();
                of[usize::from(core[0])] += 1;
            }
            assert!(of[0] > 0 && of[0] + of[1] == PEERS, "{of:?}");
        });
        let ended = builder.run(async |core: Core| {
            let socket = shares.share(&core)?;
            shared.wait();
            let mut received = 0;
            let mut buffer = [0; 16];
            while let Some(datagram) =
                core.shutdown().run_until_requested(socket.recv_from(&mut buffer)).await
            {
                socket.send_to(&[core.index() as u8], datagram?.1).await?;
                received += 1;
            }
            io::Result::Ok(received)
        });
        assert_eq!(ended.unwrap().outputs.iter().sum::<usize>(), PEERS);
    });
}

/// Connections over the loopback interface arrive on the processor of their client.
#[test]
fn by_processor_the_core_is_that_of_the_processor() {
    let clients = serve_by_processor();
    for (processor, core) in &clients {
        assert_eq!(processor % 2, *core, "{clients:?}");
    }
    assert!(!clients.is_empty());
}

fn serve_by_processor() -> Vec<(usize, usize)> {
    let seen = Mutex::new(Vec::new());
    serve(2, Sharing::ByProcessor, usize::MAX, |address| {
        // A pinned core is a pinned thread, and the place of the only core is the lowest processor of the mask.
        let pinned = Builder::new().count(cores::available()).pinned(true).run(async |_| {
            let status = std::fs::read_to_string("/proc/thread-self/status")?;
            let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
            let processor = list.trim().parse().unwrap();
            for _ in 0..8 {
                let (_stream, core) = client(address);
                seen.lock().unwrap().push((processor, core));
            }
            io::Result::Ok(())
        });
        pinned.unwrap();
    });
    seen.into_inner().unwrap()
}

#[test]
fn a_share_says_what_it_is() {
    let shares = TcpShares::bind("127.0.0.1:0", Sharing::FewestOpen).unwrap();
    let address = shares.local_addr();
    assert_eq!(format!("{shares:?}"), format!("Shares {{ addr: {address}, sharing: FewestOpen }}"));
    fn says<F: Family>(shares: &Shares<F>) -> String {
        let ended = Builder::new().count(1).run(async |core| {
            let share: Share<F> = shares.share(&core)?;
            let _shutdown = Shutdown::new();
            io::Result::Ok(format!("{share:?}"))
        });
        ended.unwrap().outputs.remove(0)
    }
    assert_eq!(says(&shares), "Share(Fed { core: 0, leads: false })");
}
