//! Wakes from other threads: blocking jobs, name lookups, and threads of the host.

use crate::world::everything;
use egret::sim::{self, Host, Sim};
use egret::task::spawn_blocking;
use std::cell::RefCell;
use std::future::poll_fn;
use std::net::IpAddr;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

#[test]
fn every_blocking_job_wakes_whoever_awaits_it() {
    sim::check(0..500, |sim| {
        everything(sim);
        let count = sim.up_to(8);
        sim.host("alone").client(async move {
            let jobs: Vec<_> = (0..count)
                .map(|n| {
                    egret::spawn(async move {
                        for round in 0..3 {
                            assert_eq!(spawn_blocking(move || n + round).await.unwrap(), n + round);
                        }
                    })
                })
                .collect();
            for job in jobs {
                job.await.unwrap();
            }
        });
    });
}

/// A flag that another thread sets, and its waiters.
#[derive(Default)]
struct Flag {
    set: bool,
    waiting: Vec<Waker>,
}

fn set_later(host: &Host, after: Duration, flag: &Rc<RefCell<Flag>>) {
    let flag = flag.clone();
    host.thread(after, move || {
        let waiting = {
            let mut flag = flag.borrow_mut();
            flag.set = true;
            std::mem::take(&mut flag.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    });
}

async fn wait(flag: Rc<RefCell<Flag>>) {
    poll_fn(|cx| {
        let mut flag = flag.borrow_mut();
        if flag.set {
            return Poll::Ready(());
        }
        flag.waiting.push(cx.waker().clone());
        Poll::Pending
    })
    .await;
}

#[test]
fn a_wake_at_any_moment_from_another_thread_arrives() {
    sim::check(0..500, |sim: &Sim| {
        everything(sim);
        let host = sim.host("alone");
        // Several at the same moments: those that come while the loop is awake, asleep, and about to be.
        let flags: Vec<_> = (0..sim.up_to(6)).map(|_| Rc::new(RefCell::new(Flag::default()))).collect();
        for flag in &flags {
            let after = Duration::from_micros(sim.choose(1..=4) * 100);
            set_later(&host, after, flag);
        }
        host.client(async move {
            let waits: Vec<_> = flags.into_iter().map(|flag| egret::spawn(wait(flag))).collect();
            for wait in waits {
                wait.await.unwrap();
            }
        });
    });
}

#[test]
fn names_are_those_of_hosts_and_a_name_server_may_be_out() {
    sim::check(0..200, |sim| {
        everything(sim);
        let other = sim.host("other");
        let ip = other.ip();
        sim.host("asks").client(async move {
            let found = loop {
                match egret::net::lookup_host("other:80").await {
                    Ok(mut found) => break found.next().unwrap(),
                    Err(error) => assert!(error.to_string().contains("name resolution"), "{error}"),
                }
            };
            assert_eq!((found.ip(), found.port()), (ip, 80));
            let unknown = loop {
                match egret::net::lookup_host("nobody:80").await {
                    Ok(_) => panic!("nobody has no address"),
                    Err(error) if error.to_string().contains("Temporary") => {}
                    Err(error) => break error,
                }
            };
            assert!(unknown.to_string().contains("not known"), "{unknown}");
            let local = loop {
                match egret::net::lookup_host("localhost:1").await {
                    Ok(mut found) => break found.next().unwrap().ip(),
                    Err(_) => continue,
                }
            };
            assert_eq!(local, IpAddr::from([127, 0, 0, 1]));
        });
    });
}
