//! A container at its limit of threads or processes (`pids.max`) or of memory: an error that says so, no hang,
//! and recovery once there is room.

use crate::alone;
use crate::everyday;
use crate::filter::{Call, Filter};
use egret::net::lookup_host;
use egret::process::Command;
use egret::runtime::Runtime;
use egret::task::spawn_blocking;
use libc::{EAGAIN, ECHILD, ENOSYS};

const CLONE3: Call = Call::of(libc::SYS_clone3);
const CLONE: Call = Call::of(libc::SYS_clone);
/// What else starts a process, on an architecture that has it.
#[cfg(target_arch = "x86_64")]
const FORKS: [Call; 2] = [Call::of(libc::SYS_vfork), Call::of(libc::SYS_fork)];
#[cfg(not(target_arch = "x86_64"))]
const FORKS: [Call; 0] = [];
const START_THREAD: Call = CLONE.with_bits(0, libc::CLONE_THREAD as u32, libc::CLONE_THREAD as u32);

/// What a blocking job ends with.
const NO_THREAD: &str = "there is no thread for a blocking job, and none can be started: Resource temporarily unavailable (os error 11)";

fn has_no_child() -> bool {
    // SAFETY: the kernel writes nothing to a null pointer.
    let waited = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) };
    waited == -1 && std::io::Error::last_os_error().raw_os_error() == Some(ECHILD)
}

async fn job_fails() {
    let error = spawn_blocking(|| ()).await.unwrap_err();
    assert!(error.to_string().ends_with(NO_THREAD), "{error}");
}

#[test]
fn without_threads_jobs_fail_and_the_loop_goes_on() {
    alone(|| {
        let filter = Filter::new().fails([CLONE3], ENOSYS).fails_counted(START_THREAD, EAGAIN);
        let Some(filter) = filter.install() else { return };
        let rt = Runtime::new().unwrap();
        rt.block_on(job_fails());
        assert_eq!(filter.taken(CLONE), 1);
        rt.block_on(async {
            let error = lookup_host("localhost:80").await.map(drop).unwrap_err();
            assert!(error.to_string().ends_with(NO_THREAD), "{error}");
        });
        everyday::timers(&rt);
        everyday::echo(&rt);
        everyday::segments(&rt);
        everyday::signals(&rt);
        everyday::pipes(&rt);
        everyday::file_to_socket(&rt);
        everyday::socket_to_socket(&rt);
        // A child needs none to be waited for, and one that was dropped is reaped when there is one again.
        let dropped = rt.block_on(async {
            assert!(Command::new("true").status().await.unwrap().success());
            let sleeper = everyday::sleeper().kill_on_drop(true).spawn().unwrap();
            sleeper.id().unwrap()
        });
        filter.allow();
        rt.block_on(async {
            assert!(Command::new("true").status().await.unwrap().success());
            everyday::until_gone(dropped).await;
        });
        everyday::all(&rt);
    });
}

#[test]
fn without_processes_a_spawn_is_an_error() {
    alone(|| {
        let filter = Filter::new().fails([CLONE3], ENOSYS).fails_counted(CLONE, EAGAIN);
        let filter = FORKS.into_iter().fold(filter, |filter, call| filter.fails_counted(call, EAGAIN));
        let Some(filter) = filter.install() else { return };
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            assert_eq!(Command::new("true").spawn().unwrap_err().raw_os_error(), Some(EAGAIN));
            assert_eq!(Command::new("true").status().await.unwrap_err().raw_os_error(), Some(EAGAIN));
            job_fails().await;
        });
        assert!(filter.taken(CLONE) >= 3 && has_no_child());
        filter.allow();
        everyday::all(&rt);
    });
}

// Where it takes a thread to wait for a child: an error, and the child is gone.
#[test]
fn without_pidfds_and_threads_a_spawn_is_an_error_and_leaves_no_child() {
    alone(|| {
        let filter = Filter::new()
            .fails([CLONE3, Call::of(libc::SYS_pidfd_open)], ENOSYS)
            .fails_counted(START_THREAD, EAGAIN);
        let Some(filter) = filter.install() else { return };
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let error = everyday::sleeper().spawn().unwrap_err();
            assert_eq!(error.raw_os_error(), Some(EAGAIN));
        });
        assert_eq!(filter.taken(CLONE), 1);
        assert!(has_no_child());
        filter.allow();
        everyday::all(&rt);
    });
}

/// Sets how much memory this process may map.
fn limit_memory(most: libc::rlim_t) {
    let limit = libc::rlimit { rlim_cur: most, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the kernel reads one `rlimit`, which lives across the call.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
}

#[test]
fn without_memory_for_a_stack_jobs_fail_and_the_loop_goes_on() {
    alone(|| {
        let rt = Runtime::new().unwrap();
        everyday::echo(&rt);
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: u64 = pages.split(' ').next().unwrap().parse().unwrap();
        limit_memory(pages * 4096 + (1 << 20)); // a thread has 2 MiB
        rt.block_on(job_fails());
        everyday::timers(&rt);
        everyday::echo(&rt);
        limit_memory(libc::RLIM_INFINITY);
        everyday::all(&rt);
    });
}
