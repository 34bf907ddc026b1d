//! A listener's connections as a stream.

use egret_net::{TcpListener, TcpStream};
use egret_runtime::block_on;
use futures_core::Stream;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}

#[test]
fn the_stream_of_connections_goes_on_and_loses_none_when_it_is_dropped() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for _ in 0..3 {
            let mut incoming = pin!(listener.incoming());
            poll_fn(|cx| {
                assert!(incoming.as_mut().poll_next(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            let clients =
                [(); 2].map(|()| std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap());
            for client in clients {
                // Another stream each time: what one has not taken is there for the next.
                let stream = next(&mut listener.incoming()).await.unwrap().unwrap();
                assert_eq!(stream.peer_addr().unwrap(), client.local_addr().unwrap());
            }
        }
    });
}

#[test]
fn a_task_that_waits_in_the_stream_is_woken_for_each_connection() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = egret_runtime::spawn(async move {
            let mut incoming = listener.incoming();
            let mut peers = Vec::new();
            while peers.len() < 10 {
                peers.push(next(&mut incoming).await.unwrap().unwrap().peer_addr().unwrap());
            }
            peers
        });
        let mut expected = Vec::new();
        for _ in 0..10 {
            let client = TcpStream::connect(address).await.unwrap();
            expected.push(client.local_addr().unwrap());
        }
        assert_eq!(accepting.await.unwrap(), expected);
    });
}
