//! `futures-concurrency` on egret: tuples and vectors of futures, merged streams.

mod common;

use common::{echo, round_trip};
use egret::net::{TcpListener, TcpStream};
use egret::time::{self, Duration, Instant};
use futures_concurrency::prelude::*;
use futures_lite::{StreamExt, stream};

const MS: Duration = Duration::from_millis(1);

#[egret::test]
async fn a_tuple_is_joined() {
    let (mut one, mut two) = (echo().await, echo().await);
    assert_eq!((round_trip(&mut one, 1), round_trip(&mut two, 2)).join().await, (1, 2));
}

// N6: more operations than the budget of a task in one poll.
#[egret::test]
async fn a_vector_of_many_sockets_is_joined() {
    let mut streams = Vec::new();
    for _ in 0..300 {
        streams.push(echo().await);
    }
    let trips: Vec<_> =
        streams.iter_mut().zip(0..).map(|(stream, number)| round_trip(stream, number)).collect();
    assert_eq!(trips.join().await, (0..300).collect::<Vec<_>>());
}

#[egret::test(start_paused = true)]
async fn a_race_ends_with_the_first_and_a_try_join_with_the_first_error() {
    let start = Instant::now();
    let after = |n: u32| async move {
        time::sleep(n * MS).await;
        n
    };
    assert_eq!([after(5), after(2), after(9)].race().await, 2);
    assert_eq!(start.elapsed(), 2 * MS);

    let result = |n: u32, fails| async move {
        time::sleep(n * MS).await;
        if fails { Err(n) } else { Ok(n) }
    };
    assert_eq!((result(1, false), result(3, true), result(9, false)).try_join().await, Err(3));
    assert_eq!(start.elapsed(), 5 * MS);
}

#[egret::test(start_paused = true)]
async fn merged_streams_give_their_items_as_they_come() {
    let every = |n: u32| {
        stream::unfold(1, move |k: u32| async move {
            time::sleep(n * MS).await;
            Some((k * n, k + 1)) // the number of the millisecond
        })
    };
    let merged = (Box::pin(every(2)), Box::pin(every(5))).merge();
    let start = Instant::now();
    assert_eq!(merged.take(6).collect::<Vec<_>>().await, [2, 4, 5, 6, 8, 10]);
    assert_eq!(start.elapsed(), 10 * MS);
}

#[egret::test]
async fn the_connections_of_two_listeners_are_one_stream() {
    let one = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let two = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addresses = [&one, &two].map(|listener| listener.local_addr().unwrap());
    let mut clients = Vec::new();
    for number in 0..10 {
        clients.push(TcpStream::connect(addresses[number % 2]).await.unwrap());
    }
    let servers = (one.incoming(), two.incoming()).merge().take(10).collect::<Vec<_>>().await;
    let mut peers: Vec<_> =
        servers.iter().map(|server| server.as_ref().unwrap().peer_addr().unwrap()).collect();
    let mut expected: Vec<_> = clients.iter().map(|client| client.local_addr().unwrap()).collect();
    peers.sort();
    expected.sort();
    assert_eq!(peers, expected);
}
