//! What must not grow: descriptors and slab slots, over many runtimes and many registrations.
//!
//! A count of the descriptors of a process is exact only while no other test opens any, so each of these runs in a process
//! of its own.

#![allow(missing_docs)]

use crate::support::child::{alone, open_descriptors};
use crate::support::fds::{pair, pipe, read, set_descriptor_limit, write};
use crate::support::{Trace, hold, this_waker, turn};
use egret_runtime::io::AsyncFd;
use egret_runtime::runtime::Runtime;
use egret_runtime::task::JoinHandle;
use std::io;
use std::os::fd::AsFd;

// M1
#[test]
#[cfg_attr(miri, ignore = "no processes")]
fn ten_thousand_runtimes_leave_no_descriptor_behind() {
    alone(|| {
        let one = || {
            let rt = Runtime::new().unwrap();
            let _inside = rt.enter();
            let (ours, theirs) = pair();
            let fd = AsyncFd::new(ours).unwrap();
            drop(rt.spawn(async move {
                fd.read_with(read).await.unwrap();
                hold((fd, theirs)).await
            }));
            turn(&rt);
        };
        one();
        let after_the_first = open_descriptors();
        for _ in 1..10_000 {
            one();
        }
        assert_eq!(open_descriptors(), after_the_first);
    });
}

// M5. The eventfd of a runtime is not closed but kept for the next one, so that a late wake never writes to a descriptor
// that has reused the number: as many are kept as runtimes were alive at one time.
#[test]
#[cfg_attr(miri, ignore = "no processes")]
fn a_runtime_that_is_gone_leaves_its_eventfd_to_the_next_and_nothing_else() {
    alone(|| {
        let before = open_descriptors();
        let one = Runtime::new().unwrap();
        assert_eq!(open_descriptors(), before + 2); // epoll, eventfd
        drop(one);
        assert_eq!(open_descriptors(), before + 1);
        let three = [(); 3].map(|()| Runtime::new().unwrap());
        assert_eq!(open_descriptors(), before + 6);
        drop(three);
        assert_eq!(open_descriptors(), before + 3);
        for _ in 0..100 {
            egret_runtime::block_on(async { this_waker().await.wake() });
        }
        assert_eq!(open_descriptors(), before + 3);
    });
}

// M5: a descriptor that outlives its runtime keeps the epoll instance, which it will deregister from, and no longer.
#[test]
#[cfg_attr(miri, ignore = "no processes")]
fn the_epoll_instance_is_closed_with_the_last_descriptor_that_it_watches() {
    alone(|| {
        drop(Runtime::new().unwrap()); // the eventfd
        let before = open_descriptors();
        let rt = Runtime::new().unwrap();
        let fds = {
            let _inside = rt.enter();
            [pipe(), pipe()].map(|(reader, _)| AsyncFd::new(reader).unwrap())
        };
        assert_eq!(open_descriptors(), before + 3);
        drop(rt);
        assert_eq!(open_descriptors(), before + 3);
        let [one, two] = fds;
        drop(one);
        assert_eq!(open_descriptors(), before + 2);
        drop(two);
        assert_eq!(open_descriptors(), before);
    });
}

// F12: what cannot be made whole is not left half made.
#[test]
#[cfg_attr(miri, ignore = "no processes")]
fn a_runtime_that_cannot_be_made_leaves_no_descriptor_behind_and_the_next_one_works() {
    alone(|| {
        set_descriptor_limit(100);
        let one = io::stdin().as_fd().try_clone_to_owned().unwrap();
        let rest = || std::iter::from_fn(|| one.try_clone().ok()).collect::<Vec<_>>();
        let mut taken = rest();
        // With room for none; and for the eventfd alone, which is kept and fills it up.
        for room in [0, 1] {
            taken.truncate(taken.len() - room);
            let error = Runtime::new().map(drop).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "room for {room}");
            assert_eq!(rest().len(), 0, "room for {room}");
        }
        taken.pop();
        assert_eq!(egret_runtime::block_on(async { 5 }), 5);
        assert_eq!(rest().len(), 1);
    });
}

// F7: all but one in the middle go, and the slab of sources with them; the one that is left is the right one.
#[test]
#[cfg_attr(miri, ignore = "no processes")]
fn of_4096_registrations_the_one_that_is_left_is_the_one_that_is_reported() {
    alone(|| {
        let registrations = (set_descriptor_limit(5_000) - 100).min(4096);
        let rt = Runtime::new().unwrap();
        let _inside = rt.enter();
        // Duplicates of one socket: each is an entry of its own in epoll, and all become ready at once.
        let (ours, theirs) = pair();
        let woken = Trace::<usize>::new();
        let task = |number| {
            let (fd, woken) = (AsyncFd::new(ours.try_clone().unwrap()).unwrap(), woken.clone());
            rt.spawn(async move {
                fd.read_with(read).await.unwrap();
                woken.push(number);
                hold(fd).await
            })
        };
        let mut tasks: Vec<_> = (0..registrations).map(task).collect();
        while turn(&rt) != (0, 0, 0) {}
        assert_eq!(rt.metrics().sources_alive, tasks.len());
        let middle = tasks.len() / 2;
        let last = tasks.swap_remove(middle);
        tasks.iter().for_each(JoinHandle::abort);
        drop(tasks);
        for _ in 0..=registrations / 64 {
            turn(&rt);
        }
        assert_eq!(rt.metrics().sources_alive, 1);
        write(&theirs, b"x");
        assert_eq!(turn(&rt), (1, 1, 1));
        assert_eq!(woken.take(), [middle]);
        assert_eq!(rt.metrics().stale_generations, 0);
        drop(last);
    });
}

// T18
#[test]
fn a_runtime_with_a_timer_and_a_task_fits_a_stack_of_64_kib() {
    let small = std::thread::Builder::new().stack_size(64 << 10);
    let run = || {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let task = egret_runtime::spawn(async { 7 });
            egret_runtime::time::sleep(std::time::Duration::from_micros(1)).await;
            task.await.unwrap()
        })
    };
    assert_eq!(small.spawn(run).unwrap().join().unwrap(), 7);
}
