//! The spans and events, with feature `trace`. See also `none.rs`.
//!
//! No span is kept for a task that no subscriber is interested in.

use crate::observe::spans::{SpanKind, Spawned};
use crate::observe::woken::Woken;
use crate::sys::mask;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::num::NonZeroU64;
use std::os::fd::RawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use tracing::subscriber::NoSubscriber;
use tracing::{Span, trace, trace_span};

/// The span of a task: from its spawn until its future is dropped. Entered for each poll, and for that drop.
///
/// Taken out of its cell while it is entered: the subscriber and the future are user code and may reach that cell.
pub(crate) struct TaskSpan(Cell<Option<Box<Span>>>);

/// The span of a registered descriptor: from its registration to its end. A clone is the same span.
#[derive(Clone)]
pub(crate) struct SourceSpan(Option<Rc<Span>>);

/// The subscriber's id of the span of a task; `None` when no subscriber is interested.
#[derive(Clone, Copy)]
pub(crate) struct SpanKey(Option<NonZeroU64>);

/// The span at each index of the run queue.
#[derive(Debug, Default)]
pub(crate) struct WakeSpans(RefCell<Vec<Option<NonZeroU64>>>);

/// A wake or an event, recorded where no user code may run.
enum Told {
    Wake(NonZeroU64),
    Event(Rc<Span>, u32),
}

thread_local! {
    /// The records to pass on, in the order in which they happened.
    static TOLD: RefCell<Vec<Told>> = const { RefCell::new(Vec::new()) };
    /// Whether the subscriber is being called. Wakes that it causes are not passed on: one that wakes a task for each
    /// event would never stop, and one that wakes it under a lock would deadlock.
    static TELLING: Cell<bool> = const { Cell::new(false) };
}

/// Calls the subscriber.
fn telling<R>(call: impl FnOnce() -> R) -> R {
    struct SpanBefore(bool);

    impl Drop for SpanBefore {
        fn drop(&mut self) {
            TELLING.set(self.0);
        }
    }

    let _before = SpanBefore(TELLING.replace(true));
    call()
}

impl SpanKind {
    fn name(self) -> &'static str {
        match self {
            SpanKind::Local => "local",
            SpanKind::Blocking => "blocking",
            SpanKind::BlockOn => "block_on",
        }
    }
}

/// Opens a span without a parent: a parent, such as the span of the spawning task, would stay open until the task
/// ends.
fn open(spawned: Spawned<'_>) -> Option<Span> {
    let Spawned { kind, name, id, size, at } = spawned;
    let span = telling(|| {
        trace_span!(
            target: "runtime::task",
            parent: None,
            "runtime.spawn",
            kind = kind.name(),
            task.name = name,
            task.id = id.map(|id| id.number()),
            size.bytes = size as u64,
            loc.file = at.file(),
            loc.line = u64::from(at.line()),
            loc.col = u64::from(at.column()),
        )
    });
    is_heard(&span).then_some(span)
}

/// Returns whether a subscriber is interested in the span. A thread without a subscriber still makes spans while another
/// thread has one: those are of `NoSubscriber`, and all have one number.
fn is_heard(span: &Span) -> bool {
    span.with_subscriber(|(_, subscriber)| !subscriber.is::<NoSubscriber>()).unwrap_or(false)
}

fn key(span: &Span) -> Option<NonZeroU64> {
    span.id().map(|id| id.into_non_zero_u64())
}

impl TaskSpan {
    pub(crate) fn none() -> TaskSpan {
        TaskSpan(Cell::new(None))
    }

    /// Opens the span of a task that is about to be queued for the first time.
    pub(crate) fn open(spawned: Spawned<'_>) -> TaskSpan {
        let Some(span) = open(spawned) else { return TaskSpan::none() };
        // A console reports a task without a waker as lost. Every task has one for as long as it lives: a number,
        // whose clones and drops are not counted.
        if let Some(key) = key(&span) {
            telling(|| trace!(target: "runtime::waker", op = "waker.clone", task.id = key.get()));
        }
        TaskSpan(Cell::new(Some(Box::new(span))))
    }

    pub(crate) fn key(&self) -> SpanKey {
        let span = self.0.take();
        let found = span.as_deref().and_then(key);
        self.0.set(span);
        SpanKey(found)
    }

    /// Polls the task within its span.
    pub(crate) fn poll<R>(&self, poll: impl FnOnce() -> R) -> R {
        let _within = self.enter(false);
        poll()
    }

    /// Drops the future of the task within its span, and closes the span.
    pub(crate) fn end<R>(&self, end: impl FnOnce() -> R) -> R {
        let _within = self.enter(true);
        end()
    }

