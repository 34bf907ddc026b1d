//! What goes through a proxy, by blocking sockets on threads of their own.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

#[derive(Clone, Copy)]
pub(crate) struct Traffic {
    pub(crate) connections: usize,
    pub(crate) both_ways: bool,
    /// Each connection sends so many, each way that it sends.
    pub(crate) bytes: u64,
    /// With one call of `write` so many.
    pub(crate) write: usize,
}

impl Traffic {
    /// Returns how many bytes came out at the other ends, and how long it took from the first connection on.
    pub(crate) fn run(self, front: SocketAddr, target: &TcpListener) -> (u64, Duration) {
        let start = Instant::now();
        let mut ends = Vec::new();
        for _ in 0..self.connections {
            let client = TcpStream::connect(front).expect("the proxy listens");
            ends.push(client);
        }
        let mut threads = Vec::new();
        for client in ends {
            let (server, _) = target.accept().expect("the proxy connects");
            threads.extend(self.send(&client, true));
            threads.extend(self.send(&server, self.both_ways));
            threads.extend([receive(client), receive(server)]);
        }
        let received = threads.into_iter().map(|thread| thread.join().expect("no transfer fails")).sum();
        let expected = self.bytes * self.connections as u64 * if self.both_ways { 2 } else { 1 };
        assert_eq!(received, expected, "the proxy has lost bytes, or made some up");
        (received, start.elapsed())
    }

    fn send(self, to: &TcpStream, any: bool) -> Option<JoinHandle<u64>> {
        if !any {
            to.shutdown(Shutdown::Write).expect("it is connected");
            return None;
        }
        let mut to = to.try_clone().expect("a descriptor is left");
        Some(thread::spawn(move || {
            let chunk = vec![b'x'; self.write];
            let mut left = self.bytes;
            while left > 0 {
                let n = left.min(chunk.len() as u64);
                to.write_all(&chunk[..n as usize]).expect("the proxy takes it");
                left -= n;
            }
            to.shutdown(Shutdown::Write).expect("it is connected");
            0
        }))
    }
}

fn receive(mut from: TcpStream) -> JoinHandle<u64> {
    thread::spawn(move || {
        let (mut buffer, mut received) = (vec![0; 256 * 1024], 0);
        loop {
            match from.read(&mut buffer).expect("the proxy goes on") {
                0 => return received,
                n => received += n as u64,
            }
        }
    })
}
