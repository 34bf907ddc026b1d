//! A container with Docker's defaults: its profile refuses system calls, and egret needs none of them.

use crate::alone;
use crate::everyday;
use crate::filter::{Call, Filter};
use egret::runtime::Runtime;
use libc::{ENOSYS, EPERM};
use std::io::ErrorKind;

/// Calls that a container may not make which was given no capability beyond the default ones: those that the default
/// profile of Docker does not list, or lists for a capability. From its documentation.
const REFUSED: [libc::c_long; 47] = [
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_pivot_root,
    libc::SYS_acct,
    libc::SYS_settimeofday,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_init_module,
    libc::SYS_delete_module,
    libc::SYS_quotactl,
    libc::SYS_lookup_dcookie,
    libc::SYS_clock_settime,
    libc::SYS_mbind,
    libc::SYS_set_mempolicy,
    libc::SYS_get_mempolicy,
    libc::SYS_kexec_load,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_migrate_pages,
    libc::SYS_unshare,
    libc::SYS_move_pages,
    libc::SYS_perf_event_open,
    libc::SYS_fanotify_init,
    libc::SYS_open_by_handle_at,
    libc::SYS_setns,
    libc::SYS_kcmp,
    libc::SYS_finit_module,
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_pidfd_getfd,
    libc::SYS_process_madvise,
    libc::SYS_mount_setattr,
];

/// Those of them that another architecture has not, or the libc crate does not name there.
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: [libc::c_long; 6] = [
    libc::SYS_uselib,
    libc::SYS_ustat,
    libc::SYS_sysfs,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_kexec_file_load,
];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: [libc::c_long; 0] = [];

/// A new namespace for a child, of any kind but that of times.
const NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// By its number, or by an argument: namespaces, and two families of sockets.
fn refused() -> Vec<Call> {
    let namespaces = NAMESPACES.map(|kind| {
        let kind = kind as u32;
        Call::of(libc::SYS_clone).with_bits(0, kind, kind)
    });
    let families = [libc::AF_ALG, libc::AF_VSOCK].map(|family| Call::of(libc::SYS_socket).with(0, family));
    let whole = REFUSED.into_iter().chain(REFUSED_HERE).map(Call::of);
    whole.chain(namespaces).chain(families).collect()
}

#[test]
fn under_the_default_profile_of_docker() {
    alone(|| {
        let clone3 = Call::of(libc::SYS_clone3);
        let filter = Filter::new().fails(refused(), EPERM).fails([clone3], ENOSYS);
        let Some(_filter) = filter.install() else { return };
        for call in refused() {
            assert_eq!(call.make().unwrap_err().raw_os_error(), Some(EPERM), "{call:?}");
        }
        assert_eq!(clone3.make().unwrap_err().kind(), ErrorKind::Unsupported);
        everyday::all(&Runtime::new().unwrap());
    });
}

const IO_URING: [libc::c_long; 3] =
    [libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];

// What asks for it is ended by SIGSYS, and so is a program that it has started.
#[test]
fn nothing_asks_for_io_uring() {
    alone(|| {
        let Some(_filter) = Filter::new().kills(IO_URING.map(Call::of)).install() else { return };
        everyday::all(&Runtime::new().unwrap());
    });
}

// The filter of the test above does what it says.
#[test]
fn what_asks_for_io_uring_ends_there() {
    use std::os::unix::process::ExitStatusExt;
    const ASKS: &str = "EGRET_TEST_ASKS";
    let name = "container::what_asks_for_io_uring_ends_there";
    if std::env::var_os(ASKS).is_some() {
        if let Some(_filter) = Filter::new().kills(IO_URING.map(Call::of)).install() {
            let made = Call::of(libc::SYS_io_uring_setup).make();
            panic!("it goes on: {made:?}");
        }
        return;
    }
    let ended = crate::support::child::again(name).env(ASKS, "1").output().unwrap();
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.signal() == Some(libc::SIGSYS) || stderr.contains("SKIPPED"), "{ended:?}");
}
