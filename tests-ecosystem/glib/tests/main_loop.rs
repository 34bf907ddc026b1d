//! A runtime as a source of GLib's main loop, with a timer of GLib next to it.

#[path = "../../tests/embedding/guest.rs"]
mod guest;

use egret::runtime::{Runtime, Turn};
use egret::time::{Duration, Instant};
use glib::{ControlFlow, IOCondition, MainContext, MainLoop, SourceId};
use guest::HANG;
use std::cell::{Cell, RefCell};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};

/// How often the timer of GLib fires next to the runtime, each time after 2 ms.
const TICKS: usize = 20;

struct Host {
    rt: Rc<Runtime>,
    done: Rc<dyn Fn() -> bool>,
    main_loop: MainLoop,
    turns: RefCell<Vec<Turn>>,
    ticks: Cell<usize>,
    /// The source that fires at the deadline of the runtime.
    timer: RefCell<Option<SourceId>>,
}

impl Host {
    /// What a source of the runtime calls: a turn, and a source for the next deadline.
    fn turn(self: &Rc<Host>) {
        self.turns.borrow_mut().push(self.rt.turn(Some(Duration::ZERO)));
        self.end_when_done();
        self.sleep();
    }

    /// To be called after each turn, and after each spawn from a callback.
    fn sleep(self: &Rc<Host>) {
        if let Some(timer) = self.timer.take() {
            timer.remove();
        }
        let Some(deadline) = self.rt.next_deadline() else { return };
        let wait = deadline.saturating_duration_since(Instant::now());
        let milliseconds = wait.as_nanos().div_ceil(1_000_000) as u64; // GLib's unit: never early
        let host = self.clone();
        let at_deadline = move || {
            let _fired = host.timer.take(); // GLib has removed it
            host.turn();
        };
        let timer = glib::timeout_add_local_once(Duration::from_millis(milliseconds), at_deadline);
        *self.timer.borrow_mut() = Some(timer);
    }

    fn end_when_done(&self) {
        if (self.done)() && self.ticks.get() == TICKS {
            self.main_loop.quit();
        }
    }
}

/// Sends back what comes from a socket, as a source of GLib.
fn send_back(mut socket: UnixStream) -> SourceId {
    socket.set_nonblocking(true).unwrap();
    glib::unix_fd_add_local(socket.as_raw_fd(), IOCondition::IN, move |_, _| {
        let mut buffer = [0; 16];
        match socket.read(&mut buffer) {
            Ok(n) => socket.write_all(&buffer[..n]).unwrap(),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        ControlFlow::Continue
    })
}

/// The sources are those of the default context, which one thread at a time can own.
static ALONE: Mutex<()> = Mutex::new(());

fn host(rt: Rc<Runtime>, done: Rc<dyn Fn() -> bool>, socket: Option<UnixStream>) -> Vec<Turn> {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let context = MainContext::default();
    let _owned = context.acquire().unwrap();
    let host = Rc::new(Host {
        rt,
        done,
        main_loop: MainLoop::new(Some(&context), false),
        turns: RefCell::default(),
        ticks: Cell::new(0),
        timer: RefCell::new(None),
    });
    let guest = host.clone();
    let descriptor = glib::unix_fd_add_local(host.rt.as_raw_fd(), IOCondition::IN, move |_, _| {
        guest.turn();
        ControlFlow::Continue
    });
    let beside = host.clone();
    glib::timeout_add_local(Duration::from_millis(2), move || {
        beside.ticks.set(beside.ticks.get() + 1);
        beside.end_when_done();
        if beside.ticks.get() == TICKS { ControlFlow::Break } else { ControlFlow::Continue }
    });
    let lost = Rc::new(Cell::new(false));
    let (hangs, quits) = (lost.clone(), host.main_loop.clone());
    let watch = glib::timeout_add_local(HANG, move || {
        hangs.set(true);
        quits.quit();
        ControlFlow::Continue
    });
    let echo = socket.map(send_back);
    host.sleep();
    host.main_loop.run();
    [descriptor, watch].into_iter().chain(echo).chain(host.timer.take()).for_each(SourceId::remove);
    assert!(!lost.get(), "a wake is lost");
    assert_eq!(host.ticks.get(), TICKS);
    host.turns.take()
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
