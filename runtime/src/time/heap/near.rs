//! The heap: each node is not before its parent.

use super::{Node, NodePlace, TimersInner};

/// How many children a node has.
pub(super) const ARITY: usize = 4;

impl Node {
    #[inline]
    pub(super) fn before(&self, other: &Node) -> bool {
        (self.deadline, self.sequence) < (other.deadline, other.sequence)
    }
}

impl TimersInner {
    /// Adds a node that is near.
    #[inline]
    pub(super) fn push_near(&mut self, node: Node) {
        self.heap.push(node);
        self.sift_up(self.heap.len() - 1, node);
    }

    /// Removes the node at `position`. The `position` of its entry is not updated.
    #[inline(never)] // so that what removes a far one needs few registers
    pub(super) fn remove(&mut self, position: usize) {
        let last = self.heap.pop().expect("a position is of a node");
        if position == self.heap.len() {
            return;
        }
        // The last node replaces it and moves up or down from there.
        let parent = position.wrapping_sub(1) / ARITY;
        if position > 0 && last.before(&self.heap[parent]) {
            self.sift_up(position, last);
        } else {
            self.sift_down(position, last);
        }
    }

    /// Puts `node` at `position` or above, moving down what is after it.
    #[inline]
    fn sift_up(&mut self, mut position: usize, node: Node) {
        while position > 0 {
            let parent = (position - 1) / ARITY;
            if !node.before(&self.heap[parent]) {
                break;
            }
            self.place(position, self.heap[parent]);
            position = parent;
        }
        self.place(position, node);
    }

    /// Puts `node` at `position` or below, moving up what is before it.
    #[inline]
    fn sift_down(&mut self, mut position: usize, node: Node) {
        loop {
            let first = position * ARITY + 1;
            let children = first..(first + ARITY).min(self.heap.len());
            let least = children.reduce(|a, b| if self.heap[b].before(&self.heap[a]) { b } else { a });
            match least {
                Some(child) if self.heap[child].before(&node) => {
                    self.place(position, self.heap[child]);
                    position = child;
                }
                _ => break,
            }
        }
        self.place(position, node);
    }

    #[inline]
    fn place(&mut self, position: usize, node: Node) {
        self.heap[position] = node;
        self.entries[node.entry as usize].place = NodePlace::Heap(position as u32);
    }
}
