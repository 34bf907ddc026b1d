//! What is measured: each case is one function, the same for every runtime.

use crate::many::{self, Own};
use crate::remote::{BURST, bursts, coalesced, there_and_back, while_busy};
use crate::runtimes::{Egret, Monoio, Name, Runtime, Smol, Tokio};
use crate::streams::{self, Streams};
use crate::tasks::{handover, self_wake, spawn, spawn_large, spawn_many, yield_two, yields};
use crate::timers::{arm_and_cancel, live_timers, random_timers, timeouts};
use std::time::{Duration, Instant};

/// How many tasks of [`Case::SpawnMany`] are alive at once.
pub const TASKS: u64 = 1_000;

/// How many timers of [`Case::LiveTimers`] are.
pub const TIMERS: u64 = 100_000;
/// Tasks that are alive at a time, of many.
pub const MILLION: u64 = 1_000_000;

/// The limit that the timers of [`Case::Sleep`] and [`Case::Timeout`] are armed with and never reach.
pub const LIMIT: Duration = Duration::from_secs(1);

/// A case whose figure is a cost per operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    Spawn,
    SpawnMany,
    SpawnLarge,
    SpawnMillion,
    Yield,
    YieldTwo,
    SelfWake,
    Handover,
    Sleep,
    Timeout,
    LiveTimers,
    RandomTimers,
    TcpEcho,
    TcpTimed,
    UnixEcho,
    UdpEcho,
    JoinSet,
    Unordered,
    SelectStreams,
    Channel,
    ChannelAcross,
    SpawnBlocking,
    CoalescedBusy,
    RemoteBack,
    Remote1,
    Remote2,
    Remote4,
    Coalesced1,
    Coalesced2,
}

impl Case {
    /// In the order of the report.
    pub const ALL: [Case; 29] = [
        Case::Spawn,
        Case::SpawnMany,
        Case::SpawnLarge,
        Case::SpawnMillion,
        Case::Yield,
        Case::YieldTwo,
        Case::SelfWake,
        Case::Handover,
        Case::Sleep,
        Case::Timeout,
        Case::LiveTimers,
        Case::RandomTimers,
        Case::TcpEcho,
        Case::TcpTimed,
        Case::UnixEcho,
        Case::UdpEcho,
        Case::JoinSet,
        Case::Unordered,
        Case::SelectStreams,
        Case::Channel,
        Case::ChannelAcross,
        Case::SpawnBlocking,
        Case::CoalescedBusy,
        Case::RemoteBack,
        Case::Remote1,
        Case::Remote2,
        Case::Remote4,
        Case::Coalesced1,
        Case::Coalesced2,
    ];

