//! The stall finder: a poll that takes long is named while it goes on, once, and its end once. What never stalls, and
//! what was only stopped, is not reported.
//!
//! Each stall lasts until it is reported, so the tests wait for no time.

#![cfg(not(miri))] // Miri has neither `/proc` nor signals

#[path = "stalls/finder.rs"]
mod finder;
#[path = "stalls/short.rs"]
mod short;
#[cfg(feature = "inspect-backtrace")]
#[path = "stalls/stacks.rs"]
mod stacks;
#[path = "support/mod.rs"]
mod support;

use egret_runtime::inspect::{Stall, StallStage};
use egret_runtime::runtime::{Builder, Runtime};
use egret_runtime::task::{self, JoinHandle, yield_now};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use support::sleeper::Sleeper;
use support::{HANG, bounded, child, hold};

const LIMIT: Duration = Duration::from_millis(200);

/// Opened by the report that a stall has begun: what stalls waits for it.
#[derive(Clone, Default)]
struct Reported(Arc<(AtomicBool, Mutex<bool>, Condvar)>);

impl Reported {
    fn open(&self) {
        self.0.0.store(true, Ordering::Relaxed);
        *self.0.1.lock().unwrap() = true;
        self.0.2.notify_all();
    }

    fn is_open(&self) -> bool {
        self.0.0.load(Ordering::Relaxed)
    }

    /// Computes until then.
    fn compute(&self) {
        while !self.is_open() {
            std::hint::spin_loop();
        }
    }

    /// Sleeps in a lock until then.
    fn lock(&self) {
        drop(self.0.2.wait_while(self.0.1.lock().unwrap(), |open| !*open).unwrap());
    }

    /// Sleeps by the clock until then: a signal ends it.
    fn sleep(&self) {
        let (sleeper, is_awake) = (Sleeper::this_thread(), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                self.lock();
                while !is_awake.load(Ordering::Relaxed) {
                    sleeper.interrupt(); // again, for it may come before the call
                    thread::yield_now();
                }
            });
            while !self.is_open() {
                let long = libc::timespec { tv_sec: 3600, tv_nsec: 0 };
                // SAFETY: the kernel reads one `timespec`, which lives across the call, and is not asked for what is left.
                unsafe { libc::nanosleep(&raw const long, std::ptr::null_mut()) };
            }
            is_awake.store(true, Ordering::Relaxed);
        });
    }
}

/// Runs a test that is void, and begins again, when the machine has not run a thread where the test needs it to: `None`.
fn on_time(attempt: impl Fn() -> Option<()> + Send + 'static) {
    bounded(move || assert!((0..20).any(|_| attempt().is_some()), "none of 20 attempts was on time"));
}

/// A runtime with a limit, and its reports. They end when the runtime is gone.
fn watched(limit: Duration) -> (Runtime, Reported, Receiver<Stall>) {
    let ((tell, told), reported) = (channel(), Reported::default());
    let opens = reported.clone();
    let report = move |stall: &Stall| {
        tell.send(stall.clone()).unwrap();
        opens.open();
    };
    (Builder::new().stall_after(limit, report).build().unwrap(), reported, told)
}

/// The two reports of the only stall that there was. `None` if a short poll has become another, as its thread was not run.
fn both(rt: Runtime, told: Receiver<Stall>) -> Option<(Stall, Stall)> {
    drop(rt);
    let reports: Vec<_> = told.iter().collect();
    assert!(reports.len() >= 2, "{reports:#?}");
    let [begun, ended] = <[Stall; 2]>::try_from(reports).ok()?;
    assert_eq!((begun.stage, ended.stage), (StallStage::Begun, StallStage::Ended));
    assert!(begun.held() >= LIMIT && ended.held() >= begun.held(), "{begun} {ended}");
    assert_eq!((begun.task, &begun.name, begun.spawned_at), (ended.task, &ended.name, ended.spawned_at));
    Some((begun, ended))
}

/// Runs a task that stalls.
fn run(rt: &Runtime, task: JoinHandle<()>) -> u64 {
    let id = task.id().to_string().parse().unwrap();
    rt.block_on(task).unwrap();
    id
}

