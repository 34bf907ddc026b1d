//! One task of each kind of wait for a descriptor: what the dump says of it, and the line.

use crate::kinds::{HOUR, spawn, waits};
use crate::support::{named, settle};
use egret::inspect::WaitKind;
use egret::net::{TcpListener, TcpStream, UdpSocket, UnixListener, UnixStream};
use egret::process::Command;
use egret::runtime::Runtime;
use egret::shutdown::Shutdown;
use egret::signal::unix::{SignalKind, signal};
use egret::time::{sleep, timeout};
use std::future::{Future, poll_fn};
use std::os::fd::AsRawFd;
use std::pin::pin;

/// Runs what needs a loop until it is done.
fn run<T: 'static>(rt: &Runtime, future: impl Future<Output = T> + 'static) -> T {
    rt.block_on(future)
}

#[test]
fn waits_for_tcp_sockets_have_their_addresses_and_lines() {
    let rt = Runtime::new().unwrap();
    let (listener, ours, theirs, full, _sink) = run(&rt, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let ours = TcpStream::connect(address).await.unwrap();
        let (theirs, _) = listener.accept().await.unwrap();
        let full = TcpStream::connect(address).await.unwrap();
        let (sink, _) = listener.accept().await.unwrap();
        (listener, ours, theirs, full, sink)
    });
    let server = listener.local_addr().unwrap();
    let (client, writer) = (ours.local_addr().unwrap(), full.local_addr().unwrap());
    let fds = [listener.as_raw_fd(), ours.as_raw_fd(), theirs.as_raw_fd(), full.as_raw_fd()];
    let _entered = rt.enter();
    let accepts = line!() + 2;
    drop(spawn("accepts", async move {
        drop(listener.accept().await);
    }));
    let (mut ours, mut theirs, mut full) = (ours, theirs, full);
    let reads = line!() + 2;
    drop(spawn("client", async move {
        drop(ours.read(&mut [0; 8]).await);
    }));
    let reads_exact = line!() + 2;
    drop(spawn("server", async move {
        drop(theirs.read_exact(&mut [0; 8]).await);
    }));
    let writes = line!() + 2;
    drop(spawn("writes", async move {
        drop(full.write_all(&vec![0; 64 << 20]).await);
    }));
    settle(&rt);
    let dump = rt.dump();
    let [listener, ours, theirs, full] = fds;
    assert_eq!(
        waits(&dump, "accepts"),
        [(WaitKind::Accept, format!("accepts on TcpListener #{listener} {server}"), Some(accepts))]
    );
    assert_eq!(
        waits(&dump, "client"),
        [(WaitKind::Read, format!("reads TcpStream #{ours} {client} -> {server}"), Some(reads))]
    );
    assert_eq!(
        waits(&dump, "server"),
        [(WaitKind::Read, format!("reads TcpStream #{theirs} {server} <- {client}"), Some(reads_exact))]
    );
    assert_eq!(
        waits(&dump, "writes"),
        [(WaitKind::Write, format!("writes TcpStream #{full} {writer} -> {server}"), Some(writes))]
    );
    let reader = named(&dump, "server").id;
    let source = dump.sources.iter().find(|source| source.fd == theirs).unwrap();
    assert_eq!((&source.readers[..], &source.writers[..]), (&[reader][..], &[][..]));
    assert_eq!(source.local, Some(server.to_string()));
    assert_eq!(source.peer, Some(client.to_string()));
}

