//! One call at a time that an older kernel lacks (`ENOSYS`, or its own error for an unknown argument), or that a sandbox
//! refuses (`EPERM`); then every call newer than Linux 3.2, the oldest that Rust's standard library works on.

use crate::alone;
use crate::everyday::{self, SLEEPS};
use crate::filter::{Call, Filter, Installed};
use egret::net::udp::RecvBatch;
use egret::net::{TcpListener, TcpStream};
use egret::process::Command;
use egret::runtime::Runtime;
use libc::{EAFNOSUPPORT, EINVAL, ENOPROTOOPT, ENOSYS, EOPNOTSUPP, EPERM};
use std::io::ErrorKind;
use std::net::SocketAddr;

const EPOLL_PWAIT2: Call = Call::of(libc::SYS_epoll_pwait2);
const PWRITEV2: Call = Call::of(libc::SYS_pwritev2);
const SPLICE: Call = Call::of(libc::SYS_splice);
const SENDFILE: Call = Call::of(libc::SYS_sendfile);
const PIDFD_OPEN: Call = Call::of(libc::SYS_pidfd_open);
const PIDFD_SEND_SIGNAL: Call = Call::of(libc::SYS_pidfd_send_signal);
const WAITID_BY_PIDFD: Call = Call::of(libc::SYS_waitid).with(0, libc::P_PIDFD as i32);
const GET_TIMER_SLACK: Call = Call::of(libc::SYS_prctl).with(0, libc::PR_GET_TIMERSLACK);
const SET_TIMER_SLACK: Call = Call::of(libc::SYS_prctl).with(0, libc::PR_SET_TIMERSLACK);
const RESIZE_PIPE: Call = Call::of(libc::SYS_fcntl).with(1, libc::F_SETPIPE_SZ);
const RECVMMSG: Call = Call::of(libc::SYS_recvmmsg);
const SENDMMSG: Call = Call::of(libc::SYS_sendmmsg);
const UDP_SEGMENT: Call = Call::of(libc::SYS_getsockopt).with(1, libc::SOL_UDP).with(2, libc::UDP_SEGMENT);
const UDP_GRO: Call = Call::of(libc::SYS_setsockopt).with(1, libc::SOL_UDP).with(2, libc::UDP_GRO);
const IPV6: Call = Call::of(libc::SYS_socket).with(0, libc::AF_INET6);

/// Runs `body`, with a runtime, where `call` fails with `errno`. It gets the filter, to ask how often that was.
fn without(call: Call, errno: i32, body: impl FnOnce(&Runtime, &Installed)) {
    let Some(filter) = Filter::new().fails_counted(call, errno).install() else { return };
    assert_eq!(call.make().unwrap_err().raw_os_error(), Some(errno), "{call:?}");
    assert_eq!(filter.taken(call), 1, "{call:?} by this test");
    body(&Runtime::new().unwrap(), &filter);
}

// A wait in milliseconds, rounded up; asked for once by each loop.
fn without_nanoseconds(errno: i32) {
    without(EPOLL_PWAIT2, errno, |rt, filter| {
        let waits = rt.metrics().epoll_waits;
        everyday::timers(rt);
        assert!(rt.metrics().epoll_waits - waits >= SLEEPS);
        assert_eq!(filter.taken(EPOLL_PWAIT2), 1);
        everyday::all(rt);
        assert_eq!(filter.taken(EPOLL_PWAIT2), 0);
        everyday::timers(&Runtime::new().unwrap());
        assert_eq!(filter.taken(EPOLL_PWAIT2), 1);
    });
}

#[test]
fn epoll_pwait2_of_linux_5_11() {
    alone(|| without_nanoseconds(ENOSYS));
}

#[test]
fn epoll_pwait2_of_a_sandbox() {
    alone(|| without_nanoseconds(EPERM));
}

// A write with SIGPIPE looked after; asked for once by the process.
fn without_unsignalled_writes(errno: i32) {
    without(PWRITEV2, errno, |rt, filter| {
        everyday::pipes(rt);
        assert_eq!(filter.taken(PWRITEV2), 1);
        everyday::all(rt);
        assert_eq!(filter.taken(PWRITEV2), 0);
    });
}

#[test]
fn pwritev2_of_linux_4_6() {
    alone(|| without_unsignalled_writes(ENOSYS));
}

#[test]
fn pwritev2_of_linux_4_13_which_calls_the_flag_invalid_before() {
    alone(|| without_unsignalled_writes(EINVAL));
}

#[test]
fn pwritev2_of_linux_6_18_which_does_not_support_the_flag_before() {
    alone(|| without_unsignalled_writes(EOPNOTSUPP));
}

