//! What a program sees of values that are dropped on other threads.

use crate::support::child::alone;
use crate::support::{OnDrop, Trace};
use egret_runtime::runtime::Runtime;
use egret_runtime::task::Confined;
use std::rc::Rc;
use std::thread;

fn drop_elsewhere<T>(value: Confined<T>) {
    thread::spawn(|| drop(value)).join().unwrap();
}

#[test]
fn a_leaked_value_is_a_line_on_standard_error_that_says_whose_it_is_and_why() {
    let Some(output) = alone(|| {
        drop_elsewhere(egret_runtime::block_on(async { Confined::new(Rc::new(1_u8)) }));
        drop_elsewhere(Confined::new(Rc::new(1_u16)));
        let rt = Runtime::new().unwrap();
        drop_elsewhere(rt.block_on(async { Confined::new(Rc::new(1_u32)) })); // not leaked
    }) else {
        return;
    };
    let stderr = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<_> = stderr.lines().filter(|line| line.contains("leaked")).collect();
    let [gone, never] = lines[..] else { panic!("{stderr}") };
    for (line, why) in [(gone, "its runtime has ended"), (never, "there was no runtime where it was made")] {
        assert!(line.starts_with("egret: leaked a value that is confined to "), "{line}");
        assert!(line.contains(why), "{line}");
    }
    assert!(gone.contains("Confined<alloc::rc::Rc<u8>>"), "{gone}");
    assert!(never.contains("Confined<alloc::rc::Rc<u16>>"), "{never}");
}

#[test]
fn a_sleeping_loop_is_woken_by_one_write_for_the_values_of_one_sleep() {
    let trace = Trace::new();
    let rt = Runtime::new().unwrap();
    let values: Vec<Confined<OnDrop>> =
        rt.block_on(async { (0..100).map(|_| Confined::new(trace.on_drop("dropped"))).collect() });
    let before = rt.metrics();
    assert_eq!(rt.next_deadline(), None); // announces a sleep
    thread::spawn(|| drop(values)).join().unwrap();
    assert_eq!(rt.metrics().eventfd_writes - before.eventfd_writes, 1);
    rt.turn(None);
    assert_eq!(trace.take(), ["dropped"; 100]);
}