#[track_caller]
fn assert_is(stall: &Stall, task: u64, line: u32) {
    let place = stall.spawned_at.unwrap();
    assert_eq!((stall.task, place.file, place.line), (task, file!(), line), "{stall}");
}

fn kernel(stall: &Stall) -> &str {
    stall.thread.kernel.as_deref().unwrap()
}

/// In which call the thread sleeps. `None` if it had not come to it.
fn call(stall: &Stall) -> Option<&str> {
    Some(kernel(stall)).filter(|kernel| *kernel != "runs")
}

#[test]
fn a_computation_is_named() {
    on_time(|| {
        let (rt, reported, told) = watched(LIMIT);
        let line = line!() + 1;
        let task = rt.spawn(async move { reported.compute() });
        let id = run(&rt, task);
        let (begun, _) = both(rt, told)?;
        assert_is(&begun, id, line);
        assert_eq!(kernel(&begun), "runs");
        (begun.processor_ns.unwrap() > 0).then_some(())
    });
}

#[test]
fn a_sleep_of_the_thread_is_named() {
    on_time(|| {
        let (rt, reported, told) = watched(LIMIT);
        let line = line!() + 1;
        let task = rt.spawn(async move { reported.sleep() });
        let id = run(&rt, task);
        let (begun, _) = both(rt, told)?;
        assert_is(&begun, id, line);
        let call = call(&begun)?;
        let names = ["nanosleep", "restart_syscall"]; // the second when the process has been stopped in it
        assert!(call.starts_with("sleeps in ") && names.iter().any(|name| call.contains(name)), "{begun}");
        assert!(begun.processor_ns.unwrap() < begun.held_ns / 2, "{begun}");
        Some(())
    });
}

/// Stalls when it is dropped.
struct Destructor(Reported);

impl Drop for Destructor {
    fn drop(&mut self) {
        self.0.lock();
    }
}

#[test]
fn a_destructor_is_named_when_the_task_ends_and_when_another_aborts_it() {
    on_time(|| {
        let (rt, reported, told) = watched(LIMIT);
        let line = line!() + 1;
        let task = rt.spawn(async move { drop(Destructor(reported)) });
        let id = run(&rt, task);
        let (begun, _) = both(rt, told)?;
        assert_is(&begun, id, line);
        assert_eq!(call(&begun)?, "sleeps in futex");
        Some(())
    });
    on_time(|| {
        let (rt, reported, told) = watched(LIMIT);
        let aborted = rt.spawn(hold(Destructor(reported)));
        rt.block_on(yield_now());
        let line = line!() + 1;
        let task = rt.spawn(async move { aborted.abort() });
        let id = run(&rt, task);
        let (begun, _) = both(rt, told)?;
        assert_is(&begun, id, line); // the task whose poll it is
        assert_eq!(call(&begun)?, "sleeps in futex");
        Some(())
    });
}

#[test]
fn a_call_that_blocks_is_named_with_its_descriptor_and_a_task_with_its_name() {
    on_time(|| {
        let (rt, reported, told) = watched(LIMIT);
        let (mut reader, mut writer) = UnixStream::pair().unwrap();
        let number = reader.as_raw_fd();
        let writes = thread::spawn(move || {
            reported.lock();
            writer.write_all(b"x").unwrap();
        });
        let task = task::Builder::new().name("logs");
        let task = rt.block_on(async { task.spawn(async move { reader.read_exact(&mut [0]).unwrap() }) });
        let id = run(&rt, task.unwrap());
        writes.join().unwrap();
        let (begun, _) = both(rt, told)?;
        assert_eq!((begun.task, begun.name.as_deref()), (id, Some("logs")));
        let descriptor = format!(" of descriptor {number}, socket:[");
        let call = call(&begun)?;
        assert!(call.starts_with("sleeps in ") && call.contains(&descriptor), "{begun}");
        let text = begun.to_string();
        let first = format!("egret: task {id} \"logs\", spawned at {}:", file!());
        assert!(text.starts_with(&first) && text.contains("has held the loop for "), "{text}");
        Some(())
    });
}

