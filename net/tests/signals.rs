//! Signals: a write raises none, and an interrupting signal does not change the outcome of a call. The rows are A13,
//! A15 and K13 of docs/pitfalls.md.

#[path = "../../runtime/tests/support/descriptors_at_exit.rs"]
mod descriptors_at_exit;
#[path = "../../runtime/tests/support/threads.rs"]
mod threads;

use egret_net::{TcpListener, TcpSocket, TcpStream};
use egret_runtime::block_on;
use std::io::{ErrorKind, IoSlice};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use threads::Thread;

static DELIVERED: AtomicU64 = AtomicU64::new(0);

extern "C" fn count(_signal: libc::c_int) {
    DELIVERED.fetch_add(1, Ordering::Relaxed);
}

/// Has SIGUSR1 handled, and not with `SA_RESTART`: a call that it interrupts ends in `EINTR`.
fn handle_usr1() {
    // SAFETY: `sigaction` is made of integers and a set of them, for which all-zero bytes are a value: no
    // flags, nothing masked.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = count as extern "C" fn(libc::c_int) as usize;
    // SAFETY: `action` lives across the call, and its handler does what a handler may: it adds to an atomic.
    let done = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
    assert_eq!(done, 0);
}

/// Runs `body` while another thread sends signals to this one as fast as it can.
fn in_a_storm(body: impl FnOnce()) {
    handle_usr1();
    let target = Thread::this();
    let over = AtomicBool::new(false);
    let before = DELIVERED.load(Ordering::Relaxed);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                target.signal(libc::SIGUSR1); // it waits for this one at the end of the scope
                thread::yield_now();
            }
        });
        // Ends the storm by a panic too.
        struct Over<'a>(&'a AtomicBool);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let _over = Over(&over);
        body();
    });
    assert_ne!(DELIVERED.load(Ordering::Relaxed), before, "there was a storm");
}

// A13
#[test]
fn a_write_to_a_peer_that_is_gone_is_an_error_and_no_signal() {
    // Rust programs start with SIGPIPE ignored. With its default action one signal would end this process.
    // SAFETY: the default action is a valid one, and no other test here depends on the other.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        drop(server);
        // The first write gets RST for an answer, and every later one says so.
        while stream.write(b"x").await.is_ok() {
            stream.readable().await.unwrap();
        }
        let parts = || [IoSlice::new(b"x")];
        let errors = [
            stream.write(b"x").await.map(drop),
            stream.write_all(b"x").await,
            stream.write_vectored(&parts()).await.map(drop),
            stream.write_all_vectored(&mut parts()).await,
            stream.try_write(b"x").map(drop),
            stream.try_write_vectored(&parts()).map(drop),
        ];
        for error in errors {
            assert_eq!(error.unwrap_err().kind(), ErrorKind::BrokenPipe);
        }
    });
}

// A15: an interrupted connect continues in the kernel; a second call would get EALREADY or EISCONN.
#[test]
fn a_connect_in_a_storm_of_signals_has_one_right_result() {
    in_a_storm(|| {
        block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let closed = TcpSocket::new_v4().unwrap();
            closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            for _ in 0..500 {
                let stream = TcpStream::connect(address).await.unwrap();
                let (_, peer) = listener.accept().await.unwrap();
                assert_eq!(peer, stream.local_addr().unwrap());
                let refused = TcpStream::connect(closed.local_addr().unwrap()).await.unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
            }
        });
    });
}

// K13: an interrupted call has moved exactly the bytes that it returns, and is not the last.
#[test]
fn every_byte_arrives_in_a_storm_of_signals() {
    const SIZE: usize = 64 << 20;
    in_a_storm(|| {
        block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (mut server, _) = listener.accept().await.unwrap();
            let writing = egret_runtime::spawn(async move {
                let data: Vec<u8> = (0..=255).collect::<Vec<u8>>().repeat(SIZE / 256);
                stream.write_all(&data).await.unwrap();
            });
            let mut buf = vec![0; 1 << 20];
            let mut received = 0;
            loop {
                let n = server.read(&mut buf).await.unwrap();
                if n == 0 {
                    break;
                }
                // A cheap check of the order: the ends of each piece.
                assert_eq!(buf[0], received as u8);
                assert_eq!(buf[n - 1], (received + n - 1) as u8);
                received += n;
            }
            assert_eq!(received, SIZE);
            writing.await.unwrap();
        });
    });
}
