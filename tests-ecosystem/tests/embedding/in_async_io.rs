//! By async-io's `Async` and `Timer`.

use super::guest::{self, HANG};
use async_io::{Async, Timer};
use egret::runtime::{Runtime, Turn};
use egret::time::{Duration, Instant};
use futures_lite::future::or;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

async fn drive(rt: &Runtime, done: &dyn Fn() -> bool) -> Vec<Turn> {
    let descriptor = Async::new(rt.as_fd()).unwrap();
    let mut turns = Vec::new();
    while !done() {
        let deadline = rt.next_deadline();
        let wait = deadline.map_or(HANG, |deadline| deadline.saturating_duration_since(Instant::now()));
        let readable = async {
            descriptor.readable().await.unwrap();
            true
        };
        let over = async {
            Timer::after(wait).await;
            false
        };
        assert!(or(readable, over).await || deadline.is_some(), "a wake is lost");
        turns.push(rt.turn(Some(Duration::ZERO)));
    }
    turns
}

async fn send_back(socket: UnixStream) {
    let mut socket = Async::new(socket).unwrap();
    let mut buffer = [0; 16];
    loop {
        match socket.read(&mut buffer).await.unwrap() {
            0 => return std::future::pending().await,
            n => socket.write_all(&buffer[..n]).await.unwrap(),
        }
    }
}

fn host(rt: Rc<Runtime>, done: Rc<dyn Fn() -> bool>, socket: Option<UnixStream>) -> Vec<Turn> {
    async_io::block_on(async {
        let drive = drive(&rt, &*done);
        match socket {
            None => drive.await,
            Some(socket) => {
                let beside = async {
                    send_back(socket).await;
                    unreachable!("it goes on for ever")
                };
                or(drive, beside).await
            }
        }
    })
}

#[test]
fn ten_thousand_timers_fire_in_their_order() {
    guest::ten_thousand_timers_fire_in_their_order(host);
}

#[test]
fn a_thousand_bytes_go_to_the_other_loop_and_back() {
    guest::a_thousand_bytes_go_to_the_other_loop_and_back(host);
}

#[test]
fn no_wake_of_another_thread_is_missed() {
    guest::no_wake_of_another_thread_is_missed(host);
}

#[test]
fn more_events_at_once_than_a_turn_takes_are_all_served() {
    guest::more_events_at_once_than_a_turn_takes_are_all_served(host);
}
