//! The runtimes under test, behind what the cases need of them.
//!
//! Every case is one generic function over [`Runtime`], so each runtime runs the same code. The methods are
//! the runtime's own functions with nothing around them, but for two that do not exist: `timeout` on smol and
//! `yield_now` on monoio.

use crate::tasks::YieldNow;
use monoio::{LegacyDriver, RuntimeBuilder};
use smol::LocalExecutor;
use std::io;
use std::rc::Rc;
use std::time::Duration;

/// A single-threaded runtime, as a task on it sees it.
pub trait Runtime: Clone + 'static {
    /// Runs `main` in a task of a new runtime, to its end. In a task, as a server's code is: the future that
    /// `block_on` itself polls is woken in another way on some runtimes, and is not what is measured.
    fn run<F>(main: impl FnOnce(Self) -> F) -> F::Output
    where
        F: Future + 'static,
        F::Output: 'static;

    /// Spawns a task. The future that is returned joins it.
    fn spawn<F>(&self, future: F) -> impl Future + use<Self, F>
    where
        F: Future + 'static,
        F::Output: 'static;

    /// Spawns a detached task.
    fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output = ()> + 'static;

    fn yield_now(&self) -> impl Future;

    fn sleep(&self, duration: Duration) -> impl Future + use<Self>;

    fn timeout<F: Future>(&self, duration: Duration, future: F) -> impl Future;
}

#[derive(Clone)]
pub struct Egret;

impl Runtime for Egret {
    fn run<F>(main: impl FnOnce(Self) -> F) -> F::Output
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        egret::block_on(async { egret::spawn(main(Egret)).await.expect("the task does not panic") })
    }

    fn spawn<F>(&self, future: F) -> impl Future + use<F>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        egret::spawn(future)
    }

    fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output = ()> + 'static,
    {
        egret::spawn(future);
    }

    fn yield_now(&self) -> impl Future {
        egret::task::yield_now()
    }

    fn sleep(&self, duration: Duration) -> impl Future + use<> {
        egret::time::sleep(duration)
    }

    fn timeout<F: Future>(&self, duration: Duration, future: F) -> impl Future {
        egret::time::timeout(duration, future)
    }
}

/// A `LocalRuntime`: of tokio's ways to run tasks that are not `Send` the one without a `LocalSet` between.
#[derive(Clone)]
pub struct Tokio;

impl Runtime for Tokio {
    fn run<F>(main: impl FnOnce(Self) -> F) -> F::Output
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build_local(Default::default()).expect("a runtime can be made");
        runtime
            .block_on(async { tokio::task::spawn_local(main(Tokio)).await.expect("the task does not panic") })
    }

    fn spawn<F>(&self, future: F) -> impl Future + use<F>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        tokio::task::spawn_local(future)
    }

    fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output = ()> + 'static,
    {
        tokio::task::spawn_local(future);
    }

    fn yield_now(&self) -> impl Future {
        tokio::task::yield_now()
    }

    fn sleep(&self, duration: Duration) -> impl Future + use<> {
        tokio::time::sleep(duration)
    }

    fn timeout<F: Future>(&self, duration: Duration, future: F) -> impl Future {
        tokio::time::timeout(duration, future)
    }
}

/// A `LocalExecutor`, driven by `smol::block_on`.
#[derive(Clone)]
pub struct Smol(Rc<LocalExecutor<'static>>);

impl Runtime for Smol {
    fn run<F>(main: impl FnOnce(Self) -> F) -> F::Output
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let executor = Rc::new(LocalExecutor::new());
        let task = executor.spawn(main(Smol(executor.clone())));
        smol::block_on(executor.run(task))
    }

    fn spawn<F>(&self, future: F) -> impl Future + use<F>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.0.spawn(future)
    }

    fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output = ()> + 'static,
    {
        self.0.spawn(future).detach();
    }

    fn yield_now(&self) -> impl Future {
        smol::future::yield_now()
    }

    fn sleep(&self, duration: Duration) -> impl Future + use<> {
        smol::Timer::after(duration)
    }

    /// As smol's documentation does it.
    fn timeout<F: Future>(&self, duration: Duration, future: F) -> impl Future {
        smol::future::or(async { Ok(future.await) }, async move {
            smol::Timer::after(duration).await;
            Err(io::Error::from(io::ErrorKind::TimedOut))
        })
    }
}

/// With the epoll driver and timers.
#[derive(Clone)]
pub struct Monoio;

impl Runtime for Monoio {
    fn run<F>(main: impl FnOnce(Self) -> F) -> F::Output
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let builder = RuntimeBuilder::<LegacyDriver>::new().enable_timer();
        let mut runtime = builder.build().expect("a runtime can be made");
        runtime.block_on(async { monoio::spawn(main(Monoio)).await })
    }

    fn spawn<F>(&self, future: F) -> impl Future + use<F>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        monoio::spawn(future)
    }

    fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output = ()> + 'static,
    {
        monoio::spawn(future);
    }

    /// There is none, and this is not one: a task that wakes itself on monoio goes to the head of the queue, so
    /// that no other task runs. The cases that need one leave monoio out.
    fn yield_now(&self) -> impl Future {
        YieldNow::default()
    }

    fn sleep(&self, duration: Duration) -> impl Future + use<> {
        monoio::time::sleep(duration)
    }

    fn timeout<F: Future>(&self, duration: Duration, future: F) -> impl Future {
        monoio::time::timeout(duration, future)
    }
}

/// A runtime by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    Egret,
    Tokio,
    Smol,
    Monoio,
}

impl Name {
    /// In the order of the report.
    pub const ALL: [Name; 4] = [Name::Egret, Name::Tokio, Name::Smol, Name::Monoio];

    /// Its name, and that of its package.
    pub fn as_str(self) -> &'static str {
        match self {
            Name::Egret => "egret",
            Name::Tokio => "tokio",
            Name::Smol => "smol",
            Name::Monoio => "monoio",
        }
    }
}
