//! Every option of egret's sockets, set in a simulated host. The list is compared with `methods.txt`: an option that is
//! not called here fails the test, and so does one that the simulation does not keep.

use super::with_answer;
use crate::outside::alone;
use egret::net::udp::Builder;
use egret::net::{TcpListener, TcpSocket, TcpStream, UdpSocket, UnixDatagram, UnixSeqpacket, UnixStream};
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// The names of the options that were set or read.
#[derive(Default)]
struct Called(BTreeSet<String>);

impl Called {
    #[track_caller]
    fn set(&mut self, name: &str, result: io::Result<()>) {
        result.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(self.0.insert(name.to_owned()), "{name} is called twice");
    }

    /// Reads back what was set.
    #[track_caller]
    fn get<T: Debug + PartialEq>(&mut self, name: &str, result: io::Result<T>, expected: T) {
        let value = result.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(value, expected, "{name}");
        assert!(self.0.insert(name.to_owned()), "{name} is called twice");
    }
}

/// `both!(called, socket, "net::TcpStream", nodelay / set_nodelay = true)`: sets an option and reads it back, as it is or as
/// what follows the arrow.
macro_rules! both {
    ($called:expr, $socket:expr, $of:literal, $($get:ident / $set:ident = $value:expr $(=> $read:expr)?;)*) => {
        $(
            let value = $value;
            $called.set(concat!($of, "::", stringify!($set)), $socket.$set(value));
            #[allow(unused_variables)]
            let expected = value;
            $(let expected = $read;)?
            $called.get(concat!($of, "::", stringify!($get)), $socket.$get(), expected);
        )*
    };
}

fn tcp_sockets(called: &mut Called) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    both!(called, socket, "net::TcpSocket",
        reuseaddr / set_reuseaddr = true;
        reuseport / set_reuseport = true;
        send_buffer_size / set_send_buffer_size = 32 << 10 => 64 << 10;
        recv_buffer_size / set_recv_buffer_size = 32 << 10 => 64 << 10;
        keepalive / set_keepalive = true;
        keepalive_time / set_keepalive_time = 60 * SECOND;
        keepalive_interval / set_keepalive_interval = 10 * SECOND;
        keepalive_retries / set_keepalive_retries = 3;
        nodelay / set_nodelay = true;
        notsent_lowat / set_notsent_lowat = 16 << 10;
        user_timeout / set_user_timeout = Some(30 * SECOND);
        recv_lowat / set_recv_lowat = 1;
        linger / set_linger = Some(SECOND);
        tos_v4 / set_tos_v4 = 0x10;
        tos / set_tos = 0x08;
        fastopen / set_fastopen = 16;
        defer_accept / set_defer_accept = 5 * SECOND => 7 * SECOND;
        incoming_cpu / set_incoming_cpu = 0 => Some(0);
        mark / set_mark = 7;
    );
    called.set("net::TcpSocket::set_zero_linger", socket.set_zero_linger());
    called.set("net::TcpSocket::bind_device", socket.bind_device(Some(b"eth0")));
    called.get("net::TcpSocket::device", socket.device(), Some(b"eth0".to_vec()));
    let v6 = TcpSocket::new_v6()?;
    both!(called, v6, "net::TcpSocket",
        only_v6 / set_only_v6 = true;
        tclass_v6 / set_tclass_v6 = 0x20;
    );
    Ok(())
}

async fn tcp_streams(called: &mut Called) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:7").await?;
    both!(called, listener, "net::TcpListener", ttl / set_ttl = 9;);
    let stream = TcpStream::connect("127.0.0.1:7").await?;
    both!(called, stream, "net::TcpStream",
        nodelay / set_nodelay = true;
        notsent_lowat / set_notsent_lowat = 16 << 10;
        user_timeout / set_user_timeout = Some(30 * SECOND);
        recv_lowat / set_recv_lowat = 1;
        quickack / set_quickack = true;
        linger / set_linger = Some(SECOND);
        ttl / set_ttl = 9;
    );
    called.set("net::TcpStream::set_zero_linger", stream.set_zero_linger());
    Ok(())
}

async fn udp(called: &mut Called) -> io::Result<()> {
    let builder = Builder::new().set_reuseaddr(true).set_reuseport(true);
    let builder = builder.bind_device(b"eth0").recv_buffer_size(32 << 10);
    let socket = builder.bind("0.0.0.0:53").await?;
    Builder::new().only_v6(true).bind("[::]:55").await?;
    for name in ["set_reuseaddr", "set_reuseport", "bind_device", "recv_buffer_size", "only_v6"] {
        called.set(&format!("net::udp::Builder::{name}"), Ok(()));
    }
    both!(called, socket, "net::UdpSocket",
        broadcast / set_broadcast = true;
        multicast_loop_v4 / set_multicast_loop_v4 = false;
        multicast_ttl_v4 / set_multicast_ttl_v4 = 3;
        gro / set_gro = true;
        ttl / set_ttl = 9;
        tos_v4 / set_tos_v4 = 0x10;
        tos / set_tos = 0x08;
        send_buffer_size / set_send_buffer_size = 32 << 10 => 64 << 10;
        recv_buffer_size / set_recv_buffer_size = 32 << 10 => 64 << 10;
        incoming_cpu / set_incoming_cpu = 0 => Some(0);
        mark / set_mark = 7;
    );
    called.set("net::UdpSocket::set_recv_info", socket.set_recv_info(true));
    called.set("net::UdpSocket::set_multicast_if_v4", socket.set_multicast_if_v4(Ipv4Addr::LOCALHOST));
    called.get("net::UdpSocket::device", socket.device(), Some(b"eth0".to_vec()));
    called.set("net::UdpSocket::bind_device", socket.bind_device(None));
    let v6 = UdpSocket::bind("[::]:54").await?;
    both!(called, v6, "net::UdpSocket",
        multicast_loop_v6 / set_multicast_loop_v6 = false;
        multicast_hops_v6 / set_multicast_hops_v6 = 3;
        tclass_v6 / set_tclass_v6 = 0x20;
    );
    called.get("net::UdpSocket::only_v6", v6.only_v6(), false);
    called.set("net::UdpSocket::set_multicast_if_v6", v6.set_multicast_if_v6(0));
    Ok(())
}

fn unix(called: &mut Called) -> io::Result<()> {
    let (stream, _other) = UnixStream::pair()?;
    both!(called, stream, "net::UnixStream", passcred / set_passcred = true;);
    let (datagram, _other) = UnixDatagram::pair()?;
    both!(called, datagram, "net::UnixDatagram", passcred / set_passcred = true;);
    let (packets, _other) = UnixSeqpacket::pair()?;
    both!(called, packets, "net::UnixSeqpacket", passcred / set_passcred = true;);
    Ok(())
}

#[test]
fn every_option_of_every_socket_is_set_and_read_in_a_simulated_host() {
    alone(async {
        let mut called = Called::default();
        tcp_sockets(&mut called).unwrap();
        tcp_streams(&mut called).await.unwrap();
        udp(&mut called).await.unwrap();
        unix(&mut called).unwrap();
        let expected = with_answer("option");
        let differ: Vec<_> = expected.symmetric_difference(&called.0).collect();
        assert!(
            differ.is_empty(),
            "called here or an option in tests/sim/methods.txt, and not both: {differ:#?}"
        );
    });
}
