//! A foreign waker may be an executor that runs its task inside `wake`. That task is not egret's, and must not use the
//! budget of the task that the loop polled last.

use egret_runtime::io::AsyncFd;
use egret_runtime::task;
use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

thread_local! {
    static SOURCE: RefCell<Option<AsyncFd<UnixStream>>> = const { RefCell::new(None) };
    static READ: Cell<usize> = const { Cell::new(0) };
    static POLLS: Cell<usize> = const { Cell::new(0) };
}

/// Reads what there is when it is woken, in the wake.
struct Inline;

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        POLLS.set(POLLS.get() + 1);
        assert!(POLLS.get() < 10, "woken by its own polls, again and again");
        let waker = Waker::from(self);
        SOURCE.with_borrow(|source| {
            let source = source.as_ref().unwrap();
            let mut buffer = [0; 64];
            let cx = &mut Context::from_waker(&waker);
            while let Poll::Ready(count) = source.poll_read_with(cx, |mut stream| stream.read(&mut buffer)) {
                READ.set(READ.get() + count.unwrap());
            }
        });
    }
}

fn pair() -> (AsyncFd<UnixStream>, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    (AsyncFd::new(near).unwrap(), far)
}

#[test]
fn what_a_foreign_waker_runs_is_not_charged_to_the_task_that_was_polled_last() {
    egret_runtime::block_on(async {
        let (source, mut peer) = pair();
        SOURCE.set(Some(source));
        Waker::from(Arc::new(Inline)).wake(); // finds nothing, and waits
        assert_eq!((POLLS.get(), READ.get()), (1, 0));
        let hungry = egret_runtime::spawn(async {
            let (writable, _peer) = pair();
            while READ.get() == 0 {
                writable.write_with(|_| Ok(())).await.unwrap(); // always done at once: it uses its budget up
            }
        });
        peer.write_all(b"hello").unwrap();
        while READ.get() == 0 {
            task::yield_now().await;
        }
        hungry.await.unwrap();
        assert_eq!((POLLS.get(), READ.get()), (2, 5));
        SOURCE.set(None);
    });
}
