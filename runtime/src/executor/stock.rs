//! The stock of pipes and buffers that a copy borrows while it holds bytes.
//!
//! - A copy holds bytes only while the writer has no room for them: ten thousand idle connections need none, and a
//!   busy one gets the last one's, still in the cache.
//! - The stock is per thread, as a copy stays on its thread. A runtime that ends empties it; copies of another runtime
//!   on the thread allocate anew.
//! - A pipe is returned empty. A buffer is returned with its old content, so it is only lent to copies from streams of
//!   egret, which report how much they wrote. User code must never see another connection's bytes.

use crate::sys::{Backend, Fd};
use std::cell::RefCell;
use std::io;

/// The size of a read. A read that fills it is followed by a splice; copying less costs little either way.
pub(crate) const BUFFER: usize = 16 * 1024;

/// The capacity that a pipe requests, and the size of a splice. A user without privileges may have 64 MiB in all pipes
/// together (`/proc/sys/fs/pipe-user-pages-soft`), which is 256 of these.
pub(crate) const PIPE: usize = 256 * 1024;

/// How many of each a thread keeps.
const MOST: usize = 16;

pub(crate) struct Pipe {
    pub(crate) reader: Fd,
    pub(crate) writer: Fd,
}

#[derive(Default)]
struct Stock {
    pipes: Vec<Pipe>,
    buffers: Vec<Box<[u8]>>,
}

thread_local! {
    static STOCK: RefCell<Stock> = const { RefCell::new(Stock { pipes: Vec::new(), buffers: Vec::new() }) };
}

/// While the thread ends there is no stock: things are made and dropped.
#[inline]
fn with_stock<R: Default>(f: impl FnOnce(&mut Stock) -> R) -> R {
    STOCK.try_with(|stock| f(&mut stock.borrow_mut())).unwrap_or_default()
}

impl Pipe {
    /// Returns an empty pipe.
    #[inline]
    pub(crate) fn take() -> io::Result<Pipe> {
        match with_stock(|stock| stock.pipes.pop()) {
            Some(pipe) => Ok(pipe),
            None => Pipe::new(),
        }
    }

    #[inline]
    fn new() -> io::Result<Pipe> {
        let (reader, writer) = Backend::current().pipe()?;
        // The kernel limits the sum of all pipes of a user; beyond it this one keeps its size and moves less at once.
        let _ = writer.resize_pipe(PIPE);
        Ok(Pipe { reader, writer })
    }

    /// Returns the pipe, which must be empty.
    #[inline]
    pub(crate) fn give_back(self) {
        with_stock(|stock| {
            if stock.pipes.len() < MOST {
                stock.pipes.push(self);
            }
        });
    }
}

/// Closes the pipes and frees the buffers that are not lent.
#[inline]
pub(crate) fn empty() {
    let stock = with_stock(std::mem::take); // dropped with no borrow held
    drop(stock);
}

/// Returns a buffer with arbitrary content.
#[inline]
pub(crate) fn take_buffer() -> Box<[u8]> {
    with_stock(|stock| stock.buffers.pop()).unwrap_or_else(new_buffer)
}

#[inline]
pub(crate) fn new_buffer() -> Box<[u8]> {
    vec![0; BUFFER].into_boxed_slice()
}

#[inline]
pub(crate) fn give_back_buffer(buffer: Box<[u8]>) {
    with_stock(|stock| {
        if stock.buffers.len() < MOST {
            stock.buffers.push(buffer);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(not(miri))] // which has no pipes of the kernel's
    fn a_thread_keeps_sixteen_of_each_and_no_more() {
        // A thread of its own: the stock of another test is not counted.
        let kept = std::thread::spawn(|| {
            let pipes: Vec<_> = (0..MOST + 2).map(|_| Pipe::take().unwrap()).collect();
            let buffers: Vec<_> = (0..MOST + 2).map(|_| take_buffer()).collect();
            let mut kept = Vec::new();
            for (pipe, buffer) in pipes.into_iter().zip(buffers) {
                pipe.give_back();
                give_back_buffer(buffer);
                kept.push(with_stock(|stock| (stock.pipes.len(), stock.buffers.len())));
            }
            empty();
            kept.push(with_stock(|stock| (stock.pipes.len(), stock.buffers.len())));
            kept
        });
        let expected: Vec<_> = (1..=16).chain([16, 16, 0]).map(|n| (n, n)).collect();
        assert_eq!(kept.join().unwrap(), expected);
    }
}
