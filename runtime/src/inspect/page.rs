//! The page of a dump: what a person reads from top to bottom.
//!
//! The order is that of an investigation: the hints, the loop, the tasks, the descriptors, the timers, the pool, the
//! queue. Rows that are equal but for their numbers are one row with a count and the oldest: `groups.rs`.

use super::dump::{BlockingView, Dump, FrameView, LoopState, LoopView, TaskState, TaskView, WaitView};
use super::groups::{self, SourceGroup, TaskGroup};
use super::words::{Count, Many, TaskName, Time, made};
use std::fmt;

/// At most so many rows of one kind are on the page, and so many tasks of the queue. The structs have all.
const ROWS: usize = 200;
const QUEUED: usize = 20;

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LoopView { number, thread, age_ns, .. } = &self.runtime;
        write!(f, "egret runtime {number} of process {}", self.pid)?;
        write!(f, ", thread {} {:?}", thread.tid, thread.name)?;
        let answered = self.runtime.state == LoopState::Answered;
        if answered {
            write!(f, ", {} old", Time(*age_ns))?;
        }
        write!(f, "; {}, made in {}", Utc(self.made_at_unix_ms), Time(self.took_ns))?;
        if answered {
            write!(f, ", {} of it on the loop", Time(self.held_loop_ns))?;
        }
        writeln!(f)?;
        if !self.hints.is_empty() {
            writeln!(f)?;
            self.hints.iter().try_for_each(|hint| writeln!(f, "! {}", hint.text))?;
        }
        writeln!(f)?;
        self.runtime.fmt(f)?;
        writeln!(f)?;
        tasks(f, &self.tasks)?;
        if !answered {
            return writeln!(f, "\nThe other parts are the loop's, which did not answer.");
        }
        sources(f, self)?;
        timers(f, self)?;
        self.blocking.fmt(f)?;
        queue(f, self)
    }
}

impl fmt::Display for LoopView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            LoopState::Answered => write!(f, "loop: answers")?,
            LoopState::NotInPoll => write!(f, "loop: does not answer, and is in no poll of a task")?,
            LoopState::InPoll(poll) => {
                let task = TaskName(poll.task, poll.name.as_deref());
                write!(f, "loop: in a poll of {task} for {}", Time(poll.since_ns))?;
            }
        }
        if let Some(kernel) = &self.thread.kernel {
            write!(f, "; its thread {kernel}")?;
        }
        if let Some(counts) = &self.metrics {
            let mut comma = ";";
            let told = [
                (counts.turns, "turn"),
                (counts.polls, "poll"),
                (counts.events, "event"),
                (counts.local_wakes + counts.remote_wakes, "wake"),
                (counts.timers_fired, "fired timer"),
                (counts.epoll_waits, "epoll_wait"),
            ];
            for (count, name) in told {
                write!(f, "{comma} {}", Many(count, name))?;
                comma = ",";
            }
        }
        if self.untimed {
            write!(f, "; without a recorder no poll is timed")?;
        }
        writeln!(f)
    }
}

fn tasks(f: &mut fmt::Formatter<'_>, tasks: &[TaskView]) -> fmt::Result {
    let count = |is: fn(&TaskState) -> bool| tasks.iter().filter(|task| is(&task.state)).count() as u64;
    let running = count(|state| matches!(state, TaskState::Running { .. }));
    let queued = count(|state| matches!(state, TaskState::Queued { .. }));
    let waiting = tasks.len() as u64 - running - queued;
    write!(f, "tasks: {}", Count(tasks.len() as u64))?;
    writeln!(f, " ({} in a poll, {} queued, {} waiting)", Count(running), Count(queued), Count(waiting))?;
    let groups = groups::of_tasks(tasks);
    groups.iter().take(ROWS).try_for_each(|group| write!(f, "{group}"))?;
    rest(f, groups.len(), "row")
}

fn rest(f: &mut fmt::Formatter<'_>, len: usize, name: &'static str) -> fmt::Result {
    match len.saturating_sub(ROWS) {
        0 => Ok(()),
        more => writeln!(f, "  and {} more", Many(more as u64, name)),
    }
}

