//! `futures-util` on egret: `join!`, `try_join!`, `select!`, and `FuturesUnordered`, which passes its own wakers to its
//! members. T11 and N6 are rows of docs/pitfalls.md.

mod common;

use common::{echo, pair, round_trip};
use egret::net::{TcpListener, TcpStream};
use egret::task::yield_now;
use egret::time::{self, Duration, Instant};
use futures_util::future::{FusedFuture, FutureExt};
use futures_util::stream::{self, FuturesUnordered, StreamExt};
use futures_util::{join, pin_mut, select, select_biased, try_join};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

const MS: Duration = Duration::from_millis(1);

#[egret::test]
async fn join_waits_for_two_sockets_at_once() {
    let (mut one, mut two) = (echo().await, echo().await);
    assert_eq!(join!(round_trip(&mut one, 1), round_trip(&mut two, 2)), (1, 2));
}

#[egret::test(start_paused = true)]
async fn join_takes_as_long_as_the_longest() {
    let start = Instant::now();
    join!(time::sleep(3 * MS), time::sleep(5 * MS), async { yield_now().await });
    assert_eq!(start.elapsed(), 5 * MS);
}

#[egret::test(start_paused = true)]
async fn try_join_ends_with_the_first_error_and_drops_the_rest() {
    let start = Instant::now();
    let fails = async {
        time::sleep(2 * MS).await;
        Err::<(), _>("the error")
    };
    let slow = async {
        time::sleep(3_600_000 * MS).await;
        Ok(())
    };
    assert_eq!(try_join!(fails, slow), Err("the error"));
    assert_eq!(start.elapsed(), 2 * MS);
}

#[egret::test(start_paused = true)]
async fn select_takes_the_first_and_a_fused_sleep_goes_on_from_where_it_was() {
    let mut deadline = Box::pin(time::sleep(10 * MS)).fuse();
    let start = Instant::now();
    let mut ticks = 0;
    loop {
        select! {
            () = deadline => break,
            () = Box::pin(time::sleep(3 * MS)).fuse() => ticks += 1,
        }
    }
    assert_eq!((ticks, start.elapsed()), (3, 10 * MS));
    assert!(deadline.is_terminated());
}

#[egret::test]
async fn an_accept_that_loses_in_a_select_loses_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    for _ in 0..20 {
        {
            let accept = listener.accept().fuse();
            pin_mut!(accept);
            select_biased! {
                _ = accept => panic!("nobody has connected"),
                () = yield_now().fuse() => {}
            }
        }
        let client = TcpStream::connect(address).await.unwrap();
        let (server, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        drop(server);
    }
}

// T11: one branch is always ready, and the sleep needs a look at the timers.
#[egret::test]
async fn a_timer_in_a_select_fires_beside_a_branch_that_is_always_ready() {
    let deadline = time::sleep(20 * MS).fuse();
    pin_mut!(deadline);
    let mut busy = 0_u64;
    loop {
        select_biased! {
            () = deadline => break,
            () = yield_now().fuse() => busy += 1,
        }
    }
    assert!(busy > 0);
}

// T11
#[egret::test]
async fn a_time_limit_ends_a_stream_that_never_waits() {
    let busy = stream::repeat(()).then(|()| yield_now()).for_each(|()| async {});
    assert!(time::timeout(20 * MS, busy).await.is_err());
}

// N6: the budget of a task is 128 operations a poll, and these are more.
#[egret::test]
async fn a_set_of_many_sockets_in_one_task_shares_its_budget_and_every_one_gets_on() {
    let mut set = FuturesUnordered::new();
    for number in 0..300 {
        let mut stream = echo().await;
        set.push(async move {
            let mut sum = 0;
            for round in 0..5 {
                sum += round_trip(&mut stream, number + round).await - round;
            }
            sum
        });
    }
    let mut sums = Vec::new();
    while let Some(sum) = set.next().await {
        sums.push(sum);
    }
    sums.sort_unstable();
    assert_eq!(sums, (0..300).map(|number| 5 * number).collect::<Vec<_>>());
}

#[egret::test(start_paused = true)]
async fn a_set_gives_its_members_in_the_order_in_which_they_end() {
    let set: FuturesUnordered<_> =
        [3, 1, 2].map(|n| time::sleep(n * MS).map(move |()| n)).into_iter().collect();
    assert_eq!(set.collect::<Vec<_>>().await, [1, 2, 3]);
}

#[egret::test]
async fn a_member_that_is_given_up_while_it_reads_leaves_the_bytes_for_the_next() {
    let (mut ours, mut theirs) = pair().await;
    let mut buffer = [0; 16];
    {
        let mut set = FuturesUnordered::new();
        set.push(ours.read(&mut buffer));
        assert!(set.next().now_or_never().is_none());
    }
    theirs.write_all(b"kept").await.unwrap();
    assert_eq!(ours.read(&mut buffer).await.unwrap(), 4);
}

#[egret::test(start_paused = true)]
async fn streams_of_futures_that_are_not_send_run_at_once_within_the_bound() {
    let (running, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let order = Rc::new(RefCell::new(Vec::new()));
    let start = Instant::now();
    stream::iter(0..9)
        .for_each_concurrent(3, |number| {
            let (running, most, order) = (running.clone(), most.clone(), order.clone());
            async move {
                running.set(running.get() + 1);
                most.set(most.get().max(running.get()));
                time::sleep(MS).await;
                running.set(running.get() - 1);
                order.borrow_mut().push(number);
            }
        })
        .await;
    assert_eq!((most.get(), start.elapsed()), (3, 3 * MS));
    assert_eq!(*order.borrow(), (0..9).collect::<Vec<_>>());
}

#[egret::test]
async fn the_connections_of_a_listener_are_a_stream() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let clients = egret::spawn(async move {
        let mut clients = Vec::new();
        for _ in 0..10 {
            clients.push(TcpStream::connect(address).await.unwrap());
        }
        clients
    });
    let servers: Vec<_> = listener.incoming().take(10).collect().await;
    let clients = clients.await.unwrap();
    for (server, client) in servers.iter().zip(&clients) {
        assert_eq!(server.as_ref().unwrap().peer_addr().unwrap(), client.local_addr().unwrap());
    }
}
