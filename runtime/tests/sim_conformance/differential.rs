//! The same random steps on both kernels: the same results, the same bytes, the same edges.
//!
//! The bytes written stay far below any buffer, because buffers differ; `full_buffers` tests those, and compares no sizes.
//! 256 sequences of each kind, or the number in `PROPTEST_CASES`.

use super::errno::{error_of, said};
use super::kernel::{Kernel, linux, simulation, time_wait_is_full};
use super::pair::{Pair, pipe, tcp, unix};
use super::watch::Watch;
use egret_runtime::sys::{Backend, Fd, Type};
use proptest::prelude::*;
use std::net::Shutdown;

#[derive(Clone, Debug)]
enum Step {
    Write(usize, usize),
    Read(usize, usize),
    Shut(usize, Shutdown),
    Close(usize),
    TakeError(usize),
    Wait,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let end = 0..2usize;
    let how = prop_oneof![Just(Shutdown::Read), Just(Shutdown::Write), Just(Shutdown::Both)];
    let step = prop_oneof![
        6 => (end.clone(), 0..100usize).prop_map(|(end, len)| Step::Write(end, len)),
        6 => (end.clone(), 0..150usize).prop_map(|(end, len)| Step::Read(end, len)),
        1 => (end.clone(), how).prop_map(|(end, how)| Step::Shut(end, how)),
        1 => end.clone().prop_map(Step::Close),
        1 => end.prop_map(Step::TakeError),
        8 => Just(Step::Wait),
    ];
    prop::collection::vec(step, 1..30)
}

/// Two ends that both read and write, as far as they can.
struct Ends {
    ends: [Option<Fd>; 2],
    is_pipe: bool,
    is_tcp: bool,
}

impl Ends {
    fn of(pair: Pair) -> Ends {
        let (is_pipe, is_tcp) = (pair.name == "pipe", pair.name == "TCP");
        Ends { ends: [Some(pair.reader), Some(pair.writer)], is_pipe, is_tcp }
    }

    fn settle(&self, kernel: &dyn Kernel) {
        let ends: Vec<_> = self.ends.iter().flatten().collect();
        match self.is_tcp {
            true => kernel.settle_acknowledged(&ends),
            false => kernel.settle(),
        }
    }

    /// Does the step and returns its result.
    fn go(&mut self, step: &Step, written: &mut u8) -> String {
        let (Step::Write(at, _)
        | Step::Read(at, _)
        | Step::Shut(at, _)
        | Step::Close(at)
        | Step::TakeError(at)) = step
        else {
            return String::new();
        };
        let Some(end) = &self.ends[*at] else { return "closed".to_owned() };
        match *step {
            Step::Write(_, len) => {
                let bytes: Vec<u8> = (0..len).map(|i| written.wrapping_add(i as u8)).collect();
                let result = said(if self.is_pipe { end.write(&bytes) } else { end.send(&bytes) });
                *written = written.wrapping_add(*result.as_ref().unwrap_or(&0) as u8);
                format!("{result:?}")
            }
            Step::Read(_, len) => {
                let mut buf = vec![0; len];
                let result = said(if self.is_pipe { end.read(&mut buf) } else { end.recv(&mut buf) });
                format!("{:?}", result.map(|n| buf[..n].to_vec()))
            }
            // Not a socket: egret does not depend on which error this is.
            Step::Shut(..) | Step::TakeError(_) if self.is_pipe => String::new(),
            Step::Shut(_, how) => format!("{:?}", said(end.shutdown(how))),
            Step::TakeError(_) => format!("{:?}", error_of(end)),
            Step::Close(_) => {
                self.ends[*at] = None;
                "done".to_owned()
            }
            Step::Wait => String::new(),
        }
    }
}

/// The result of each step on a kernel.
fn transcript(kernel: &dyn Kernel, pair: Pair, steps: &[Step]) -> Vec<String> {
    let mut ends = Ends::of(pair);
    let watch = Watch::empty(kernel);
    ends.ends.iter().flatten().for_each(|end| watch.add(end).unwrap());
    let mut written = 0;
    let mut lines = Vec::new();
    for step in steps {
        let line = match step {
            Step::Wait => {
                let mut edges = watch.edges();
                edges.sort(); // two ends hear at once, in whatever order
                format!("Wait: {edges:?}")
            }
            step => format!("{step:?}: {}", ends.go(step, &mut written)),
        };
        lines.push(line);
        ends.settle(kernel);
    }
    lines
}

fn compare(steps: &[Step], pair: impl Fn(&dyn Kernel) -> Pair) {
    let mut there = Vec::new();
    linux(|kernel| there = transcript(kernel, pair(kernel), steps));
    simulation(|kernel| assert_eq!(transcript(kernel, pair(kernel), steps), there, "right is Linux"));
}