#[test]
fn pwritev2_of_a_sandbox() {
    alone(|| without_unsignalled_writes(EPERM));
}

// Reads and writes; asked for once by each copy.
fn without_splice(errno: i32) {
    without(SPLICE, errno, |rt, filter| {
        everyday::socket_to_socket(rt);
        assert_eq!(filter.taken(SPLICE), 1);
        everyday::all(rt);
        assert_eq!(filter.taken(SPLICE), 1);
    });
}

#[test]
fn splice_of_a_kernel_without_it() {
    alone(|| without_splice(ENOSYS));
}

#[test]
fn splice_of_a_sandbox() {
    alone(|| without_splice(EPERM));
}

// A method that is named after its call: an error with its number, and the connection is as before.
fn without_sendfile(errno: i32) {
    without(SENDFILE, errno, |rt, filter| {
        assert_eq!(everyday::file_to_socket_fails(rt).raw_os_error(), Some(errno));
        assert_eq!(filter.taken(SENDFILE), 1);
    });
}

#[test]
fn sendfile_has_no_substitute() {
    alone(|| without_sendfile(ENOSYS));
}

#[test]
fn sendfile_of_a_sandbox_has_none_either() {
    alone(|| without_sendfile(EPERM));
}

// A thread for each child, which waits for it by its number; asked for once by the process.
fn without_pidfds(call: Call, errno: i32) {
    without(call, errno, |rt, filter| {
        everyday::children(rt);
        assert_eq!(filter.taken(call), 1);
        everyday::all(rt);
        assert_eq!(filter.taken(call), 0);
    });
}

#[test]
fn pidfd_open_of_linux_5_3() {
    alone(|| without_pidfds(PIDFD_OPEN, ENOSYS));
}

#[test]
fn pidfd_open_of_a_sandbox() {
    alone(|| without_pidfds(PIDFD_OPEN, EPERM));
}

#[test]
fn waitid_by_pidfd_of_linux_5_4_which_is_invalid_before() {
    alone(|| without_pidfds(WAITID_BY_PIDFD, EINVAL));
}

#[test]
fn pidfd_send_signal_of_linux_5_1() {
    alone(|| without_pidfds(PIDFD_SEND_SIGNAL, ENOSYS));
}

#[test]
fn pidfd_send_signal_of_a_sandbox() {
    alone(|| without_pidfds(PIDFD_SEND_SIGNAL, EPERM));
}

// A child that other code has waited for is `ECHILD` by number too, and its number is not signalled.
#[test]
fn a_child_that_was_waited_for_behind_the_back_without_pidfds() {
    alone(|| {
        without(PIDFD_OPEN, ENOSYS, |rt, _| {
            rt.block_on(async {
                let mut child = Command::new("true").spawn().unwrap();
                let pid = child.id().unwrap() as i32;
                // SAFETY: the kernel writes nothing to a null pointer.
                assert_eq!(unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) }, pid);
                child.start_kill().unwrap();
                assert_eq!(child.wait().await.unwrap_err().raw_os_error(), Some(libc::ECHILD));
                assert_eq!(child.id(), None);
            });
        });
    });
}

// Timers are up to 50 us later, and never earlier.
#[test]
fn timer_slack_of_a_kernel_that_does_not_say() {
    alone(|| {
        without(GET_TIMER_SLACK, EINVAL, |rt, filter| {
            everyday::timers(rt);
            assert!(filter.taken(GET_TIMER_SLACK) > 0);
            everyday::all(rt);
        });
    });
}

#[test]
fn timer_slack_of_a_sandbox_that_lets_it_be_read_and_not_set() {
    alone(|| {
        without(SET_TIMER_SLACK, EPERM, |rt, filter| {
            everyday::timers(rt);
            assert!(filter.taken(SET_TIMER_SLACK) > 0);
            everyday::all(rt);
        });
    });
}

// `/proc/sys/fs/pipe-user-pages-soft` is reached: smaller pipes, and more splices.
#[test]
fn pipes_that_cannot_be_enlarged() {
    alone(|| {
        without(RESIZE_PIPE, EPERM, |rt, filter| {
            everyday::socket_to_socket(rt);
            assert_eq!(filter.taken(RESIZE_PIPE), 1);
            everyday::all(rt);
        });
    });
}

// Datagrams that egret cuts itself; each socket asks once.
#[test]
fn udp_segment_of_linux_4_18() {
    alone(|| {
        without(UDP_SEGMENT, ENOPROTOOPT, |rt, filter| {
            everyday::segments(rt);
            assert_eq!(filter.taken(UDP_SEGMENT), 1);
            everyday::all(rt);
        });
    });
}