impl fmt::Display for TaskGroup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let oldest = self.oldest();
        match self.tasks.len() {
            1 => write!(f, "  {}", TaskName::of(oldest))?,
            n => write!(f, "  {} tasks", Count(n as u64))?,
        }
        if oldest.spawned_at.line != 0 {
            write!(f, ", {} at {}", made(oldest.id), oldest.spawned_at)?;
        }
        // Of a loop that did not answer the past of the task is not known.
        let known = oldest.size > 0 || oldest.polls > 0;
        if !known {
            writeln!(f)?;
        } else if self.tasks.len() == 1 {
            writeln!(f, " {} ago, {} bytes", Time(oldest.age_ns), oldest.size)?;
        } else {
            writeln!(f, "; the oldest is {}, of {} ago", TaskName::of(oldest), Time(oldest.age_ns))?;
        }
        match oldest.state {
            TaskState::Running { since_ns } => writeln!(f, "      in a poll for {}", Time(since_ns))?,
            TaskState::Queued { since_ns } => writeln!(f, "      queued for {}", Time(since_ns))?,
            TaskState::Waiting { .. } => {}
        }
        if !known {
            return Ok(());
        }
        // Of a group, the waits of the task that has waited longest.
        let told = self.longest_waiting();
        tree(f, &told.waits, &told.frames)?;
        let polls: u64 = self.tasks.iter().map(|task| task.polls).sum();
        let total: u64 = self.tasks.iter().map(|task| task.poll_total_ns).sum();
        let wakes: u64 = self.tasks.iter().map(|task| task.wakes).sum();
        let longest = self.tasks.iter().map(|task| task.poll_longest_ns).max().unwrap_or(0);
        write!(f, "      {}", Many(polls, "poll"))?;
        // Of short polls one in 64 is drawn and stands for all.
        match total {
            0 => write!(f, ", not timed")?,
            _ => write!(f, ", {}", Time(total))?,
        }
        if polls > 1 && total > 0 {
            write!(f, ", the longest {}", Time(longest))?;
        }
        write!(f, "; {}", Many(wakes, "wake"))?;
        if let (1, Some(by), true) = (self.tasks.len(), oldest.woken_by, wakes > 0) {
            let itself = by == super::dump::WokenBy::Task { id: oldest.id };
            write!(f, ", the last by {}", if itself { "itself".to_owned() } else { by.to_string() })?;
        }
        if let Some(joiner) = oldest.joined_by.filter(|_| self.tasks.len() == 1) {
            write!(f, "; {} awaits it", TaskName(joiner, None))?;
        }
        writeln!(f)
    }
}

/// Returns the named frames of a task as a tree whose leaves are its waits. Waits outside of all frames are first.
fn tree(f: &mut fmt::Formatter<'_>, waits: &[WaitView], frames: &[FrameView]) -> fmt::Result {
    let framed = |at: usize| frames.iter().any(|frame| frame.waits.contains(&at));
    for (at, wait) in waits.iter().enumerate() {
        if !framed(at) {
            leaf(f, 0, wait)?;
        }
    }
    for frame in frames {
        write!(f, "      {:indent$}in {:?}", "", frame.name, indent = 2 * frame.depth)?;
        write!(f, " for {}", Time(frame.since_ns))?;
        frame.at.map_or(Ok(()), |at| write!(f, " at {at}"))?;
        writeln!(f)?;
        for at in &frame.waits {
            waits.get(*at).map_or(Ok(()), |wait| leaf(f, frame.depth + 1, wait))?;
        }
    }
    Ok(())
}

fn leaf(f: &mut fmt::Formatter<'_>, depth: usize, wait: &WaitView) -> fmt::Result {
    write!(f, "      {:indent$}{}", "", wait.text, indent = 2 * depth)?;
    if let Some(since) = wait.since_ns {
        write!(f, " for {}", Time(since))?;
    }
    if let Some(left) = wait.left_ns {
        write!(f, ", {} to go,", Time(left))?;
    }
    wait.at.map_or(Ok(()), |at| write!(f, " at {at}"))?;
    writeln!(f)
}

fn sources(f: &mut fmt::Formatter<'_>, dump: &Dump) -> fmt::Result {
    let sources = &dump.sources;
    let idle = sources.iter().filter(|source| source.readers.is_empty() && source.writers.is_empty()).count();
    write!(f, "\ndescriptors: {}", Count(sources.len() as u64))?;
    match idle {
        0 => writeln!(f)?,
        _ => writeln!(f, ", of which no task waits for {}", Count(idle as u64))?,
    }
    let groups = groups::of_sources(sources);
    groups.iter().take(ROWS).try_for_each(|group| write!(f, "{group}"))?;
    rest(f, groups.len(), "row")
}

