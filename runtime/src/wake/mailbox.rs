//! The protocol by which other threads leave wakes for a loop that may be asleep.
//!
//! Any thread posts, one thread (the loop's) prepares to sleep and collects. All that they have to agree on
//! is one atomic word, and every change of it is a read-modify-write:
//!
//! ```text
//!              post, raise (1)                post, raise (1)
//!      AWAKE ----------------> AWAKE|MAIL   ASLEEP ----------------> ASLEEP|MAIL  -> ring the bell, once
//!        |  ^                    |            ^  |                        |
//!        |  +---- collect (3) ---+            |  |                        |
//!        +-------- prepare_sleep (2) ---------+  +------ collect (3) -----+-----> AWAKE
//! ```
//!
//! With mail in the box there is no way to sleep: `prepare_sleep` changes nothing then and says so.
//!
//! What stands as MAIL there is two bits: letters in the inbox, and a flag for whatever else the loop is to look
//! after.
//!
//! With two words, one for "asleep" and one for "there is mail", each side could store its own and then load
//! the other's old value: the store and the load are reordered by the processor, nobody rings, and the
//! loop sleeps on its mail for ever. One word has no such gap.
//!
//! A post of what is in the inbox already still does its read-modify-write. To return early on a plain
//! load of MAIL would save an instruction and lose the waker's writes: the loop could collect before it
//! sees them. `tests/mailbox_loom.rs` checks this file under every interleaving, and that both of these
//! mistakes are caught.

use super::sync::{AtomicU32, Mutex, Ordering};

/// The loop runs, and there is nothing for it to collect.
const AWAKE: u32 = 0;
/// The loop is in `epoll_wait`, or about to be: whoever posts first rings the bell.
const ASLEEP: u32 = 1;
/// The inbox may hold something.
const MAIL: u32 = 2;
/// Somebody has raised the flag.
const FLAG: u32 = 4;

/// From this length on the inbox is searched for duplicates before it grows, so that a thread which wakes
/// in a loop, while a task does not come back, costs memory for each task and not for each wake.
pub(crate) const CROWDED: usize = 1024;

/// Where other threads leave wakes.
#[derive(Debug)]
pub(crate) struct Mailbox {
    state: AtomicU32,
    inbox: Mutex<Inbox>,
}

#[derive(Debug)]
struct Inbox {
    /// Whether there is a loop that will collect.
    open: bool,
    letters: Vec<u64>,
    /// Letters that were in the inbox already when they came.
    duplicates: u64,
}

/// What the sender has to do after a post.
#[must_use = "a loop that is asleep has to be woken"]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bell {
    /// The loop is asleep and nobody else will wake it.
    Ring,
    /// The loop is awake, somebody else has rung, or there is no loop.
    LetBe,
}

/// Whether the loop may block in `epoll_wait`.
#[must_use = "with mail in the box the loop has to stay awake"]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sleep {
    May,
    MustNot,
}

/// What a loop finds when it looks.
#[must_use = "who posted or raised the flag waits for something"]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mail {
    /// There may be letters: take them.
    pub(crate) letters: bool,
    /// The flag was up. It is down now.
    pub(crate) flag: bool,
}

impl Mailbox {
    /// A mailbox with no loop yet: what is posted is thrown away.
    pub(crate) fn closed() -> Mailbox {
        let inbox = Inbox { open: false, letters: Vec::new(), duplicates: 0 };
        Mailbox { state: AtomicU32::new(AWAKE), inbox: Mutex::new(inbox) }
    }

    /// From now on posts are kept. Called by a loop that starts.
    pub(crate) fn open(&self) {
        self.with_inbox(|inbox| inbox.open = true);
    }

    /// From now on posts are thrown away, and what lies here is too. Called by a loop that ends.
    pub(crate) fn close(&self) {
        let letters = self.with_inbox(|inbox| {
            inbox.open = false;
            std::mem::take(&mut inbox.letters)
        });
        drop(letters);
        self.state.swap(AWAKE, Ordering::AcqRel);
    }

    /// Leaves a letter. (1)
    pub(crate) fn post(&self, letter: u64) -> Bell {
        let kept = self.with_inbox(|inbox| {
            if inbox.open {
                inbox.push(letter);
            }
            inbox.open
        });
        if !kept {
            return Bell::LetBe;
        }
        self.announce(MAIL)
    }

    /// Raises the flag: the loop is to look after what its owner and the caller have agreed on. (1)
    pub(crate) fn raise(&self) -> Bell {
        self.announce(FLAG)
    }

    fn announce(&self, what: u32) -> Bell {
        match self.state.fetch_or(what, Ordering::AcqRel) {
            ASLEEP => Bell::Ring,
            _ => Bell::LetBe,
        }
    }

    /// Announces that the loop is about to block, unless there is mail. (2)
    ///
    /// Whatever it answers, [`collect`](Mailbox::collect) comes next, after the wait if there was one.
    #[inline]
    pub(crate) fn prepare_sleep(&self) -> Sleep {
        match self.state.compare_exchange(AWAKE, ASLEEP, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Sleep::May,
            Err(_) => Sleep::MustNot,
        }
    }

    /// Whether there is something to collect, as far as a look without a transition can tell: for a loop that looks
    /// again and does not sleep.
    #[inline]
    pub(crate) fn has_mail(&self) -> bool {
        self.state.load(Ordering::Relaxed) & (MAIL | FLAG) != 0
    }

    /// Ends a sleep and says what there is to do. (3)
    #[inline]
    pub(crate) fn collect(&self) -> Mail {
        // No transition, so no harm in a plain load: mail that it misses is seen before the next sleep.
        let before = match self.state.load(Ordering::Relaxed) {
            AWAKE => AWAKE,
            _ => self.state.swap(AWAKE, Ordering::AcqRel),
        };
        Mail { letters: before & MAIL != 0, flag: before & FLAG != 0 }
    }

    /// Appends what was posted to `letters`.
    ///
    /// After [`collect`](Mailbox::collect), and not before: a post after that one's swap sets MAIL again, for a
    /// collect whose letters may have been taken already.
    pub(crate) fn take_letters(&self, letters: &mut Vec<u64>) {
        self.with_inbox(|inbox| letters.append(&mut inbox.letters));
    }

    /// How many letters were in the inbox already when they were posted.
    pub(crate) fn duplicates(&self) -> u64 {
        self.with_inbox(|inbox| inbox.duplicates)
    }

    /// How many letters there is memory for.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.with_inbox(|inbox| inbox.letters.capacity())
    }

    /// No user code runs under the lock, so it is held for a few instructions and never poisoned.
    fn with_inbox<R>(&self, f: impl FnOnce(&mut Inbox) -> R) -> R {
        f(&mut self.inbox.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }
}

impl Inbox {
    fn push(&mut self, letter: u64) {
        if self.letters.last() == Some(&letter) {
            self.duplicates += 1;
            return;
        }
        let before = self.letters.len();
        if before >= CROWDED && before == self.letters.capacity() {
            self.letters.sort_unstable();
            self.letters.dedup();
            self.duplicates += (before - self.letters.len()) as u64;
            // With hardly any gone, the next letters would have it sorted again, each of them.
            if self.letters.len() > before / 2 {
                self.letters.reserve(before);
            }
        }
        self.letters.push(letter);
    }
}
