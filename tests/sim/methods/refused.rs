//! What `methods.txt` calls refused, called in a simulated host: each fails at once, with an error that names it.

use super::with_answer;
use crate::outside::{alone, refusal};
use egret::fs;
use egret::io::{AsyncFd, Interest};
use egret::net::unix::pipe::{OpenOptions, Receiver, Sender, pipe};
use egret::net::{TcpListener, TcpSocket, TcpStream, UdpSocket, UnixDatagram, UnixStream};
use egret::process::{ChildStdin, ChildStdout, Command};
use egret::runtime::{Handle, Runtime};
use egret::task::{LocalSet, spawn_blocking};
use egret::time;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::io;
use std::net::Ipv6Addr;
use std::os::fd::OwnedFd;
use std::os::unix::net as unix;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::process::Stdio;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// The error of each call by its name, as `type::method`.
type Refusals = BTreeMap<String, String>;

/// The output of a future at its first poll: what is refused at once does not wait.
#[track_caller]
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

fn groups(socket: &UdpSocket, refused: &mut Refusals) {
    let v6 = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
    let results = [
        ("join_multicast_v6", socket.join_multicast_v6(&v6, 0), "IPV6_ADD_MEMBERSHIP"),
        ("leave_multicast_v6", socket.leave_multicast_v6(&v6, 0), "IPV6_DROP_MEMBERSHIP"),
    ];
    for (name, result, call) in results {
        let message = refusal(result);
        assert!(message.starts_with(call), "{message}");
        refused.insert(format!("net::UdpSocket::{name}"), message);
    }
}

#[test]
fn what_the_list_calls_refused_fails_at_once_and_is_named() {
    alone(async {
        let mut refused = Refusals::new();
        groups(&UdpSocket::bind("0.0.0.0:53").await.unwrap(), &mut refused);
        let mut of = |name: &str, result: io::Result<()>, call: &str| {
            let message = refusal(result);
            assert!(message.starts_with(call), "{name}: {message}");
            refused.insert(name.to_owned(), message);
        };
        let open = "a named pipe or a terminal (open)";
        let options = OpenOptions::new();
        of("net::unix::pipe::OpenOptions::open_receiver", options.open_receiver("/tmp/fifo").map(drop), open);
        of("net::unix::pipe::OpenOptions::open_sender", options.open_sender("/tmp/fifo").map(drop), open);
        of("fs::read_link", fs::read_link("x").await.map(drop), "a symbolic link (read_link)");
        of("fs::symlink", fs::symlink("x", "y").await, "a symbolic link (symlink)");
        let file = fs::File::from_std(std::fs::File::open("/dev/null").unwrap());
        of(
            "fs::File::from_std",
            file.metadata().await.map(drop),
            "a file that std has opened (File::from_std)",
        );
        let second = "a second runtime on a host";
        of("runtime::Runtime::new", Runtime::new().map(drop), second);
        of("runtime::Builder::build", egret::runtime::Builder::new().build().map(drop), second);
        let (sender, receiver) = pipe().unwrap();
        let blocks = "a descriptor that blocks (FIONBIO)";
        of("net::unix::pipe::Receiver::into_blocking_fd", receiver.into_blocking_fd().map(drop), blocks);
        of("net::unix::pipe::Sender::into_blocking_fd", sender.into_blocking_fd().map(drop), blocks);
        let mut child = Command::new("wait").stdin(Stdio::piped()).spawn().unwrap();
        let name = "process::ChildStdin, ChildStdout, ChildStderr::into_owned_fd";
        of(name, child.stdin.take().unwrap().into_owned_fd().map(drop), blocks);
        assert_eq!(refused.into_keys().collect::<BTreeSet<_>>(), with_answer("refused"));
    });
}

/// The ends of two real pipes: what a child reads, and what it writes.
fn pipes() -> (OwnedFd, OwnedFd) {
    let mut child =
        std::process::Command::new("true").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let ends = (child.stdin.take().unwrap().into(), child.stdout.take().unwrap().into());
    child.wait().unwrap();
    ends
}

