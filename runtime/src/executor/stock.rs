//! What a copy borrows while it has bytes in hand: a pipe, or a buffer.
//!
//! Bytes are in hand only while the writer has no room for them, so ten thousand idle connections need none, and one
//! that is busy finds the last one's, still in the cache. They are kept by thread: a copy stays on its own. A runtime
//! that ends takes them with it; those of another one on the thread make new ones.
//!
//! A pipe comes back empty. A buffer comes back with what was in it, and so is only lent to copies from streams of
//! egret, which write to as much of it as they say; it must not get to somebody else's code with another
//! connection's bytes.

use crate::sys::{Backend, Fd};
use std::cell::RefCell;
use std::io;

/// How much a read asks for. One that gets it all is followed by a splice; copying less costs little either way.
pub(crate) const BUFFER: usize = 16 * 1024;

/// What a pipe is asked to have room for, and a splice to move at once. A user without privileges may have 64 MiB in
/// all pipes together (`/proc/sys/fs/pipe-user-pages-soft`), which is as many as 256 of these.
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

/// While the thread ends there is none, and then things are made and thrown away.
#[inline]
fn with_stock<R: Default>(f: impl FnOnce(&mut Stock) -> R) -> R {
    STOCK.try_with(|stock| f(&mut stock.borrow_mut())).unwrap_or_default()
}

impl Pipe {
    /// An empty one.
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
        // One user may have so much in all pipes together; then this one stays as it is, and moves less at once.
        let _ = writer.resize_pipe(PIPE);
        Ok(Pipe { reader, writer })
    }

    /// Gives it back; nothing is in it.
    #[inline]
    pub(crate) fn give_back(self) {
        with_stock(|stock| {
            if stock.pipes.len() < MOST {
                stock.pipes.push(self);
            }
        });
    }
}

/// Closes the pipes and frees the buffers that nobody has borrowed.
#[inline]
pub(crate) fn empty() {
    let stock = with_stock(std::mem::take); // dropped with no borrow held
    drop(stock);
}

/// A buffer with whatever is in it.
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
