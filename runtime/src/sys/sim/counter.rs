//! `eventfd(2)`.

use super::file::{EACH_WRITE, Object};
use super::kernel::{FileId, Kernel};
use crate::sys::mask;

/// A counter: writes add to it, a read takes its value.
#[derive(Debug, Default)]
pub(super) struct SimCounter {
    value: u64,
}

/// The maximum.
const FULL: u64 = u64::MAX - 1;

impl SimCounter {
    pub(super) fn add(&mut self, value: u64) -> Result<(), i32> {
        match self.value.checked_add(value) {
            _ if value == u64::MAX => Err(libc::EINVAL),
            Some(sum) if sum <= FULL => {
                self.value = sum;
                Ok(())
            }
            _ => Err(libc::EAGAIN),
        }
    }

    fn take(&mut self) -> Result<u64, i32> {
        match std::mem::take(&mut self.value) {
            0 => Err(libc::EAGAIN),
            value => Ok(value),
        }
    }

    /// Adds one. A full counter is emptied first.
    pub(super) fn notify(&mut self) -> Result<(), i32> {
        self.add(1).or_else(|_| {
            self.take()?;
            self.add(1)
        })
    }

    pub(super) fn state(&self) -> u32 {
        let readable = if self.value > 0 { mask::IN } else { 0 };
        let writable = if self.value < FULL { mask::OUT } else { 0 };
        readable | writable
    }
}

impl Kernel {
    fn counter(&mut self, file: FileId) -> Result<&mut SimCounter, i32> {
        match self.files[file as usize].as_mut().map(|file| &mut file.object) {
            Some(Object::Counter(counter)) => Ok(counter),
            _ => Err(libc::EINVAL),
        }
    }

    /// Each write is an edge for readers, even if the value was not read.
    pub(super) fn counter_write(&mut self, file: FileId, value: u64) -> Result<usize, i32> {
        let written = self.counter(file)?.add(value);
        match written {
            Ok(()) => self.notify(file, EACH_WRITE),
            Err(_) => self.came_back_short(file, mask::OUT),
        }
        written.map(|()| 8)
    }

    /// Each read is an edge for writers.
    pub(super) fn counter_read(&mut self, file: FileId) -> Result<u64, i32> {
        let read = self.counter(file)?.take();
        match read {
            Ok(_) => self.notify(file, mask::OUT),
            Err(_) => self.came_back_short(file, mask::IN),
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_adds_up_and_is_taken_whole() {
        let mut counter = SimCounter::default();
        assert_eq!((counter.take(), counter.state()), (Err(libc::EAGAIN), mask::OUT));
        assert_eq!((counter.add(2), counter.add(3)), (Ok(()), Ok(())));
        assert_eq!(
            (counter.state(), counter.take(), counter.take()),
            (mask::IN | mask::OUT, Ok(5), Err(libc::EAGAIN))
        );
    }

    #[test]
    fn what_does_not_fit_is_refused_and_the_largest_number_is_none() {
        let mut counter = SimCounter::default();
        assert_eq!(counter.add(u64::MAX), Err(libc::EINVAL));
        assert_eq!((counter.add(FULL), counter.state()), (Ok(()), mask::IN));
        assert_eq!((counter.add(1), counter.add(0)), (Err(libc::EAGAIN), Ok(())));
        assert_eq!((counter.notify(), counter.take()), (Ok(()), Ok(1)));
        assert_eq!(counter.add(FULL), Ok(()));
        assert_eq!((counter.take(), counter.state()), (Ok(FULL), mask::OUT));
    }
}
