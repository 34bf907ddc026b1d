//! What a simulated host has, and what is refused because it has it not: options, batches, descriptors and processes.

use egret::io::AsyncFd;
use egret::net::{TcpListener, TcpSocket, TcpStream, UdpSocket, UnixListener};
use egret::sim::Sim;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Runs the client of one host.
pub fn alone(main: impl Future<Output = ()> + 'static) {
    let sim = Sim::new(1);
    let host = sim.host("alone");
    host.install("wait", |_| std::future::pending());
    host.client(main);
    sim.run();
}

/// The message of a refusal, which names what is not simulated.
#[track_caller]
pub fn refusal<T>(result: io::Result<T>) -> String {
    let Err(error) = result else { panic!("it is not refused") };
    assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{error}");
    error.to_string()
}

const SECOND: Duration = Duration::from_secs(1);

/// Every option of a TCP socket that egret has.
fn all_options(socket: &TcpSocket) -> io::Result<()> {
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.set_send_buffer_size(32 << 10)?;
    socket.set_recv_buffer_size(32 << 10)?;
    socket.set_keepalive(true)?;
    socket.set_keepalive_time(60 * SECOND)?;
    socket.set_keepalive_interval(10 * SECOND)?;
    socket.set_keepalive_retries(3)?;
    socket.set_nodelay(true)?;
    socket.set_notsent_lowat(16 << 10)?;
    socket.set_user_timeout(Some(30 * SECOND))?;
    socket.set_recv_lowat(1)?;
    socket.set_linger(Some(SECOND))?;
    socket.set_tos_v4(0x10)?;
    socket.set_fastopen(16)?;
    socket.set_defer_accept(5 * SECOND)?;
    socket.set_incoming_cpu(0)?;
    socket.set_mark(7)?;
    socket.bind_device(Some(b"eth0"))
}

#[test]
fn a_server_with_every_option_that_egret_has_is_simulated() {
    let sim = Sim::new(1);
    let server = sim.host("server");
    server.server(|| async {
        let socket = TcpSocket::new_v4().unwrap();
        all_options(&socket).unwrap();
        socket.bind("0.0.0.0:7".parse().unwrap()).unwrap();
        let listener = socket.listen(16).unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        // The listener's.
        assert!(stream.nodelay().unwrap());
        assert_eq!(stream.linger().unwrap(), Some(SECOND));
        stream.set_quickack(true).unwrap();
        assert!(stream.quickack().unwrap());
        stream.set_ttl(9).unwrap();
        assert_eq!(stream.ttl().unwrap(), 9);
        stream.write_all(b"hello").await.unwrap();
    });
    let address = server.port(7);
    sim.host("client").client(async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut hello = [0; 5];
        stream.read_exact(&mut hello).await.unwrap();
        assert_eq!(&hello, b"hello");
    });
    sim.run();
}

