//! Streams read to their end.

#![cfg(not(miri))] // which has no sockets of the Unix domain with addresses

use crate::sockets_common::{run, settle};
use egret_net::{TcpListener, TcpStream, UnixStream};
use egret_runtime::runtime::Runtime;
use std::future::{Future, poll_fn};
use std::io::ErrorKind;
use std::pin::pin;
use std::task::Poll;

async fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (far, _) = listener.accept().await.unwrap();
    (near, far)
}

/// Bytes of which no two in a row are the same.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251) as u8).collect()
}

#[test]
fn all_that_comes_until_the_end_is_appended_whatever_its_size() {
    run(async {
        // Nothing; less than the smallest buffer; exactly that; more than one read; more than a socket buffer.
        for len in [0, 1, 8 * 1024, 64 * 1024 + 1, 3_000_000] {
            let (near, mut far) = tcp().await;
            let (mut reading, _writing) = near.into_split();
            let sent = pattern(len);
            let sender = egret_runtime::spawn(async move {
                far.write_all(&sent).await.unwrap();
                sent
            });
            let mut received = b"before".to_vec();
            assert_eq!(reading.read_to_end(&mut received).await.unwrap(), len);
            let (before, rest) = received.split_at(6);
            assert_eq!(before, b"before");
            assert!(rest == sender.await.unwrap());
            assert_eq!(reading.read_to_end(&mut received).await.unwrap(), 0); // the end stays
        }
    });
}

#[test]
fn what_came_before_an_error_is_kept() {
    run(async {
        let (mut near, mut far) = tcp().await;
        far.write_all(b"partial").await.unwrap();
        let mut received = Vec::new();
        near.readable().await.unwrap();
        far.set_zero_linger().unwrap();
        {
            let mut reading = pin!(near.read_to_end(&mut received));
            poll_fn(|cx| {
                assert!(reading.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
        }
        drop(far); // a reset
        assert_eq!(received, b"partial"); // given up, and nothing lost
        let error = near.read_to_end(&mut received).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(received, b"partial");
    });
}

#[test]
fn a_read_to_the_end_waits_for_it_and_holds_up_nobody() {
    let rt = Runtime::new().unwrap();
    let (mut near, mut far) = {
        let _entered = rt.enter();
        UnixStream::pair().unwrap()
    };
    let task = rt.spawn(async move {
        let mut received = String::new();
        (near.read_to_string(&mut received).await.unwrap(), received)
    });
    for part in ["gr", "\u{fc}", "n"] {
        assert_eq!(rt.block_on(far.write(part.as_bytes())).unwrap(), part.len());
        settle(&rt);
        assert!(!task.is_finished());
    }
    drop(far);
    settle(&rt);
    assert_eq!(rt.block_on(task).unwrap(), (5, "gr\u{fc}n".to_owned()));
}

#[test]
fn what_is_no_text_is_an_error_and_nothing_is_appended() {
    run(async {
        let (mut near, mut far) = UnixStream::pair().unwrap();
        far.write_all(&[b'a', 0xff]).await.unwrap();
        drop(far);
        let mut text = "before".to_owned();
        let (mut reading, _writing) = near.split();
        let error = reading.read_to_string(&mut text).await.unwrap_err();
        assert_eq!((error.kind(), text.as_str()), (ErrorKind::InvalidData, "before"));
    });
}
