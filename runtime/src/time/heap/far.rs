//! Deadlines that are more than a moment away: buckets without an order, by the time of the deadline.
//!
//! - A bucket has the deadlines of a quarter of a second, and those a multiple of 69 seconds later. Setting a timer
//!   appends to one, and cancelling it swaps the last one to its place: neither looks at another deadline.
//! - A near deadline is moved to the heap before it is due. Only the heap decides what is due, so no deadline is
//!   rounded. The loop sleeps by [`bound`](Far::bound), which is never after a deadline.

use super::{LAST, Node, NodePlace, TimersInner};

/// A bucket has 2 to this many nanoseconds: 0.27 seconds.
const SHIFT: u32 = 28;

const BUCKETS: usize = 256;

/// How many of these spans are near: the one that runs, and the next.
const NEAR: u64 = 2;

/// How long before the first far deadline the loop moves it, if it is awake.
pub(super) const AHEAD: u64 = 1 << SHIFT;

/// A bucket that is emptied keeps memory for so many.
const KEPT: usize = 64;

pub(super) struct Far {
    /// None before the first far deadline.
    buckets: Vec<Vec<Node>>,
    len: usize,
    /// The number of the first span whose deadlines are far.
    first: u64,
    /// Not after any deadline in here.
    bound: u64,
}

impl Default for Far {
    #[inline]
    fn default() -> Far {
        Far { buckets: Vec::new(), len: 0, first: 0, bound: u64::MAX }
    }
}

impl Far {
    #[inline]
    pub(super) fn takes(&self, deadline: u64) -> bool {
        deadline >> SHIFT >= self.first
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns a time that is not after any deadline in here; `u64::MAX` for none.
    #[inline]
    pub(super) fn bound(&self) -> u64 {
        self.bound
    }

    #[inline]
    pub(super) fn node(&self, bucket: u8, position: u32) -> &Node {
        &self.buckets[usize::from(bucket)][position as usize]
    }

    /// Adds a node that [`takes`](Far::takes) says is far.
    #[inline]
    pub(super) fn push(&mut self, node: Node) -> NodePlace {
        let bucket = (node.deadline >> SHIFT) as u8;
        let nodes = match self.buckets.get_mut(usize::from(bucket)) {
            Some(nodes) => nodes,
            None => return self.open(node),
        };
        let position = nodes.len() as u32;
        nodes.push(node);
        self.len += 1;
        self.bound = self.bound.min(node.deadline.min(LAST));
        NodePlace::Far(bucket, position)
    }

    #[cold]
    fn open(&mut self, node: Node) -> NodePlace {
        self.buckets.resize_with(BUCKETS, Vec::new);
        self.push(node)
    }

    /// Removes a node. Returns the entry whose node has its place now.
    #[inline]
    pub(super) fn remove(&mut self, bucket: u8, position: u32) -> Option<u32> {
        let nodes = &mut self.buckets[usize::from(bucket)];
        let last = nodes.pop();
        self.len -= 1;
        if self.len == 0 {
            self.bound = u64::MAX;
        }
        *nodes.get_mut(position as usize)? = last?;
        last.map(|moved| moved.entry)
    }

    /// Finds the bound again, from the start of the first bucket that is not empty.
    #[inline]
    fn find_bound(&mut self) {
        let mut spans = self.first..self.first + BUCKETS as u64;
        let first = spans.find(|span| self.len > 0 && !self.buckets[usize::from(*span as u8)].is_empty());
        self.bound = first.map_or(u64::MAX, start);
    }
}

/// Returns when a span begins.
#[inline]
fn start(span: u64) -> u64 {
    span.saturating_mul(1 << SHIFT)
}

impl TimersInner {
    /// Advances to `now`: moves to the heap what is near from now on.
    #[inline]
    pub(super) fn advance(&mut self, now: u64) {
        let first = (now >> SHIFT) + NEAR;
        if first > self.far.first {
            self.advance_to(first);
        }
    }

    /// Moves all to the heap.
    #[inline]
    pub(super) fn gather(&mut self) {
        if self.far.len > 0 {
            let first = self.far.first;
            self.advance_to(u64::MAX >> SHIFT << 1);
            self.far.first = first;
        }
    }

    #[inline(never)]
    fn advance_to(&mut self, first: u64) {
        let from = std::mem::replace(&mut self.far.first, first);
        if self.far.len == 0 {
            return;
        }
        // After so many spans every bucket has had its turn.
        for span in from..first.min(from + BUCKETS as u64) {
            self.move_near(span as u8);
        }
        if self.far.bound < start(first) {
            self.far.find_bound();
        }
    }

    /// Moves what is near of a bucket to the heap; what is a lap or more later stays.
    #[inline]
    fn move_near(&mut self, bucket: u8) {
        let mut nodes = std::mem::take(&mut self.far.buckets[usize::from(bucket)]);
        let mut position = 0;
        while let Some(node) = nodes.get(position).copied() {
            if self.far.takes(node.deadline) {
                self.entries[node.entry as usize].place = NodePlace::Far(bucket, position as u32);
                position += 1;
            } else {
                nodes.swap_remove(position);
                self.far.len -= 1;
                self.push_near(node);
            }
        }
        if !nodes.is_empty() || nodes.capacity() <= KEPT {
            self.far.buckets[usize::from(bucket)] = nodes;
        }
    }
}

#[cfg(test)]
impl Far {
    /// Checks that each entry knows where its node is, and the bound is not after any deadline, nor before what is near.
    #[inline]
    pub(super) fn check(&self, place: impl Fn(u32) -> NodePlace) {
        let mut len = 0;
        for (bucket, nodes) in self.buckets.iter().enumerate() {
            for (position, node) in nodes.iter().enumerate() {
                assert_eq!(place(node.entry), NodePlace::Far(bucket as u8, position as u32));
                assert_eq!((node.deadline >> SHIFT) as u8, bucket as u8);
                assert!(self.takes(node.deadline) && self.bound <= node.deadline);
                len += 1;
            }
        }
        assert_eq!(self.len, len);
        assert!(self.bound >= start(self.first));
    }

    /// Returns for how many nodes there is memory in the buckets.
    #[inline]
    pub(super) fn capacity(&self) -> usize {
        self.buckets.iter().map(Vec::capacity).sum()
    }
}
