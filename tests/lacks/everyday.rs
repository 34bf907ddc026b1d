//! The everyday work of servers on a given runtime, with the same results in every environment.

use crate::support::this_waker;
use egret::net::udp::RecvBatch;
use egret::net::unix::pipe;
use egret::net::{TcpListener, TcpStream, UdpSocket};
use egret::process::Command;
use egret::runtime::Runtime;
use egret::signal::unix::{SignalKind, signal};
use egret::task::{spawn_blocking, yield_now};
use egret::time::{Instant, sleep, sleep_until};
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::Stdio;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

/// All of it.
pub fn all(rt: &Runtime) {
    without_proc(rt);
    children(rt);
    a_terminated_child(rt);
    wakes_of_a_sleeper(rt);
}

/// All that needs neither another program nor `/proc`.
pub fn without_proc(rt: &Runtime) {
    timers(rt);
    echo(rt);
    datagrams(rt);
    segments(rt);
    signals(rt);
    pipes(rt);
    file_to_socket(rt);
    socket_to_socket(rt);
    standard_output(rt);
    jobs(rt);
    wakes(rt);
}

/// Sleeps of less than a millisecond are over no earlier than they are to be, and in their order. `SLEEPS` waits.
pub fn timers(rt: &Runtime) {
    rt.block_on(async {
        for _ in 0..SLEEPS {
            let start = std::time::Instant::now();
            sleep(Duration::from_micros(300)).await;
            assert!(start.elapsed() >= Duration::from_micros(300), "{:?}", start.elapsed());
        }
    });
    while rt.block_on(in_order()) < 4 {} // on a busy machine a deadline may have passed before its timer is set
}

/// Four timers that fire in another order than they are set in. Returns how many were set before their time.
async fn in_order() -> usize {
    let (set, fired) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(Vec::new())));
    let now = Instant::now();
    let timers = [1900u64, 1300, 1600, 1100].map(|after| {
        let (set, fired) = (set.clone(), fired.clone());
        egret::spawn(async move {
            let mut timer = pin!(sleep_until(now + Duration::from_micros(after)));
            if poll_fn(|cx| Poll::Ready(timer.as_mut().poll(cx).is_pending())).await {
                set.set(set.get() + 1);
                timer.await;
            }
            fired.borrow_mut().push(after);
        })
    });
    for timer in timers {
        timer.await.unwrap();
    }
    if set.get() == 4 {
        assert_eq!(*fired.borrow(), [1100, 1300, 1600, 1900]);
    }
    set.get()
}

pub const SLEEPS: u64 = 10;

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connected = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (connected, listener.accept().await.unwrap().0)
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

async fn all_of(mut stream: TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    all
}

/// Bytes come back as they were sent.
pub fn echo(rt: &Runtime) {
    rt.block_on(async {
        let (mut client, mut server) = pair().await;
        egret::spawn(async move {
            let mut buffer = [0; 1000];
            while let n @ 1.. = server.read(&mut buffer).await.unwrap() {
                server.write_all(&buffer[..n]).await.unwrap();
            }
        });
        let sent = pattern(10_000);
        let mut got = vec![0; sent.len()];
        client.write_all(&sent).await.unwrap();
        client.read_exact(&mut got).await.unwrap();
        assert!(got == sent);
    });
}

/// A datagram and its answer.
pub fn datagrams(rt: &Runtime) {
    rt.block_on(async {
        let (server, client) = datagram_sockets().await;
        client.send(b"question").await.unwrap();
        let mut buffer = [0; 16];
        let (n, from) = server.recv_from(&mut buffer).await.unwrap();
        assert_eq!((&buffer[..n], from), (&b"question"[..], client.local_addr().unwrap()));
        server.send_to(b"answer", from).await.unwrap();
        assert_eq!(client.recv(&mut buffer).await.unwrap(), 6);
    });
}

pub async fn datagram_sockets() -> (UdpSocket, UdpSocket) {
    let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(server.local_addr().unwrap()).await.unwrap();
    (server, client)
}

