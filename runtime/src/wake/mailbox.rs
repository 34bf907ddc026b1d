//! The protocol by which other threads leave wakes for a loop that may be asleep.
//!
//! Any thread posts; only the loop's thread prepares to sleep and collects. They share one atomic word, and every
//! change of it is a read-modify-write:
//!
//! ```text
//!              post, raise (1)                post, raise (1)
//!      AWAKE ----------------> AWAKE|MAIL   ASLEEP ----------------> ASLEEP|MAIL  -> write the eventfd, once
//!        |  ^                    |            ^  |                        |
//!        |  +---- collect (3) ---+            |  |                        |
//!        +-------- prepare_sleep (2) ---------+  +------ collect (3) -----+-----> AWAKE
//! ```
//!
//! - MAIL stands for two bits: letters in the inbox, and a flag for other work of the loop. With either set,
//!   `prepare_sleep` changes nothing and returns `MustNot`.
//! - With two words ("asleep", "mail"), each side could store its own and load the other's old value, as the processor
//!   reorders a store and a later load: no thread writes the eventfd and the loop sleeps on its mail for ever.
//! - A post of a letter that is in the inbox already still does its read-modify-write. Returning early on a plain load
//!   of MAIL would lose the waker's writes: the loop could collect before it sees them.
//! - Most wakes of a burst are for a task that is in the inbox already. The filter finds them without the lock: a slot
//!   holds the letter that was posted last of those that share it, and a post that adds 1 to its own letter is over.
//!   That addition is its read-modify-write: the loop swaps the slot empty after it has taken the letter and before it
//!   polls the task, so it either sees what the thread wrote, or the thread finds the slot empty and posts.
//! - A post that ends in the filter relies on the thread that filled the slot, which is about to post the letter or
//!   has done so. A slot that is emptied for another letter only costs a duplicate in the inbox.
//! - `tests/mailbox_loom.rs` checks this file under every interleaving, and that each of these mistakes is caught.

use super::sync::{AtomicU32, AtomicU64, FULL, Mutex, Ordering, SLOTS};

/// The loop runs and has nothing to collect.
const AWAKE: u32 = 0;
/// The loop is in `epoll_wait` or about to enter it: the first post writes the eventfd.
const ASLEEP: u32 = 1;
/// The inbox may hold something.
const MAIL: u32 = 2;
/// The flag is raised.
const FLAG: u32 = 4;

/// From this length on, the inbox is searched for duplicates before it grows. A thread that wakes in a loop while the
/// task is not polled then costs memory for each task and not for each wake.
pub(crate) const CROWDED: usize = 1024;

/// Where other threads leave wakes.
#[derive(Debug)]
pub(crate) struct Mailbox {
    state: AtomicU32,
    filter: [FilterSlot; SLOTS],
    inbox: Mutex<Inbox>,
}

/// A place of the filter. Both words are in one cache line, and a post that ends here writes only the first.
#[derive(Debug)]
struct FilterSlot {
    /// `filled:1 | letter:40 | posts:23`: a letter that is in the inbox or about to be, without its executor and without the
    /// bits that chose the slot, and how many posts of it have ended here.
    word: AtomicU64,
    /// The posts of words that were replaced. Below 0 for a moment, when one is taken back before it was moved here.
    posts: AtomicU64,
}

const FILLED: u64 = 1 << 63;
const POSTS: u64 = (1 << 23) - 1;

#[derive(Debug)]
struct Inbox {
    /// Whether a loop will collect.
    open: bool,
    letters: Vec<u64>,
    /// Letters that were in the inbox already when they were posted.
    duplicates: u64,
}

/// What the sender has to do after a post.
#[must_use = "a loop that is asleep has to be woken"]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Notify {
    /// The loop is asleep: the sender writes the eventfd.
    Needed,
    /// The loop is awake, another sender writes the eventfd, or there is no loop.
    NotNeeded,
}

/// Whether the loop may block in `epoll_wait`.
#[must_use = "with mail in the box the loop has to stay awake"]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sleep {
    May,
    MustNot,
}

/// What a loop finds when it collects.
#[must_use = "the threads that posted or raised the flag wait for the loop"]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mail {
    /// There may be letters to take.
    pub(crate) letters: bool,
    /// The flag was raised. It is cleared now.
    pub(crate) flag: bool,
}

impl Mail {
    pub(crate) const NONE: Mail = Mail { letters: false, flag: false };
}

impl Mailbox {
    /// Creates a mailbox without a loop: posts are dropped.
    pub(crate) fn closed() -> Mailbox {
        let inbox = Inbox { open: false, letters: Vec::new(), duplicates: 0 };
        let slot = |_| FilterSlot { word: AtomicU64::new(0), posts: AtomicU64::new(0) };
        Mailbox { state: AtomicU32::new(AWAKE), filter: std::array::from_fn(slot), inbox: Mutex::new(inbox) }
    }

    /// Keeps posts from now on. Called by a loop that starts, before it has a task.
    pub(crate) fn open(&self) {
        self.with_inbox(|inbox| inbox.open = true);
        // After that: a post that found the mailbox closed has filled its slot before, and its letter is dropped.
        self.filter.iter().for_each(FilterSlot::empty);
    }

    /// Drops posts from now on, and the letters in the inbox. Called by a loop that ends.
    pub(crate) fn close(&self) {
        let letters = self.with_inbox(|inbox| {
            inbox.open = false;
            std::mem::take(&mut inbox.letters)
        });
        drop(letters);
        self.state.swap(AWAKE, Ordering::AcqRel);
    }

    /// Returns whether the letter is in the inbox already, or about to be, so that a post of it has nothing left to
    /// do. (1)
    #[inline]
    pub(crate) fn joins(&self, letter: u64) -> bool {
        self.slot(letter).joins(letter)
    }