#[test]
fn an_option_is_read_back_as_it_was_set() {
    alone(async {
        let socket = TcpSocket::new_v4().unwrap();
        all_options(&socket).unwrap();
        assert_eq!(socket.keepalive_time().unwrap(), 60 * SECOND);
        assert_eq!(socket.keepalive_retries().unwrap(), 3);
        assert_eq!(socket.user_timeout().unwrap(), Some(30 * SECOND));
        assert_eq!(socket.defer_accept().unwrap(), 7 * SECOND, "1 + 2 + 4 of three retransmissions");
        assert_eq!(socket.send_buffer_size().unwrap(), 64 << 10);
        assert_eq!(socket.device().unwrap().as_deref(), Some(&b"eth0"[..]));
        assert_eq!(socket.mark().unwrap(), 7);
        let none = socket.bind_device(Some(b"eth9")).unwrap_err();
        assert_eq!(none.raw_os_error(), Some(libc::ENODEV));
        let v6 = TcpSocket::new_v6().unwrap();
        v6.set_only_v6(true).unwrap();
        v6.set_tclass_v6(0x20).unwrap();
        assert!(v6.only_v6().unwrap());

        let socket = UdpSocket::bind("0.0.0.0:53").await.unwrap();
        socket.set_broadcast(true).unwrap();
        socket.set_multicast_ttl_v4(3).unwrap();
        socket.set_multicast_loop_v4(false).unwrap();
        socket.set_gro(true).unwrap();
        socket.set_recv_info(true).unwrap();
        socket.set_ttl(9).unwrap();
        socket.set_mark(7).unwrap();
        let flags = (socket.broadcast().unwrap(), socket.multicast_loop_v4().unwrap(), socket.gro().unwrap());
        assert_eq!(flags, (true, false, true));
        assert_eq!((socket.multicast_ttl_v4().unwrap(), socket.ttl().unwrap()), (3, 9));
        let refused = refusal(socket.join_multicast_v6(&"ff02::fb".parse().unwrap(), 0));
        assert_eq!(refused, "IPV6_ADD_MEMBERSHIP is not simulated; docs/sim.md lists the calls that are");
    });
}

#[test]
fn batches_of_datagrams_and_segments_arrive_one_by_one() {
    alone(async {
        let receiver = UdpSocket::bind("127.0.0.1:53").await.unwrap();
        let sender = UdpSocket::bind("127.0.0.1:54").await.unwrap();
        let to: SocketAddr = "127.0.0.1:53".parse().unwrap();
        let datagrams: [(&[u8], _); 2] = [(b"one", Some(to)), (b"second", Some(to))];
        assert_eq!(sender.try_send_many(&datagrams).unwrap(), 2);
        let none: [(&[u8], _); 1] = [(b"three", None)];
        let refused = sender.try_send_many(&none).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EDESTADDRREQ));
        sender.send_segments(b"abcabcab", 3, Some(to)).await.unwrap();
        egret::time::sleep(SECOND).await;
        let mut batch = egret::net::udp::RecvBatch::new(4, 4);
        let mut got = Vec::new();
        while let Ok(received) = receiver.try_recv_many(&mut batch) {
            assert_ne!(received, 0);
            got.extend(batch.iter().map(|datagram| (datagram.data.to_vec(), datagram.truncated)));
        }
        got.sort();
        let want: [(&[u8], bool); 5] =
            [(b"ab", false), (b"abc", false), (b"abc", false), (b"one", false), (b"seco", true)];
        assert!(got.iter().map(|(bytes, cut)| (&bytes[..], *cut)).eq(want), "{got:?}");
    });
}

#[test]
fn a_real_descriptor_is_refused_with_a_word() {
    alone(async {
        let real = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(real.local_addr().unwrap()).unwrap();
        let (mine, other) = std::os::unix::net::UnixStream::pair().unwrap();
        let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let refusals = [
            refusal(TcpStream::from_std(client)),
            refusal(TcpListener::from_std(real)),
            refusal(UdpSocket::from_std(datagrams)),
            refusal(egret::net::UnixStream::from_std(mine)),
            refusal(AsyncFd::new(other)),
        ];
        for refused in refusals {
            assert!(refused.contains("is a real one, and to wait for it is not simulated"), "{refused}");
        }
    });
}

#[test]
fn no_real_program_is_run() {
    alone(async {
        let error = egret::process::Command::new("true").spawn().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    });
}

#[test]
fn a_host_has_its_own_limit_and_one_processor() {
    let sim = Sim::new(1);
    let host = sim.host("alone");
    host.descriptor_limit(100);
    host.client(async {
        assert_eq!(egret::service::raise_open_files().unwrap(), 100..=100);
        let listener = UnixListener::bind("/tmp/socket").unwrap();
        // A simulated descriptor that leaves egret and comes back is still simulated.
        let listener = UnixListener::from_std(listener.into_std().unwrap());
        assert!(listener.is_ok(), "{listener:?}");
    });
    sim.run();
}
