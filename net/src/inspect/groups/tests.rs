use super::super::look::tests::look_at;
use super::*;
use egret_runtime::inspect::{Dump, WaitView};

fn place(line: u32) -> Place {
    let mut place = Place::default();
    (place.file, place.line) = ("src/main.rs", line);
    place
}

fn task(line: u32, name: &str, waits: u64) -> TaskView {
    let mut wait = WaitView::default();
    (wait.kind, wait.at, wait.since_ns) = (WaitKind::Read, Some(place(41)), Some(waits));
    wait.text = format!("for {waits}");
    let mut task = TaskView::default();
    (task.spawned_at, task.size, task.polls, task.poll_longest_ns) = (place(line), 100, 3, waits);
    task.name = Some(name.to_owned());
    task.waits = vec![wait];
    task
}

#[test]
fn tasks_are_grouped_by_the_line_that_spawned_them_and_waits_by_theirs() {
    let mut dump = Dump::default();
    dump.tasks =
        vec![task(10, "a", 5), task(20, "c", 7), task(10, "b", 6), task(20, "c", 1), task(20, "c", 2)];
    let look = look_at(dump);
    let groups = Groups::of(&look, &Query::default());
    let spawned: Vec<_> =
        groups.by_spawn.iter().map(|g| (g.at.line, g.count, g.name, g.bytes, g.polls)).collect();
    assert_eq!(spawned, [(20, 3, Some("c"), 300, 9), (10, 2, None, 200, 6)]);
    assert_eq!(groups.by_spawn[0].poll_longest_ns, 7);
    let waits: Vec<_> = groups.by_wait.iter().map(|g| (g.count, g.oldest_ns, g.text)).collect();
    assert_eq!(waits, [(5, Some(7), "for 7")]);
    let groups = Groups::of(&look, &Query::parse("q=spawned:src/main.rs:10"));
    assert_eq!((groups.all, groups.by_spawn.len(), groups.by_wait[0].count), (5, 1, 2));
}
