//! By tokio's `AsyncFd`, which waits by edges.

use super::guest::{self, HANG, MOST_EVENTS};
use egret::runtime::{Runtime, Turn};
use egret::time::{Duration, Instant};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};

async fn drive(rt: &Runtime, done: &dyn Fn() -> bool) -> Vec<Turn> {
    // SAFETY: `rt` is borrowed for as long as the `AsyncFd` lives, so its descriptor stays open and the same.
    let descriptor = unsafe { AsyncFd::register_with_interest(rt.as_fd(), Interest::READABLE) }.unwrap();
    let mut turns = Vec::new();
    while !done() {
        let deadline = rt.next_deadline();
        let wait = deadline.map_or(HANG, |deadline| deadline.saturating_duration_since(Instant::now()));
        tokio::select! {
            biased;
            // Cleared before the turn: an event that comes during the turn is an edge again.
            ready = descriptor.readable() => ready.unwrap().clear_ready(),
            () = tokio::time::sleep(wait) => assert!(deadline.is_some(), "a wake is lost"),
        }
        loop {
            let turn = rt.turn(Some(Duration::ZERO));
            let was_full = turn.events == MOST_EVENTS;
            turns.push(turn);
            if !was_full {
                break; // what a full turn leaves makes no edge
            }
        }
    }
    turns
}

async fn send_back(socket: UnixStream) {
    socket.set_nonblocking(true).unwrap();
    let mut socket = tokio::net::UnixStream::from_std(socket).unwrap();
    let mut buffer = [0; 16];
    loop {
        let n = socket.read(&mut buffer).await.unwrap();
        socket.write_all(&buffer[..n]).await.unwrap();
    }
}

fn host(rt: Rc<Runtime>, done: Rc<dyn Fn() -> bool>, socket: Option<UnixStream>) -> Vec<Turn> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio.block_on(async {
        if let Some(socket) = socket {
            tokio::spawn(send_back(socket));
        }
        drive(&rt, &*done).await
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
