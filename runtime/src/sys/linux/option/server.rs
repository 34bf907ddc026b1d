//! Options that servers set: keepalive, and how connections are accepted.

use super::Fd;
use super::known::{self, KnownOption};
use std::io;
use std::time::Duration;

/// Every method: see the errors of `getsockopt` at the head of `option.rs`.
impl Fd {
    /// Returns how long a connection is idle before it is probed, `TCP_KEEPIDLE`, in whole seconds.
    #[inline]
    pub fn keepalive_time(&self) -> io::Result<Duration> {
        self.get_seconds(known::TCP_KEEPIDLE)
    }

    /// Sets `TCP_KEEPIDLE`: rounded up to seconds; `EINVAL` outside of 1 to 32767.
    #[inline]
    pub fn set_keepalive_time(&self, time: Duration) -> io::Result<()> {
        self.set_seconds(known::TCP_KEEPIDLE, time)
    }

    /// Returns the time between two probes, `TCP_KEEPINTVL`, in whole seconds.
    #[inline]
    pub fn keepalive_interval(&self) -> io::Result<Duration> {
        self.get_seconds(known::TCP_KEEPINTVL)
    }

    /// Sets `TCP_KEEPINTVL`: rounded up to seconds; `EINVAL` outside of 1 to 32767.
    #[inline]
    pub fn set_keepalive_interval(&self, interval: Duration) -> io::Result<()> {
        self.set_seconds(known::TCP_KEEPINTVL, interval)
    }

    /// Returns how many probes may stay unanswered, `TCP_KEEPCNT`.
    #[inline]
    pub fn keepalive_retries(&self) -> io::Result<u32> {
        self.get_number(known::TCP_KEEPCNT)
    }

    /// Sets `TCP_KEEPCNT`: `EINVAL` outside of 1 to 127.
    #[inline]
    pub fn set_keepalive_retries(&self, retries: u32) -> io::Result<()> {
        self.set_number(known::TCP_KEEPCNT, retries)
    }

    /// Returns how many connections with data in their SYN may be queued, `TCP_FASTOPEN`; 0 for none.
    #[inline]
    pub fn fastopen(&self) -> io::Result<u32> {
        self.get_number(known::TCP_FASTOPEN)
    }

    /// Sets `TCP_FASTOPEN`, before `listen` or after. `EINVAL` on a connected socket.
    #[inline]
    pub fn set_fastopen(&self, queue: u32) -> io::Result<()> {
        self.set_number(known::TCP_FASTOPEN, queue)
    }

    /// Returns how long `accept` waits for the first data of a connection, `TCP_DEFER_ACCEPT`; zero for "not at all".
    /// The kernel counts in retransmissions, so the value differs from the one that was set.
    #[inline]
    pub fn defer_accept(&self) -> io::Result<Duration> {
        self.get_seconds(known::TCP_DEFER_ACCEPT)
    }

    /// Sets `TCP_DEFER_ACCEPT`, rounded up to seconds; the kernel rounds up again.
    #[inline]
    pub fn set_defer_accept(&self, wait: Duration) -> io::Result<()> {
        self.set_seconds(known::TCP_DEFER_ACCEPT, wait)
    }

    /// Returns the processor whose packets the socket takes, `SO_INCOMING_CPU`; `None` before the first packet.
    #[inline]
    pub fn incoming_cpu(&self) -> io::Result<Option<u32>> {
        let [cpu] = self.get(known::SO_INCOMING_CPU)?;
        Ok(u32::try_from(cpu).ok())
    }

    /// Sets `SO_INCOMING_CPU`, by which a `SO_REUSEPORT` group distributes connections.
    #[inline]
    pub fn set_incoming_cpu(&self, cpu: u32) -> io::Result<()> {
        self.set_number(known::SO_INCOMING_CPU, cpu)
    }

    /// Returns the mark of sent packets, `SO_MARK`.
    #[inline]
    pub fn mark(&self) -> io::Result<u32> {
        let [mark] = self.get(known::SO_MARK)?;
        Ok(mark as u32) // all bits count
    }

    /// Sets `SO_MARK`. `EPERM` without `CAP_NET_ADMIN` or, since Linux 5.17, `CAP_NET_RAW`.
    #[inline]
    pub fn set_mark(&self, mark: u32) -> io::Result<()> {
        self.set(known::SO_MARK, [mark as libc::c_int])
    }

    /// Returns whether an IPv6 socket excludes IPv4, `IPV6_V6ONLY`.
    #[inline]
    pub fn only_v6(&self) -> io::Result<bool> {
        self.get_flag(known::IPV6_V6ONLY)
    }

    /// Sets `IPV6_V6ONLY`. `EINVAL` when the socket is bound.
    #[inline]
    pub fn set_only_v6(&self, only: bool) -> io::Result<()> {
        self.set_flag(known::IPV6_V6ONLY, only)
    }

    #[inline]
    fn get_seconds(&self, option: KnownOption<1>) -> io::Result<Duration> {
        Ok(Duration::from_secs(self.get_number(option)?.into()))
    }

    #[inline]
    fn set_seconds(&self, option: KnownOption<1>, time: Duration) -> io::Result<()> {
        let seconds = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0));
        self.set_number(option, u32::try_from(seconds).unwrap_or(u32::MAX))
    }
}