/// Datagrams that are cut out of one buffer, by the kernel or not, and come one by one.
pub fn segments(rt: &Runtime) {
    rt.block_on(async {
        let (server, client) = datagram_sockets().await;
        let sent = pattern(1050);
        client.send_segments(&sent, 100, None).await.unwrap();
        let (mut got, mut batch) = (Vec::new(), RecvBatch::new(16, 2000));
        while got.len() < 11 {
            server.recv_many(&mut batch).await.unwrap();
            got.extend(batch.iter().map(|datagram| datagram.data.to_vec()));
        }
        assert_eq!(got, sent.chunks(100).collect::<Vec<_>>());
    });
}

/// A program that runs for long, and does not keep the pipes of this process open if a test fails meanwhile.
pub fn sleeper() -> Command {
    let mut sleeper = Command::new("sleep");
    sleeper.arg("60").stdout(Stdio::null()).stderr(Stdio::null());
    sleeper
}

/// A child is written to, read from, and waited for; another is killed; one that is dropped leaves no zombie.
pub fn children(rt: &Runtime) {
    rt.block_on(async {
        let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        assert_eq!(cat.try_wait().unwrap(), None);
        let (mut stdin, mut stdout) = (cat.stdin.take().unwrap(), cat.stdout.take().unwrap());
        stdin.write_all(b"hello").await.unwrap();
        drop(stdin);
        let mut got = Vec::new();
        stdout.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"hello");
        assert_eq!(cat.wait().await.unwrap().code(), Some(0));
        assert_eq!(cat.wait().await.unwrap().code(), Some(0), "once more");
        assert_eq!(cat.id(), None);

        let failed = Command::new("sh").args(["-c", "exit 7"]).status().await.unwrap();
        assert_eq!(failed.code(), Some(7));

        let mut killed = sleeper().spawn().unwrap();
        killed.kill().await.unwrap();
        assert_eq!(killed.wait().await.unwrap().signal(), Some(libc::SIGKILL));
        killed.start_kill().unwrap(); // of one that was waited for: nothing

        let mut group = Command::new("sh");
        group.args(["-c", "sleep 60; true"]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut group = group.process_group(0).spawn().unwrap();
        group.kill_group().await.unwrap();
        assert_eq!(group.wait().await.unwrap().signal(), Some(libc::SIGKILL));

        let dropped = sleeper().kill_on_drop(true).spawn().unwrap();
        let pid = dropped.id().unwrap();
        drop(dropped);
        until_gone(pid).await;
    });
}

/// Waits until the number is no child's of this process any more.
pub async fn until_gone(pid: u32) {
    let start = Instant::now();
    // SAFETY: the call takes no pointer that is not null. It only looks.
    while unsafe { libc::waitid(libc::P_PID, pid, std::ptr::null_mut(), LOOK) } == 0 {
        assert!(start.elapsed() < Duration::from_secs(10), "{pid} is a zombie");
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::ECHILD));
}

const LOOK: i32 = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;

/// A child that a signal of somebody else ends, while it is waited for.
fn a_terminated_child(rt: &Runtime) {
    rt.block_on(async {
        let mut child = sleeper().spawn().unwrap();
        let pid = child.id().unwrap();
        let waiting = egret::spawn(async move { child.wait().await });
        yield_now().await; // it waits
        // SAFETY: the call takes no pointer, and the child has not been waited for.
        assert_eq!(unsafe { libc::kill(pid as i32, libc::SIGTERM) }, 0);
        assert_eq!(waiting.await.unwrap().unwrap().signal(), Some(libc::SIGTERM));
    });
}

/// A signal to the process is told to who listens.
pub fn signals(rt: &Runtime) {
    rt.block_on(async {
        let mut signals = signal(SignalKind::user_defined1()).unwrap();
        let own = std::process::id() as i32;
        for _ in 0..3 {
            // SAFETY: the call takes no pointer, and the signal is handled.
            assert_eq!(unsafe { libc::kill(own, libc::SIGUSR1) }, 0);
            signals.recv().await.unwrap();
        }
    });
}

