//! The sockets may be carried over `catch_unwind`, as tokio's may.

use egret::net::{TcpListener, TcpSocket, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use std::panic::{RefUnwindSafe, UnwindSafe};

const fn may_be_carried<T: UnwindSafe + RefUnwindSafe>() {}

const _: () = {
    may_be_carried::<TcpListener>();
    may_be_carried::<TcpSocket>();
    may_be_carried::<TcpStream>();
    may_be_carried::<UdpSocket>();
    may_be_carried::<UnixDatagram>();
    may_be_carried::<UnixListener>();
    may_be_carried::<UnixStream>();
};
