//! [`Builder::stall_after`].

use super::report::Stall;
use super::sampler;
use crate::runtime::Builder;
use std::time::Duration;

impl Builder {
    /// Reports each poll that takes longer than `limit`: while it goes on, and when it has ended. With feature
    /// `inspect`; with `inspect-backtrace` the report has the stack of the loop's thread.
    ///
    /// A thread looks at the loop every 75 ms, or every half of a longer limit; it calls `report`. It is one for
    /// the process, shared by all runtimes that have a limit, and ends after the last of them. So `report` should
    /// not take long: meanwhile nothing else is reported. A panic of it is caught.
    ///
    /// - A poll has at most two reports. One that ends before it was looked at has none: that is never so with 80 ms or
    ///   more, as long as the thread is run on time. It is counted in
    ///   [`Metrics::long_polls`](crate::runtime::Metrics::long_polls) with every other, and for ten seconds after it the
    ///   thread looks twice in each limit however short that is.
    /// - The time for which the process is stopped or the machine suspended is not counted, and a poll whose thread
    ///   waits for a processor is not reported before it has run for a quarter of the limit.
    /// - Destructors of futures run in polls. Those of the tasks that are left when the runtime is dropped do not.
    /// - A simulated host (feature `sim`) has no such thread: its polls take no time.
    ///
    /// Called twice, the later limit and report are used.
    ///
    /// For the stack the thread of the loop is interrupted by `SIGURG`, once for each stall, unless the program has a
    /// handler for that signal. System calls that a signal ends with `EINTR` whatever the handler asks for, such as
    /// `poll(2)`, do so then: see [`signal(7)`](https://man7.org/linux/man-pages/man7/signal.7.html).
    ///
    /// # Panics
    ///
    /// When `limit` is zero: every poll would be reported.
    ///
    /// ```
    /// use egret_runtime::inspect::StallStage;
    /// use egret_runtime::runtime::Builder;
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    ///
    /// let (tell, told) = mpsc::channel();
    /// let rt = Builder::new()
    ///     .stall_after(Duration::from_millis(20), move |stall| {
    ///         eprintln!("{stall}");
    ///         tell.send(stall.stage).unwrap();
    ///     })
    ///     .build()?;
    /// rt.block_on(async move {
    ///     // A poll that takes until it is reported.
    ///     assert_eq!(told.recv().unwrap(), StallStage::Begun);
    /// });
    /// # std::io::Result::Ok(())
    /// ```
    #[track_caller]
    pub fn stall_after(self, limit: Duration, report: impl Fn(&Stall) + Send + Sync + 'static) -> Builder {
        assert!(limit > Duration::ZERO, "stall_after(0): every poll would be a stall");
        self.long_poll(limit).when_built(move |runtime| sampler::watch(runtime, limit, report))
    }
}