    /// Posts a letter. (1)
    ///
    /// Letters of one mailbox are of one executor: the filter does not look at that part of them.
    pub(crate) fn post(&self, letter: u64) -> Notify {
        let slot = self.slot(letter);
        if slot.joins(letter) || slot.fill(letter) {
            return Notify::NotNeeded;
        }
        let kept = self.with_inbox(|inbox| {
            if inbox.open {
                inbox.push(letter);
            }
            inbox.open
        });
        if !kept {
            return Notify::NotNeeded;
        }
        self.announce(MAIL)
    }

    /// Raises the flag, whose meaning is up to the owner of the mailbox. (1)
    pub(crate) fn raise(&self) -> Notify {
        self.announce(FLAG)
    }

    fn announce(&self, what: u32) -> Notify {
        match self.state.fetch_or(what, Ordering::AcqRel) {
            ASLEEP => Notify::Needed,
            _ => Notify::NotNeeded,
        }
    }

    /// Announces that the loop is about to block, unless there is mail. (2)
    ///
    /// After either result, [`collect`](Mailbox::collect) comes next, after the wait if there was one.
    #[inline]
    pub(crate) fn prepare_sleep(&self) -> Sleep {
        match self.state.compare_exchange(AWAKE, ASLEEP, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Sleep::May,
            Err(_) => Sleep::MustNot,
        }
    }

    /// Returns whether there is something to collect. A relaxed load without a transition: for a loop that polls and
    /// does not sleep.
    #[inline]
    pub(crate) fn has_mail(&self) -> bool {
        self.state.load(Ordering::Relaxed) & (MAIL | FLAG) != 0
    }

    /// Ends a sleep and returns what there is to do. (3)
    #[inline]
    pub(crate) fn collect(&self) -> Mail {
        // No transition, so a plain load is enough: mail that it misses is seen before the next sleep.
        let before = match self.state.load(Ordering::Relaxed) {
            AWAKE => AWAKE,
            _ => self.state.swap(AWAKE, Ordering::AcqRel),
        };
        Mail { letters: before & MAIL != 0, flag: before & FLAG != 0 }
    }

    /// Appends the posted letters to `letters`.
    ///
    /// Must follow [`collect`](Mailbox::collect): a post after its swap sets MAIL again, and the next collect may find
    /// the letters already taken.
    ///
    /// The caller wakes their tasks after it returns: from then on a post of the same letter is a new one.
    pub(crate) fn take_letters(&self, letters: &mut Vec<u64>) {
        let before = letters.len();
        self.with_inbox(|inbox| letters.append(&mut inbox.letters));
        letters[before..].iter().for_each(|letter| self.slot(*letter).empty());
    }

    /// Returns how many letters were in the inbox already, or about to be, when they were posted.
    pub(crate) fn duplicates(&self) -> u64 {
        let filtered = self.filter.iter().map(FilterSlot::posts).fold(0, u64::wrapping_add);
        filtered.wrapping_add(self.with_inbox(|inbox| inbox.duplicates))
    }

    /// The low bits of a letter are the index of its task.
    #[inline]
    fn slot(&self, letter: u64) -> &FilterSlot {
        &self.filter[letter as usize % SLOTS]
    }

    /// Returns how many letters have not been taken.
    #[cfg(feature = "inspect")]
    pub(crate) fn len(&self) -> usize {
        self.with_inbox(|inbox| inbox.letters.len())
    }

    /// Returns how many letters fit in the memory that the inbox has.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.with_inbox(|inbox| inbox.letters.capacity())
    }

    /// No user code runs under the lock, so it is held for a few instructions and never poisoned.
    fn with_inbox<R>(&self, f: impl FnOnce(&mut Inbox) -> R) -> R {
        f(&mut self.inbox.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }
}

/// Returns the word of a slot with this letter and no posts.
#[inline]
fn filled(letter: u64) -> u64 {
    FILLED | ((letter / SLOTS as u64) << POSTS.count_ones())
}

impl FilterSlot {
    /// Returns whether the letter is in the inbox already or about to be, and this post of it ends here.
    #[inline]
    fn joins(&self, letter: u64) -> bool {
        let filled = filled(letter);
        if self.word.load(Ordering::Relaxed) ^ filled > POSTS {
            return false;
        }
        // With another letter the difference is above all counts.
        if self.word.fetch_add(1, Ordering::AcqRel) ^ filled < FULL {
            return true;
        }
        // The word has changed in between, or its count has to be moved: `fill` counts this post.
        self.posts.fetch_sub(1, Ordering::Relaxed);
        false
    }

    /// Puts the letter into the slot. Whether it was there already; if it was not, the caller puts it into the inbox.
    fn fill(&self, letter: u64) -> bool {
        let filled = filled(letter);
        let before = self.word.swap(filled, Ordering::AcqRel);
        let is_filled = before & !POSTS == filled;
        self.count((before & POSTS) + u64::from(is_filled));
        is_filled
    }

    /// Acquires what the threads wrote whose posts ended here.
    fn empty(&self) {
        let before = self.word.swap(0, Ordering::AcqRel);
        self.count(before & POSTS);
    }

    fn count(&self, posts: u64) {
        if posts > 0 {
            self.posts.fetch_add(posts, Ordering::Relaxed);
        }
    }

    /// Returns how many posts ended here.
    fn posts(&self) -> u64 {
        let word = self.word.load(Ordering::Relaxed) & POSTS;
        self.posts.load(Ordering::Relaxed).wrapping_add(word)
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
            // With few duplicates removed, each of the next letters would cause another sort.
            if self.letters.len() > before / 2 {
                self.letters.reserve(before);
            }
        }
        self.letters.push(letter);
    }
}
