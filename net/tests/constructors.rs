//! F12 of docs/pitfalls.md: a constructor returns the errno of each system call that fails, and leaks no descriptor.
//!
//! A filter makes one system call fail, for one thread until it ends; so each case has a thread of
//! its own. There is one test in this file, because it counts the descriptors of the process.

#![cfg(not(miri))] // which has no kernel

mod sockets_common;

use egret_net::{
    TcpListener, TcpSocket, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixSeqpacket,
    UnixSeqpacketListener, UnixSocket, UnixStream,
};
use egret_runtime::runtime::Runtime;
use sockets_common::{name, open_descriptors};
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::thread;

/// Makes one system call fail on this thread, with `ENOBUFS`, which none of them returns otherwise.
fn fail(call: libc::c_long) -> io::Result<()> {
    let step =
        |code: u32, k: u32, jump_false: u8| libc::sock_filter { code: code as u16, jt: 0, jf: jump_false, k };
    let mut program = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0), // the number of the call
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, call as u32, 1),
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::ENOBUFS as u32, 0),
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0),
    ];
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the call takes integers alone. It keeps this thread from gaining privileges, which it has no use for.
    if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel copies the program, whose length is that of the array; both live across the call.
    if unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

const CALLS: [(&str, libc::c_long); 12] = [
    ("socket", libc::SYS_socket),
    ("socketpair", libc::SYS_socketpair),
    ("bind", libc::SYS_bind),
    ("listen", libc::SYS_listen),
    ("connect", libc::SYS_connect),
    ("accept4", libc::SYS_accept4),
    ("setsockopt", libc::SYS_setsockopt),
    ("getsockopt", libc::SYS_getsockopt),
    ("getsockname", libc::SYS_getsockname),
    ("getpeername", libc::SYS_getpeername),
    ("ioctl", libc::SYS_ioctl),
    ("epoll_ctl", libc::SYS_epoll_ctl),
];

/// Made before the filter is installed: descriptors, and peers to connect to.
struct Before {
    tcp: TcpListener,
    tcp_address: std::net::SocketAddr,
    unix: UnixListener,
    unix_name: String,
    packets: UnixSeqpacketListener,
    packets_name: String,
    /// Waits to be accepted.
    _tcp_client: std::net::TcpStream,
    _unix_client: UnixStream,
    _packets_client: UnixSeqpacket,
    std_udp: std::net::UdpSocket,
    std_unix: std::os::unix::net::UnixStream,
}

async fn before() -> Before {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tcp_address = tcp.local_addr().unwrap();
    let (unix_name, packets_name) = (name(), name());
    let unix = UnixListener::bind(&unix_name).unwrap();
    let packets = UnixSeqpacketListener::bind(&packets_name).unwrap();
    Before {
        _tcp_client: std::net::TcpStream::connect(tcp_address).unwrap(),
        _unix_client: UnixStream::connect(&unix_name).await.unwrap(),
        _packets_client: UnixSeqpacket::connect(&packets_name).await.unwrap(),
        std_udp: std::net::UdpSocket::bind("127.0.0.1:0").unwrap(),
        std_unix: std::os::unix::net::UnixStream::pair().unwrap().0,
        tcp,
        tcp_address,
        unix,
        unix_name,
        packets,
        packets_name,
    }
}

type Making<'a> = Pin<Box<dyn Future<Output = io::Result<()>> + 'a>>;

/// A constructor, and the calls without which it cannot be.
struct Constructor {
    name: &'static str,
    make: fn(&Before) -> Making<'_>,
    needs: &'static [&'static str],
}

fn duplicate(fd: &impl std::os::fd::AsFd) -> OwnedFd {
    fd.as_fd().try_clone_to_owned().unwrap()
}

