//! The proxy by hand: one thread, edge-triggered `epoll`, `splice` through one pipe for each direction.

use crate::sys::{Epoll, Pipe, Spliced, shut_writing, splice};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;

struct Connection {
    client: TcpStream,
    server: TcpStream,
    ways: [Way; 2],
}

/// One direction of a connection.
struct Way {
    pipe: Pipe,
    in_pipe: usize,
    at_end: bool,
    done: bool,
}

impl Way {
    fn new() -> Way {
        Way { pipe: Pipe::new(), in_pipe: 0, at_end: false, done: false }
    }

    /// Moves bytes until one of the two would block.
    fn run(&mut self, from: &TcpStream, to: &TcpStream) {
        while !self.done {
            if self.in_pipe == 0 && !self.at_end {
                match splice(from.as_fd(), self.pipe.writer.as_fd(), Pipe::SIZE) {
                    Spliced::Bytes(0) => self.at_end = true,
                    Spliced::Bytes(n) => self.in_pipe = n,
                    Spliced::WouldBlock => return,
                }
            }
            if self.in_pipe > 0 {
                match splice(self.pipe.reader.as_fd(), to.as_fd(), self.in_pipe) {
                    Spliced::Bytes(n) => self.in_pipe -= n,
                    Spliced::WouldBlock => return,
                }
            } else if self.at_end {
                shut_writing(to);
                self.done = true;
            }
        }
    }
}

impl Connection {
    /// Whether both directions have ended.
    fn run(&mut self) -> bool {
        let [there, back] = &mut self.ways;
        there.run(&self.client, &self.server);
        back.run(&self.server, &self.client);
        there.done && back.done
    }
}

pub(crate) fn run(front: TcpListener, target: SocketAddr, connections: usize) {
    let epoll = Epoll::new();
    let mut open: Vec<_> = (0..connections)
        .map(|index| {
            let (client, _) = front.accept().expect("a client comes");
            let server = TcpStream::connect(target).expect("the target listens");
            for stream in [&client, &server] {
                stream.set_nonblocking(true).expect("a socket may be");
                stream.set_nodelay(true).expect("a socket may be");
                epoll.add(stream.as_fd(), index as u64);
            }
            Some(Connection { client, server, ways: [Way::new(), Way::new()] })
        })
        .collect();
    let mut left = connections;
    while left > 0 {
        epoll.wait(|index| {
            let place = &mut open[index as usize];
            if place.as_mut().is_some_and(Connection::run) {
                *place = None;
                left -= 1;
            }
        });
    }
}
