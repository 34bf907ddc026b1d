//! Who opens many connections at once has to wait for the server to accept them.
//!
//! A listener whose backlog is full drops who asks, who asks again after a second; or the connection looks open to the client and is
//! not, and its first request is sent again after as long. Fifteen thousand connections took 20 to 40 s so. Nothing in the
//! protocol says that a connection was accepted; on loopback the kernel does, in `/proc/net/tcp`.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

/// Connections opened between two waits: below the shortest backlog in use, the 128 of `std`'s listeners.
pub const AT_ONCE: usize = 100;

/// The state of a listener in `/proc/net/tcp`.
const LISTENS: &str = "0A";

/// Waits until the server has accepted all that are open, or the time is up. Where the kernel does not say, does not wait.
pub fn accepted(addr: SocketAddr, deadline: Instant) {
    while waiting(addr).is_some_and(|count| count > 0) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(1));
    }
}

/// How many connections the listener at `addr` has not accepted yet. See proc_pid_net(5).
fn waiting(addr: SocketAddr) -> Option<u32> {
    let SocketAddr::V4(addr) = addr else { return None };
    // The address as the kernel has it in memory.
    let local = format!("{:08X}:{:04X}", u32::from_ne_bytes(addr.ip().octets()), addr.port());
    let file = BufReader::new(File::open("/proc/net/tcp").ok()?);
    let lines = file.lines().skip(1).map_while(Result::ok);
    // Listeners come first: the lines of all the connections are not read.
    lines.map_while(|line| parse(&line)).find(|(at, _)| *at == local).map(|(_, count)| count)
}

/// Address and length of the queue of a listener; `None` for any other socket.
fn parse(line: &str) -> Option<(String, u32)> {
    let mut words = line.split_whitespace().skip(1);
    let (local, state) = (words.next()?, words.nth(1)?);
    let (_, to_accept) = words.next()?.split_once(':')?;
    (state == LISTENS).then_some(())?;
    Some((local.to_owned(), u32::from_str_radix(to_accept, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    /// Waits until so many connections wait. A client may be connected before the kernel of a busy machine has done with the
    /// last packet of its handshake.
    fn wait_until(count: u32, addr: SocketAddr) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while waiting(addr) != Some(count) {
            assert!(Instant::now() < deadline, "{:?} wait, and not {count}", waiting(addr));
            thread::yield_now();
        }
    }

    #[test]
    fn connections_that_are_not_accepted_are_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let clients = [(); 3].map(|()| TcpStream::connect(addr).unwrap());
        wait_until(3, addr);
        listener.accept().unwrap();
        assert_eq!(waiting(addr), Some(2));
        listener.accept().unwrap();
        listener.accept().unwrap();
        assert_eq!(waiting(addr), Some(0));
        drop((clients, listener));
        assert_eq!(waiting(addr), None);
    }

    #[test]
    fn who_waits_goes_on_when_all_are_accepted_or_time_is_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let _clients = [(); 3].map(|()| TcpStream::connect(addr).unwrap());
        wait_until(3, addr);
        accepted(addr, Instant::now());
        assert_eq!(waiting(addr), Some(3));
        let server = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20)); // it is slow: who does not wait is caught
            (0..3).for_each(|_| drop(listener.accept().unwrap()));
            listener
        });
        accepted(addr, Instant::now() + Duration::from_secs(60));
        assert_eq!(waiting(addr), Some(0));
        drop(server.join().unwrap());
    }

    #[test]
    fn only_a_listener_has_a_backlog() {
        let listener = "   0: 0100007F:1F90 00000000:0000 0A 00000000:0000001F 00:00000000 00000000 0 0 1 1 0 100 0 0 10 0";
        assert_eq!(parse(listener), Some(("0100007F:1F90".to_owned(), 31)));
        assert_eq!(parse(&listener.replace(" 0A ", " 01 ")), None);
        assert_eq!(parse(""), None);
    }
}