#[test]
fn the_future_of_block_on_is_named() {
    on_time(|| {
        let (rt, reported, told) = watched(LIMIT);
        rt.block_on(async { reported.lock() });
        let (begun, ended) = both(rt, told)?;
        assert_eq!((begun.task, call(&begun)?), (0, "sleeps in futex"));
        assert!(begun.to_string().starts_with("egret: the future of block_on"), "{begun}");
        assert!(ended.to_string().ends_with("and has returned"), "{ended}");
        Some(())
    });
}

#[test]
fn each_poll_is_reported_by_itself_and_counted() {
    on_time(|| {
        let ((tell, told), reported) = (channel(), Arc::new(AtomicUsize::new(0)));
        let counts = reported.clone();
        let report = move |stall: &Stall| {
            tell.send(stall.stage).unwrap();
            counts.fetch_add(usize::from(stall.stage == StallStage::Begun), Ordering::Relaxed);
            panic!("a report that panics leaves the next ones"); // printed by the hook
        };
        let rt = Builder::new().stall_after(LIMIT, report).build().unwrap();
        rt.block_on(async {
            for stall in 1..=3 {
                while reported.load(Ordering::Relaxed) < stall {
                    std::hint::spin_loop();
                }
                yield_now().await;
            }
        });
        let long_polls = rt.metrics().long_polls;
        assert!(long_polls >= 3, "{long_polls}");
        drop(rt);
        let reports: Vec<_> = told.iter().collect();
        assert!(long_polls > 3 || reports == [StallStage::Begun, StallStage::Ended].repeat(3), "{reports:?}");
        (long_polls == 3).then_some(())
    });
}

/// Calls `f`. Returns also for how long this process has run meanwhile: without what took a second or more between two
/// looks at the clock, which is the stop of this test.
fn with_time_run<T>(f: impl FnOnce() -> T) -> (T, Duration) {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let clock = scope.spawn(|| {
            let (mut last, mut ran) = (Instant::now(), Duration::ZERO);
            while !is_over.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(10));
                let passed = last.elapsed();
                last += passed;
                ran += if passed < Duration::from_secs(1) { passed } else { Duration::ZERO };
            }
            ran
        });
        let result = f();
        is_over.store(true, Ordering::Relaxed);
        (result, clock.join().unwrap())
    })
}

/// `SIGSTOP` and `SIGCONT` for this process, which says nothing to its threads. In a process of its own, as the harness
/// would stop too.
#[test]
fn a_process_that_is_stopped_in_a_poll_has_no_stall() {
    child::alone(|| {
        let on_time = || {
            let (rt, reported, told) = watched(LIMIT * 2);
            let stops = "echo; read go; kill -STOP $PPID && sleep 1.5; kill -CONT $PPID";
            let mut shell = Command::new("sh");
            let mut shell =
                shell.args(["-c", stops]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            shell.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap(); // it is about to read
            let (took, ran) = with_time_run(|| {
                rt.block_on(async {
                    let start = Instant::now();
                    shell.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
                    assert!(shell.wait().unwrap().success());
                    start.elapsed()
                })
            });
            assert!(took > Duration::from_millis(1400), "{took:?}");
            // With more than the stop the poll may have reached its limit by what came before and after it. Another may
            // have sent a `SIGCONT`: the kernel does when the shell ends that has started this program.
            if took > Duration::from_millis(1500) + LIMIT || ran > LIMIT {
                return false;
            }
            assert_eq!(told.try_iter().map(|stall| stall.to_string()).collect::<Vec<_>>(), [""; 0]);
            rt.block_on(async { reported.compute() });
            both(rt, told).is_some()
        };
        // Half of the time that a test may take: an attempt takes longer on a machine on which it is not on time.
        let begun = Instant::now();
        let attempts = (0..20).take_while(|_| begun.elapsed() < HANG * 3);
        if attempts.filter(|_| on_time()).take(3).count() < 3 {
            eprintln!("SKIPPED: this machine is too busy to stop a process when it is asked to");
        }
    });
}

#[test]
#[should_panic = "stall_after(0): every poll would be a stall"]
fn a_limit_of_zero_is_refused() {
    let _ = Builder::new().stall_after(Duration::ZERO, |_| ());
}
