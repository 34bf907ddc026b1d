//! `#[egret::main(cores = ..)]`.

use egret::cores::{self, Core};
use std::collections::BTreeSet;
use std::io;
use std::rc::Rc;
use std::sync::Mutex;
use std::thread;

/// The index, the count and the name of the thread of each core that has run.
type Seen = Mutex<BTreeSet<(usize, usize, String)>>;

fn note(seen: &Seen, core: &Core) {
    let name = thread::current().name().unwrap().to_owned();
    assert!(seen.lock().unwrap().insert((core.index(), core.count(), name)), "a core ran twice");
}

fn all_of(count: usize) -> BTreeSet<(usize, usize, String)> {
    (0..count).map(|index| (index, count, format!("egret-core-{index}"))).collect()
}

static THREE: Seen = Mutex::new(BTreeSet::new());

/// With another attribute, and a future that is not `Send`.
#[allow(dead_code, reason = "for the attribute's sake")]
#[egret::main(cores = 3)]
pub(crate) async fn three(core: Core) -> io::Result<()> {
    let core = Rc::new(core);
    let theirs = core.clone();
    egret::spawn(async move { note(&THREE, &theirs) }).await?;
    Ok(())
}

#[test]
fn a_number_of_cores_run_the_function_once_each() {
    three().unwrap();
    assert_eq!(*THREE.lock().unwrap(), all_of(3));
}

static ALL: Seen = Mutex::new(BTreeSet::new());

#[egret::main(cores = "all")]
async fn all(core: Core) {
    note(&ALL, &core);
}

#[test]
fn all_cores_are_as_many_as_the_process_may_use() {
    all();
    assert_eq!(*ALL.lock().unwrap(), all_of(cores::available()));
}

/// An error that is not of `io`.
#[derive(Debug)]
enum Failed {
    Io(#[allow(dead_code, reason = "for Debug")] io::Error),
    Core(usize),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Failed {
        Failed::Io(error)
    }
}

#[egret::main(cores = 2)]
async fn one_fails(core: Core) -> Result<(), Failed> {
    if core.index() == 1 {
        return Err(Failed::Core(1));
    }
    core.shutdown().requested().await; // which the failure of the other core requests
    Ok(())
}

#[test]
fn the_error_of_a_core_ends_the_others_and_is_returned() {
    assert!(matches!(one_fails(), Err(Failed::Core(1))));
}

#[egret::main(cores = 2)]
async fn one_panics(core: Core) {
    if core.index() == 1 {
        panic!("on core 1");
    }
    core.shutdown().requested().await;
}

#[test]
#[should_panic(expected = "on core 1")]
fn the_panic_of_a_core_ends_the_others_and_goes_on() {
    one_panics();
}

/// A runtime runs here already.
#[egret::test]
#[should_panic(expected = "a task cannot block the loop that runs it")]
async fn cores_inside_of_a_runtime_are_refused() {
    all();
}
