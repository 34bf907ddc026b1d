//! Socket options of either kernel. The simulation stores each, and applies `linger`, the buffer sizes and
//! `notsent_lowat`.

use super::Fd;
use std::io;
use std::time::Duration;

impl Fd {
    fn flag(&self, name: &'static str, real: impl FnOnce() -> io::Result<bool>) -> io::Result<bool> {
        match self.simulated() {
            Some(simulated) => Ok(simulated.setting(name)?.is_some_and(|value| value != 0)),
            None => real(),
        }
    }

    fn number(
        &self,
        name: &'static str,
        default: u32,
        real: impl FnOnce() -> io::Result<u32>,
    ) -> io::Result<u32> {
        match self.simulated() {
            Some(simulated) => Ok(simulated.setting(name)?.map_or(default, |value| value as u32)),
            None => real(),
        }
    }

    fn change(
        &self,
        name: &'static str,
        value: impl Into<u64>,
        real: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        match self.simulated() {
            Some(simulated) => simulated.set(name, Some(value.into())),
            None => real(),
        }
    }

    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self.simulated() {
            Some(simulated) => simulated.take_error(),
            None => (**self).take_error(),
        }
    }

    pub fn nodelay(&self) -> io::Result<bool> {
        self.flag("nodelay", || (**self).nodelay())
    }

    pub fn set_nodelay(&self, on: bool) -> io::Result<()> {
        self.change("nodelay", on, || (**self).set_nodelay(on))
    }

    pub fn quickack(&self) -> io::Result<bool> {
        self.flag("quickack", || (**self).quickack())
    }

    pub fn set_quickack(&self, on: bool) -> io::Result<()> {
        self.change("quickack", on, || (**self).set_quickack(on))
    }

    pub fn notsent_lowat(&self) -> io::Result<u32> {
        self.number("notsent_lowat", 0, || (**self).notsent_lowat())
    }

    pub fn set_notsent_lowat(&self, bytes: u32) -> io::Result<()> {
        self.change("notsent_lowat", bytes, || (**self).set_notsent_lowat(bytes))
    }

    pub fn user_timeout(&self) -> io::Result<Option<Duration>> {
        match self.simulated() {
            Some(simulated) => Ok(simulated.setting("user_timeout")?.map(Duration::from_millis)),
            None => (**self).user_timeout(),
        }
    }

    pub fn set_user_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self.simulated() {
            Some(simulated) => {
                simulated.set("user_timeout", timeout.map(|timeout| timeout.as_millis() as u64))
            }
            None => (**self).set_user_timeout(timeout),
        }
    }

    pub fn recv_lowat(&self) -> io::Result<u32> {
        self.number("recv_lowat", 1, || (**self).recv_lowat())
    }

    pub fn set_recv_lowat(&self, bytes: u32) -> io::Result<()> {
        self.change("recv_lowat", bytes, || (**self).set_recv_lowat(bytes))
    }

    pub fn set_recv_info(&self, on: bool) -> io::Result<()> {
        self.change("recv_info", on, || (**self).set_recv_info(on))
    }

    pub fn reuseaddr(&self) -> io::Result<bool> {
        self.flag("reuseaddr", || (**self).reuseaddr())
    }

    pub fn set_reuseaddr(&self, on: bool) -> io::Result<()> {
        self.change("reuseaddr", on, || (**self).set_reuseaddr(on))
    }

    pub fn reuseport(&self) -> io::Result<bool> {
        self.flag("reuseport", || (**self).reuseport())
    }

    pub fn set_reuseport(&self, on: bool) -> io::Result<()> {
        self.change("reuseport", on, || (**self).set_reuseport(on))
    }

    pub fn keepalive(&self) -> io::Result<bool> {
        self.flag("keepalive", || (**self).keepalive())
    }

    pub fn set_keepalive(&self, on: bool) -> io::Result<()> {
        self.change("keepalive", on, || (**self).set_keepalive(on))
    }

    pub fn send_buffer_size(&self) -> io::Result<u32> {
        self.number("send_buffer_size", 65_536, || (**self).send_buffer_size())
    }

    pub fn set_send_buffer_size(&self, bytes: u32) -> io::Result<()> {
        self.change("send_buffer_size", bytes, || (**self).set_send_buffer_size(bytes))
    }

    pub fn recv_buffer_size(&self) -> io::Result<u32> {
        self.number("recv_buffer_size", 65_536, || (**self).recv_buffer_size())
    }

    pub fn set_recv_buffer_size(&self, bytes: u32) -> io::Result<()> {
        self.change("recv_buffer_size", bytes, || (**self).set_recv_buffer_size(bytes))
    }

    pub fn ttl(&self) -> io::Result<u32> {
        self.number("ttl", 64, || (**self).ttl())
    }

    pub fn set_ttl(&self, hops: u32) -> io::Result<()> {
        self.change("ttl", hops, || (**self).set_ttl(hops))
    }

    pub fn tos_v4(&self) -> io::Result<u32> {
        self.number("tos", 0, || (**self).tos_v4())
    }

    pub fn set_tos_v4(&self, tos: u32) -> io::Result<()> {
        self.change("tos", tos, || (**self).set_tos_v4(tos))
    }

    pub fn tclass_v6(&self) -> io::Result<u32> {
        self.number("tclass", 0, || (**self).tclass_v6())
    }

    pub fn set_tclass_v6(&self, class: u32) -> io::Result<()> {
        self.change("tclass", class, || (**self).set_tclass_v6(class))
    }

    pub fn passcred(&self) -> io::Result<bool> {
        self.flag("passcred", || (**self).passcred())
    }

    pub fn set_passcred(&self, on: bool) -> io::Result<()> {
        self.change("passcred", on, || (**self).set_passcred(on))
    }

    pub fn linger(&self) -> io::Result<Option<Duration>> {
        match self.simulated() {
            Some(simulated) => Ok(simulated.setting("linger")?.map(Duration::from_secs)),
            None => (**self).linger(),
        }
    }

    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        match self.simulated() {
            Some(simulated) => simulated.set("linger", linger.map(|linger| linger.as_secs())),
            None => (**self).set_linger(linger),
        }
    }
}