#[test]
fn waits_for_other_sockets_have_their_kind() {
    let rt = Runtime::new().unwrap();
    let path = std::env::temp_dir().join(format!("egret-dump-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let (udp, listener, pair) = run(&rt, {
        let path = path.clone();
        async move {
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            (udp, UnixListener::bind(&path).unwrap(), UnixStream::pair().unwrap())
        }
    });
    let (mut stream, _other) = pair;
    let here = udp.local_addr().unwrap();
    let fds = [udp.as_raw_fd(), listener.as_raw_fd(), stream.as_raw_fd()];
    let _entered = rt.enter();
    let line = line!();
    drop(spawn("udp", async move {
        drop(udp.recv_from(&mut [0; 8]).await);
    }));
    drop(spawn("listener", async move {
        drop(listener.accept().await);
    }));
    drop(spawn("stream", async move {
        drop(stream.read(&mut [0; 8]).await);
    }));
    settle(&rt);
    let dump = rt.dump();
    let [udp, listener, stream] = fds;
    assert_eq!(
        waits(&dump, "udp"),
        [(WaitKind::Read, format!("reads UdpSocket #{udp} {here}"), Some(line + 2))]
    );
    let text = format!("accepts on UnixListener #{listener} {}", path.display());
    assert_eq!(waits(&dump, "listener"), [(WaitKind::Accept, text, Some(line + 5))]);
    assert_eq!(
        waits(&dump, "stream"),
        [(WaitKind::Read, format!("reads UnixStream #{stream}"), Some(line + 8))]
    );
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn several_waits_of_one_task_are_all_there() {
    let rt = Runtime::new().unwrap();
    let (mut stream, _other) = run(&rt, async { UnixStream::pair().unwrap() });
    let fd = stream.as_raw_fd();
    let _entered = rt.enter();
    let line = line!();
    drop(spawn("limited", async move {
        drop(timeout(HOUR, stream.read(&mut [0; 8])).await);
    }));
    let (mut first, _first_end) = run(&rt, async { UnixStream::pair().unwrap() });
    let first_fd = first.as_raw_fd();
    let by_hand = line!();
    drop(spawn("selects", async move {
        let mut buf = [0; 8];
        let mut read = pin!(first.read(&mut buf));
        let mut nap = pin!(sleep(HOUR));
        poll_fn(|cx| {
            let _ = read.as_mut().poll(cx);
            nap.as_mut().poll(cx)
        })
        .await;
    }));
    settle(&rt);
    let dump = rt.dump();
    let mut limited = waits(&dump, "limited");
    limited.sort();
    assert_eq!(
        limited,
        [
            (WaitKind::Read, format!("reads UnixStream #{fd}"), Some(line + 2)),
            (WaitKind::Sleep, "sleeps".to_owned(), Some(line + 2)),
        ]
    );
    let mut selects = waits(&dump, "selects");
    selects.sort();
    assert_eq!(
        selects,
        [
            (WaitKind::Read, format!("reads UnixStream #{first_fd}"), Some(by_hand + 3)),
            (WaitKind::Sleep, "sleeps".to_owned(), Some(by_hand + 4)),
        ]
    );
}

#[test]
fn a_child_process_and_a_signal_are_named() {
    let rt = Runtime::new().unwrap();
    let _entered = rt.enter();
    let mut child = run(&rt, async { Command::new("sleep").arg("3600").spawn().unwrap() });
    let pid = child.id().unwrap();
    let line = line!();
    let waiter = spawn("child", async move {
        drop(child.wait().await);
    });
    drop(spawn("signal", async {
        let mut signals = signal(SignalKind::user_defined2()).unwrap();
        signals.recv().await;
    }));
    let whole = line!();
    drop(spawn("status", async {
        drop(Command::new("sleep").arg("3600").kill_on_drop(true).status().await);
    }));
    drop(spawn("output", async {
        drop(Command::new("sleep").arg("3600").kill_on_drop(true).output().await);
    }));
    settle(&rt);
    let dump = rt.dump();
    let text = format!("awaits child process {pid}");
    assert_eq!(waits(&dump, "child"), [(WaitKind::Child, text, Some(line + 2))]);
    let kinds = |name, at| -> Vec<_> {
        let of_line = |(kind, _, line)| (line == Some(at)).then_some(kind);
        waits(&dump, name).into_iter().map(of_line).collect()
    };
    assert_eq!(kinds("status", whole + 2), [Some(WaitKind::Child)]);
    let mut output = kinds("output", whole + 5);
    output.sort();
    assert_eq!(output, [Some(WaitKind::Read), Some(WaitKind::Read), Some(WaitKind::Child)]);
    assert_eq!(
        waits(&dump, "signal"),
        [(WaitKind::Signal, "awaits signal SIGUSR2".to_owned(), Some(line + 6))]
    );
    std::process::Command::new("kill").arg(pid.to_string()).status().unwrap();
    run(&rt, waiter).unwrap();
}

#[test]
fn a_connection_of_an_accept_loop_has_the_line_that_runs_the_loop() {
    let rt = Runtime::new().unwrap();
    let listener = run(&rt, async { TcpListener::bind("127.0.0.1:0").await.unwrap() });
    let address = listener.local_addr().unwrap();
    let _entered = rt.enter();
    let shutdown = Shutdown::new();
    let line = line!() + 3;
    drop(spawn("serves", async move {
        let serve = listener.serve(&shutdown);
        let serves = serve.run(|mut client, _| async move {
            drop(client.read(&mut [0; 8]).await);
        });
        drop(serves.await);
    }));
    let _client = run(&rt, async move { TcpStream::connect(address).await.unwrap() });
    settle(&rt);
    let dump = rt.dump();
    let connections = dump.tasks.iter().filter(|task| task.id > 0 && task.name.is_none());
    let lines: Vec<_> = connections.map(|task| (task.spawned_at.file, task.spawned_at.line)).collect();
    assert_eq!(lines, [(file!(), line)]);
}
