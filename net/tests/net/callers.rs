//! A panic for the caller's mistake names the caller's line: all functions of this package that are not `async` and can
//! panic so, called outside a runtime or with an invalid number.

use egret_net::udp::RecvBatch;
use egret_net::unix::{self, pipe};
use egret_net::{
    TcpListener, TcpSocket, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixSeqpacket,
    UnixSeqpacketListener, UnixSocket, UnixStream,
};
use std::cell::{Cell, RefCell};
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::{fs, net};

thread_local! {
    /// Whether panics of this thread are expected.
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    /// File and line of the last panic of this thread.
    static LAST: RefCell<Option<(String, u32)>> = const { RefCell::new(None) };
}

/// Where `f` panics.
fn location_of<R>(f: impl FnOnce() -> R) -> Option<(String, u32)> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let location = info.location().unwrap();
            if WATCHED.get() {
                LAST.set(Some((location.file().to_owned(), location.line())));
            } else {
                before(info);
            }
        }));
    });
    WATCHED.set(true);
    let _ = catch_unwind(AssertUnwindSafe(f));
    WATCHED.set(false);
    LAST.take()
}

macro_rules! assert_all_name_this_file {
    ($($call:expr),+ $(,)?) => {
        let calls = [$((stringify!($call), location_of(|| $call))),+];
        let names_this_file = |at: &Option<(String, u32)>| at.as_ref().is_some_and(|(file, _)| file.ends_with("net/callers.rs"));
        let wrong: Vec<_> = calls.iter().filter(|(_, at)| !names_this_file(at)).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    };
}

/// The two ends of a pipe.
fn ends() -> (OwnedFd, OwnedFd) {
    let (reader, writer) = egret_runtime::sys::Backend::current().pipe().unwrap();
    (reader.into(), writer.into())
}

#[test]
fn what_registers_a_descriptor_names_the_line_that_called_it_outside_of_a_runtime() {
    let any = "127.0.0.1:0";
    let listener = || net::TcpListener::bind(any).unwrap();
    let kept = listener();
    let connected = || net::TcpStream::connect(kept.local_addr().unwrap()).unwrap();
    let udp = || net::UdpSocket::bind(any).unwrap();
    let folder = std::env::temp_dir().join(format!("egret-callers-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let numbers = Cell::new(0);
    let path = || {
        numbers.set(numbers.get() + 1);
        folder.join(numbers.get().to_string())
    };
    let address = || unix::SocketAddr::from_pathname(path()).unwrap();
    let std_listener = || std::os::unix::net::UnixListener::bind(path()).unwrap();
    let std_stream = || std::os::unix::net::UnixStream::pair().unwrap().0;
    let std_datagram = || std::os::unix::net::UnixDatagram::unbound().unwrap();
    let bound_tcp = || {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(any.parse().unwrap()).unwrap();
        socket
    };
    let bound_unix = || {
        let socket = UnixSocket::new_stream().unwrap();
        socket.bind(path()).unwrap();
        socket
    };
    assert_all_name_this_file![
        TcpListener::from_std(listener()),
        TcpListener::try_from(listener()),
        TcpStream::from_std(connected()),
        TcpStream::try_from(connected()),
        bound_tcp().listen(1),
        UdpSocket::from_std(udp()),
        UdpSocket::try_from(udp()),
        UnixListener::bind(path()),
        UnixListener::bind_addr(&address()),
        UnixListener::from_std(std_listener()),
        UnixListener::try_from(std_listener()),
        UnixStream::from_std(std_stream()),
        UnixStream::try_from(std_stream()),
        UnixStream::pair(),
        UnixDatagram::bind(path()),
        UnixDatagram::bind_addr(&address()),
        UnixDatagram::bind_unique(),
        UnixDatagram::unbound(),
        UnixDatagram::pair(),
        UnixDatagram::from_std(std_datagram()),
        UnixDatagram::try_from(std_datagram()),
        UnixSeqpacket::pair(),
        UnixSeqpacketListener::bind(path()),
        UnixSeqpacketListener::bind_addr(&address()),
        bound_unix().listen(1),
        UnixSocket::new_datagram().unwrap().datagram(),
        pipe::pipe(),
        pipe::Receiver::from_owned_fd(ends().0),
        pipe::Receiver::from_owned_fd_unchecked(ends().0),
        pipe::Receiver::from_file(ends().0.into()),
        pipe::Receiver::from_file_unchecked(ends().0.into()),
        pipe::Sender::from_owned_fd(ends().1),
        pipe::Sender::from_owned_fd_unchecked(ends().1),
        pipe::Sender::from_file(ends().1.into()),
        pipe::Sender::from_file_unchecked(ends().1.into()),
    ];
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_number_that_makes_no_sense_names_the_line_that_gave_it() {
    egret_runtime::block_on(async {
        let listener = || TcpListener::from_std(net::TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
        let shutdown = egret_runtime::shutdown::Shutdown::new();
        assert_all_name_this_file![
            listener().serve(&shutdown).max_connections(0),
            listener().serve(&shutdown).burst(0),
            RecvBatch::new(0, 1),
            RecvBatch::new(1, 0),
            RecvBatch::new(64, usize::MAX),
        ];
    });
}
