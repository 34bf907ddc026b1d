//! A runtime that was made before a `fork`, in the child: real forks, each test in a process of its own.

#[path = "support/mod.rs"]
mod support;

use egret_runtime::io::{AsyncFd, Interest};
use egret_runtime::runtime::Runtime;
use egret_runtime::task::Confined;
use egret_runtime::time::{Duration, sleep, timeout};
use std::cell::Cell;
use std::future::poll_fn;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::thread;
use support::child::alone;
use support::next_turn::next_turn;
use support::{HANG, OnDrop};

/// Runs `body` in a child by `fork`, and waits for it. Panics when it does.
#[track_caller]
fn forked(body: impl FnOnce()) {
    // SAFETY: the child goes on in this function alone and ends by `_exit`; the C library keeps its own locks, such as
    // that of the allocator, usable there, and the threads of the harness hold none of this program's.
    match unsafe { libc::fork() } {
        -1 => panic!("{}", std::io::Error::last_os_error()),
        0 => {
            let failed = catch_unwind(AssertUnwindSafe(body)).is_err();
            // SAFETY: the call takes no pointer and does not return.
            unsafe { libc::_exit(i32::from(failed)) }
        }
        child => {
            let mut status = 0;
            // SAFETY: the kernel writes one integer to `status`, which lives across the call.
            let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
            assert_eq!((waited, status), (child, 0), "the child has failed");
        }
    }
}

/// A socket of a runtime, whose bytes a task counts, and its peer.
fn counted(rt: &Runtime) -> (Rc<Cell<usize>>, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let count = Rc::new(Cell::new(0));
    let total = count.clone();
    drop(rt.spawn(async move {
        let socket = AsyncFd::new(ours).unwrap();
        loop {
            let read = socket.async_io(Interest::READABLE, |mut socket| socket.read(&mut [0; 16])).await;
            total.set(total.get() + read.unwrap());
        }
    }));
    while rt.turn(Some(Duration::ZERO)).polled > 0 {}
    (count, theirs)
}

/// How many eventfds this process has open.
fn eventfds() -> usize {
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let targets = descriptors.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    targets.filter(|target| target.to_str() == Some("anon_inode:[eventfd]")).count()
}

/// Turns the runtime until `done`; panics when nothing happens.
#[track_caller]
fn until(rt: &Runtime, done: impl Fn() -> bool) {
    while !done() {
        next_turn(rt);
    }
}

fn message(payload: Box<dyn std::any::Any + Send>) -> String {
    *payload.downcast::<String>().unwrap()
}

const OF_THE_PARENT: &str = "this egret runtime was made before a fork and belongs to the parent process";

#[test]
fn a_child_that_turns_the_runtime_of_its_parent_panics_and_takes_no_event() {
    alone(|| {
        let rt = Runtime::new().unwrap();
        let (count, mut peer) = counted(&rt);
        peer.write_all(b"one").unwrap(); // an edge that nothing has taken
        forked(|| {
            let turned = catch_unwind(AssertUnwindSafe(|| rt.turn(Some(Duration::ZERO))));
            assert!(message(turned.unwrap_err()).contains(OF_THE_PARENT));
            let blocked = catch_unwind(AssertUnwindSafe(|| rt.block_on(poll_fn(|_| Poll::<()>::Pending))));
            assert!(message(blocked.unwrap_err()).contains(OF_THE_PARENT));
        });
        until(&rt, || count.get() == 3);
    });
}

#[test]
fn a_child_that_drops_the_runtime_and_its_sockets_leaves_the_registrations_of_the_parent() {
    alone(|| {
        let mut rt = Some(Runtime::new().unwrap());
        let (count, mut peer) = counted(rt.as_ref().unwrap());
        forked(|| drop(rt.take()));
        peer.write_all(b"four").unwrap();
        until(rt.as_ref().unwrap(), || count.get() == 4);
        assert_eq!(rt.unwrap().metrics().epoll_ctl_errors, 0);
    });
}

