//! [`PipeRing`]: the content of a pipe. Room is counted in pages, as in `pipe_write` and `pipe_read` of Linux: a page
//! that is read in part is not free, and a write that does not fit behind the last one starts a page.

use std::collections::VecDeque;

/// `PIPE_DEF_BUFFERS` pages of `PIPE_BUF` bytes; see `pipe(7)`.
const PAGES: usize = 16;
const PAGE: usize = 4_096;

pub(super) struct PipeRing {
    bytes: VecDeque<u8>,
    pages: VecDeque<RingPage>,
    packets: bool,
}

/// A slice of `bytes`.
struct RingPage {
    unread: usize,
    /// Bytes of the page that were ever written.
    written: usize,
}

impl PipeRing {
    pub(super) fn new(packets: bool) -> PipeRing {
        PipeRing { bytes: VecDeque::new(), pages: VecDeque::new(), packets }
    }

    /// Returns how many bytes it holds.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.pages.len() == PAGES
    }

    /// Writes as much as fits: all or nothing if it would fit in a page.
    pub(super) fn write(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        let odd = rest.len() % PAGE;
        if let Some(last) = self.pages.back_mut().filter(|_| !self.packets && odd > 0) {
            if last.written + odd <= PAGE {
                last.written += odd;
                last.unread += odd;
                self.bytes.extend(&rest[..odd]);
                rest = &rest[odd..];
            }
        }
        while !rest.is_empty() && !self.is_full() {
            let (page, later) = rest.split_at(rest.len().min(PAGE));
            self.pages.push_back(RingPage { unread: page.len(), written: page.len() });
            self.bytes.extend(page);
            rest = later;
        }
        bytes.len() - rest.len()
    }

    /// Reads up to `len` bytes; of packets one, whose excess is lost.
    pub(super) fn read(&mut self, len: usize) -> Vec<u8> {
        if self.packets {
            let Some(page) = self.pages.pop_front() else { return Vec::new() };
            return self.bytes.drain(..page.unread).take(len).collect();
        }
        let taken: Vec<u8> = self.bytes.drain(..len.min(self.bytes.len())).collect();
        let mut gone = taken.len();
        while let Some(page) = self.pages.front_mut().filter(|page| page.unread <= gone) {
            gone -= page.unread;
            self.pages.pop_front();
        }
        if let Some(page) = self.pages.front_mut() {
            page.unread -= gone;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_one_stream_whatever_pages_they_were_in() {
        let mut ring = PipeRing::new(false);
        assert_eq!(ring.write(b"abc"), 3);
        assert_eq!(ring.write(b"def"), 3);
        assert_eq!(ring.pages.len(), 1);
        assert_eq!(ring.read(2), b"ab");
        assert_eq!(ring.write(&[b'x'; PAGE]), PAGE);
        assert_eq!(ring.pages.len(), 2, "a whole page is not split to fill another");
        assert_eq!(ring.read(5), b"cdefx");
        assert_eq!(ring.read(9000).len(), PAGE - 1);
        assert!(ring.is_empty());
    }

    #[test]
    fn a_write_that_does_not_fit_behind_the_last_begins_a_page() {
        let mut ring = PipeRing::new(false);
        let mut written = 0;
        while ring.write(&[b'x'; 3000]) == 3000 {
            written += 3000;
        }
        assert_eq!(written, PAGES * 3000);
        assert_eq!(ring.write(&[b'x'; 1096]), 1096, "what fits behind the last still does");
        assert_eq!(ring.write(b"x"), 0);
    }

    #[test]
    fn a_packet_is_one_read_and_its_rest_is_gone() {
        let mut ring = PipeRing::new(true);
        assert_eq!(ring.write(b"one"), 3);
        assert_eq!(ring.write(&[b'x'; PAGE + 1]), PAGE + 1, "a longer one is two");
        assert_eq!(ring.read(2), b"on");
        assert_eq!(ring.read(9000).len(), PAGE);
        assert_eq!(ring.read(9000), b"x");
        assert!(ring.is_empty());
        for _ in 0..PAGES {
            assert_eq!(ring.write(b"x"), 1, "each is a page, however short");
        }
        assert_eq!(ring.write(b"x"), 0);
    }
}
