//! `ready` of every socket and pipe, and custom operations for a set.

#![allow(missing_docs)]

use crate::sockets_common::{next_turn, run, settle};
use egret_net::unix::pipe;
use egret_net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixStream};
use egret_runtime::io::{Interest, Ready};
use egret_runtime::runtime::Runtime;
use std::cell::Cell;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

fn is_pending<F: Future>(future: F) -> bool {
    pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

#[test]
fn every_socket_and_pipe_is_ready_for_the_part_of_a_set_that_is_reported() {
    run(async {
        let (mut client, server) = tcp_pair().await;
        assert_eq!(server.ready(BOTH).await.unwrap(), Ready::WRITABLE);
        client.write_all(b"x").await.unwrap();
        assert_eq!(server.ready(Interest::READABLE).await.unwrap(), Ready::READABLE);
        assert_eq!(server.ready(BOTH).await.unwrap(), Ready::READABLE | Ready::WRITABLE);
        let (reader, writer) = server.into_split();
        assert_eq!(reader.ready(BOTH).await.unwrap(), Ready::READABLE | Ready::WRITABLE);
        assert_eq!(writer.ready(Interest::WRITABLE).await.unwrap(), Ready::WRITABLE);

        let (mut one, mut other) = UnixStream::pair().unwrap();
        let (reader, writer) = other.split();
        assert_eq!(writer.ready(BOTH).await.unwrap(), Ready::WRITABLE);
        one.write_all(b"x").await.unwrap();
        assert_eq!(reader.ready(Interest::READABLE).await.unwrap(), Ready::READABLE);

        let (ours, theirs) = UnixDatagram::pair().unwrap();
        assert_eq!(ours.ready(BOTH).await.unwrap(), Ready::WRITABLE);
        ours.send(b"x").await.unwrap();
        assert_eq!(theirs.ready(Interest::READABLE).await.unwrap(), Ready::READABLE);

        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        assert_eq!(socket.ready(BOTH).await.unwrap(), Ready::WRITABLE);
        socket.send_to(b"x", socket.local_addr().unwrap()).await.unwrap();
        assert_eq!(socket.ready(Interest::READABLE).await.unwrap(), Ready::READABLE);

        let (mut sender, receiver) = pipe::pipe().unwrap();
        assert_eq!(sender.ready(Interest::WRITABLE).await.unwrap(), Ready::WRITABLE);
        sender.write_all(b"x").await.unwrap();
        assert_eq!(receiver.ready(Interest::READABLE).await.unwrap(), Ready::READABLE);
        drop(sender);
        while !receiver.ready(Interest::READABLE).await.unwrap().is_read_closed() {
            egret_runtime::task::yield_now().await;
        }
    });
}

/// Waits for a head of 16 bytes, which stays in the queue; ends at the end of the stream.
async fn peek_16(stream: &TcpStream, tries: &Cell<usize>) -> io::Result<usize> {
    let duplicate = std::net::TcpStream::from(stream.as_fd().try_clone_to_owned()?);
    let mut head = [0; 16];
    loop {
        let ready = stream.ready(Interest::READABLE).await?;
        tries.set(tries.get() + 1);
        let peeked = stream.try_io(Interest::READABLE, || match duplicate.peek(&mut head)? {
            n if n < head.len() && !ready.is_read_closed() => Err(ErrorKind::WouldBlock.into()),
            n => Ok(n),
        });
        match peeked {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            peeked => return peeked,
        }
    }
}

#[test]
fn a_peek_for_more_bytes_tries_once_for_each_event_and_sees_the_end() {
    let rt = Runtime::new().unwrap();
    let (mut client, server) = rt.block_on(tcp_pair());
    settle(&rt);
    let tries = Rc::new(Cell::new(0));
    let counted = tries.clone();
    let peeking = rt.spawn(async move { peek_16(&server, &counted).await.unwrap() });
    let mut expected = 0;
    for part in [&b"seven b"[..], b"ytes.."] {
        settle(&rt);
        assert_eq!(tries.get(), expected, "nothing has come");
        rt.block_on(client.write_all(part)).unwrap();
        while tries.get() == expected {
            next_turn(&rt);
        }
        settle(&rt);
        expected += 1;
        assert_eq!(tries.get(), expected, "one try for one event");
    }
    rt.block_on(client.shutdown()).unwrap();
    while !peeking.is_finished() {
        next_turn(&rt);
    }
    assert_eq!((rt.block_on(peeking).unwrap(), tries.get()), (13, expected + 1));
}

#[test]
fn a_custom_operation_of_a_pipe_and_of_a_datagram_socket_is_tried_when_it_may_succeed() {
    run(async {
        let (sender, receiver) = pipe::pipe().unwrap();
        let read = || receiver.try_read(&mut [0; 8]);
        assert_eq!(receiver.try_io(read).unwrap_err().kind(), ErrorKind::WouldBlock);
        let asked = receiver.try_io(|| -> io::Result<()> { panic!("it is known now") });
        assert_eq!(asked.unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(sender.try_io(|| sender.try_write(b"x")).unwrap(), 1);
        receiver.readable().await.unwrap();
        assert_eq!(receiver.try_io(|| Ok(7)).unwrap(), 7);
        let blocked = receiver.try_io(|| Err::<(), _>(ErrorKind::WouldBlock.into()));
        assert_eq!(blocked.unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(is_pending(receiver.readable()), "it was cleared");

        let (ours, theirs) = UnixDatagram::pair().unwrap();
        let duplicate = std::os::unix::net::UnixDatagram::from(theirs.as_fd().try_clone_to_owned().unwrap());
        let receive = || duplicate.recv(&mut [0; 8]);
        assert_eq!(theirs.try_io(Interest::READABLE, receive).unwrap_err().kind(), ErrorKind::WouldBlock);
        let (received, sent) = (theirs.async_io(Interest::READABLE, receive), ours.send(b"four"));
        let mut received = pin!(received);
        assert!(is_pending(received.as_mut()));
        sent.await.unwrap();
        assert_eq!(received.await.unwrap(), 4);
        let cx = &mut Context::from_waker(Waker::noop());
        ours.writable().await.unwrap();
        assert!(matches!(ours.poll_send_ready(cx), Poll::Ready(Ok(()))));
        assert!(ours.poll_recv_ready(cx).is_pending());
        theirs.send(b"x").await.unwrap();
        ours.readable().await.unwrap();
        assert!(matches!(ours.poll_recv_ready(cx), Poll::Ready(Ok(()))));
    });
}