/// Regressions are kept as rules in the other files of this folder.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn tcp_is_the_same_on_both_kernels(steps in steps()) {
        if !time_wait_is_full() {
            compare(&steps, tcp);
        }
    }

    #[test]
    fn a_unix_stream_is_the_same_on_both_kernels(steps in steps()) {
        compare(&steps, |_| unix(Type::Stream));
    }

    #[test]
    fn a_unix_seqpacket_is_the_same_on_both_kernels(steps in steps()) {
        compare(&steps, |_| unix(Type::SeqPacket));
    }

    #[test]
    fn a_unix_datagram_is_the_same_on_both_kernels(steps in steps()) {
        compare(&steps, |_| unix(Type::Datagram));
    }

    #[test]
    fn a_pipe_is_the_same_on_both_kernels(steps in steps()) {
        compare(&steps, |_| pipe());
    }

    #[test]
    fn an_eventfd_is_the_same_on_both_kernels(steps in counter_steps()) {
        let mut there = Vec::new();
        linux(|kernel| there = count(kernel, &steps));
        simulation(|kernel| assert_eq!(count(kernel, &steps), there, "right is Linux"));
    }

    #[test]
    fn full_buffers_are_the_same_on_both_kernels(steps in bulk_steps(), kind in 0..5usize) {
        let mut there = Vec::new();
        linux(|kernel| there = bulk(kernel, kind, &steps));
        simulation(|kernel| assert_eq!(bulk(kernel, kind, &steps), there, "right is Linux"));
    }
}

#[derive(Clone, Debug)]
enum CounterStep {
    Add(u64),
    Take,
    Wait,
}

fn counter_steps() -> impl Strategy<Value = Vec<CounterStep>> {
    let value =
        prop_oneof![0..3u64, Just(u64::MAX / 2), Just(u64::MAX - 2), Just(u64::MAX - 1), Just(u64::MAX)];
    let step = prop_oneof![
        2 => value.prop_map(CounterStep::Add),
        1 => Just(CounterStep::Take),
        2 => Just(CounterStep::Wait),
    ];
    prop::collection::vec(step, 1..30)
}

fn count(kernel: &dyn Kernel, steps: &[CounterStep]) -> Vec<String> {
    let fd = Backend::current().counter().unwrap();
    let watch = Watch::of(kernel, &fd);
    let go = |step: &CounterStep| match step {
        CounterStep::Add(value) => format!("{step:?}: {:?}", said(fd.write(&value.to_ne_bytes()))),
        CounterStep::Take => {
            let mut value = [0; 8];
            let taken = said(fd.read(&mut value));
            format!("{step:?}: {:?}", taken.map(|_| u64::from_ne_bytes(value)))
        }
        CounterStep::Wait => format!("{step:?}: {:?}", watch.edges()),
    };
    steps.iter().map(go).collect()
}

#[derive(Clone, Copy, Debug)]
enum Bulk {
    /// Writes until there is no room, wherever it could be.
    Fill,
    /// Reads until there is nothing, wherever it could be.
    Drain,
    Write,
    Wait,
}

fn bulk_steps() -> impl Strategy<Value = Vec<Bulk>> {
    let step = prop_oneof![Just(Bulk::Fill), Just(Bulk::Drain), Just(Bulk::Write), Just(Bulk::Wait)];
    prop::collection::vec(step, 1..10)
}

fn bulk(kernel: &dyn Kernel, kind: usize, steps: &[Bulk]) -> Vec<String> {
    let pair = match kind {
        0 => tcp(kernel),
        1 => pipe(),
        2 => unix(Type::Stream),
        3 => unix(Type::SeqPacket),
        _ => unix(Type::Datagram),
    };
    if kind == 0 {
        pair.writer.set_send_buffer_size(16 * 1024).unwrap();
        pair.reader.set_recv_buffer_size(8 * 1024).unwrap();
    }
    let watch = Watch::of(kernel, &pair.writer);
    let mut under_way = 0usize;
    let mut go = |step: &Bulk| match step {
        Bulk::Fill => {
            loop {
                match super::pair::fill(&pair, 1024) {
                    0 => break,
                    n => under_way += n,
                }
                kernel.settle();
            }
            "full".to_owned()
        }
        Bulk::Drain => {
            while under_way > 0 {
                under_way -= super::pair::drain(&pair, 1024);
                kernel.settle();
            }
            "empty".to_owned()
        }
        Bulk::Write => {
            let result = pair.write(&[b'x'; 1024]);
            under_way += *result.as_ref().unwrap_or(&0);
            format!("{result:?}")
        }
        Bulk::Wait => format!("{:?}", watch.edges()),
    };
    steps.iter().map(|step| format!("{step:?}: {}", go(step))).collect()
}
