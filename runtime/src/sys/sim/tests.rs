//! Tests over several files: the network between hosts, with time under the test's control.

use super::file::Object;
use super::host::HostId;
use super::kernel::{FileId, Kernel};
use super::plan::{Fault, Faults, Plan};
use super::poll::names;
use std::net::{Shutdown, SocketAddr};

const SECOND: u64 = 1_000_000_000;

/// Two hosts, `a` and `b`.
struct Net {
    kernel: Kernel,
}

const A: HostId = 0;
const B: HostId = 1;

impl Net {
    fn new(faults: Faults) -> Net {
        let plan = Plan { faults, ..Plan::default() };
        let mut kernel = Kernel::new(7, plan);
        for name in ["a", "b"] {
            kernel.add_host(name);
        }
        Net { kernel }
    }

    fn on<R>(&mut self, host: HostId, f: impl FnOnce(&mut Kernel) -> R) -> R {
        self.kernel.current = Some(host);
        let result = f(&mut self.kernel);
        self.kernel.current = None;
        result
    }

    fn pass(&mut self, time: u64) {
        self.kernel.advance(self.kernel.now + time);
    }

    fn address(&self, host: HostId, port: u16) -> SocketAddr {
        (self.kernel.hosts[usize::from(host)].address, port).into()
    }

    fn listener(&mut self, host: HostId, port: u16, backlog: u32) -> FileId {
        let address = self.address(host, port);
        self.on(host, |kernel| {
            let file = kernel.tcp_open(false).unwrap();
            kernel.tcp_bind(file, address).unwrap();
            kernel.tcp_listen(file, backlog).unwrap();
            file
        })
    }

    fn connecting(&mut self, from: HostId, to: SocketAddr) -> FileId {
        self.on(from, |kernel| {
            let file = kernel.tcp_open(false).unwrap();
            let _ = kernel.tcp_connect(file, to).unwrap();
            file
        })
    }

    /// A connection from `a` to `b`: the end at `a`, the end at `b`.
    fn connection(&mut self) -> (FileId, FileId) {
        let listener = self.listener(B, 80, 8);
        let client = self.connecting(A, self.address(B, 80));
        self.pass(SECOND);
        let (server, _) = self.on(B, |kernel| kernel.tcp_accept(listener)).unwrap();
        (client, server)
    }

    fn cut(&mut self, is_cut: bool) {
        for link in [(A, B), (B, A)] {
            self.kernel.links.entry(link).or_default().is_cut = is_cut;
        }
    }

    fn state(&self, file: FileId) -> String {
        names(self.kernel.state(file))
    }

    fn error(&mut self, file: FileId) -> i32 {
        self.kernel.tcp_error(file).unwrap()
    }

    fn send(&mut self, file: FileId, bytes: &[u8]) -> Result<usize, i32> {
        self.kernel.tcp_send(file, bytes, false)
    }

    fn recv(&mut self, file: FileId) -> Result<Vec<u8>, i32> {
        self.kernel.tcp_recv(file, usize::MAX >> 1, false)
    }

    /// Receives all queued bytes.
    fn recv_all(&mut self, file: FileId) -> Vec<u8> {
        let mut all = Vec::new();
        while let Ok(bytes) = self.recv(file) {
            if bytes.is_empty() {
                break;
            }
            all.extend(bytes);
        }
        all
    }
}

#[test]
fn a_syn_that_nobody_answers_is_given_up_after_127_seconds() {
    let mut net = Net::new(Faults::none());
    let _listener = net.listener(B, 80, 8);
    net.cut(true);
    let to = net.address(B, 80);
    let client = net.connecting(A, to);
    net.pass(126 * SECOND);
    assert_eq!((net.state(client).as_str(), net.error(client)), ("nothing", 0));
    net.pass(2 * SECOND);
    assert_eq!(net.state(client), "IN|OUT|ERR|HUP|RDHUP");
    assert_eq!(net.error(client), libc::ETIMEDOUT);
}

