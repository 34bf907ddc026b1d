//! A panic for the caller's mistake names the caller's line.
//!
//! All public functions of this package that can panic so are here, except `async` functions: their panics come from a
//! poll, where the compiler provides no caller.

use egret_runtime::io::{AsyncFd, Registration, Start};
use egret_runtime::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use egret_runtime::runtime::{Builder, Handle, Runtime};
use egret_runtime::shutdown::Shutdown;
use egret_runtime::signal::unix::{SignalKind, signal};
use egret_runtime::task::{self, JoinSet};
use egret_runtime::time::{self, Duration, Instant};
use std::cell::{Cell, RefCell};
use std::future::{Future, IntoFuture, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::process::Stdio;
use std::sync::Once;
use std::task::{Context, Waker};

thread_local! {
    /// Whether panics of this thread are expected.
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    /// File and line of the last panic of this thread.
    static LAST: RefCell<Option<(String, u32)>> = const { RefCell::new(None) };
}

egret_runtime::task_local!(static KEY: u32);

/// Where `f` panics.
fn location_of<R>(f: impl FnOnce() -> R) -> Option<(String, u32)> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let location = info.location().unwrap();
            if WATCHED.get() {
                LAST.set(Some((location.file().to_owned(), location.line())));
            } else {
                before(info);
            }
        }));
    });
    WATCHED.set(true);
    let _ = catch_unwind(AssertUnwindSafe(f));
    WATCHED.set(false);
    LAST.take()
}

macro_rules! assert_all_name_this_file {
    ($($call:expr),+ $(,)?) => {
        let calls = [$((stringify!($call), location_of(|| $call))),+];
        let names_this_file =
            |at: &Option<(String, u32)>| at.as_ref().is_some_and(|(file, _)| file.ends_with("tasks/callers.rs"));
        let wrong: Vec<_> = calls.iter().filter(|(_, at)| !names_this_file(at)).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    };
}

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

#[test]
fn what_needs_a_runtime_names_the_line_that_called_it_outside_of_any() {
    let fd = || crate::support::fds::pipe().0;
    let piped = || {
        let mut command = Command::new("true");
        command.stdin(Stdio::piped());
        command
    };
    let child = || {
        let mut command = std::process::Command::new("true");
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.wait().unwrap();
        child
    };
    let (mut local_set, mut blocking_set) = (JoinSet::new(), JoinSet::new());
    let mut ticks = time::interval_at(Instant::now() + Duration::from_secs(60), Duration::from_secs(60));
    let shutdown = Shutdown::new();
    let mut scope = pin!(KEY.scope(1, async {}));
    assert!(scope.as_mut().poll(&mut cx()).is_ready());
    assert_all_name_this_file![
        egret_runtime::spawn(async {}),
        task::spawn_blocking(|| ()),
        task::id(),
        KEY.get(),
        KEY.with(|_| ()),
        KEY.sync_scope(1, || KEY.with(|_| KEY.sync_scope(2, || ()))),
        KEY.sync_scope(1, || KEY.with(|_| pin!(KEY.scope(2, async {})).poll(&mut cx()))),
        scope.as_mut().poll(&mut cx()),
        task::Builder::new().spawn(async {}),
        task::Builder::new().name("named").spawn(async {}),
        local_set.spawn(async {}),
        blocking_set.spawn_blocking(|| ()),
        <JoinSet<()> as FromIterator<_>>::from_iter([ready(())]),
        shutdown.spawn(async {}),
        AsyncFd::new(fd()),
        AsyncFd::try_new(fd()),
        Registration::new(fd(), Start::Empty).map_err(|(_, error)| error),
        Handle::current(),
        signal(SignalKind::hangup()),
        piped().spawn(),
        piped().status(),
        piped().output(),
        ChildStdin::from_std(child().stdin.unwrap()),
        ChildStdout::from_std(child().stdout.unwrap()),
        ChildStderr::from_std(child().stderr.unwrap()),
        time::pause(),
        time::resume(),
        time::set_auto_advance(true),
        pin!(time::sleep(Duration::MAX / 2)).poll(&mut cx()),
        pin!(time::sleep(Duration::from_secs(60))).poll(&mut cx()),
        pin!(time::timeout(Duration::from_secs(60), pending::<()>()).into_future()).poll(&mut cx()),
        ticks.poll_tick(&mut cx()),
    ];
}

#[test]
fn a_misused_runtime_clock_or_builder_names_the_line_that_called_it() {
    let rt = Runtime::new().unwrap();
    let mut instant = Instant::now();
    rt.block_on(async {
        assert_all_name_this_file![
            egret_runtime::block_on(async {}),
            rt.block_on(async {}),
            rt.turn(Some(Duration::ZERO)),
            rt.handle().block_on(async {}),
            time::resume(),
            time::set_auto_advance(true),
            {
                time::pause();
                time::pause()
            },
        ];
    });
    assert_all_name_this_file![
        Builder::new().max_blocking_threads(0),
        Builder::new().name(" "),
        Builder::new().thread_name("a\0b"),
        time::interval(Duration::ZERO),
        time::interval_at(instant, Duration::ZERO),
        instant + Duration::MAX,
        instant - Duration::MAX,
        instant += Duration::MAX,
        instant -= Duration::MAX,
    ];
}

#[test]
fn a_misused_handle_names_the_line_that_called_it() {
    let rt = Runtime::new().unwrap();
    let aborted = || {
        let task = rt.spawn(pending::<()>());
        task.abort();
        rt.block_on(task).unwrap_err()
    };
    let (mut local, mut blocking) = (rt.spawn(async {}), rt.spawn_blocking(|| ()));
    let mut remote = rt.handle().spawn(async {});
    let outputs = rt.block_on(async { ((&mut local).await, (&mut blocking).await, (&mut remote).await) });
    assert!(matches!(outputs, (Ok(()), Ok(()), Ok(()))));
    assert_all_name_this_file![
        aborted().into_panic(),
        Pin::new(&mut local).poll(&mut cx()),
        Pin::new(&mut blocking).poll(&mut cx()),
        Pin::new(&mut remote).poll(&mut cx()),
    ];
}
