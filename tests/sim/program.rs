//! What programs say to the simulation, and ask of it.

use crate::report::{has_its_seeds, report};
use egret::sim::{self, Fault, Faults, Sim};
use egret::time::{Duration, sleep};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

/// What `program` leaves in the list, in one run.
fn list<T: 'static>(seed: u64, faults: Faults, program: impl Fn() -> T + 'static) -> Vec<T> {
    let (sim, list) = (Sim::new(seed), Rc::new(RefCell::new(Vec::new())));
    sim.faults(faults);
    let theirs = list.clone();
    sim.host("host").client(async move {
        for _ in 0..100 {
            theirs.borrow_mut().push(program());
        }
    });
    sim.run();
    list.take()
}

#[test]
fn random_numbers_are_the_seeds() {
    let numbers = |seed| list(seed, Faults::none(), sim::random);
    assert_eq!(numbers(1), numbers(1));
    assert_ne!(numbers(1), numbers(2));
    assert_eq!(numbers(1).into_iter().collect::<BTreeSet<_>>().len(), 100);
}

#[test]
fn a_fault_of_the_program_happens_as_often_as_it_says_and_only_with_faults() {
    let faults = |seed, faults| {
        let happened = list(seed, faults, || sim::maybe!(0.3));
        happened.into_iter().filter(|happens| *happens).count()
    };
    assert!((15..=45).contains(&faults(1, Faults::all())), "{}", faults(1, Faults::all()));
    assert_eq!(faults(1, Faults::all()), faults(1, Faults::all()));
    assert_eq!(faults(1, Faults::none()), 0);
    assert_eq!(faults(1, Faults::all().without(Fault::Program)), 0);
}

#[test]
fn outside_of_a_simulation_all_of_it_is_nothing() {
    let evaluated = || -> bool { unreachable!("it is not evaluated") };
    assert!(!sim::is_simulated());
    sim::note!("{}", evaluated());
    sim::sometimes!(evaluated());
    assert!(!sim::maybe!(1.0));
    assert_ne!(sim::random(), sim::random());
}

#[test]
fn a_note_is_a_line_of_the_trace() {
    let sim = Sim::new(1);
    sim.host("host").client(async {
        sim::note!("half of {} is {}", 8, 4);
        assert!(sim::is_simulated());
    });
    sim.run();
    assert!(
        sim.trace().lines().any(|line| line.ends_with(" host note                  half of 8 is 4")),
        "{}",
        sim.trace()
    );
}

fn waits(longest: u64) -> impl Fn(&Sim) + Sync {
    move |sim: &Sim| {
        let millis = sim.choose(0..=longest);
        sim.host("host").client(async move {
            sleep(Duration::from_millis(millis)).await;
            sim::sometimes!(millis > 900);
        });
    }
}

#[test]
fn a_condition_that_never_holds_fails_a_check_of_many_seeds() {
    if !has_its_seeds("program::a_condition_that_never_holds_fails_a_check_of_many_seeds") {
        return;
    }
    let never = report(0..100, waits(500));
    assert!(never.starts_with("never: sometimes!(millis > 900) at tests/sim/program.rs:"), "{never}");
    assert!(never.ends_with(" was reached, and held in none of 100 seeds\n"), "{never}");
    sim::check(0..100, waits(1000));
    sim::check(0..99, waits(500)); // not many
}

#[test]
fn a_failure_that_needs_a_fault_of_the_program_says_so() {
    let report = report(0..100, |sim| {
        sim.faults(Faults::all());
        sim.host("host").client(async { assert!(!sim::maybe!(0.5), "it was too much") });
    });
    assert!(report.contains("+Program@1, for the test "), "{report}");
    assert!(report.contains("fault                 Program tests/sim/program.rs:"), "{report}");
}

#[test]
fn a_swarm_is_another_choice_of_faults_in_each_seed_and_finds_what_needs_one_fault_alone() {
    if !has_its_seeds(
        "program::a_swarm_is_another_choice_of_faults_in_each_seed_and_finds_what_needs_one_fault_alone",
    ) {
        return;
    }
    // Either fault alone is not it; both are in every run of all faults.
    let alone = |sim: &Sim| {
        sim.host("host").client(async move {
            let (mut ours, mut others) = (0, 0);
            for _ in 0..400 {
                ours += u32::from(sim::maybe!(0.1));
                others += u32::from(egret::net::lookup_host("host:1").await.is_err());
            }
            assert!(ours == 0 || others > 0, "only ours");
        });
    };
    sim::check(0..100, |sim| {
        sim.faults(Faults::all());
        alone(sim);
    });
    let report = report(0..100, |sim| {
        sim.swarm(Faults::all());
        alone(sim);
    });
    assert!(report.contains("only ours") && report.contains("+Program@1"), "{report}");
}
