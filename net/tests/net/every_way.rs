//! Every read and write method of a TCP and a Unix stream: with bytes, without
//! bytes, without room, and that it waits where documented.

#![cfg(not(miri))] // which has no sockets of the Unix domain with addresses

use crate::sockets_common::settle;
use egret_net::{TcpListener, TcpStream, UnixStream};
use egret_runtime::runtime::Runtime;
use std::future::Future;
use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

async fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (far, _) = listener.accept().await.unwrap();
    (near, far)
}

async fn unix() -> (UnixStream, UnixStream) {
    UnixStream::pair().unwrap()
}

/// Polls `future` once, with a waker that wakes nothing.
fn once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// The bytes of a poll that is ready and no error.
#[track_caller]
fn ready<T>(poll: Poll<std::io::Result<T>>) -> T {
    match poll {
        Poll::Ready(result) => result.unwrap(),
        Poll::Pending => panic!("pending"),
    }
}

macro_rules! every_way {
    ($pair:ident) => {
        mod $pair {
            use super::*;

            #[test]
            fn every_way_to_read_waits_for_bytes_and_takes_as_many_as_there_are() {
                let rt = Runtime::new().unwrap();
                let (mut near, mut far) = rt.block_on($pair());
                let _entered = rt.enter();
                let cx = &mut Context::from_waker(Waker::noop());
                let (mut one, mut two) = ([0; 2], [0; 8]);
                let mut uninit = [MaybeUninit::uninit(); 8];

                assert_eq!(near.try_read(&mut two).unwrap_err().kind(), ErrorKind::WouldBlock);
                let bufs = &mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)];
                assert_eq!(near.try_read_vectored(bufs).unwrap_err().kind(), ErrorKind::WouldBlock);
                assert!(near.poll_read_vectored(cx, bufs).is_pending());
                assert!(once(near.read_vectored(bufs)).is_pending());
                assert!(near.poll_read(cx, &mut two).is_pending());
                assert!(near.poll_read_uninit(cx, &mut uninit).is_pending());
                assert!(once(near.read_uninit(&mut uninit)).is_pending());
                assert!(near.poll_peek(cx, &mut two).is_pending());
                assert!(once(near.peek(&mut two)).is_pending());
                assert!(near.poll_read_ready(cx).is_pending());
                assert!(once(near.readable()).is_pending());

                // Five bytes for each way. One that does not take them leaves them for the next.
                let mut send = || {
                    assert_eq!(rt.block_on(far.write(b"bytes")).unwrap(), 5);
                    settle(&rt);
                };
                send();
                ready(near.poll_read_ready(cx));
                ready(once(near.readable()));
                assert_eq!((ready(near.poll_peek(cx, &mut two)), &two[..5]), (5, &b"bytes"[..]));
                two.fill(0);
                assert_eq!((ready(once(near.peek(&mut two))), &two[..5]), (5, &b"bytes"[..]));
                two.fill(0);
                assert_eq!((ready(near.poll_read(cx, &mut two)), &two[..5]), (5, &b"bytes"[..]));
                send();
                assert_eq!(ready(near.poll_read_uninit(cx, &mut uninit)), b"bytes");
                send();
                assert_eq!(ready(once(near.read_uninit(&mut uninit))), b"bytes");
                for way in 0..3 {
                    one.fill(0);
                    two.fill(0);
                    send();
                    let bufs = &mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)];
                    let n = match way {
                        0 => near.try_read_vectored(bufs).unwrap(),
                        1 => ready(near.poll_read_vectored(cx, bufs)),
                        _ => ready(once(near.read_vectored(bufs))),
                    };
                    assert_eq!((n, &one, &two[..3]), (5, b"by", &b"tes"[..]));
                }
                // All that was sent was taken, once.
                assert!(near.poll_read(cx, &mut two).is_pending());

                send();
                drop(far);
                let (mut all, mut text) = (b"before ".to_vec(), "before ".to_owned());
                assert_eq!(rt.block_on(near.read_to_end(&mut all)).unwrap(), 5);
                assert_eq!(all, b"before bytes");
                assert_eq!(rt.block_on(near.read_to_string(&mut text)).unwrap(), 0);
                assert_eq!(text, "before ");
            }

            #[test]
            fn a_text_is_appended_and_counted() {
                let rt = Runtime::new().unwrap();
                let (mut near, mut far) = rt.block_on($pair());
                rt.block_on(far.write_all(b"text")).unwrap();
                drop(far);
                let mut text = "before ".to_owned();
                assert_eq!(rt.block_on(near.read_to_string(&mut text)).unwrap(), 4);
                assert_eq!(text, "before text");
            }

            #[test]
            fn every_way_to_write_waits_for_room_and_writes_as_much_as_it_says() {
                let rt = Runtime::new().unwrap();
                let (mut near, mut far) = rt.block_on($pair());
                let _entered = rt.enter();
                let cx = &mut Context::from_waker(Waker::noop());
                let bufs = &[IoSlice::new(b"by"), IoSlice::new(b"tes")];

                assert_eq!(near.try_write(b"bytes").unwrap(), 5);
                assert_eq!(ready(near.poll_write(cx, b"bytes")), 5);
                assert_eq!(near.try_write_vectored(bufs).unwrap(), 5);
                assert_eq!(ready(near.poll_write_vectored(cx, bufs)), 5);
                assert_eq!(ready(once(near.write_vectored(bufs))), 5);
                ready(once(near.write_all_vectored(&mut bufs.clone())));
                let mut received = [0; 30];
                rt.block_on(far.read_exact(&mut received)).unwrap();
                assert_eq!(received, *b"bytesbytesbytesbytesbytesbytes");

                let mut sent = 0;
                let full = loop {
                    match near.try_write(&[b'x'; 65536]) {
                        Ok(n) => sent += n,
                        Err(error) => break error,
                    }
                };
                assert_eq!(full.kind(), ErrorKind::WouldBlock);
                assert_eq!(near.try_write_vectored(bufs).unwrap_err().kind(), ErrorKind::WouldBlock);
                assert!(near.poll_write(cx, b"bytes").is_pending());
                assert!(near.poll_write_vectored(cx, bufs).is_pending());
                assert!(once(near.write_vectored(bufs)).is_pending());
                assert!(once(near.write_all_vectored(&mut bufs.clone())).is_pending());
                ready(once(near.write_all_vectored(&mut [IoSlice::new(b""), IoSlice::new(b"")]))); // nothing needs no room
                assert!(near.poll_write_ready(cx).is_pending());
                assert!(once(near.writable()).is_pending());

                let mut received = vec![0; sent];
                rt.block_on(far.read_exact(&mut received)).unwrap();
                assert!(received.iter().all(|byte| *byte == b'x'));
                settle(&rt);
                ready(near.poll_write_ready(cx));
                ready(once(near.writable()));

                // Nothing of what waited was written, and the end comes with the shutdown, not with the drop.
                ready(near.poll_shutdown(cx));
                assert_eq!(rt.block_on(far.read(&mut [0; 8])).unwrap(), 0);
                assert_eq!(near.try_write(b"bytes").unwrap_err().kind(), ErrorKind::BrokenPipe);
            }
        }
    };
}

every_way!(tcp);
every_way!(unix);

#[test]
fn a_stream_prints_its_addresses_and_its_descriptor() {
    use std::os::fd::AsRawFd;

    let rt = Runtime::new().unwrap();
    let (near, _far) = rt.block_on(tcp());
    let (addr, peer, fd) = (near.local_addr().unwrap(), near.peer_addr().unwrap(), near.as_raw_fd());
    assert_eq!(format!("{near:?}"), format!("TcpStream {{ addr: {addr}, peer: {peer}, fd: {fd} }}"));
    let (near, _far) = rt.block_on(unix());
    let fd = near.as_raw_fd();
    assert_eq!(format!("{near:?}"), format!("UnixStream {{ addr: (unnamed), peer: (unnamed), fd: {fd} }}"));
}

#[test]
fn a_shutdown_keeps_the_error_of_what_is_no_socket() {
    let rt = Runtime::new().unwrap();
    let _entered = rt.enter();
    let (writer, _reader) = egret_net::unix::pipe::pipe().unwrap();
    let fd = writer.into_nonblocking_fd().unwrap();
    let mut stream = TcpStream::from_std(std::net::TcpStream::from(fd)).unwrap();
    let error = rt.block_on(stream.shutdown()).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENOTSOCK));
}
