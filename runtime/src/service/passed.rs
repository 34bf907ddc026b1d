//! The descriptors that the supervisor has opened: `LISTEN_FDS`, `LISTEN_PID`, `LISTEN_FDNAMES`.
//!
//! All are taken over by the first call, and wait in a table. Each is given away once.

use crate::sys::{Backend, Fd};
use std::env;
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The number of the first: `SD_LISTEN_FDS_START`.
const FIRST: RawFd = 3;

/// More than any supervisor passes, and less than would take long to check.
const MOST: RawFd = 4096;

/// The name of descriptors without a name, as of systemd.
const UNNAMED: &str = "unknown";

struct Passed {
    name: String,
    number: RawFd,
    fd: Fd,
}

/// `None` until the first call.
static TABLE: Mutex<Option<Vec<Passed>>> = Mutex::new(None);

/// Returns the names of the descriptors that the supervisor has passed and that are not taken yet, in its order:
/// systemd's `FileDescriptorName=`, or the name of the socket unit. Empty when there are none.
///
/// By [`sd_listen_fds(3)`](https://man7.org/linux/man-pages/man3/sd_listen_fds.3.html). The variables count only when
/// `LISTEN_PID` is this process, so a child that inherits them is not misled.
///
/// # Errors
///
/// [`InvalidData`](io::ErrorKind::InvalidData) when the variables lie: `LISTEN_FDS` is not a number up to 4096, names
/// that do not match it, a descriptor that is not open or that this process has opened itself. The message says which.
#[inline]
pub fn passed() -> io::Result<Vec<String>> {
    let table = table()?;
    Ok(table.iter().flatten().map(|passed| passed.name.clone()).collect())
}

/// Takes the first descriptor of this name that the supervisor has passed. For sockets, `from_env` of their types
/// checks what it is.
///
/// # Errors
///
/// [`NotFound`](io::ErrorKind::NotFound) when there is none, or it was taken before; as [`passed`].
///
/// ```
/// use std::io::ErrorKind;
///
/// let error = egret_runtime::service::take_passed("http").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::NotFound); // these tests have no supervisor
/// ```
#[inline]
pub fn take_passed(name: &str) -> io::Result<OwnedFd> {
    take_passed_if(name, |_| Ok(())).map(OwnedFd::from)
}

/// [`take_passed`], if `check` has nothing against it; its error says what the descriptor is instead. Otherwise it stays
/// in the table.
#[doc(hidden)]
#[inline]
pub fn take_passed_if(name: &str, check: impl FnOnce(&Fd) -> Result<(), String>) -> io::Result<Fd> {
    let mut table = table()?;
    let table = table.get_or_insert_default();
    let Some(at) = table.iter().position(|passed| passed.name == name) else {
        let others: Vec<_> = table.iter().map(|passed| &*passed.name).collect();
        let message = format!("the supervisor has passed no descriptor {name:?}, but {others:?}");
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    };
    if let Err(instead) = check(&table[at].fd) {
        let message =
            format!("descriptor {} ({name:?}), which the supervisor has passed, {instead}", table[at].number);
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(table.remove(at).fd)
}

/// Returns the table, filled by the first call.
#[inline]
fn table() -> io::Result<MutexGuard<'static, Option<Vec<Passed>>>> {
    let mut table = TABLE.lock().unwrap_or_else(PoisonError::into_inner);
    if table.is_none() {
        let var = |name| env::var(name).ok();
        let listed = listed(var("LISTEN_PID"), var("LISTEN_FDS"), var("LISTEN_FDNAMES"), std::process::id());
        *table = Some(listed?.into_iter().map(inherit).collect::<io::Result<_>>()?);
    }
    Ok(table)
}

/// Returns the numbers and names that the variables list.
#[inline]
fn listed(
    pid: Option<String>,
    count: Option<String>,
    names: Option<String>,
    own_pid: u32,
) -> io::Result<Vec<(RawFd, String)>> {
    let (Some(pid), Some(count)) = (pid, count) else { return Ok(Vec::new()) };
    let Ok(pid) = pid.parse::<u32>() else {
        return Err(lie(format!("LISTEN_PID is {pid:?}, which is not a process")));
    };
    if pid != own_pid {
        return Ok(Vec::new());
    }
    let number = count.parse().ok().filter(|number| (0..=MOST).contains(number));
    let Some(number) = number else {
        return Err(lie(format!("LISTEN_FDS is {count:?}, which is not a number from 0 to {MOST}")));
    };
    let names: Vec<_> = match &names {
        Some(names) => names.split(':').map(str::to_owned).collect(),
        None => vec![UNNAMED.to_owned(); number as usize],
    };
    if names.len() != number as usize {
        let message = format!("LISTEN_FDNAMES has {} names, and LISTEN_FDS is {number}", names.len());
        return Err(lie(message));
    }
    Ok((FIRST..FIRST + number).zip(names).collect())
}

#[inline]
fn inherit((number, name): (RawFd, String)) -> io::Result<Passed> {
    match Backend::current().inherit(number) {
        Ok(fd) => Ok(Passed { name, number, fd: fd.into() }),
        Err(error) => {
            let because = match error.kind() {
                io::ErrorKind::AlreadyExists => "was opened by this process".to_owned(),
                _ => format!("is not open: {error}"),
            };
            Err(lie(format!("LISTEN_FDS lists descriptor {number} ({name:?}), which {because}")))
        }
    }
}

#[cold]
fn lie(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(pid: &str, count: &str, names: Option<&str>) -> Result<Vec<(RawFd, String)>, String> {
        let some = |text: &str| Some(text.to_owned());
        listed(some(pid), some(count), names.map(str::to_owned), 7).map_err(|error| error.to_string())
    }

    #[test]
    fn the_variables_list_descriptors_from_3_on_with_their_names() {
        let named = |pairs: &[(RawFd, &str)]| {
            Ok(pairs.iter().map(|(number, name)| (*number, (*name).to_owned())).collect::<Vec<_>>())
        };
        assert_eq!(list("7", "2", Some("http:admin")), named(&[(3, "http"), (4, "admin")]));
        assert_eq!(list("7", "2", None), named(&[(3, "unknown"), (4, "unknown")]));
        assert_eq!(list("7", "0", None), named(&[]));
        // Those of a parent, which this process has inherited.
        assert_eq!(list("8", "2", None), named(&[]));
        assert_eq!(listed(None, Some("2".to_owned()), None, 7).unwrap(), []);
        assert_eq!(listed(Some("7".to_owned()), None, None, 7).unwrap(), []);
    }

    #[test]
    fn variables_that_lie_are_an_error_that_says_which() {
        let lies = [
            (list("me", "1", None), "LISTEN_PID is \"me\", which is not a process"),
            (list("7", "many", None), "LISTEN_FDS is \"many\", which is not a number from 0 to 4096"),
            (list("7", "-1", None), "LISTEN_FDS is \"-1\", which is not a number from 0 to 4096"),
            (list("7", "4097", None), "LISTEN_FDS is \"4097\", which is not a number from 0 to 4096"),
            (list("7", "2", Some("http")), "LISTEN_FDNAMES has 1 names, and LISTEN_FDS is 2"),
        ];
        for (listed, expected) in lies {
            assert_eq!(listed.unwrap_err(), expected);
        }
    }
}
