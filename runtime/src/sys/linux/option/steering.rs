//! A filter that chooses the socket of a `SO_REUSEPORT` group.

use super::super::{Fd, check};
use std::io;
use std::os::fd::AsRawFd;

/// The ancillary load of the processor that runs the filter.
const PROCESSOR: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_CPU) as u32;

impl Fd {
    /// Makes the group of this socket choose by the processor that receives the packet:
    /// `SO_ATTACH_REUSEPORT_CBPF` ([`socket(7)`]), with a filter that returns its number modulo `count`. The sockets are
    /// numbered in the order in which they joined the group: TCP by `listen`, UDP by `bind`.
    ///
    /// # Errors
    ///
    /// `EINVAL` when the socket is bound and not in a group, or `count` is 0.
    ///
    /// [`socket(7)`]: https://man7.org/linux/man-pages/man7/socket.7.html
    #[inline]
    pub fn steer_by_processor(&self, count: u32) -> io::Result<()> {
        let step = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
        let mut steps = [
            step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, PROCESSOR),
            step(libc::BPF_ALU | libc::BPF_MOD | libc::BPF_K, count),
            step(libc::BPF_RET | BPF_A, 0),
        ];
        let program = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
        let len = size_of_val(&program) as libc::socklen_t;
        let (level, name) = (libc::SOL_SOCKET, libc::SO_ATTACH_REUSEPORT_CBPF);
        // SAFETY: the kernel reads `len` bytes of `program`, and the `steps` that it points to, as many as it says. Both
        // live across the call, which copies them and keeps no pointer.
        check(unsafe { libc::setsockopt(self.as_raw_fd(), level, name, (&raw const program).cast(), len) })?;
        Ok(())
    }
}

/// The accumulator as the result of a filter: `BPF_A` of `linux/bpf_common.h`.
const BPF_A: u32 = 0x10;

#[cfg(test)]
mod tests {
    use super::super::super::{Backend, Domain, Type};

    #[test]
    #[cfg_attr(miri, ignore = "Miri knows few options")]
    fn a_group_takes_the_filter_and_refuses_a_division_by_nothing() {
        let socket = Backend::current().socket(Domain::V4, Type::Datagram).unwrap();
        socket.set_reuseport(true).unwrap();
        socket.bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
        socket.steer_by_processor(1).unwrap();
        assert_eq!(socket.steer_by_processor(0).unwrap_err().raw_os_error(), Some(libc::EINVAL));
    }
}
