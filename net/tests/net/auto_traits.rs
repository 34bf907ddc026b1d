//! What is `Send`: a socket belongs to its loop, an error does not.

use egret_net::tcp::{Incoming, OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use egret_net::udp::RecvBatch;
use egret_net::unix::{self, RecvAncillary};
use egret_net::{
    TcpListener, TcpSocket, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixSeqpacket,
    UnixSeqpacketListener, UnixSocket, UnixStream,
};

/// `IsSend::<T>::VALUE`: an inherent constant, where its bound holds, hides the trait's.
struct IsSend<T>(std::marker::PhantomData<T>);
trait NotSend {
    const VALUE: bool = false;
}
impl<T> NotSend for IsSend<T> {}
impl<T: Send> IsSend<T> {
    const VALUE: bool = true;
}

// A socket that is moved to another thread would be woken on this one.
const _: () = assert!(!IsSend::<TcpListener>::VALUE);
const _: () = assert!(!IsSend::<TcpStream>::VALUE);
const _: () = assert!(!IsSend::<ReadHalf<'static>>::VALUE);
const _: () = assert!(!IsSend::<WriteHalf<'static>>::VALUE);
const _: () = assert!(!IsSend::<OwnedReadHalf>::VALUE);
const _: () = assert!(!IsSend::<OwnedWriteHalf>::VALUE);
const _: () = assert!(!IsSend::<Incoming<'static>>::VALUE);
const _: () = assert!(!IsSend::<UdpSocket>::VALUE);
const _: () = assert!(!IsSend::<UnixDatagram>::VALUE);
const _: () = assert!(!IsSend::<UnixListener>::VALUE);
const _: () = assert!(!IsSend::<UnixSeqpacket>::VALUE);
const _: () = assert!(!IsSend::<UnixSeqpacketListener>::VALUE);
const _: () = assert!(!IsSend::<UnixStream>::VALUE);
const _: () = assert!(!IsSend::<unix::ReadHalf<'static>>::VALUE);
const _: () = assert!(!IsSend::<unix::WriteHalf<'static>>::VALUE);
const _: () = assert!(!IsSend::<unix::OwnedReadHalf>::VALUE);
const _: () = assert!(!IsSend::<unix::OwnedWriteHalf>::VALUE);
// A socket that is not registered yet belongs to no loop; neither do memory and addresses.
const _: () = assert!(IsSend::<TcpSocket>::VALUE);
const _: () = assert!(IsSend::<UnixSocket>::VALUE);
const _: () = assert!(IsSend::<RecvBatch>::VALUE);
const _: () = assert!(IsSend::<RecvAncillary>::VALUE);
const _: () = assert!(IsSend::<unix::SocketAddr>::VALUE);

// A borrowed half may be reborrowed for a shorter lifetime.
const _: for<'a> fn(ReadHalf<'static>, &'a ()) -> ReadHalf<'a> = |half, _| half;
const _: for<'a> fn(unix::WriteHalf<'static>, &'a ()) -> unix::WriteHalf<'a> = |half, _| half;

fn assert_unpin<T: Unpin>() {}

#[test]
fn sockets_can_be_moved_about_within_their_thread() {
    assert_unpin::<TcpListener>();
    assert_unpin::<TcpStream>();
    assert_unpin::<OwnedReadHalf>();
    assert_unpin::<OwnedWriteHalf>();
    assert_unpin::<ReadHalf<'static>>();
    assert_unpin::<unix::WriteHalf<'static>>();
    assert_unpin::<unix::OwnedWriteHalf>();
    assert_unpin::<Incoming<'static>>();
}
