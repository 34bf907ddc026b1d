//! Reads and receives that append to a buffer.

#![allow(missing_docs)]

use crate::sockets_common::{name, run};
use egret_net::unix::pipe;
use egret_net::{TcpListener, TcpStream, UdpSocket, UnixDatagram};
use std::io::ErrorKind;

#[test]
fn a_stream_appends_what_there_is_room_for_and_0_at_its_end() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let mut buf = Vec::with_capacity(8);
        let (room, before) = (buf.capacity(), b"> ");
        buf.extend_from_slice(before);
        let nothing = server.try_read_buf(&mut buf).unwrap_err();
        assert_eq!((nothing.kind(), &buf[..]), (ErrorKind::WouldBlock, &before[..]));
        client.write_all(&[b'x'; 100]).await.unwrap();
        assert_eq!(server.read_buf(&mut buf).await.unwrap(), room - 2);
        assert_eq!((buf.len(), buf.capacity()), (room, room));
        // Full: it grows.
        server.readable().await.unwrap();
        assert_eq!(server.try_read_buf(&mut buf).unwrap(), buf.len() - room);
        client.shutdown().await.unwrap();
        let (mut reader, _writer) = server.into_split();
        while reader.read_buf(&mut buf).await.unwrap() != 0 {}
        assert_eq!(buf.len(), 102);
        assert!(buf.starts_with(b"> xx") && buf.ends_with(b"xx"));
        assert_eq!(reader.try_read_buf(&mut buf).unwrap(), 0);
    });
}

#[test]
fn a_pipe_appends_what_there_is_room_for_and_0_without_a_writer() {
    run(async {
        let (mut sender, mut receiver) = pipe::pipe().unwrap();
        let mut buf = b"> ".to_vec();
        sender.write_all(b"ping").await.unwrap();
        assert_eq!(receiver.read_buf(&mut buf).await.unwrap(), 4);
        assert_eq!(receiver.try_read_buf(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        sender.write_all(b"pong").await.unwrap();
        receiver.readable().await.unwrap();
        assert_eq!(receiver.try_read_buf(&mut buf).unwrap(), 4);
        drop(sender);
        assert_eq!(receiver.read_buf(&mut buf).await.unwrap(), 0);
        assert_eq!(buf, b"> pingpong");
    });
}

// A datagram longer than the room is cut, and the memory behind what came is not touched.
#[test]
fn a_datagram_is_appended_with_its_sender_and_cut_at_the_room() {
    run(async {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        client.connect(server.local_addr().unwrap()).await.unwrap();
        let from = client.local_addr().unwrap();
        let mut buf = Vec::with_capacity(64);
        assert_eq!(server.try_recv_buf(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(server.try_recv_buf_from(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        for data in [&b"one"[..], b"two", b"three", b"", &[b'x'; 200]] {
            client.send(data).await.unwrap();
        }
        assert_eq!(server.recv_buf(&mut buf).await.unwrap(), 3);
        assert_eq!(server.recv_buf_from(&mut buf).await.unwrap(), (3, from));
        assert_eq!(server.try_recv_buf(&mut buf).unwrap(), 5);
        assert_eq!(server.try_recv_buf_from(&mut buf).unwrap(), (0, from));
        assert_eq!(buf, b"onetwothree");
        let room = buf.capacity() - buf.len();
        assert_eq!(server.recv_buf_from(&mut buf).await.unwrap(), (room, from));
        assert_eq!(buf.len(), buf.capacity());
    });
}

#[test]
fn a_unix_datagram_is_appended_with_its_sender() {
    run(async {
        let name = name();
        let server = UnixDatagram::bind(&name).unwrap();
        let client = UnixDatagram::bind_unique().unwrap();
        let mut buf = Vec::with_capacity(64);
        assert_eq!(server.try_recv_buf(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        for data in [b"one", b"two", b"six", b"ten"] {
            client.send_to(data, &name).await.unwrap();
        }
        assert_eq!(server.recv_buf(&mut buf).await.unwrap(), 3);
        let (n, from) = server.recv_buf_from(&mut buf).await.unwrap();
        assert_eq!((n, from), (3, client.local_addr().unwrap()));
        assert_eq!(server.try_recv_buf(&mut buf).unwrap(), 3);
        let (n, from) = server.try_recv_buf_from(&mut buf).unwrap();
        assert_eq!((n, from), (3, client.local_addr().unwrap()));
        assert_eq!(buf, b"onetwosixten");
        assert_eq!(server.try_recv_buf_from(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}