/// Bytes through a pipe, and one without a reader: an error and no signal, which would end this process.
pub fn pipes(rt: &Runtime) {
    // SAFETY: the default action is a valid one; nothing else in this process depends on the other.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    rt.block_on(async {
        let (mut sender, mut receiver) = pipe::pipe().unwrap();
        let sent = pattern(300_000); // more than a pipe has room for
        let written = sent.clone();
        let writing = egret::spawn(async move {
            sender.write_all(&written).await.unwrap();
            sender
        });
        let mut got = vec![0; sent.len()];
        receiver.read_exact(&mut got).await.unwrap();
        assert!(got == sent);
        let mut sender = writing.await.unwrap();
        drop(receiver);
        assert_eq!(sender.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(sender.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

/// The program itself: the one file that a test surely has, wherever it runs.
fn a_file() -> File {
    File::open(std::env::args().next().unwrap()).unwrap()
}

const SENT: usize = 200_000;

/// A file goes out by `sendfile`.
pub fn file_to_socket(rt: &Runtime) {
    rt.block_on(async {
        let (mut client, server) = pair().await;
        let receiving = egret::spawn(all_of(server));
        let (file, mut sent) = (a_file(), 0);
        while sent < SENT {
            sent += client.sendfile(&file, sent as u64, SENT - sent).await.unwrap();
        }
        drop(client);
        let got = receiving.await.unwrap();
        let mut expected = vec![0; SENT];
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut expected, 0).unwrap();
        assert!(got == expected, "{} bytes", got.len());
    });
}

/// The error with which a file does not.
pub fn file_to_socket_fails(rt: &Runtime) -> std::io::Error {
    rt.block_on(async {
        let (mut client, mut server) = pair().await;
        let error = client.sendfile(&a_file(), 0, SENT).await.unwrap_err();
        client.write_all(b"as before").await.unwrap();
        server.read_exact(&mut [0; 9]).await.unwrap();
        error
    })
}

/// Much goes from socket to socket, by `splice` or not, and the end with it.
pub fn socket_to_socket(rt: &Runtime) {
    rt.block_on(async {
        let ((mut source, mut from), (mut to, sink)) = (pair().await, pair().await);
        let sent = pattern(1 << 20);
        let written = sent.clone();
        egret::spawn(async move { source.write_all(&written).await.unwrap() });
        let receiving = egret::spawn(all_of(sink));
        assert_eq!(egret::io::copy(&mut from, &mut to).await.unwrap(), sent.len() as u64);
        drop(to);
        assert!(receiving.await.unwrap() == sent);
    });
}

pub fn standard_output(rt: &Runtime) {
    rt.block_on(async {
        let mut out = egret::io::stdout();
        out.write_all(b"standard output\n").await.unwrap();
        out.flush().await.unwrap();
    });
}

/// Blocking jobs, several at a time.
pub fn jobs(rt: &Runtime) {
    rt.block_on(async {
        let jobs: Vec<_> = (0..8).map(|number| spawn_blocking(move || number * number)).collect();
        let mut squares = Vec::new();
        for job in jobs {
            squares.push(job.await.unwrap());
        }
        assert_eq!(squares, [0, 1, 4, 9, 16, 25, 36, 49]);
    });
}

/// Wakes of a loop that sleeps, without a timer and with one. `/proc` says that it does.
pub fn wakes_of_a_sleeper(rt: &Runtime) {
    for timer in [None, Some(Duration::from_secs(1000))] {
        rt.block_on(async {
            let timer = timer.map(|after| egret::spawn(sleep(after)));
            woken_by(egret::test::when_asleep).await;
            timer.into_iter().for_each(|timer| timer.abort());
        });
    }
}

/// Wakes of a loop that may sleep or not.
pub fn wakes(rt: &Runtime) {
    rt.block_on(async {
        for _ in 0..10 {
            woken_by(thread::spawn).await;
        }
    });
}

/// Waits for a wake that `start` has another thread make.
async fn woken_by(start: impl FnOnce(Box<dyn FnOnce() + Send>) -> thread::JoinHandle<()>) {
    let woken = Arc::new(AtomicBool::new(false));
    let (waker, wakes) = (this_waker().await, woken.clone());
    let thread = start(Box::new(move || {
        wakes.store(true, Ordering::Release);
        waker.wake();
    }));
    poll_fn(|_| match woken.load(Ordering::Acquire) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
    thread.join().unwrap();
}
