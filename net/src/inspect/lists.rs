//! Sources, timers and blocking jobs: searched, sorted and cut into pages like the tasks.

use super::look::Look;
use super::query::Query;
use super::search::Search;
use super::tasks::{TasksPage, window};
use egret_runtime::inspect::{JobView, SourceView, TimerView};
use std::cmp::Ordering;

pub(super) fn sources<'a>(look: &'a Look, query: &Query) -> TasksPage<'a, SourceView> {
    let text = |source: &SourceView| {
        let [local, peer] = [&source.local, &source.peer].map(|part| part.as_deref().unwrap_or_default());
        format!("{} {} {local} {peer}", source.fd, source.kind)
    };
    let order = |sort: &str| -> fn(&SourceView, &SourceView) -> Ordering {
        match sort {
            "kind" => |a, b| a.kind.cmp(b.kind).then(a.fd.cmp(&b.fd)),
            "local" => |a, b| a.local.cmp(&b.local),
            "peer" => |a, b| a.peer.cmp(&b.peer),
            "readers" => |a, b| a.readers.cmp(&b.readers),
            "writers" => |a, b| a.writers.cmp(&b.writers),
            _ => |a, b| a.fd.cmp(&b.fd),
        }
    };
    page(look, &look.answered.sources, query, text, order)
}

pub(super) fn timers<'a>(look: &'a Look, query: &Query) -> TasksPage<'a, TimerView> {
    let text = |timer: &TimerView| {
        let at = timer.at.map_or_else(String::new, |at| at.to_string());
        format!("{} {at}", timer.task.unwrap_or_default())
    };
    let order = |sort: &str| -> fn(&TimerView, &TimerView) -> Ordering {
        match sort {
            "set" => |a, b| a.since_ns.cmp(&b.since_ns),
            "task" => |a, b| a.task.cmp(&b.task),
            "at" => |a, b| a.at.cmp(&b.at),
            _ => |a, b| a.left_ns.cmp(&b.left_ns),
        }
    };
    page(look, &look.answered.timers, query, text, order)
}

pub(super) fn jobs<'a>(look: &'a Look, query: &Query) -> TasksPage<'a, JobView> {
    let text = |job: &JobView| {
        let state = if job.is_running { "running" } else { "queued" };
        format!("{} {state} {} {}", job.id, job.spawned_at, job.awaited_by.unwrap_or_default())
    };
    let order = |sort: &str| -> fn(&JobView, &JobView) -> Ordering {
        match sort {
            "state" => |a, b| a.is_running.cmp(&b.is_running),
            "since" => |a, b| a.since_ns.cmp(&b.since_ns),
            "kind" => |a, b| a.is_look_up.cmp(&b.is_look_up),
            "awaited_by" => |a, b| a.awaited_by.cmp(&b.awaited_by),
            "spawned_at" => |a, b| a.spawned_at.cmp(&b.spawned_at),
            _ => |a, b| a.id.cmp(&b.id),
        }
    };
    let blocking = &look.answered.blocking;
    let note = format!("{} threads of at most {}", blocking.threads, blocking.max_threads);
    TasksPage { note: Some(note), ..page(look, &blocking.jobs, query, text, order) }
}

fn page<'a, T>(
    look: &'a Look,
    all: &'a [T],
    query: &Query,
    text: impl Fn(&T) -> String,
    order: impl Fn(&str) -> fn(&T, &T) -> Ordering,
) -> TasksPage<'a, T> {
    let search = Search::new(query.text("q"), "");
    let is_searched = !query.text("q").is_empty();
    let mut rows: Vec<&T> = all.iter().filter(|row| !is_searched || search.finds_text(&text(row))).collect();
    let (compare, is_descending) = (order(query.text("sort")), query.text("desc") == "1");
    rows.sort_by(|a, b| if is_descending { compare(b, a) } else { compare(a, b) });
    let (matched, (offset, limit)) = (rows.len(), window(query));
    TasksPage {
        age_ms: look.age().as_millis(),
        made_at_unix_ms: look.answered.made_at_unix_ms,
        all: all.len(),
        matched,
        offset,
        counts: None,
        note: None,
        tasks: None,
        rows: Some(rows.into_iter().skip(offset).take(limit).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::look::tests::look_at;
    use super::*;
    use egret_runtime::inspect::Dump;

    #[test]
    fn a_list_is_searched_sorted_and_cut() {
        let mut dump = Dump::default();
        for fd in 0..100 {
            let mut source = SourceView::default();
            (source.fd, source.kind) = (fd, if fd % 2 == 0 { "TcpStream" } else { "UdpSocket" });
            source.peer = Some(format!("127.0.0.1:{}", 50_000 + fd));
            dump.sources.push(source);
        }
        let look = look_at(dump);
        let query = Query::parse("q=tcpstream+127.0.0.1&sort=fd&desc=1&offset=10&limit=3");
        let page = sources(&look, &query);
        assert_eq!((page.all, page.matched, page.offset), (100, 50, 10));
        assert_eq!(page.rows.unwrap().iter().map(|row| row.fd).collect::<Vec<_>>(), [78, 76, 74]);
    }
}
