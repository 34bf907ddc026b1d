//! How connections begin and end.

use super::super::drawing::{Packet, TraceMoment};
use super::super::file::Object;
use super::super::host::HostId;
use super::super::kernel::{FileId, Kernel};
use super::super::plan::Fault;
use super::super::ports::Protocol;
use super::super::trace::Outcome;
use super::wire::Segment;
use super::{SimListener, SimTcp, TcpPhase};
use crate::sys::linux::Connect;
use crate::sys::mask;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// The delay before a SYN is first resent, and how often it is resent (`tcp_syn_retries`).
const SYN_AGAIN: u64 = 1_000_000_000;
const SYN_TIMES: u32 = 6;

impl Kernel {
    pub(in super::super) fn tcp_open(&mut self, v6: bool) -> Result<FileId, i32> {
        self.check_limit()?;
        let tcp = SimTcp::new(v6, self.plan.send_buffer, self.plan.receive_buffer);
        Ok(self.open(Object::Tcp(Box::new(tcp))))
    }

    pub(in super::super) fn tcp_bind(&mut self, file: FileId, address: SocketAddr) -> Result<(), i32> {
        let host = self.file(file).ok_or(libc::EBADF)?.host;
        let tcp = self.tcp(file)?;
        if tcp.local.is_some() {
            return Err(libc::EINVAL);
        }
        if tcp.v6 != address.is_ipv6() {
            return Err(libc::EAFNOSUPPORT);
        }
        if self.host_at(host, address.ip()) != Some(host) {
            return Err(libc::EADDRNOTAVAIL);
        }
        let address = self.bind_port(host, Protocol::Tcp, address, file)?;
        self.tcp(file)?.local = Some(address);
        Ok(())
    }

    pub(in super::super) fn tcp_listen(&mut self, file: FileId, backlog: u32) -> Result<(), i32> {
        if let Ok(listener) = self.listener(file) {
            listener.backlog = backlog as usize;
            return Ok(());
        }
        let tcp = self.tcp(file)?;
        if tcp.phase != TcpPhase::Fresh {
            return Err(libc::EINVAL);
        }
        let any = SocketAddr::from(([0, 0, 0, 0], 0));
        if tcp.local.is_none() {
            self.tcp_bind(file, any)?;
        }
        let local = self.tcp(file)?.local.unwrap_or(any);
        let host = self.file(file).ok_or(libc::EBADF)?.host;
        self.may_listen(file, host, local)?;
        let settings = std::mem::take(&mut self.tcp(file)?.settings);
        let listener = SimListener { local, backlog: backlog as usize, queue: VecDeque::new(), settings };
        let entry = self.files[file as usize].as_mut().ok_or(libc::EBADF)?;
        entry.object = Object::Listener(Box::new(listener));
        Ok(())
    }