#[test]
fn a_syn_that_was_lost_is_sent_again_after_one_second_and_then_three() {
    for (heals, done) in [(SECOND / 2, 2 * SECOND), (2 * SECOND, 4 * SECOND)] {
        let mut net = Net::new(Faults::none());
        let _listener = net.listener(B, 80, 8);
        net.cut(true);
        let to = net.address(B, 80);
        let client = net.connecting(A, to);
        net.pass(heals);
        net.cut(false);
        net.pass(done - heals - SECOND + SECOND / 10);
        assert_eq!(net.state(client), "OUT", "{heals}");
    }
}

#[test]
fn a_full_backlog_answers_no_syn_until_there_is_room() {
    let mut net = Net::new(Faults::none());
    let listener = net.listener(B, 80, 0);
    let to = net.address(B, 80);
    let clients = [net.connecting(A, to), net.connecting(A, to)];
    net.pass(SECOND / 2);
    let second = net.connecting(A, to);
    net.pass(SECOND / 2);
    assert_eq!(clients.map(|client| net.state(client)), ["OUT", "OUT"]);
    assert_eq!(net.state(second), "nothing");
    for _ in &clients {
        net.on(B, |kernel| kernel.tcp_accept(listener)).unwrap();
    }
    net.pass(SECOND);
    assert_eq!(net.state(second), "OUT");
}

#[test]
fn what_a_cut_link_holds_up_arrives_in_order_when_it_is_healed() {
    let mut net = Net::new(Faults::none());
    let (client, server) = net.connection();
    net.send(client, b"before ").unwrap();
    net.pass(SECOND);
    net.cut(true);
    net.send(client, b"one ").unwrap();
    net.send(client, b"two ").unwrap();
    net.pass(60 * SECOND);
    assert_eq!(net.recv_all(server), b"before ");
    net.cut(false);
    net.send(client, b"three").unwrap();
    net.pass(130 * SECOND); // the longest time between two attempts is two minutes
    assert_eq!(net.recv_all(server), b"one two three");
    assert_eq!(net.error(client), 0);
}

#[test]
fn a_sender_gives_up_after_a_quarter_of_an_hour() {
    let mut net = Net::new(Faults::none());
    let (client, server) = net.connection();
    net.cut(true);
    net.send(client, b"x").unwrap();
    net.pass(924 * SECOND);
    assert_eq!((net.state(client).as_str(), net.error(client)), ("OUT", 0));
    net.pass(130 * SECOND);
    assert_eq!(net.state(client), "IN|OUT|ERR|HUP|RDHUP");
    assert_eq!(net.error(client), libc::ETIMEDOUT);
    assert_eq!(net.state(server), "OUT", "which has heard nothing and asks nothing");
}

#[test]
fn a_sender_to_a_host_that_came_up_again_is_reset() {
    let mut net = Net::new(Faults::none());
    let (client, _server) = net.connection();
    net.kernel.crash(B);
    net.pass(SECOND);
    assert_eq!(net.state(client), "OUT", "nobody said goodbye");
    net.send(client, b"hello?").unwrap();
    net.pass(SECOND);
    assert_eq!(net.state(client), "OUT");
    net.kernel.hosts[usize::from(B)].up = true;
    net.pass(130 * SECOND);
    assert_eq!(net.state(client), "IN|OUT|ERR|HUP|RDHUP");
    assert_eq!(net.error(client), libc::ECONNRESET);
}

#[test]
fn segments_arrive_in_order_though_each_takes_its_own_time() {
    for faults in [Faults::none(), Faults::all().without(Fault::Reset).without(Fault::Urgent)] {
        let mut net = Net::new(
            faults.without(Fault::NoDescriptors).without(Fault::NoMemory).without(Fault::AbortedAccept),
        );
        let (client, server) = net.connection();
        let sent: Vec<u8> = (0..200_000u32).map(|n| ((n * 31) >> 3) as u8).collect();
        let (mut at, mut received) = (0, Vec::new());
        while received.len() < sent.len() {
            at += net.send(client, &sent[at..(at + 3_000).min(sent.len())]).unwrap_or(0);
            net.pass(SECOND / 1000);
            received.extend(net.recv_all(server));
        }
        assert!(received == sent, "what comes out is what went in");
    }
}

