//! Host names are looked up on another thread; literal addresses are not looked up.

use egret_net::{TcpListener, TcpStream, UdpSocket, lookup_host, set_resolver};
use egret_runtime::runtime::{Builder, Runtime};
use egret_runtime::task::{spawn_blocking, yield_now};
use egret_runtime::{block_on, spawn};
use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::panic::resume_unwind;
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

/// Runs `body` on a thread of its own, so that a wake that is lost is a failure and not a hang.
fn bounded(body: impl FnOnce() + Send + 'static) {
    let (done, finished) = channel();
    let thread = thread::spawn(move || {
        let _done = done; // dropped by a panic, too
        body();
    });
    let ended = finished.recv_timeout(Duration::from_secs(30));
    assert_eq!(ended, Err::<(), _>(RecvTimeoutError::Disconnected), "hangs");
    thread.join().unwrap_or_else(|payload| resume_unwind(payload));
}

fn started(rt: &Runtime) -> u64 {
    rt.metrics().blocking_threads_started
}

#[test]
fn an_address_takes_no_thread_however_it_is_written() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            TcpStream::connect(address.to_string()).await.unwrap();
            TcpStream::connect(("127.0.0.1", address.port())).await.unwrap();
            let both = [SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), address];
            assert!(lookup_host(&both[..]).await.unwrap().eq(both));
            assert!(lookup_host("[::1]:80").await.unwrap().eq(["[::1]:80".parse::<SocketAddr>().unwrap()]));
            assert!(lookup_host(address).await.unwrap().eq([address]));
        });
        assert_eq!(started(&rt), 0);
    });
}

#[test]
fn a_name_is_looked_up_on_another_thread_to_bind_and_to_connect() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let listener = TcpListener::bind("localhost:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            assert!(address.ip().is_loopback());
            assert_eq!(started(&rt), 1);
            let stream = TcpStream::connect(("localhost", address.port())).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), address);
            let found: Vec<_> = lookup_host(String::from("localhost:7")).await.unwrap().collect();
            assert!(!found.is_empty());
            assert!(found.iter().all(|found| found.ip().is_loopback() && found.port() == 7));
        });
        assert_eq!(started(&rt), 1);
    });
}

