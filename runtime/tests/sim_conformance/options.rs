//! Socket options: what each kind of socket has, the range of each, and its value when it is read back.

use super::errno::said;
use super::kernel::{linux, simulation};
use egret_runtime::sys::{Backend, Domain, Fd, Type};
use std::cell::RefCell;
use std::fmt::Debug;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

const KINDS: [(Domain, Type); 7] = [
    (Domain::V4, Type::Stream),
    (Domain::V6, Type::Stream),
    (Domain::V4, Type::Datagram),
    (Domain::V6, Type::Datagram),
    (Domain::Unix, Type::Stream),
    (Domain::Unix, Type::Datagram),
    (Domain::Unix, Type::SeqPacket),
];

/// What was tried, with its outcome.
#[derive(Default)]
struct Outcomes(Vec<String>);

impl Outcomes {
    fn note<T: Debug>(&mut self, what: &str, result: io::Result<T>) {
        self.0.push(format!("{what}: {:?}", said(result)));
    }

    /// Reads an option, sets each of `values`, and reads it after each.
    fn pair<T: Debug + Copy>(
        &mut self,
        name: &str,
        get: impl Fn() -> io::Result<T>,
        set: impl Fn(T) -> io::Result<()>,
        values: &[T],
    ) {
        self.note(name, get());
        for value in values {
            self.note(&format!("set {name} {value:?}"), set(*value));
            self.note(name, get());
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);

fn numbers(fd: &Fd, said: &mut Outcomes) {
    said.pair("recv_lowat", || fd.recv_lowat(), |n| fd.set_recv_lowat(n), &[0, 7]);
    said.pair("keepalive_retries", || fd.keepalive_retries(), |n| fd.set_keepalive_retries(n), &[3, 0, 128]);
    said.pair("fastopen", || fd.fastopen(), |n| fd.set_fastopen(n), &[16, 0]);
    said.pair("notsent_lowat", || fd.notsent_lowat(), |n| fd.set_notsent_lowat(n), &[16384]);
    said.pair("ttl", || fd.ttl(), |n| fd.set_ttl(n), &[7, 0, 256]);
    said.pair("tos_v4", || fd.tos_v4(), |n| fd.set_tos_v4(n), &[0x10, 256]);
    said.pair("tclass_v6", || fd.tclass_v6(), |n| fd.set_tclass_v6(n), &[0x20, 256]);
    said.pair("incoming_cpu", || fd.incoming_cpu(), |n| fd.set_incoming_cpu(n.unwrap_or(0)), &[Some(0)]);
    // The value from before is the machine's, not the kernel's.
    said.note("set send_buffer_size", fd.set_send_buffer_size(16 << 10));
    said.note("send_buffer_size", fd.send_buffer_size());
    said.note("set send_buffer_size", fd.set_send_buffer_size(1));
    said.note("send_buffer_size", fd.send_buffer_size());
    said.note("set recv_buffer_size", fd.set_recv_buffer_size(16 << 10));
    said.note("recv_buffer_size", fd.recv_buffer_size());
}

fn flags(fd: &Fd, said: &mut Outcomes) {
    const BOTH: &[bool] = &[true, false];
    said.pair("nodelay", || fd.nodelay(), |on| fd.set_nodelay(on), BOTH);
    said.pair("reuseaddr", || fd.reuseaddr(), |on| fd.set_reuseaddr(on), BOTH);
    said.pair("keepalive", || fd.keepalive(), |on| fd.set_keepalive(on), BOTH);
    said.pair("broadcast", || fd.broadcast(), |on| fd.set_broadcast(on), BOTH);
    said.pair("only_v6", || fd.only_v6(), |on| fd.set_only_v6(on), BOTH);
    said.pair("udp_gro", || fd.udp_gro(), |on| fd.set_udp_gro(on), BOTH);
    said.note("quickack", fd.quickack());
}

fn times(fd: &Fd, said: &mut Outcomes) {
    let long = 40_000 * SECOND;
    said.pair("keepalive_time", || fd.keepalive_time(), |t| fd.set_keepalive_time(t), &[SECOND * 60, long]);
    let set = |t| fd.set_keepalive_interval(t);
    said.pair("keepalive_interval", || fd.keepalive_interval(), set, &[SECOND * 10, Duration::ZERO]);
    let waits = [SECOND, SECOND * 2, SECOND * 5, SECOND * 300, Duration::ZERO];
    said.pair("defer_accept", || fd.defer_accept(), |t| fd.set_defer_accept(t), &waits);
    let limits = [Some(SECOND), Some(Duration::from_micros(1)), None];
    said.pair("user_timeout", || fd.user_timeout(), |t| fd.set_user_timeout(t), &limits);
    let lingers = [Some(Duration::from_millis(1500)), Some(Duration::ZERO), None];
    said.pair("linger", || fd.linger(), |t| fd.set_linger(t), &lingers);
}

fn multicast(fd: &Fd, said: &mut Outcomes) {
    let v4 = [false, true];
    said.pair("multicast_loop_v4", || fd.multicast_loop_v4(), |on| fd.set_multicast_loop_v4(on), &v4);
    said.pair("multicast_loop_v6", || fd.multicast_loop_v6(), |on| fd.set_multicast_loop_v6(on), &v4);
    said.pair("multicast_ttl_v4", || fd.multicast_ttl_v4(), |n| fd.set_multicast_ttl_v4(n), &[9, 256]);
    said.pair("multicast_hops_v6", || fd.multicast_hops_v6(), |n| fd.set_multicast_hops_v6(n), &[9, 256]);
    said.note("set multicast_if_v4", fd.set_multicast_if_v4(Ipv4Addr::UNSPECIFIED));
    said.note("set multicast_if_v6", fd.set_multicast_if_v6(0));
    said.note("set recv_info", fd.set_recv_info(true));
}

fn outcomes() -> Vec<String> {
    let mut said = Outcomes::default();
    for (domain, kind) in KINDS {
        said.0.push(format!("-- {domain:?} {kind:?}"));
        let fd = Backend::current().socket(domain, kind).unwrap();
        said.note("socket_kind", fd.socket_kind());
        flags(&fd, &mut said);
        numbers(&fd, &mut said);
        times(&fd, &mut said);
        if kind == Type::Datagram && domain != Domain::Unix {
            multicast(&fd, &mut said);
        }
        if domain == Domain::V6 {
            fd.bind(&"[::1]:0".parse().unwrap()).unwrap();
            said.note("set only_v6 when bound", fd.set_only_v6(true));
        }
        if domain != Domain::Unix {
            said.note("device", fd.device());
            said.note("set device", fd.bind_device(Some(b"no-such-if")));
        }
        if kind != Type::Datagram {
            let _ = fd.listen(1);
            said.note("socket_kind", fd.socket_kind().map(|kind| kind.kind));
        }
    }
    said.0
}

#[test]
fn each_option_of_each_kind_of_socket_is_that_of_linux() {
    let (real, simulated) = (RefCell::default(), RefCell::default());
    linux(|_| *real.borrow_mut() = outcomes());
    simulation(|_| *simulated.borrow_mut() = outcomes());
    let (real, simulated) = (real.into_inner(), simulated.into_inner());
    let mut differ = String::new();
    let mut kind = "";
    for (real, simulated) in real.iter().zip(&simulated) {
        if real.starts_with("--") {
            kind = real;
        }
        if real != simulated {
            differ += &format!("{kind}: {real}; simulated: {simulated}\n");
        }
    }
    assert!(differ.is_empty() && real.len() == simulated.len(), "{differ}");
}