// An error of the setter, without which the same code works.
#[test]
fn udp_gro_of_linux_5_0() {
    alone(|| {
        without(UDP_GRO, ENOPROTOOPT, |rt, filter| {
            rt.block_on(async {
                let (server, _) = everyday::datagram_sockets().await;
                assert_eq!(server.set_gro(true).unwrap_err().raw_os_error(), Some(ENOPROTOOPT));
            });
            assert_eq!(filter.taken(UDP_GRO), 1);
            everyday::all(rt);
        });
    });
}

// An error of the methods for many, and the datagram is still there for those that take one.
#[test]
fn recvmmsg_of_linux_2_6_33() {
    alone(|| {
        without(RECVMMSG, ENOSYS, |rt, filter| {
            rt.block_on(async {
                let (server, client) = everyday::datagram_sockets().await;
                client.send(b"one").await.unwrap();
                let refused = server.recv_many(&mut RecvBatch::new(4, 100)).await.unwrap_err();
                assert_eq!(refused.raw_os_error(), Some(ENOSYS));
                assert_eq!(server.recv(&mut [0; 16]).await.unwrap(), 3);
            });
            assert_eq!(filter.taken(RECVMMSG), 1);
            everyday::echo(rt);
            everyday::datagrams(rt);
        });
    });
}

// The same; what the kernel cuts needs no call for many.
#[test]
fn sendmmsg_of_linux_3_0() {
    alone(|| {
        without(SENDMMSG, ENOSYS, |rt, filter| {
            rt.block_on(async {
                let (server, client) = everyday::datagram_sockets().await;
                let refused = client.send_many(&[(b"one", None), (b"two", None)]).await.unwrap_err();
                assert_eq!(refused.raw_os_error(), Some(ENOSYS));
                client.send(b"three").await.unwrap();
                assert_eq!(server.recv(&mut [0; 16]).await.unwrap(), 5);
            });
            assert_eq!(filter.taken(SENDMMSG), 1);
            everyday::all(rt);
        });
    });
}

// The next address of a list is tried.
#[test]
fn ipv6_of_a_container_without_it() {
    alone(|| {
        without(IPV6, EAFNOSUPPORT, |rt, filter| {
            rt.block_on(async {
                let both =
                    |port| [SocketAddr::from(([0; 16], port)), SocketAddr::from(([127, 0, 0, 1], port))];
                let listener = TcpListener::bind(&both(0)[..]).await.unwrap();
                let address = listener.local_addr().unwrap();
                assert!(address.is_ipv4());
                let mut client = TcpStream::connect(&both(address.port())[..]).await.unwrap();
                client.write_all(b"x").await.unwrap();
                let refused = TcpListener::bind("[::1]:0").await.unwrap_err();
                assert_eq!(refused.raw_os_error(), Some(EAFNOSUPPORT));
            });
            assert_eq!(filter.taken(IPV6), 3);
            everyday::all(rt);
        });
    });
}

/// What came after Linux 3.2, of the calls that egret, std or the C library make, or might. Neither `rseq`, for a C
/// library that has registered the first thread ends the process when it cannot register the next, nor `getrandom`, in
/// whose place std keeps `/dev/urandom` open, which is reported as a leak.
const AFTER_LINUX_3_2: [libc::c_long; 16] = [
    libc::SYS_renameat2,
    libc::SYS_seccomp,
    libc::SYS_memfd_create,
    libc::SYS_execveat,
    libc::SYS_membarrier,
    libc::SYS_copy_file_range,
    libc::SYS_preadv2,
    libc::SYS_pwritev2,
    libc::SYS_statx,
    libc::SYS_pidfd_send_signal,
    libc::SYS_pidfd_open,
    libc::SYS_clone3,
    libc::SYS_close_range,
    libc::SYS_openat2,
    libc::SYS_faccessat2,
    libc::SYS_epoll_pwait2,
];

#[test]
fn all_that_linux_3_2_has_not() {
    alone(|| {
        let options = [UDP_SEGMENT, UDP_GRO];
        let filter = Filter::new()
            .fails(AFTER_LINUX_3_2.map(Call::of), ENOSYS)
            .fails([WAITID_BY_PIDFD], EINVAL)
            .fails(options, ENOPROTOOPT);
        let Some(_filter) = filter.install() else { return };
        for call in AFTER_LINUX_3_2 {
            assert_eq!(Call::of(call).make().unwrap_err().kind(), ErrorKind::Unsupported, "{call}");
        }
        everyday::all(&Runtime::new().unwrap());
    });
}
