//! The limit of open descriptors, in a process of its own.

use crate::support::child;
use crate::support::fds::set_descriptor_limit;
use egret_runtime::service::raise_open_files;
use std::fs::File;
use std::io;

/// Opens files until the kernel refuses one. Says why.
fn open_all(files: &mut Vec<File>, most: usize) -> Option<io::Error> {
    while files.len() < most {
        match File::open("/dev/null") {
            Ok(file) => files.push(file),
            Err(error) => return Some(error),
        }
    }
    None
}

#[test]
#[cfg_attr(miri, ignore)] // Miri starts no process
fn the_limit_is_raised_to_the_hard_limit_and_a_second_time_changes_nothing() {
    child::alone(|| {
        let hard = set_descriptor_limit(usize::MAX) as u64;
        set_descriptor_limit(64);
        let mut files = Vec::new();
        let refused = open_all(&mut files, 200).unwrap();
        assert_eq!(refused.raw_os_error(), Some(libc::EMFILE));
        assert!(files.len() < 64);
        assert_eq!(raise_open_files().unwrap(), 64..=hard);
        assert!(open_all(&mut files, 200).is_none());
        assert_eq!(raise_open_files().unwrap(), hard..=hard);
    });
}