#[test]
fn a_registration_in_the_child_fails_and_says_why() {
    alone(|| {
        let rt = Runtime::new().unwrap();
        forked(|| {
            let _entered = rt.enter();
            let (ours, _theirs) = UnixStream::pair().unwrap();
            let refused = AsyncFd::new(ours).unwrap_err();
            assert!(refused.to_string().contains(OF_THE_PARENT), "{refused}");
        });
    });
}

#[test]
fn a_new_runtime_works_in_the_child_and_shares_nothing_with_the_parent() {
    alone(|| {
        // Numbers that the child could take over, with their eventfds.
        let unused: Vec<_> = (0..3).map(|_| Runtime::new().unwrap()).collect();
        let rt = Runtime::new().unwrap();
        drop(unused);
        let polls = Rc::new(Cell::new(0));
        let (count, place) = (polls.clone(), Rc::new(Cell::new(None::<Waker>)));
        let waker = place.clone();
        drop(rt.spawn(poll_fn(move |cx| {
            count.set(count.get() + 1);
            place.set(Some(cx.waker().clone()));
            Poll::<()>::Pending
        })));
        rt.turn(Some(Duration::ZERO));
        // The runtime of the parent sleeps, and a thread has written its eventfd: an edge that is not taken yet.
        assert_eq!(rt.next_deadline(), None);
        let waker = waker.take().unwrap();
        thread::spawn(move || waker.wake()).join().unwrap();
        let before = eventfds();
        forked(|| {
            for _ in 0..3 {
                let own = Runtime::new().unwrap();
                assert_eq!(eventfds(), before + 1, "its own, and none of those that the parent keeps");
                let handle = own.handle();
                let (count, mut peer) = counted(&own);
                let answer = own.block_on(async move {
                    let thread =
                        thread::spawn(move || handle.spawn_with(|| async { sleep(Duration::ZERO).await }));
                    timeout(HANG, thread.join().unwrap()).await.unwrap()
                });
                answer.unwrap();
                peer.write_all(b"child").unwrap();
                until(&own, || count.get() == 5);
            }
        });
        // The edge is still there.
        until(&rt, || polls.get() == 2);
    });
}

#[test]
fn a_grandchild_is_told_from_its_parent_and_from_the_first_process() {
    alone(|| {
        let first = Runtime::new().unwrap();
        forked(|| {
            let second = Runtime::new().unwrap();
            let (count, mut peer) = counted(&second);
            forked(|| {
                for rt in [&first, &second] {
                    let turned = catch_unwind(AssertUnwindSafe(|| rt.turn(Some(Duration::ZERO))));
                    assert!(message(turned.unwrap_err()).contains(OF_THE_PARENT));
                }
                egret_runtime::block_on(async { sleep(Duration::from_millis(1)).await });
            });
            peer.write_all(b"x").unwrap();
            until(&second, || count.get() == 1);
        });
        first.block_on(async { sleep(Duration::from_millis(1)).await });
    });
}

#[test]
fn a_child_drops_its_copy_of_a_value_on_the_thread_that_made_it_and_leaks_it_elsewhere() {
    let output = alone(|| {
        let rt = Runtime::new().unwrap();
        let dropped = Rc::new(Cell::new(0));
        let value = || {
            let dropped = dropped.clone();
            Confined::new(OnDrop::new(move || dropped.set(dropped.get() + 1)))
        };
        let [here, elsewhere, parents] = rt.block_on(async { [(); 3].map(|()| value()) });
        // The runtime of the parent is about to sleep: a wake of it would write the eventfd.
        assert_eq!(rt.next_deadline(), None);
        forked(|| {
            drop(here);
            assert_eq!(dropped.get(), 1);
            thread::spawn(|| drop(elsewhere)).join().unwrap();
            assert_eq!(dropped.get(), 1);
        });
        assert_eq!(dropped.get(), 2, "what the child had is also the parent's, in its own memory");
        assert_eq!(rt.turn(Some(Duration::ZERO)).events, 0, "the child has woken the loop of its parent");
        thread::spawn(|| drop(parents)).join().unwrap();
        rt.turn(Some(Duration::ZERO));
        assert_eq!(dropped.get(), 3);
    });
    let Some(output) = output else { return };
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr.matches("egret: leaked a value that is confined to").count(), 1, "{stderr}");
}