#[test]
fn a_reset_does_not_overtake_what_is_on_its_way() {
    let mut net = Net::new(Faults::none());
    let (client, server) = net.connection();
    net.send(client, b"last words").unwrap();
    net.kernel.set_option(client, libc::SOL_SOCKET, libc::SO_LINGER, &[1, 0]).unwrap();
    net.kernel.tcp_close(client);
    net.pass(SECOND);
    assert_eq!(net.recv(server), Ok(b"last words".to_vec()));
    assert_eq!(net.recv(server), Err(libc::ECONNRESET));
    assert!(net.kernel.file(client).is_none());
}

#[test]
fn a_socket_that_is_closed_sends_what_the_reader_had_no_room_for() {
    let mut net = Net::new(Faults::none());
    let (client, server) = net.connection();
    let mut sent = 0;
    while let Ok(n) = net.send(client, &[b'x'; 10_000]) {
        sent += n;
        net.pass(SECOND / 100);
    }
    // Both sides have shut down before the last descriptor closes.
    net.kernel.tcp_shutdown(client, std::net::Shutdown::Write).unwrap();
    net.kernel.tcp_shutdown(server, std::net::Shutdown::Write).unwrap();
    net.pass(SECOND);
    net.kernel.tcp_close(client);
    let mut received = 0;
    for _ in 0..10 {
        received += net.recv_all(server).len();
        net.pass(SECOND);
    }
    assert_eq!(received, sent);
    assert!(net.kernel.file(client).is_none(), "and then it is gone");
}

#[test]
fn datagrams_are_lost_and_doubled_as_the_faults_say_and_only_between_hosts() {
    let count = |faults, from| {
        let mut net = Net::new(faults);
        let to = net.address(B, 53);
        let receiver = net.on(B, |kernel| {
            let file = kernel.udp_open(false).unwrap();
            kernel.udp_bind(file, to).unwrap();
            file
        });
        net.on(from, |kernel| {
            let file = kernel.udp_open(false).unwrap();
            (0..10).for_each(|_| assert_eq!(kernel.udp_send(file, b"x", Some(to)), Ok(1)));
        });
        net.pass(SECOND);
        std::iter::from_fn(|| net.kernel.udp_recv(receiver, 9, false).ok()).count()
    };
    assert_eq!(count(Faults::none(), A), 10);
    assert_eq!(count(Faults::none().with(Fault::DatagramLoss, 1.0), A), 0);
    assert_eq!(count(Faults::none().with(Fault::DatagramDuplicate, 1.0), A), 20);
    assert_eq!(count(Faults::none().with(Fault::DatagramLoss, 1.0), B), 10);
    let some = count(Faults::none().with(Fault::DatagramLoss, 0.5), A);
    assert!((1..10).contains(&some), "{some}");
}

#[test]
fn a_datagram_that_finds_no_room_is_dropped() {
    let mut net = Net::new(Faults::none());
    let to = net.address(B, 53);
    let receiver = net.on(B, |kernel| {
        let file = kernel.udp_open(false).unwrap();
        kernel.udp_bind(file, to).unwrap();
        file
    });
    net.on(A, |kernel| {
        let file = kernel.udp_open(false).unwrap();
        (0..3).for_each(|_| assert_eq!(kernel.udp_send(file, &[0; 30_000], Some(to)), Ok(30_000)));
    });
    net.pass(SECOND);
    let received = std::iter::from_fn(|| net.kernel.udp_recv(receiver, 9, false).ok()).count();
    assert_eq!(received, 2, "of 64 KiB");
}

