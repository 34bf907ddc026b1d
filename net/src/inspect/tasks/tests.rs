use super::super::look::tests::look_at;
use super::*;
use egret_runtime::inspect::Dump;

/// 1000 tasks, of which each tenth is queued; the polls are not in the order of the ids.
fn look() -> Look {
    let mut dump = Dump::default();
    for id in 0..1000 {
        let mut task = TaskView::default();
        (task.id, task.polls) = (id, id * 7919 % 1000 / 2);
        task.name = (id % 2 == 0).then(|| format!("even {id}"));
        if id % 10 == 0 {
            task.state = TaskState::Queued { since_ns: id };
        }
        dump.tasks.push(task);
    }
    look_at(dump)
}

fn ids(page: &TasksPage<'_, TaskView>) -> Vec<u64> {
    page.tasks.as_ref().unwrap().iter().map(|task| task.id).collect()
}

#[test]
fn pages_of_an_order_are_without_a_gap_or_a_repetition() {
    let (orders, look) = (Orders::default(), look());
    let mut seen: Vec<(u64, u64)> = Vec::new();
    for offset in (0..1000).step_by(64) {
        let query = Query::parse(&format!("sort=polls&desc=1&offset={offset}&limit=64"));
        let page = orders.page(0, &look, &query);
        assert_eq!((page.all, page.matched, page.offset), (1000, 1000, offset));
        seen.extend(page.tasks.unwrap().iter().map(|task| (task.polls, task.id)));
    }
    assert_eq!(seen.len(), 1000);
    assert!(
        seen.windows(2).all(|pair| pair[0].0 > pair[1].0 || pair[0].0 == pair[1].0 && pair[0].1 < pair[1].1)
    );
    assert_eq!(orders.0.borrow().len(), 1, "one order serves all pages");
}

#[test]
fn a_search_and_a_state_select() {
    let (orders, look) = (Orders::default(), look());
    let page = orders.page(0, &look, &Query::parse("q=even+99&is=queued&sort=since&desc=1"));
    assert_eq!((page.all, page.matched), (1000, 1));
    assert_eq!(ids(&page), [990]);
    assert_eq!(page.counts, Some(StateCounts { running: 0, queued: 100, waiting: 900 }));
    let page = orders.page(0, &look, &Query::parse("is=queued&sort=since&desc=1&limit=3"));
    assert_eq!(ids(&page), [990, 980, 970]);
}

#[test]
fn an_answer_has_at_most_so_many_rows() {
    let mut dump = Dump::default();
    dump.tasks = vec![TaskView::default(); MOST_ROWS + 1];
    let (orders, look) = (Orders::default(), look_at(dump));
    for query in ["", "limit=1000000", "limit=-1", "limit=x"] {
        assert_eq!(ids(&orders.page(0, &look, &Query::parse(query))).len(), MOST_ROWS, "{query}");
    }
    assert_eq!(ids(&orders.page(0, &look, &Query::parse("offset=99999999999999"))).len(), 0);
}

#[test]
fn every_column_of_the_page_has_an_order() {
    let page = include_str!("../page.js");
    let columns = page.split("const taskColumns = [").nth(1).unwrap().split("];").next().unwrap();
    let columns: Vec<_> =
        columns.split("id: \"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(columns.len(), 15);
    let by_id = by("id") as usize;
    for column in columns.iter().filter(|column| **column != "id") {
        assert_ne!(by(column) as usize, by_id, "{column} is sorted by the id");
    }
}