    /// What it is called on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Case::Spawn => "spawn",
            Case::SpawnMany => "spawn-many",
            Case::SpawnLarge => "spawn-large",
            Case::SpawnMillion => "spawn-million",
            Case::Yield => "yield",
            Case::YieldTwo => "yield-two",
            Case::SelfWake => "self-wake",
            Case::Handover => "handover",
            Case::Sleep => "sleep",
            Case::Timeout => "timeout",
            Case::LiveTimers => "live-timers",
            Case::RandomTimers => "random-timers",
            Case::TcpEcho => "tcp-echo",
            Case::TcpTimed => "tcp-timed",
            Case::UnixEcho => "unix-echo",
            Case::UdpEcho => "udp-echo",
            Case::JoinSet => "join-set",
            Case::Unordered => "unordered",
            Case::SelectStreams => "select-streams",
            Case::Channel => "channel",
            Case::ChannelAcross => "channel-across",
            Case::SpawnBlocking => "spawn-blocking",
            Case::CoalescedBusy => "coalesced-busy",
            Case::RemoteBack => "remote-back",
            Case::Remote1 => "remote-1",
            Case::Remote2 => "remote-2",
            Case::Remote4 => "remote-4",
            Case::Coalesced1 => "coalesced-1",
            Case::Coalesced2 => "coalesced-2",
        }
    }

    /// Whether the runtime has what the case measures: monoio has no way to yield to another task, and is built here as
    /// it is by default, without wakes from other threads.
    pub fn is_possible_on(self, runtime: Name) -> bool {
        match runtime {
            Name::Egret | Name::Tokio => true,
            Name::Smol => !self.is_own(),
            Name::Monoio => {
                let has_none =
                    matches!(self, Case::Yield | Case::YieldTwo | Case::CoalescedBusy | Case::SelectStreams);
                !(has_none || self.is_remote() || self.is_own())
            }
        }
    }

    /// Whether it is an echo over a connection, which `micro` has on egret and tokio.
    fn has_streams(self) -> bool {
        matches!(self, Case::TcpEcho | Case::TcpTimed | Case::UnixEcho)
    }

    /// Whether it is of what `micro` has on egret and tokio.
    fn is_own(self) -> bool {
        self.has_streams() || matches!(self, Case::UdpEcho | Case::JoinSet | Case::SpawnBlocking)
    }

    /// Whether other threads take part, so that instructions depend on how they are scheduled.
    pub fn is_remote(self) -> bool {
        matches!(
            self,
            Case::ChannelAcross
                | Case::SpawnBlocking
                | Case::RemoteBack
                | Case::Remote1
                | Case::Remote2
                | Case::Remote4
                | Case::Coalesced1
                | Case::Coalesced2
        )
    }

    /// What it is called in the report.
    pub fn title(self) -> &'static str {
        match self {
            Case::Spawn => "spawn and join an empty task",
            Case::SpawnMany => "spawn 1000 empty tasks, join them all",
            Case::SpawnLarge => "spawn 1000 tasks of 512 bytes, join them all",
            Case::SpawnMillion => "spawn 1 000 000 empty tasks, join them all",
            Case::Yield => "yield_now, one task",
            Case::YieldTwo => "yield_now, two tasks in turn",
            Case::SelfWake => "a task that wakes itself",
            Case::Handover => "handover between two tasks",
            Case::Sleep => "arm and cancel a sleep",
            Case::Timeout => "timeout around a future pending once",
            Case::LiveTimers => "arm and drop each of 100 000 timers",
            Case::RandomTimers => "cancel and re-arm at random, 100 000 timers live",
            Case::TcpEcho => "TCP echo, both ends",
            Case::TcpTimed => "TCP echo, both ends, a timeout around each read of the server",
            Case::UnixEcho => "Unix echo, both ends",
            Case::UdpEcho => "UDP echo, both ends",
            Case::JoinSet => "JoinSet of 10 000 empty tasks",
            Case::Unordered => "FuturesUnordered of 1000, each pending once",
            Case::SelectStreams => "message by one of 1000 channels, selected",
            Case::Channel => "message by a channel, one loop",
            Case::ChannelAcross => "message by a channel to a loop of another thread",
            Case::SpawnBlocking => "spawn_blocking, joined",
            Case::CoalescedBusy => "wakes of one task by one thread while the loop is busy",
            Case::RemoteBack => "wake by another thread, and back",
            Case::Remote1 => "wakes by one thread, 64 tasks at a time",
            Case::Remote2 => "wakes by two threads, 64 tasks each",
            Case::Remote4 => "wakes by four threads, 64 tasks each",
            Case::Coalesced1 => "wakes of one task by one thread that does not wait",
            Case::Coalesced2 => "wakes of one task by two threads that do not wait",
        }
    }

    /// Operations of a measurement: a multiple of what the case does at once.
    pub fn operations(self) -> u64 {
        match self {
            Case::SpawnMillion => MILLION,
            Case::Spawn | Case::SpawnMany | Case::SpawnLarge | Case::Sleep | Case::Timeout => 100_000,
            Case::Yield | Case::YieldTwo | Case::Handover | Case::CoalescedBusy => 200_000,
            Case::SelfWake => 500_000,
            Case::LiveTimers | Case::RandomTimers => TIMERS,
            Case::TcpEcho | Case::TcpTimed | Case::UnixEcho | Case::UdpEcho | Case::SpawnBlocking => 20_000,
            Case::JoinSet | Case::Unordered | Case::SelectStreams | Case::Channel | Case::ChannelAcross => {
                100_000
            }
            Case::RemoteBack => 5_000,
            Case::Remote1 | Case::Remote2 | Case::Remote4 => 4 * BURST * 400,
            Case::Coalesced1 | Case::Coalesced2 => 2_000_000,
        }
    }

    /// Operations before the measurement, so that memory has been fetched and capacities have grown.
    fn warm_up(self) -> u64 {
        match self {
            Case::SpawnMillion => MILLION,
            Case::LiveTimers | Case::RandomTimers => TIMERS,
            Case::TcpEcho | Case::TcpTimed | Case::UnixEcho | Case::UdpEcho | Case::SpawnBlocking => 500,
            Case::RemoteBack => 100,
            Case::Remote1 | Case::Remote2 | Case::Remote4 => 4 * BURST * 10,
            Case::Coalesced1 | Case::Coalesced2 => 100_000,
            _ => 10_000,
        }
    }

    /// How long `operations` take on a new runtime that has warmed up.
    pub fn time(self, runtime: Name, operations: u64) -> Duration {
        match runtime {
            Name::Egret if self.has_streams() => self.echo_on::<Egret>(operations),
            Name::Tokio if self.has_streams() => self.echo_on::<Tokio>(operations),
            Name::Egret if self.is_own() => self.own_on::<Egret>(operations),
            Name::Tokio if self.is_own() => self.own_on::<Tokio>(operations),
            Name::Egret => self.time_on::<Egret>(operations),
            Name::Tokio => self.time_on::<Tokio>(operations),
            Name::Smol => self.time_on::<Smol>(operations),
            Name::Monoio => self.time_on::<Monoio>(operations),
        }
    }

    fn echo_on<R: Streams>(self, n: u64) -> Duration {
        R::run(move |rt| {
            timed(self.warm_up(), n, async move |n| {
                let echoed = match self {
                    Case::UnixEcho => streams::unix(&rt, n).await,
                    _ => streams::tcp(&rt, self == Case::TcpTimed, n).await,
                };
                echoed.expect("loopback is there");
            })
        })
    }

    fn own_on<R: Own>(self, n: u64) -> Duration {
        let warm_up = self.warm_up();
        match self {
            Case::JoinSet => R::run(|_| timed(warm_up, n, many::join_sets::<R>)),
            Case::SpawnBlocking => R::run(|_| timed(warm_up, n, many::blocking::<R>)),
            _ => R::run(|rt| {
                timed(warm_up, n, async move |n| rt.datagrams(n).await.expect("loopback is there"))
            }),
        }
    }

    fn time_on<R: Runtime>(self, n: u64) -> Duration {
        let warm_up = self.warm_up();
        match self {
            Case::Spawn => R::run(|rt| timed(warm_up, n, async move |n| spawn(&rt, n).await)),
            Case::SpawnMany => R::run(|rt| timed(warm_up, n, async move |n| spawn_many(&rt, TASKS, n).await)),
            Case::SpawnLarge => R::run(|rt| timed(warm_up, n, async move |n| spawn_large(&rt, n).await)),
            Case::SpawnMillion => {
                R::run(|rt| timed(warm_up, n, async move |n| spawn_many(&rt, MILLION, n).await))
            }
            Case::CoalescedBusy => R::run(|_| timed(warm_up, n, while_busy)),
            Case::Yield => R::run(|rt| timed(warm_up, n, async move |n| yields(&rt, n).await)),
            Case::YieldTwo => R::run(|rt| timed(warm_up, n, async move |n| yield_two(&rt, n).await)),
            Case::SelfWake => R::run(|_| timed(warm_up, n, self_wake)),
            Case::Handover => R::run(|rt| timed(warm_up, n, async move |n| handover(&rt, n).await)),
            Case::Sleep => R::run(|rt| timed(warm_up, n, async move |n| arm_and_cancel(&rt, n).await)),
            Case::Timeout => R::run(|rt| timed(warm_up, n, async move |n| timeouts(&rt, n).await)),
            Case::LiveTimers => R::run(|rt| live_timers(rt, warm_up, n)),
            Case::RandomTimers => R::run(|rt| random_timers(rt, warm_up, n)),
            Case::Unordered => R::run(|_| timed(warm_up, n, many::unordered)),
            Case::SelectStreams => R::run(|rt| timed(warm_up, n, async move |n| many::select(&rt, n).await)),
            Case::Channel => R::run(|rt| timed(warm_up, n, async move |n| many::channel(&rt, n).await)),
            Case::ChannelAcross => R::run(|_| many::channel_across::<R>(warm_up, n)),
            Case::TcpEcho | Case::TcpTimed | Case::UnixEcho | Case::UdpEcho => {
                unreachable!("not on every runtime")
            }
            Case::JoinSet | Case::SpawnBlocking => unreachable!("not on every runtime"),
            Case::RemoteBack => R::run(|rt| there_and_back(rt, warm_up, n)),
            Case::Remote1 => R::run(|rt| bursts(rt, 1, warm_up, n)),
            Case::Remote2 => R::run(|rt| bursts(rt, 2, warm_up, n)),
            Case::Remote4 => R::run(|rt| bursts(rt, 4, warm_up, n)),
            Case::Coalesced1 => R::run(|rt| coalesced(rt, 1, warm_up, n)),
            Case::Coalesced2 => R::run(|rt| coalesced(rt, 2, warm_up, n)),
        }
    }
}