impl fmt::Display for SourceGroup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.sources[0];
        match self.sources.len() {
            1 => write!(f, "  {}", first.text)?,
            n => {
                let space = if self.address.is_empty() { "" } else { " " };
                write!(f, "  {} x {}{space}{}", Count(n as u64), first.kind, self.address)?;
            }
        }
        let waiting = [("read", &first.readers), ("write", &first.writers)];
        let mut comma = ":";
        for (what, tasks) in waiting.into_iter().filter(|(_, tasks)| !tasks.is_empty()) {
            match (self.sources.len(), &tasks[..]) {
                (1, [task]) => write!(f, "{comma} {} waits to {what}", TaskName(*task, None))?,
                (1, tasks) => write!(f, "{comma} {} tasks wait to {what}", tasks.len())?,
                _ => write!(f, "{comma} tasks wait to {what}")?,
            }
            comma = ",";
        }
        if comma == ":" {
            write!(f, ": no task waits")?;
        }
        writeln!(f)
    }
}

fn timers(f: &mut fmt::Formatter<'_>, dump: &Dump) -> fmt::Result {
    writeln!(f, "\ntimers: {}", Count(dump.timers.len() as u64))?;
    let groups = groups::of_timers(&dump.timers);
    for timers in groups.iter().take(ROWS) {
        let (first, last) = (timers[0], timers[timers.len() - 1]);
        match timers.len() {
            1 => write!(f, "  in {}", Time(first.left_ns))?,
            n => {
                let (n, next, last) = (Count(n as u64), Time(first.left_ns), Time(last.left_ns));
                write!(f, "  {n}, the next in {next}, the last in {last}")?;
            }
        }
        first.at.map_or(Ok(()), |at| write!(f, ", set at {at}"))?;
        if let (1, Some(task)) = (timers.len(), first.task) {
            write!(f, ", for {}", TaskName(task, None))?;
        }
        writeln!(f)?;
    }
    rest(f, groups.len(), "row")
}

impl fmt::Display for BlockingView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running = self.jobs.iter().filter(|job| job.is_running).count() as u64;
        let queued = self.jobs.len() as u64 - running;
        write!(
            f,
            "\nblocking pool: {} of at most {}",
            Many(self.threads as u64, "thread"),
            self.max_threads
        )?;
        writeln!(f, "; {} running, {} queued", Many(running, "job"), Count(queued))?;
        let groups = groups::of_jobs(&self.jobs);
        for jobs in groups.iter().take(ROWS) {
            let oldest = jobs.iter().max_by_key(|job| job.since_ns).expect("a group has a job");
            match jobs.len() {
                1 => write!(f, "  job {}", oldest.id)?,
                n => write!(f, "  {} jobs", Count(n as u64))?,
            }
            let look_up = if oldest.is_look_up { " (name look-up)" } else { "" };
            let is = if oldest.is_running { "running" } else { "queued" };
            write!(f, "{look_up}, spawned at {}, {is} for {}", oldest.spawned_at, Time(oldest.since_ns))?;
            match (jobs.len(), oldest.awaited_by) {
                (1, Some(task)) => writeln!(f, "; {} awaits it", TaskName(task, None))?,
                _ => writeln!(f)?,
            }
        }
        rest(f, groups.len(), "row")
    }
}

fn queue(f: &mut fmt::Formatter<'_>, dump: &Dump) -> fmt::Result {
    let queue = &dump.queue;
    write!(f, "\nrun queue: {}", Many(queue.tasks.len() as u64, "task"))?;
    let mut comma = ":";
    for task in queue.tasks.iter().take(QUEUED) {
        write!(f, "{comma} {task}")?;
        comma = ",";
    }
    writeln!(f, "{}", if queue.tasks.len() > QUEUED { ", .." } else { "" })?;
    let (letters, errands) = (Many(queue.letters as u64, "wake"), Many(queue.errands as u64, "errand"));
    writeln!(f, "mailbox: {letters} and {errands} of other threads")
}

/// A moment by its milliseconds since 1970.
struct Utc(u64);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, of_day) = (self.0 / 86_400_000, self.0 % 86_400_000);
        // The civil calendar, counted from 1 March of the year 0: a leap day is then the last of its year.
        let day = days + 719_468;
        let (era, of_era) = (day / 146_097, day % 146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let date = of_year - (153 * month + 2) / 5 + 1;
        let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        let (hour, minute, second) = (of_day / 3_600_000, of_day / 60_000 % 60, of_day / 1_000 % 60);
        write!(f, "{:04}-{month:02}-{date:02}", era * 400 + year + next)?;
        write!(f, " {hour:02}:{minute:02}:{second:02}.{:03} UTC", of_day % 1_000)
    }
}

#[cfg(test)]
mod tests;
