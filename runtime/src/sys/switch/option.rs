//! Socket options of either kernel.
//!
//! * Most are forwarded to `sys/linux`, which turns a value into integers. Its `getsockopt` and `setsockopt`
//!   (`linux/option/known.rs`) go to the simulation for a simulated socket.
//! * `sim/option.rs` keeps each value by level and name, and says which of them have an effect.

use super::{Fd, sim};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Methods that call their namesake in `sys/linux`.
macro_rules! forward {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        impl Fd {
            $(pub fn $name(&self, $($argument: $type),*) -> io::Result<$result> {
                self.linux.$name($($argument),*)
            })*
        }
    };
}

forward! {
    nodelay() -> bool;
    set_nodelay(on: bool) -> ();
    quickack() -> bool;
    set_quickack(on: bool) -> ();
    notsent_lowat() -> u32;
    set_notsent_lowat(bytes: u32) -> ();
    user_timeout() -> Option<Duration>;
    set_user_timeout(timeout: Option<Duration>) -> ();
    recv_lowat() -> u32;
    set_recv_lowat(bytes: u32) -> ();
    set_recv_info(on: bool) -> ();
    reuseaddr() -> bool;
    set_reuseaddr(on: bool) -> ();
    reuseport() -> bool;
    set_reuseport(on: bool) -> ();
    keepalive() -> bool;
    set_keepalive(on: bool) -> ();
    keepalive_time() -> Duration;
    set_keepalive_time(time: Duration) -> ();
    keepalive_interval() -> Duration;
    set_keepalive_interval(interval: Duration) -> ();
    keepalive_retries() -> u32;
    set_keepalive_retries(retries: u32) -> ();
    fastopen() -> u32;
    set_fastopen(queue: u32) -> ();
    defer_accept() -> Duration;
    set_defer_accept(wait: Duration) -> ();
    incoming_cpu() -> Option<u32>;
    set_incoming_cpu(cpu: u32) -> ();
    mark() -> u32;
    set_mark(mark: u32) -> ();
    only_v6() -> bool;
    set_only_v6(only: bool) -> ();
    send_buffer_size() -> u32;
    set_send_buffer_size(bytes: u32) -> ();
    recv_buffer_size() -> u32;
    set_recv_buffer_size(bytes: u32) -> ();
    ttl() -> u32;
    set_ttl(hops: u32) -> ();
    tos_v4() -> u32;
    set_tos_v4(tos: u32) -> ();
    tclass_v6() -> u32;
    set_tclass_v6(class: u32) -> ();
    linger() -> Option<Duration>;
    set_linger(linger: Option<Duration>) -> ();
    broadcast() -> bool;
    set_broadcast(on: bool) -> ();
    multicast_loop_v4() -> bool;
    set_multicast_loop_v4(on: bool) -> ();
    multicast_loop_v6() -> bool;
    set_multicast_loop_v6(on: bool) -> ();
    multicast_ttl_v4() -> u32;
    set_multicast_ttl_v4(hops: u32) -> ();
    multicast_hops_v6() -> u32;
    set_multicast_hops_v6(hops: u32) -> ();
    set_multicast_if_v4(interface: Ipv4Addr) -> ();
    set_multicast_if_v6(interface: u32) -> ();
    udp_gro() -> bool;
    set_udp_gro(on: bool) -> ();
    passcred() -> bool;
    set_passcred(on: bool) -> ();
    socket_kind() -> crate::sys::SocketKind;
}

impl Fd {
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self.simulated() {
            Some(simulated) => simulated.take_error(),
            None => self.linux.take_error(),
        }
    }

    /// A simulated host has the interfaces `lo` and `eth0`.
    pub fn bind_device(&self, interface: Option<&[u8]>) -> io::Result<()> {
        match self.simulated() {
            Some(simulated) => simulated.bind_device(interface.unwrap_or_default()),
            None => self.linux.bind_device(interface),
        }
    }

    pub fn device(&self) -> io::Result<Option<Vec<u8>>> {
        match self.simulated() {
            Some(simulated) => simulated.device(),
            None => self.linux.device(),
        }
    }

    pub fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        match self.simulated() {
            Some(simulated) => simulated.member(true, group, interface),
            None => self.linux.join_multicast_v4(group, interface),
        }
    }

    pub fn leave_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        match self.simulated() {
            Some(simulated) => simulated.member(false, group, interface),
            None => self.linux.leave_multicast_v4(group, interface),
        }
    }

    pub fn join_multicast_v6(&self, group: Ipv6Addr, interface: u32) -> io::Result<()> {
        self.refuse("IPV6_ADD_MEMBERSHIP")?;
        self.linux.join_multicast_v6(group, interface)
    }

    pub fn leave_multicast_v6(&self, group: Ipv6Addr, interface: u32) -> io::Result<()> {
        self.refuse("IPV6_DROP_MEMBERSHIP")?;
        self.linux.leave_multicast_v6(group, interface)
    }

    /// A simulated host has one processor, and the seed chooses among the sockets of a group.
    pub fn steer_by_processor(&self, count: u32) -> io::Result<()> {
        match self.simulated() {
            Some(_) if count == 0 => Err(io::Error::from_raw_os_error(libc::EINVAL)),
            Some(_) => Ok(()),
            None => self.linux.steer_by_processor(count),
        }
    }

    /// A simulated descriptor is non-blocking for ever.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        match self.simulated() {
            Some(_) if nonblocking => Ok(()),
            Some(_) => Err(sim::unsupported("a descriptor that blocks (FIONBIO)")),
            None => self.linux.set_nonblocking(nonblocking),
        }
    }
}