#[test]
fn a_real_descriptor_is_refused_wherever_one_can_be_given() {
    alone(async {
        let mut refused = Refusals::new();
        let mut of = |name: &str, result: io::Result<()>| {
            let message = refusal(result);
            assert!(message.contains("is a real one, and "), "{name}: {message}");
            refused.insert(name.to_owned(), message);
        };
        let listener = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listening = listener();
        let connected = || std::net::TcpStream::connect(listening.local_addr().unwrap()).unwrap();
        let (stream, other) = unix::UnixStream::pair().unwrap();
        of("net::TcpListener, net::UnixListener::from_std", TcpListener::from_std(listener()).map(drop));
        of("net::TcpStream, net::UnixStream::from_std", TcpStream::from_std(connected()).map(drop));
        of("net::TcpStream, net::UnixStream::from_std", UnixStream::from_std(stream).map(drop));
        let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        of("net::UdpSocket::from_std", UdpSocket::from_std(datagrams).map(drop));
        let datagrams = unix::UnixDatagram::unbound().unwrap();
        of("net::UnixDatagram::from_std", UnixDatagram::from_std(datagrams).map(drop));
        let address = listening.local_addr().unwrap();
        let name = "net::TcpSocket::from_std_stream";
        of(name, TcpSocket::from_std_stream(connected()).bind(address));
        of(name, TcpSocket::from_std_stream(connected()).listen(1).map(drop));
        of(name, at_once(TcpSocket::from_std_stream(connected()).connect(address)).map(drop));

        let readable = Interest::READABLE;
        of("io::AsyncFd::new", AsyncFd::new(&other).map(drop));
        of("io::AsyncFd::with_interest", AsyncFd::with_interest(&other, readable).map(drop));
        let made = AsyncFd::try_new(&other).map(drop);
        of("io::AsyncFd::try_new", made.map_err(|error| error.into_parts().1));
        let made = AsyncFd::try_with_interest(&other, readable).map(drop);
        of("io::AsyncFd::try_with_interest", made.map_err(|error| error.into_parts().1));

        let name = |method: &str| format!("net::unix::pipe::Receiver::{method}");
        of(&name("from_owned_fd"), Receiver::from_owned_fd(pipes().1).map(drop));
        of(&name("from_owned_fd_unchecked"), Receiver::from_owned_fd_unchecked(pipes().1).map(drop));
        of(&name("from_file"), Receiver::from_file(pipes().1.into()).map(drop));
        of(&name("from_file_unchecked"), Receiver::from_file_unchecked(pipes().1.into()).map(drop));
        let name = |method: &str| format!("net::unix::pipe::Sender::{method}");
        of(&name("from_owned_fd"), Sender::from_owned_fd(pipes().0).map(drop));
        of(&name("from_owned_fd_unchecked"), Sender::from_owned_fd_unchecked(pipes().0).map(drop));
        of(&name("from_file"), Sender::from_file(pipes().0.into()).map(drop));
        of(&name("from_file_unchecked"), Sender::from_file_unchecked(pipes().0.into()).map(drop));
        let name = "process::ChildStdin, ChildStdout, ChildStderr::from_std";
        of(name, ChildStdin::from_std(pipes().0.into()).map(drop));
        of(name, ChildStdout::from_std(pipes().1.into()).map(drop));
        assert_eq!(refused.into_keys().collect::<BTreeSet<_>>(), with_answer("descriptor"));
    });
}

/// What a closure panics with.
#[track_caller]
fn panic_of(run: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(run)).expect_err("it panics");
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).expect("a message")
}

#[test]
fn a_host_has_one_runtime_and_nothing_blocks_it() {
    let rt = Runtime::new().unwrap(); // from outside, or there would be none
    alone(async move {
        let mut panics = BTreeSet::new();
        let mut of = |name: &str, run: &dyn Fn()| {
            let message = panic_of(run);
            assert!(
                message.starts_with("an egret runtime is running on this thread already"),
                "{name}: {message}"
            );
            panics.insert(name.to_owned());
        };
        of("runtime::Runtime::block_on", &|| rt.block_on(async {}));
        of("runtime::Runtime::turn", &|| drop(rt.turn(Some(Duration::ZERO))));
        of("runtime::Handle::block_on", &|| Handle::current().block_on(async {}));
        of("the crate itself::block_on", &|| egret::block_on(async {}));
        of("task::LocalSet::block_on", &|| LocalSet::new().block_on(&rt, async {}));
        let cores = || egret::cores::Builder::new().count(1).run(async |_| io::Result::Ok(()));
        of("cores::Builder::run", &|| drop(cores()));
        let differ: Vec<_> = panics.difference(&with_answer("runtime")).cloned().collect();
        assert!(differ.is_empty(), "{differ:?}");
        // A job is on another thread of the host, which has no loop to block.
        let refused = spawn_blocking(move || [refusal(cores()), refusal(Runtime::new())]).await.unwrap();
        assert!(refused[0].starts_with("cores are threads, and a simulation has one"), "{refused:?}");
        assert!(refused[1].starts_with("a second runtime on a host is not simulated"), "{refused:?}");
    });
}

#[test]
fn the_clock_of_a_host_is_not_paused() {
    alone(async {
        let message = panic_of(time::pause);
        assert!(message.starts_with("time::pause is not simulated"), "{message}");
        let not_paused = "the clock is not paused";
        assert!(panic_of(time::resume).starts_with(not_paused));
        assert!(panic_of(|| time::set_auto_advance(false)).starts_with(not_paused));
        assert!(panic_of(|| at_once(time::advance(Duration::ZERO))).starts_with(not_paused));
        assert_eq!(with_answer("pause").len(), 4);
    });
}