async fn timed(warm_up: u64, n: u64, operations: impl AsyncFn(u64)) -> Duration {
    operations(warm_up).await;
    let start = Instant::now();
    operations(n).await;
    start.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;
    use std::task::{Context, Waker};

    #[test]
    fn every_case_runs_on_every_runtime() {
        for case in Case::ALL {
            for runtime in Name::ALL.into_iter().filter(|runtime| case.is_possible_on(*runtime)) {
                assert!(!case.time(runtime, case.operations() / 10).is_zero(), "{case:?} on {runtime:?}");
            }
        }
    }

    /// Arms sleeps with one poll of this task, as the cases do, and counts those that wake it later.
    async fn armed_sleeps_that_fire<R: Runtime>(rt: R) -> usize {
        struct Count(std::sync::atomic::AtomicUsize);
        impl std::task::Wake for Count {
            fn wake(self: std::sync::Arc<Self>) {
                self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        }
        let count = std::sync::Arc::new(Count(0.into()));
        let waker = Waker::from(count.clone());
        let mut sleeps: Vec<_> = (0..1000).map(|_| Box::pin(rt.sleep(Duration::from_millis(20)))).collect();
        for sleep in &mut sleeps {
            assert!(sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        rt.sleep(Duration::from_millis(60)).await;
        count.0.load(std::sync::atomic::Ordering::Relaxed)
    }

    #[test]
    fn who_yields_lets_another_task_run_where_a_yield_is_measured() {
        async fn yields_until_another_has_run<R: Runtime>(rt: R) -> bool {
            let ran = Rc::new(Cell::new(false));
            let theirs = ran.clone();
            rt.spawn_detached(async move { theirs.set(true) });
            for _ in 0..100 {
                rt.yield_now().await;
            }
            ran.get()
        }
        assert!(Egret::run(yields_until_another_has_run));
        assert!(Tokio::run(yields_until_another_has_run));
        assert!(Smol::run(yields_until_another_has_run));
        assert!(!Monoio::run(yields_until_another_has_run));
    }

    #[test]
    fn one_poll_arms_a_timer_on_every_runtime() {
        assert_eq!(Egret::run(armed_sleeps_that_fire), 1000);
        assert_eq!(Tokio::run(armed_sleeps_that_fire), 1000);
        assert_eq!(Smol::run(armed_sleeps_that_fire), 1000);
        assert_eq!(Monoio::run(armed_sleeps_that_fire), 1000);
    }
}
