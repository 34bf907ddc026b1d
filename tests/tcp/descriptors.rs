//! The limit of descriptors, and that none leaks. The rows are of docs/pitfalls.md: K7 and A1 are about accepting at the
//! limit, F12 about errors on the way to a socket.
//!
//! The limit and the count of open descriptors belong to the process, so each test runs in one of its own:
//! this program starts itself again, by a shell that sets the limit.

use crate::common::*;
use egret::net::{TcpListener, TcpSocket, TcpStream};
use egret::runtime::Runtime;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::process::Command;
use std::time::Duration;

const EMFILE: Option<i32> = Some(24);

/// Runs the ignored test `name` alone in a process that may have `limit` descriptors.
#[track_caller]
fn run_alone(name: &str, limit: u32) {
    let (_crate, module) = module_path!().split_once("::").unwrap();
    let output = Command::new("sh")
        .args(["-c", &format!("ulimit -n {limit} && exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("{module}::{name}"), "--ignored", "--nocapture", "--test-threads=1"])
        .output()
        .unwrap();
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// Opens descriptors until there are no more.
fn use_up_descriptors() -> Vec<File> {
    let mut files = Vec::new();
    loop {
        match File::open("/dev/null") {
            Ok(file) => files.push(file),
            Err(e) => {
                assert_eq!(e.raw_os_error(), EMFILE);
                return files;
            }
        }
    }
}

#[test]
fn accept_at_the_limit_reports_it_and_recovers() {
    run_alone("alone_accept_at_the_limit", 128);
}

// K7, A1: the connections stay in the queue, no new edge will say so, and no new client comes.
#[test]
#[ignore = "run by accept_at_the_limit_reports_it_and_recovers"]
fn alone_accept_at_the_limit() {
    const CLIENTS: usize = 50;
    let rt = Runtime::new().unwrap();
    let (listener, address) = run(&rt, listener());
    let (mut existing, mut peer) = run(&rt, with_peer());
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    wait_for_backlog(address, CLIENTS as u64);
    let mut files = use_up_descriptors();

    let listener = run(&rt, async move {
        // It is reported, at once and each time: the caller decides how long to leave it.
        for _ in 0..1000 {
            let error = listener.accept().await.unwrap_err();
            assert_eq!(error.raw_os_error(), EMFILE);
        }
        listener
    });

    // Connections that are there already are served meanwhile.
    let turns = rt.metrics().turns;
    let accepting = rt.spawn(async move {
        let mut errors = 0;
        let mut served = 0;
        while served < CLIENTS {
            match listener.accept().await {
                Ok((mut stream, _)) => {
                    stream.write_all(b"served").await.unwrap();
                    served += 1;
                }
                Err(e) => {
                    assert_eq!(e.raw_os_error(), EMFILE);
                    errors += 1;
                    assert!(errors < 1_000_000, "a task that fails to accept never lets another run");
                }
            }
        }
        errors
    });
    let echo = rt.spawn(async move {
        let mut buf = [0; 4];
        existing.read_exact(&mut buf).await.unwrap();
        existing.write_all(&buf).await.unwrap();
        existing
    });
    peer.write_all(b"ping").unwrap();
    while !echo.is_finished() {
        rt.turn(Some(Duration::ZERO));
        assert!(rt.metrics().turns < turns + 100, "a task that fails to accept starves the others");
    }
    peer.read_exact(&mut [0; 4]).unwrap();

    // Ten come free, no client comes: all that wait are served.
    assert!(!accepting.is_finished());
    files.truncate(files.len() - 10);
    assert_ne!(run(&rt, accepting).unwrap(), 0);
    for client in &mut clients {
        let mut all = String::new();
        client.read_to_string(&mut all).unwrap();
        assert_eq!(all, "served");
    }
}

#[test]
fn connect_and_bind_at_the_limit_report_it_and_recover() {
    run_alone("alone_connect_and_bind_at_the_limit", 64);
}

#[test]
#[ignore = "run by connect_and_bind_at_the_limit_report_it_and_recover"]
fn alone_connect_and_bind_at_the_limit() {
    let rt = Runtime::new().unwrap();
    let (listener, address) = run(&rt, listener());
    let files = use_up_descriptors();
    run(&rt, async move {
        assert_eq!(TcpStream::connect(address).await.unwrap_err().raw_os_error(), EMFILE);
        assert_eq!(TcpListener::bind("127.0.0.1:0").await.unwrap_err().raw_os_error(), EMFILE);
        assert_eq!(TcpSocket::new_v4().unwrap_err().raw_os_error(), EMFILE);
        drop(files);
        TcpStream::connect(address).await.unwrap();
        listener.accept().await.unwrap();
    });
    assert_eq!(rt.metrics().sources_alive, 0);
}

#[test]
fn errors_leave_no_descriptor_open() {
    run_alone("alone_errors_leave_no_descriptor_open", 64);
}

// F12: each call on the way to a stream or a listener fails in turn.
#[test]
#[ignore = "run by errors_leave_no_descriptor_open"]
fn alone_errors_leave_no_descriptor_open() {
    let rt = Runtime::new().unwrap();
    let (_listener, taken) = run(&rt, listener());
    let refusing = TcpSocket::new_v4().unwrap();
    refusing.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let refused = refusing.local_addr().unwrap();
    let before = (open_descriptors(), rt.metrics().sources_alive);

    // More often than there are descriptors.
    run(&rt, async move {
        for _ in 0..100 {
            // connect(2) in progress, and its outcome.
            assert_eq!(TcpStream::connect(refused).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
            // connect(2) itself: no way to an address of the other family.
            let socket = TcpSocket::new_v4().unwrap();
            socket.connect("[::1]:1".parse().unwrap()).await.unwrap_err();
            // bind(2)
            assert_eq!(TcpListener::bind(taken).await.unwrap_err().kind(), ErrorKind::AddrInUse);
            // listen(2): with SO_REUSEADDR two may bind before either listens.
            let (one, two) = (TcpSocket::new_v4().unwrap(), TcpSocket::new_v4().unwrap());
            one.set_reuseaddr(true).unwrap();
            two.set_reuseaddr(true).unwrap();
            one.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            two.bind(one.local_addr().unwrap()).unwrap();
            let _one = one.listen(16).unwrap();
            assert_eq!(two.listen(16).unwrap_err().kind(), ErrorKind::AddrInUse);
            // epoll_ctl(2): a regular file cannot be registered, whatever it is called.
            let file = || OwnedFd::from(File::open("/proc/self/exe").unwrap());
            let error = TcpStream::from_std(file().into()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            let error = TcpListener::from_std(file().into()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        }
    });
    assert_eq!((open_descriptors(), rt.metrics().sources_alive), before);
    assert_eq!(rt.metrics().epoll_ctl_errors, 0);
}

#[test]
fn streams_and_runtimes_come_and_go_and_no_descriptor_stays() {
    run_alone("alone_streams_and_runtimes_come_and_go", 64);
}

#[test]
#[ignore = "run by streams_and_runtimes_come_and_go_and_no_descriptor_stays"]
fn alone_streams_and_runtimes_come_and_go() {
    let once = || {
        let rt = Runtime::new().unwrap();
        let (mut client, mut server) = run(&rt, pair());
        let server = run(&rt, async move {
            client.write_all(b"hello").await.unwrap();
            server.read_exact(&mut [0; 5]).await.unwrap();
            server
        });
        // One end outlives the runtime.
        drop(rt);
        drop(server);
    };
    once();
    let before = open_descriptors();
    (0..100).for_each(|_| once());
    assert_eq!(open_descriptors(), before);
}