    fn enter(&self, closes: bool) -> Option<EnteredSpan<'_>> {
        let span = self.0.take()?;
        telling(|| span.with_subscriber(|(id, subscriber)| subscriber.enter(id)));
        Some(EnteredSpan { place: &self.0, span: Some(span), closes })
    }
}

/// Leaves a span when it is dropped, and closes it or returns it to its cell.
struct EnteredSpan<'a> {
    place: &'a Cell<Option<Box<Span>>>,
    span: Option<Box<Span>>,
    closes: bool,
}

impl Drop for EnteredSpan<'_> {
    fn drop(&mut self) {
        let Some(span) = self.span.take() else { return };
        telling(|| span.with_subscriber(|(id, subscriber)| subscriber.exit(id)));
        if self.closes {
            telling(|| drop(span));
        } else {
            self.place.set(Some(span));
        }
    }
}

/// `job` within a span of its own, on the thread that runs it.
pub(crate) fn of_job<F, T>(job: F, spawned: Spawned<'_>) -> impl FnOnce() -> T + Send + 'static
where
    F: FnOnce() -> T + Send + 'static,
{
    let span = open(spawned).unwrap_or_else(Span::none);
    move || span.in_scope(job)
}

impl SourceSpan {
    /// Opens the span of a descriptor that is about to be registered.
    pub(crate) fn open(fd: RawFd) -> SourceSpan {
        let span = telling(|| {
            trace_span!(
                target: "runtime::resource",
                parent: None,
                "runtime.resource",
                concrete_type = "Registration",
                kind = "io",
                is_internal = false,
                fd = fd as i64,
            )
        });
        SourceSpan(is_heard(&span).then(|| Rc::new(span)))
    }

    /// Records an event of the descriptor.
    pub(crate) fn event(&self, mask: u32) {
        if let Some(span) = &self.0 {
            write_down(|| Told::Event(span.clone(), mask));
        }
    }
}

impl WakeSpans {
    /// Sets the span of the task at an index.
    pub(crate) fn spawned(&self, index: u32, key: SpanKey) {
        let spans = &mut *self.0.borrow_mut();
        let at = index as usize;
        if spans.len() <= at {
            if key.0.is_none() {
                return;
            }
            spans.resize(at + 1, None);
        }
        spans[at] = key.0;
    }

    /// Records a wake of the task at an index.
    pub(crate) fn woken(&self, index: u32, woken: Woken) {
        if matches!(woken, Woken::Stale | Woken::Elsewhere) {
            return;
        }
        if let Some(key) = self.0.borrow().get(index as usize).copied().flatten() {
            write_down(|| Told::Wake(key));
        }
    }
}

fn write_down(told: impl FnOnce() -> Told) {
    // A wake may come while the thread-locals are destroyed.
    let _ = TOLD.try_with(|list| {
        if !TELLING.get() {
            list.borrow_mut().push(told());
        }
    });
}

/// Passes the records to the subscriber. Must be called where user code may run.
pub(crate) fn tell() {
    let Ok(mut list) = TOLD.try_with(RefCell::take) else { return };
    for told in list.drain(..) {
        // The panic hook has reported it; the caller cannot handle it.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| telling(|| told.tell()))) {
            std::mem::forget(payload); // its drop may panic too
        }
    }
    let _ = TOLD.try_with(|place| {
        let place = &mut *place.borrow_mut();
        if place.is_empty() {
            *place = list; // to reuse its memory
        }
    });
}

impl Told {
    fn tell(self) {
        match self {
            // By reference: a wake by value would be counted as a drop of the waker.
            Told::Wake(key) => {
                trace!(target: "runtime::waker", op = "waker.wake_by_ref", task.id = key.get());
            }
            // The console finds the resource by the span that is entered.
            Told::Event(span, mask) => span.in_scope(|| {
                trace!(
                    target: "runtime::resource::state_update",
                    readiness = %MaskNames(mask),
                    readiness.op = "override",
                );
            }),
        }
    }
}

/// The bits of an event by the names that epoll_ctl(2) gives them.
struct MaskNames(u32);

impl fmt::Display for MaskNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = [
            (mask::IN, "IN"),
            (mask::PRI, "PRI"),
            (mask::OUT, "OUT"),
            (mask::ERR, "ERR"),
            (mask::HUP, "HUP"),
            (mask::RDHUP, "RDHUP"),
        ];
        let names = bits.iter().filter(|(bit, _)| self.0 & bit != 0).map(|(_, name)| *name);
        f.write_str(&names.collect::<Vec<_>>().join("|"))
    }
}