#[test]
fn a_clock_that_drifts_says_another_time_and_waits_for_its_own() {
    let mut host = super::host::Host::new("a", 0, 0);
    let start = host.clock(0);
    for (drift, after_an_hour) in [(0, 3600), (1_000, 3603), (-1_000, 3596)] {
        host.clock_drift = drift;
        assert_eq!((host.clock(3600 * SECOND) - start) / SECOND, after_an_hour);
    }
    host.clock_drift = 1_000;
    let true_seconds = host.deadline(0, 1001 * SECOND) / SECOND;
    assert_eq!(true_seconds, 1000, "a fast clock is there sooner");
}

#[test]
fn bytes_that_are_changed_or_lost_on_the_way_are_a_violation_that_says_where() {
    for (kept, violation) in [
        (2, "has read, from byte 2 on, other bytes than were sent"),
        (1, "is at its end, and 1 bytes that were sent did not come out"),
    ] {
        let mut net = Net::new(Faults::none());
        let (client, server) = net.connection();
        for bytes in [b"ab", b"cd"] {
            net.on(A, |kernel| kernel.tcp_send(client, bytes, false)).unwrap();
        }
        net.pass(SECOND);
        assert_eq!(net.on(B, |kernel| kernel.tcp_recv(server, 2, false)).unwrap(), b"ab");
        assert_eq!(net.kernel.violation, None);
        let Some(Object::Tcp(tcp)) = net.kernel.files[server as usize].as_mut().map(|file| &mut file.object)
        else {
            panic!("a connection");
        };
        tcp.received.truncate(kept);
        tcp.received.get_mut(1).into_iter().for_each(|byte| *byte ^= 1);
        net.on(A, |kernel| kernel.tcp_shutdown(client, Shutdown::Write)).unwrap();
        net.pass(SECOND);
        let _ = net.recv_all(server);
        let said = net.kernel.violation.take().unwrap();
        assert!(said.ends_with(violation), "{said}");
    }
}

#[test]
fn an_urgent_byte_is_not_counted_among_those_that_are_unread() {
    let mut net = Net::new(Faults::none());
    let (client, server) = net.connection();
    net.send(client, b"AAA").unwrap();
    net.on(A, |kernel| kernel.tcp_send(client, b"!", true)).unwrap();
    net.pass(SECOND);
    assert_eq!(net.kernel.untaken(server).as_deref(), Some("3 bytes are unread"), "it is behind them");
    assert_eq!(net.on(B, |kernel| kernel.tcp_recv(server, 9, false)).unwrap(), b"AAA");
    assert_eq!(net.kernel.untaken(server), None, "it is next");
    net.send(client, b"B").unwrap();
    net.pass(SECOND);
    assert_eq!(net.kernel.untaken(server).as_deref(), Some("1 byte is unread"));
}

#[test]
fn an_urgent_byte_that_another_one_makes_plain_is_one_of_those_that_were_sent() {
    // Without room at the reader the bytes wait where they were sent from.
    for receive_buffer in [64, 1] {
        let mut net = Net::new(Faults::none());
        net.kernel.plan.receive_buffer = receive_buffer;
        let (client, server) = net.connection();
        let urgent = |net: &mut Net, bytes: &[u8]| {
            net.on(A, |kernel| kernel.tcp_send(client, bytes, true)).unwrap();
        };
        net.send(client, b"A").unwrap();
        net.pass(SECOND);
        urgent(&mut net, b"B!");
        urgent(&mut net, b"C?");
        net.send(client, b"D").unwrap();
        net.on(A, |kernel| kernel.tcp_shutdown(client, Shutdown::Write)).unwrap();
        let mut read = Vec::new();
        for _ in 0..9 {
            net.pass(SECOND);
            read.extend(net.on(B, |kernel| kernel.tcp_recv(server, 9, false)).unwrap_or_default());
        }
        assert_eq!((read.as_slice(), &net.kernel.violation), (&b"AB!CD"[..], &None));
    }
}