    /// Starts the handshake. A later call returns its result once.
    pub(in super::super) fn tcp_connect(
        &mut self,
        file: FileId,
        address: SocketAddr,
    ) -> Result<Connect, i32> {
        let host = self.file(file).ok_or(libc::EBADF)?.host;
        let tcp = self.tcp(file)?;
        match tcp.phase {
            TcpPhase::Fresh => {}
            TcpPhase::Connecting => return Err(libc::EALREADY),
            TcpPhase::Established if std::mem::replace(&mut tcp.outcome_told, true) => {
                return Err(libc::EISCONN);
            }
            TcpPhase::Established => return Ok(Connect::Established),
            TcpPhase::Closed if std::mem::replace(&mut tcp.outcome_told, true) => {}
            TcpPhase::Closed => {
                return Err(match std::mem::take(&mut tcp.error) {
                    0 => libc::ECONNABORTED,
                    errno => errno,
                });
            }
        }
        if tcp.v6 != address.is_ipv6() {
            return Err(libc::EAFNOSUPPORT);
        }
        let (bound, was_closed) = (tcp.local, tcp.phase == TcpPhase::Closed);
        let to = self.host_at(host, address.ip()).ok_or(libc::ENETUNREACH)?;
        let mut address = address;
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv6() {
                [0, 0, 0, 0, 0, 0, 0, 1].into()
            } else {
                [127, 0, 0, 1].into()
            });
        }
        // The peer sees the address that packets leave by.
        let own =
            if address.ip().is_loopback() { address.ip() } else { self.hosts[usize::from(host)].address };
        let local = match bound {
            Some(local) => local,
            None => self.bind_port(host, Protocol::Tcp, SocketAddr::new(own, 0), file)?,
        };
        let local = if local.ip().is_unspecified() { SocketAddr::new(own, local.port()) } else { local };
        let tcp = self.tcp(file)?;
        tcp.phase = TcpPhase::Connecting;
        tcp.local = Some(local);
        tcp.peer = Some(address);
        tcp.error = 0;
        if was_closed {
            (tcp.at_end, tcp.read_shut, tcp.write_shut) = (false, false, false);
            (tcp.fin_sent, tcp.fin_received, tcp.fin_acknowledged) = (false, false, false);
            tcp.promised = tcp.received.clone();
        }
        tcp.outcome_told = false;
        let takes = self.travel(host, to);
        let sent = self.moment();
        self.later(takes, move |kernel| kernel.syn(file, to, 0, sent));
        Ok(Connect::InProgress)
    }

    /// A SYN reaches `to`, or is lost.
    fn syn(&mut self, client: FileId, to: HostId, attempt: u32, sent: TraceMoment) {
        let Some(from) = self.file(client).map(|file| file.host) else { return };
        let Some(tcp) = self.alive(client) else { return };
        let (TcpPhase::Connecting, Some(local), Some(address)) = (tcp.phase, tcp.local, tcp.peer) else {
            return;
        };
        let listener = self.receiver(to, Protocol::Tcp, address, local);
        let full = |kernel: &mut Kernel, listener| {
            kernel.listener(listener).is_ok_and(|listener| listener.queue.len() > listener.backlog)
        };
        let there_and_back = self.reaches(from, to) && !self.is_cut(to, from);
        let got_through = there_and_back && !listener.is_some_and(|listener| full(self, listener));
        if !got_through {
            // Lost, or the queue is full: resend.
            let timeout = SYN_AGAIN << attempt;
            return self.later(timeout, move |kernel| match attempt {
                SYN_TIMES => kernel.fail(client, libc::ETIMEDOUT),
                _ => kernel.syn(client, to, attempt + 1, sent),
            });
        }
        self.arrived(Packet::Syn, from, to, sent);
        let sent = self.moment();
        let back = self.travel(to, from);
        let is_listening = listener.is_some_and(|listener| self.listener(listener).is_ok());
        let (Some(listener), true) = (listener, is_listening) else {
            return self.later(back, move |kernel| {
                kernel.arrived(Packet::Reset, to, from, sent);
                kernel.reset(client);
            });
        };
        let v6 = address.is_ipv6();
        let mut tcp = SimTcp::new(v6, self.plan.send_buffer, self.plan.receive_buffer);
        tcp.phase = TcpPhase::Established;
        tcp.local = Some(address);
        tcp.peer = Some(local);
        tcp.other = Some(client);
        let server = self.open_on(to, Object::Tcp(Box::new(tcp)));
        self.inherit_options(listener, server);
        self.later(back, move |kernel| {
            kernel.arrived(Packet::SynAck, to, from, sent);
            kernel.connected(client, server, from, to, listener);
        });
    }

    /// The answer to the SYN reaches the client, which acknowledges it.
    fn connected(&mut self, client: FileId, server: FileId, from: HostId, to: HostId, listener: FileId) {
        let takes = self.travel(from, to);
        let arrival = self.now + takes;
        let Some(tcp) = self.alive(client) else {
            // Closed meanwhile: the server gets a reset.
            return self.at(arrival, move |kernel| kernel.remove_tcp(server));
        };
        tcp.phase = TcpPhase::Established;
        tcp.other = Some(server);
        tcp.last_arrival = arrival;
        self.progress += 1;
        self.note("connected", Some(client), Outcome::Done);
        self.notify(client, 0);
        self.at(arrival, move |kernel| kernel.queue_connection(server, listener, client));
    }

    /// The connection is complete for the server too, and is queued to be accepted.
    fn queue_connection(&mut self, server: FileId, listener: FileId, client: FileId) {
        let is_listening = self.file(listener).is_some() && self.listener(listener).is_ok();
        if !is_listening {
            self.remove_tcp(server);
            return self.reset(client);
        }
        if let Ok(listener) = self.listener(listener) {
            listener.queue.push_back(server);
        }
        self.note("backlog", Some(listener), Outcome::Value(server.into()));
        self.notify(listener, mask::IN);
    }

    pub(in super::super) fn tcp_accept(&mut self, file: FileId) -> Result<(FileId, SocketAddr), i32> {
        self.listener(file)?;
        // Linux allocates a descriptor before it looks for a connection.
        self.check_limit()?;
        let aborted = self.fault(Fault::AbortedAccept);
        let front = self.listener(file)?.queue.pop_front();
        let Some(server) = front else {
            self.came_back_short(file, mask::IN);
            return Err(libc::EAGAIN);
        };
        if self.fault(Fault::NoMemory) {
            self.listener(file)?.queue.push_front(server);
            return Err([libc::ENOBUFS, libc::ENOMEM][self.dice(Fault::NoMemory).below(2)]);
        }
        if aborted {
            self.abort(server);
            return Err([libc::ECONNABORTED, libc::EPROTO][self.dice(Fault::AbortedAccept).below(2)]);
        }
        self.progress += 1;
        let peer = self.tcp(server)?.peer.ok_or(libc::ENOTCONN)?;
        Ok((server, peer))
    }

    /// Ends a connection with a reset to the peer, after the segments in flight.
    pub(super) fn abort(&mut self, file: FileId) {
        self.ports.release(file);
        let host = self.file(file).map(|file| file.host);
        let Some(tcp) = self.alive(file) else { return };
        let (TcpPhase::Established, Some(_), Some(host)) = (tcp.phase, tcp.other, host) else {
            return self.remove_tcp(file);
        };
        (tcp.phase, tcp.is_orphan) = (TcpPhase::Closed, true);
        tcp.unsent.clear();
        self.send_segment(file, host, Segment::Reset);
    }

    /// The last descriptor is closed.
    pub(in super::super) fn tcp_close(&mut self, file: FileId) {
        let resets = self.resets_on_close(file);
        let Some(tcp) = self.alive(file) else { return };
        match tcp.phase {
            TcpPhase::Fresh | TcpPhase::Connecting | TcpPhase::Closed => self.remove_tcp(file),
            // Unread data, or SO_LINGER with zero time: RFC 9293, 3.6.1.
            TcpPhase::Established if !tcp.received.is_empty() || resets => self.abort(file),
            TcpPhase::Established => {
                (tcp.write_shut, tcp.is_orphan) = (true, true);
                self.pump(file);
                self.end_orphan(file);
            }
        }
    }

    /// The listener is closed; connections that were not accepted end with it.
    pub(in super::super) fn listener_close(&mut self, file: FileId) {
        let waiting = self.listener(file).map(|listener| std::mem::take(&mut listener.queue));
        self.ports.release(file);
        self.remove(file);
        waiting.into_iter().flatten().for_each(|server| self.abort(server));
    }

    /// Returns the addresses of a socket: local and peer.
    pub(in super::super) fn tcp_names(
        &mut self,
        file: FileId,
    ) -> Result<(SocketAddr, Option<SocketAddr>), i32> {
        if let Ok(listener) = self.listener(file) {
            return Ok((listener.local, None));
        }
        let tcp = self.tcp(file)?;
        let any = if tcp.v6 { SocketAddr::from(([0; 8], 0)) } else { SocketAddr::from(([0; 4], 0)) };
        let peer = tcp.peer.filter(|_| tcp.phase == TcpPhase::Established);
        Ok((tcp.local.unwrap_or(any), peer))
    }
}