const CONSTRUCTORS: [Constructor; 17] = [
    Constructor {
        name: "TcpStream::connect",
        make: |before| Box::pin(async { TcpStream::connect(before.tcp_address).await.map(drop) }),
        needs: &["socket", "connect", "getsockopt", "getpeername", "epoll_ctl"],
    },
    Constructor {
        name: "TcpListener::bind",
        make: |_| Box::pin(async { TcpListener::bind("127.0.0.1:0").await.map(drop) }),
        needs: &["socket", "bind", "listen", "setsockopt", "epoll_ctl"],
    },
    Constructor {
        name: "TcpListener::accept",
        make: |before| Box::pin(async { before.tcp.accept().await.map(drop) }),
        needs: &["accept4", "epoll_ctl"],
    },
    Constructor {
        name: "TcpSocket",
        make: |_| {
            Box::pin(async {
                let socket = TcpSocket::new_v4()?;
                socket.bind("127.0.0.1:0".parse().unwrap())?;
                socket.listen(16).map(drop)
            })
        },
        needs: &["socket", "bind", "listen", "epoll_ctl"],
    },
    Constructor {
        name: "UdpSocket::bind",
        make: |_| Box::pin(async { UdpSocket::bind("127.0.0.1:0").await.map(drop) }),
        needs: &["socket", "bind", "epoll_ctl"],
    },
    Constructor {
        name: "UdpSocket::from_std",
        make: |before| Box::pin(async { UdpSocket::from_std(duplicate(&before.std_udp).into()).map(drop) }),
        needs: &["ioctl", "epoll_ctl"],
    },
    Constructor {
        name: "UnixStream::connect",
        make: |before| Box::pin(async { UnixStream::connect(&before.unix_name).await.map(drop) }),
        needs: &["socket", "connect", "epoll_ctl"],
    },
    Constructor {
        name: "UnixStream::pair",
        make: |_| Box::pin(async { UnixStream::pair().map(drop) }),
        needs: &["socketpair", "epoll_ctl"],
    },
    Constructor {
        name: "UnixStream::from_std",
        make: |before| Box::pin(async { UnixStream::from_std(duplicate(&before.std_unix).into()).map(drop) }),
        needs: &["ioctl", "epoll_ctl"],
    },
    Constructor {
        name: "UnixListener::bind",
        make: |_| Box::pin(async { UnixListener::bind(name()).map(drop) }),
        needs: &["socket", "bind", "listen", "epoll_ctl"],
    },
    Constructor {
        name: "UnixListener::accept",
        make: |before| Box::pin(async { before.unix.accept().await.map(drop) }),
        needs: &["accept4", "epoll_ctl"],
    },
    Constructor {
        name: "UnixSocket",
        make: |before| {
            Box::pin(async { UnixSocket::new_stream()?.connect(&before.unix_name).await.map(drop) })
        },
        needs: &["socket", "connect", "epoll_ctl"],
    },
    Constructor {
        name: "UnixDatagram::bind",
        make: |_| Box::pin(async { UnixDatagram::bind_unique().map(drop) }),
        needs: &["socket", "bind", "epoll_ctl"],
    },
    Constructor {
        name: "UnixDatagram::pair",
        make: |_| Box::pin(async { UnixDatagram::pair().map(drop) }),
        needs: &["socketpair", "epoll_ctl"],
    },
    Constructor {
        name: "UnixSeqpacket::connect",
        make: |before| Box::pin(async { UnixSeqpacket::connect(&before.packets_name).await.map(drop) }),
        needs: &["socket", "connect", "epoll_ctl"],
    },
    Constructor {
        name: "UnixSeqpacketListener::accept",
        make: |before| Box::pin(async { before.packets.accept().await.map(drop) }),
        needs: &["accept4", "epoll_ctl"],
    },
    Constructor {
        name: "UnixSeqpacket::try_from",
        make: |before| Box::pin(async { UnixSeqpacket::try_from(duplicate(&before.std_unix)).map(drop) }),
        needs: &["ioctl", "epoll_ctl"],
    },
];

/// A constructor on a thread on which `call` fails: its result, and the number of leaked descriptors.
/// `None` where the kernel takes no filter.
fn make(constructor: &Constructor, call: Option<libc::c_long>) -> Option<(io::Result<()>, isize)> {
    thread::scope(|scope| {
        let making = scope.spawn(|| {
            let rt = Runtime::new().unwrap();
            let before = rt.block_on(before());
            if let Some(Err(error)) = call.map(fail) {
                eprintln!("skipped: this kernel takes no filter on system calls ({error})");
                return None;
            }
            let open = open_descriptors();
            let result = rt.block_on((constructor.make)(&before));
            Some((result, open_descriptors() as isize - open as isize))
        });
        making.join().unwrap()
    })
}

#[test]
fn whichever_call_of_a_constructor_fails_its_errno_comes_out_and_no_descriptor_is_left() {
    for constructor in &CONSTRUCTORS {
        let (made, left) = make(constructor, None).unwrap();
        made.unwrap_or_else(|error| panic!("{} fails by itself: {error}", constructor.name));
        assert_eq!(left, 0, "{}", constructor.name);
        let mut failed = Vec::new();
        for (name, call) in CALLS {
            let Some((result, left)) = make(constructor, Some(call)) else { return };
            assert_eq!(left, 0, "{} without {name} leaves descriptors open", constructor.name);
            if let Err(error) = result {
                assert_eq!(error.raw_os_error(), Some(libc::ENOBUFS), "{} without {name}", constructor.name);
                failed.push(name);
            }
        }
        let mut needs: Vec<_> = CALLS.iter().map(|(name, _)| *name).collect();
        needs.retain(|name| constructor.needs.contains(name));
        assert_eq!(failed, needs, "{}", constructor.name);
    }
}
