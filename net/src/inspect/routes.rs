//! The answers: a path and a query to bytes.

use super::answer::{Answer, CSS, HTML, JAVASCRIPT, JSON, METRICS, TEXT, Traces};
use super::door::Request;
use super::feed::Feed;
use super::groups::Groups;
use super::lists;
use super::look::{Look, ShownLoop};
use super::metrics;
use super::overview::{LoopRow, Overview, program};
use super::query::Query;
use super::recordings::{self, PastPoll, Recordings};
use super::tasks::Orders;
use super::timeline::Picture;
use egret_runtime::inspect::TaskView;
use serde::Serialize;

/// The loops that are shown, and the state that is kept from one request to the next.
pub(super) struct Routes {
    loops: Vec<Shown>,
    orders: Orders,
    traces: Traces,
}

struct Shown {
    watched: ShownLoop,
    recordings: Recordings,
}

/// The answer of `/task`.
#[derive(Serialize)]
struct OneTask<'a> {
    age_ms: u128,
    task: Option<&'a TaskView>,
    polls: Vec<PastPoll>,
    timeline: Picture,
}

impl Routes {
    pub(super) fn new(feeds: Vec<Box<dyn Feed>>) -> Routes {
        let shown = |feed| Shown { watched: ShownLoop::new(feed), recordings: Recordings::default() };
        Routes {
            loops: feeds.into_iter().map(shown).collect(),
            orders: Orders::default(),
            traces: Traces::default(),
        }
    }

    /// Returns the answer to a request that passed the door.
    pub(super) fn answer(&self, request: &Request) -> Answer {
        match &*request.path {
            "/" => Answer::new(HTML, include_bytes!("page.html").as_slice()),
            "/page.css" => Answer::new(CSS, include_bytes!("page.css").as_slice()),
            "/page.js" => Answer::new(JAVASCRIPT, include_bytes!("page.js").as_slice()),
            "/timeline.js" => Answer::new(JAVASCRIPT, include_bytes!("timeline.js").as_slice()),
            "/metrics" => self.metrics(),
            "/overview" => self.overview(&request.query),
            path => self.of_loop(path, &request.query),
        }
    }

    fn metrics(&self) -> Answer {
        let loops = self.loops.iter().map(|shown| &shown.watched);
        Answer::new(METRICS, metrics::write(loops).into_bytes())
    }

    fn overview(&self, query: &Query) -> Answer {
        let is_held = query.text("held") == "1";
        let asked: Vec<_> = self.loops.iter().map(|shown| shown.watched.ask_look(is_held)).collect();
        let looks = self.loops.iter().zip(asked).enumerate();
        let loops = looks.map(|(index, (shown, look))| LoopRow::of(index, &shown.watched, &look())).collect();
        json(&Overview { program: program(), pid: std::process::id(), loops })
    }

    /// Returns the paths of one loop.
    fn of_loop(&self, path: &str, query: &Query) -> Answer {
        const PATHS: [&str; 8] =
            ["/dump", "/tasks", "/groups", "/task", "/sources", "/timers", "/blocking", "/timeline"];
        if !PATHS.contains(&path) && path != "/trace" {
            return Answer::error("404 Not Found", "There is nothing at this path.");
        }
        let index = if query.text("loop").is_empty() { Some(0) } else { query.number::<usize>("loop") };
        let Some(index) = index else {
            return Answer::error("400 Bad Request", "A loop has a number, counted from 0: loop=1.");
        };
        let Some(shown) = self.loops.get(index) else {
            return Answer::error(
                "404 Not Found",
                format!("There are {} loops, counted from 0.", self.loops.len()),
            );
        };
        match path {
            "/trace" => return self.trace(shown),
            "/timeline" => return timeline(shown, query),
            _ => {}
        }
        let look = shown.watched.look(query.text("held") == "1");
        match path {
            "/dump" if look.has_ended => Answer::error("410 Gone", "The runtime has ended."),
            "/dump" => Answer::new(TEXT, look.dump.to_string().into_bytes()),
            "/tasks" => json(&self.orders.page(index, &look, query)),
            "/groups" => json(&Groups::of(&look, query)),
            "/task" => one_task(shown, &look, query),
            "/sources" => json(&lists::sources(&look, query)),
            "/timers" => json(&lists::timers(&look, query)),
            _ => json(&lists::jobs(&look, query)),
        }
    }

    /// Returns the recording as a Chrome trace.
    fn trace(&self, shown: &Shown) -> Answer {
        let Some(permit) = self.traces.permit() else {
            let text = "Others take traces at the moment: try again.";
            return Answer::error("503 Service Unavailable", text).with("Retry-After: 1\r\n");
        };
        let Some(recording) = shown.watched.feed.recording() else {
            return Answer::error("404 Not Found", "The runtime has ended, or its recorder is off.");
        };
        let mut trace = Vec::new();
        if recording.write_chrome_trace(&mut trace).is_err() {
            return Answer::error("500 Internal Server Error", "The trace was not written.");
        }
        Answer::new(JSON, trace)
            .with("Content-Disposition: attachment; filename=\"egret-trace.json\"\r\n")
            .holding(permit)
    }
}

fn timeline(shown: &Shown, query: &Query) -> Answer {
    match shown.recordings.find(query, || shown.watched.feed.recording()) {
        Some((number, track)) => json(&recordings::picture(number, &track, query, None)),
        None => Answer::error("410 Gone", "This recording is not kept any more."),
    }
}

fn one_task(shown: &Shown, look: &Look, query: &Query) -> Answer {
    let Some(id) = query.number::<u64>("id") else {
        return Answer::error("400 Bad Request", "A task has a number: /task?id=5.");
    };
    let Some((number, track)) = shown.recordings.find(query, || shown.watched.feed.recording()) else {
        return Answer::error("410 Gone", "This recording is not kept any more.");
    };
    json(&OneTask {
        age_ms: look.age().as_millis(),
        task: look.answered.tasks.iter().find(|task| task.id == id),
        polls: recordings::polls(&track, id),
        timeline: recordings::picture(number, &track, query, Some(id)),
    })
}

fn json(value: &impl Serialize) -> Answer {
    match serde_json::to_vec(value) {
        Ok(body) => Answer::new(JSON, body),
        Err(error) => Answer::error("500 Internal Server Error", error.to_string()),
    }
}
