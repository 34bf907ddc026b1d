//! A set that is polled by hand.

use egret_runtime::task::{JoinError, JoinSet};
use std::task::{Context, Poll, Waker};

pub fn poll<T: 'static>(set: &mut JoinSet<T>, waker: &Waker) -> Poll<Option<Result<T, JoinError>>> {
    set.poll_join_next(&mut Context::from_waker(waker))
}

pub fn output<T>(poll: Poll<Option<Result<T, JoinError>>>) -> T {
    match poll {
        Poll::Ready(Some(result)) => result.unwrap(),
        Poll::Ready(None) => panic!("the set is empty"),
        Poll::Pending => panic!("nothing has ended"),
    }
}
