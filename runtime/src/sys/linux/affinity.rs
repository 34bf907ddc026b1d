//! The processors that a thread may run on.

use super::{Backend, check};
use std::io;

/// One word of a mask has this many processors.
const WORD: usize = libc::c_ulong::BITS as usize;

/// The largest mask that is tried. The kernel's limit (`CONFIG_NR_CPUS`) is 8192 processors, 128 words.
const MOST_WORDS: usize = 1024;

impl Backend {
    /// Returns the processors that the calling thread may run on, in ascending order, by [`sched_getaffinity(2)`].
    ///
    /// # Errors
    ///
    /// `EPERM` or `ENOSYS` in a sandbox.
    ///
    /// [`sched_getaffinity(2)`]: https://man7.org/linux/man-pages/man2/sched_setaffinity.2.html
    #[inline]
    pub fn processors(self) -> io::Result<Vec<usize>> {
        let mut mask = vec![0; 16];
        loop {
            match get(&mut mask) {
                // The kernel has more processors than the mask has bits.
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) && mask.len() < MOST_WORDS => {
                    mask.resize(mask.len() * 2, 0);
                }
                result => {
                    result?;
                    return Ok(numbers(&mask));
                }
            }
        }
    }

    /// Lets the calling thread run on this processor only, by [`sched_setaffinity(2)`]. Threads and processes that it
    /// starts inherit that.
    ///
    /// # Errors
    ///
    /// `EINVAL` when the machine or the cpuset of the process has no such processor; `EPERM` or `ENOSYS` in a sandbox.
    ///
    /// [`sched_setaffinity(2)`]: https://man7.org/linux/man-pages/man2/sched_setaffinity.2.html
    #[inline]
    pub fn pin(self, processor: usize) -> io::Result<()> {
        let word = processor / WORD;
        if word >= MOST_WORDS {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let mut mask: Vec<libc::c_ulong> = vec![0; word + 1];
        mask[word] = 1 << (processor % WORD);
        let bytes = size_of_val(&*mask);
        // SAFETY: the kernel reads `bytes` bytes at the pointer, which is that of `mask`, alive across the call. A
        // `cpu_set_t` is a row of `c_ulong`, of any length that the call is given.
        check(unsafe { libc::sched_setaffinity(0, bytes, mask.as_ptr().cast()) })?;
        Ok(())
    }
}

/// Fills `mask` with the mask of the calling thread.
#[inline]
fn get(mask: &mut [libc::c_ulong]) -> io::Result<()> {
    let bytes = size_of_val(mask);
    // SAFETY: the kernel writes at most `bytes` bytes at the pointer, which is that of `mask`, borrowed mutably for the
    // whole call. A `cpu_set_t` is a row of `c_ulong`, of any length that the call is given.
    check(unsafe { libc::sched_getaffinity(0, bytes, mask.as_mut_ptr().cast()) })?;
    Ok(())
}

#[inline]
fn numbers(mask: &[libc::c_ulong]) -> Vec<usize> {
    let bits = |(at, word): (usize, &libc::c_ulong)| {
        let word = *word;
        (0..WORD).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at * WORD + bit)
    };
    mask.iter().enumerate().flat_map(bits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_of_a_mask_are_the_numbers_of_processors() {
        assert_eq!(numbers(&[0b1011, 0, 1]), [0, 1, 3, 128]);
        assert_eq!(numbers(&[]), []);
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri runs on no processor of the machine")]
    fn a_pinned_thread_may_run_on_one_processor_and_so_may_those_that_it_starts() {
        let pinned = std::thread::spawn(|| {
            let all = Backend::current().processors().unwrap();
            let last = *all.last().unwrap();
            Backend::current().pin(last).unwrap();
            let own = Backend::current().processors().unwrap();
            let of_child = std::thread::spawn(|| Backend::current().processors().unwrap()).join().unwrap();
            (last, own, of_child)
        });
        let (last, own, of_child) = pinned.join().unwrap();
        assert_eq!((own, of_child), (vec![last], vec![last]));
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri runs on no processor of the machine")]
    fn a_processor_that_the_machine_has_not_is_einval() {
        for processor in [8191, WORD * MOST_WORDS, usize::MAX] {
            let refused = Backend::current().pin(processor).unwrap_err();
            assert_eq!(refused.raw_os_error(), Some(libc::EINVAL), "{processor}");
        }
    }
}
