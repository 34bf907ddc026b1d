//! The settings of a runtime that are functions of the program.

use super::Builder;
use crate::executor::hooks::TaskMeta;

/// # Hooks
///
/// Functions of the program that the runtime calls, for its own metrics and traces. Unset, they cost nothing in a poll; a
/// task of a runtime with any of them has one more allocation.
///
/// They run on the thread of the loop and hold it up. They may spawn, wake and abort; inside a hook about a poll or an
/// end, [`task::id`](crate::task::id) is the task that it is about. The future of
/// [`block_on`](crate::runtime::Runtime::block_on) and jobs of [`spawn_blocking`](crate::task::spawn_blocking) are no
/// tasks here.
///
/// A panic of a hook goes no further: the [panic hook](std::panic::set_hook) reports it, and the loop and the task go on as
/// if the hook had returned. A second call of the same method replaces the first.
impl Builder {
    /// Calls `f` for each task that is spawned, in the call that spawns it, before its first poll. For a
    /// [`Handle`](crate::runtime::Handle) that is when the loop has received the task.
    ///
    /// ```
    /// use egret_runtime::runtime::Builder;
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    ///
    /// let alive = Arc::new(AtomicUsize::new(0));
    /// let (more, fewer) = (alive.clone(), alive.clone());
    /// let rt = Builder::new()
    ///     .on_task_spawn(move |_| _ = more.fetch_add(1, Ordering::Relaxed))
    ///     .on_task_terminate(move |_| _ = fewer.fetch_sub(1, Ordering::Relaxed))
    ///     .build()?;
    /// rt.block_on(async {
    ///     egret_runtime::spawn(async {}).await.unwrap();
    ///     drop(egret_runtime::spawn(std::future::pending::<()>()));
    /// });
    /// assert_eq!(alive.load(Ordering::Relaxed), 1);
    /// drop(rt);
    /// assert_eq!(alive.load(Ordering::Relaxed), 0);
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    pub fn on_task_spawn(mut self, f: impl Fn(&TaskMeta<'_>) + Send + Sync + 'static) -> Builder {
        self.hooks.spawn = Some(Box::new(f));
        self
    }

    /// Calls `f` before each poll of a task.
    ///
    /// ```
    /// use egret_runtime::runtime::Builder;
    /// use egret_runtime::task::yield_now;
    /// use std::sync::Mutex;
    ///
    /// static SEEN: Mutex<Vec<&str>> = Mutex::new(Vec::new());
    ///
    /// let rt = Builder::new()
    ///     .on_before_task_poll(|_| SEEN.lock().unwrap().push("before"))
    ///     .on_after_task_poll(|_| SEEN.lock().unwrap().push("after"))
    ///     .build()?;
    /// let task = rt.spawn(async {
    ///     SEEN.lock().unwrap().push("first poll");
    ///     yield_now().await;
    ///     SEEN.lock().unwrap().push("second poll");
    /// });
    /// rt.block_on(task).unwrap();
    /// assert_eq!(
    ///     *SEEN.lock().unwrap(),
    ///     ["before", "first poll", "after", "before", "second poll", "after"]
    /// );
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    pub fn on_before_task_poll(mut self, f: impl Fn(&TaskMeta<'_>) + Send + Sync + 'static) -> Builder {
        self.hooks.before_poll = Some(Box::new(f));
        self
    }

    /// Calls `f` after each poll of a task, also after one that has panicked. When it was the last poll, the future has
    /// been dropped.
    ///
    /// See [`on_before_task_poll`](Builder::on_before_task_poll).
    #[inline]
    pub fn on_after_task_poll(mut self, f: impl Fn(&TaskMeta<'_>) + Send + Sync + 'static) -> Builder {
        self.hooks.after_poll = Some(Box::new(f));
        self
    }

    /// Calls `f` once for each task that was spawned, when it is over: completed, panicked, aborted, or dropped with the
    /// runtime. Its future has been dropped. After an abort by a handle it is called in the next turn of the loop.
    ///
    /// See [`on_task_spawn`](Builder::on_task_spawn).
    #[inline]
    pub fn on_task_terminate(mut self, f: impl Fn(&TaskMeta<'_>) + Send + Sync + 'static) -> Builder {
        self.hooks.terminate = Some(Box::new(f));
        self
    }

    /// Calls `f` when the loop has nothing to run, before it waits for an event. When `f` spawns or wakes a task, the loop
    /// does not sleep, but still takes the events and the timers that are due.
    ///
    /// ```
    /// use egret_runtime::runtime::Builder;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    /// use std::time::Duration;
    ///
    /// static PARKED: AtomicUsize = AtomicUsize::new(0);
    /// static UNPARKED: AtomicUsize = AtomicUsize::new(0);
    ///
    /// let rt = Builder::new()
    ///     .on_thread_park(|| _ = PARKED.fetch_add(1, Ordering::Relaxed))
    ///     .on_thread_unpark(|| _ = UNPARKED.fetch_add(1, Ordering::Relaxed))
    ///     .build()?;
    /// rt.block_on(egret_runtime::time::sleep(Duration::from_millis(1)));
    /// assert!(PARKED.load(Ordering::Relaxed) > 0);
    /// assert_eq!(PARKED.load(Ordering::Relaxed), UNPARKED.load(Ordering::Relaxed));
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    pub fn on_thread_park(mut self, f: impl Fn() + Send + Sync + 'static) -> Builder {
        self.hooks.park = Some(Box::new(f));
        self
    }

    /// Calls `f` after each wait that [`on_thread_park`](Builder::on_thread_park) is called before: the waiters of the
    /// events are queued, those of timers and of other threads not yet.
    #[inline]
    pub fn on_thread_unpark(mut self, f: impl Fn() + Send + Sync + 'static) -> Builder {
        self.hooks.unpark = Some(Box::new(f));
        self
    }
}