#[test]
fn the_loop_goes_on_during_a_look_up_and_one_that_is_given_up_leaves_the_queue() {
    bounded(|| {
        let rt = Builder::new().max_blocking_threads(1).build().unwrap();
        rt.block_on(async {
            // The one thread is busy, so that a look-up takes as long as we like.
            let (end, ended) = channel::<()>();
            let busy = spawn_blocking(move || ended.recv());
            let connecting = spawn(TcpStream::connect("localhost:1"));
            for _ in 0..10 {
                yield_now().await;
            }
            assert!(!connecting.is_finished());
            assert_eq!(rt.metrics().blocking_jobs, 2);
            connecting.abort();
            assert_eq!(rt.metrics().blocking_jobs, 1);

            let mut found = pin!(lookup_host("localhost:1"));
            assert!(found.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            drop(end);
            assert!(found.await.unwrap().next().is_some());
            assert!(busy.await.unwrap().is_err());
        });
    });
}

/// How many of `look_ups` are over when another job, asked for after all of them, begins on the one thread of `threads` that
/// is free.
fn look_ups_before_another_job(threads: usize, look_ups: usize) -> usize {
    let rt = Builder::new().max_blocking_threads(threads).build().unwrap();
    rt.block_on(async {
        let mut busy: Vec<_> = (0..threads)
            .map(|_| {
                let (end, ended) = channel::<()>();
                drop(spawn_blocking(move || ended.recv()));
                end
            })
            .collect();
        let cx = &mut Context::from_waker(Waker::noop());
        let mut asked: Vec<_> = (0..look_ups).map(|_| Box::pin(lookup_host("localhost:1"))).collect();
        assert!(asked.iter_mut().all(|asked| asked.as_mut().poll(cx).is_pending()));
        let ((begin, begun), (end, ended)) = (channel(), channel::<()>());
        drop(spawn_blocking(move || {
            begin.send(()).unwrap();
            ended.recv()
        }));
        drop(busy.pop());
        begun.recv_timeout(Duration::from_secs(30)).unwrap();
        let over =
            asked.iter_mut().filter_map(|asked| asked.as_mut().poll(cx).is_ready().then_some(())).count();
        drop(end);
        over
    })
}

#[test]
fn look_ups_take_32_threads_at_most_and_no_more_than_half_of_the_pool() {
    bounded(|| {
        assert_eq!(look_ups_before_another_job(4, 6), 2);
        assert_eq!(look_ups_before_another_job(80, 40), 32);
    });
}

#[test]
fn a_name_that_is_none_is_the_error_of_the_look_up() {
    bounded(|| {
        block_on(async {
            for name in ["a\0b:80", "localhost", "localhost:http"] {
                let invalid = lookup_host(name).await.map(drop).unwrap_err();
                assert_eq!(invalid.kind(), ErrorKind::InvalidInput, "{name}: {invalid}");
            }
            // A label has at most 63 bytes, so the resolver sends no query.
            let none = format!("{}:80", "x".repeat(64));
            let ours = TcpStream::connect(&*none).await.unwrap_err();
            let theirs = std::net::ToSocketAddrs::to_socket_addrs(&*none).unwrap_err();
            let name = none.strip_suffix(":80").unwrap();
            assert_eq!(ours.to_string(), format!("{name:?}: {theirs}"));
            assert_eq!(ours.kind(), theirs.kind());
            let source = std::error::Error::source(ours.get_ref().unwrap()).unwrap();
            assert_eq!(source.to_string(), theirs.to_string());
        });
    });
}

#[test]
fn an_address_is_found_with_the_index_of_its_interface() {
    bounded(|| {
        block_on(async {
            let index = std::fs::read_to_string("/sys/class/net/lo/ifindex").unwrap().trim().parse().unwrap();
            let expected = SocketAddrV6::new("fe80::1".parse().unwrap(), 80, 0, index);
            assert!(lookup_host("[fe80::1%lo]:80").await.unwrap().eq([expected.into()]));
            assert!(lookup_host(("fe80::1%lo", 80)).await.unwrap().eq([expected.into()]));
            let none = lookup_host("[fe80::1%no-such]:80").await.map(drop).unwrap_err();
            assert!(none.to_string().contains("fe80::1%no-such"), "{none}");
        });
    });
}

#[test]
fn a_look_up_at_the_end_of_its_runtime_says_so() {
    bounded(|| {
        let rt = Builder::new().max_blocking_threads(1).build().unwrap();
        let (end, ended) = channel::<()>();
        let mut found = Box::pin(lookup_host("localhost:1"));
        let busy;
        {
            let _inside = rt.enter();
            busy = spawn_blocking(move || ended.recv());
            assert!(found.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        drop(rt);
        let gone = block_on(found).map(drop).unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::Other);
        assert!(gone.to_string().contains("was cancelled"), "{gone}");
        drop((end, busy));
    });
}

/// 127.0.0.1 for a name that ends in `.test`.
async fn only_test(host: String) -> io::Result<Vec<IpAddr>> {
    match host.ends_with(".test") {
        true => Ok(vec![Ipv4Addr::LOCALHOST.into()]),
        false => Err(io::Error::new(ErrorKind::NotFound, "not of this test")),
    }
}

#[test]
fn a_resolver_that_is_set_is_asked_for_every_name_and_no_thread_is_started() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let _names = set_resolver(only_test);
            let listener = TcpListener::bind("server.test:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            TcpStream::connect(("server.test", address.port())).await.unwrap();
            let connector = egret_net::tcp::Connector::new();
            connector.connect(("server.test", address.port())).await.unwrap();
            let udp = UdpSocket::bind("server.test:0").await.unwrap();
            udp.connect(("server.test", address.port())).await.unwrap();
            udp.send_to(b"x", ("server.test", address.port())).await.unwrap();
            assert!(
                lookup_host("server.test:80").await.unwrap().eq([SocketAddr::from(([127, 0, 0, 1], 80))])
            );
            // localhost is a name like others; addresses are not looked up.
            let unknown = lookup_host("localhost:80").await.map(|_| ()).unwrap_err();
            assert_eq!(unknown.kind(), ErrorKind::NotFound);
            assert_eq!(unknown.to_string(), "\"localhost\": not of this test");
            assert!(lookup_host("127.0.0.2:80").await.unwrap().eq([SocketAddr::from(([127, 0, 0, 2], 80))]));
        });
        assert_eq!(started(&rt), 0);
    });
}

#[test]
fn the_guard_restores_the_resolver_before_it_and_an_interface_is_the_kernels() {
    bounded(|| {
        block_on(async {
            let outer = set_resolver(only_test);
            let inner = set_resolver(async |_| Ok(Vec::new()));
            let none = TcpStream::connect("server.test:80").await.unwrap_err();
            assert_eq!(none.kind(), ErrorKind::InvalidInput, "no address to try");
            drop(inner);
            assert_eq!(lookup_host("server.test:80").await.unwrap().count(), 1);
            let no_interface = lookup_host("[fe80::1%none]:80").await.map(|_| ()).unwrap_err();
            assert!(!no_interface.to_string().contains("not of this test"), "{no_interface}");
            drop(outer);
            assert!(lookup_host("localhost:80").await.unwrap().next().unwrap().ip().is_loopback());
        });
    });
}

#[test]
fn a_look_up_that_is_given_up_drops_the_future_of_the_resolver() {
    struct Dropped(Rc<Cell<bool>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    block_on(async {
        let dropped = Rc::new(Cell::new(false));
        let sees = dropped.clone();
        let _names = set_resolver(move |_| {
            let sees = Dropped(sees.clone());
            async move {
                std::future::pending::<()>().await;
                drop(sees);
                Ok(Vec::new())
            }
        });
        let mut connect = Box::pin(TcpStream::connect("never.test:80"));
        assert!(connect.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert!(!dropped.get());
        drop(connect);
        assert!(dropped.get());
    });
}
