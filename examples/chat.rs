//! A chat room for `nc` or `telnet`: the first line is a name, each further line goes to all other members.
//!
//!     cargo run --release --example chat [ADDRESS:PORT]
//!
//! Each member has a queue of up to `MAX_QUEUE` bytes, into which lines are put without waiting. A member whose queue is
//! full is dropped, so that one that stops reading neither slows the others nor costs more memory. A message ends at the
//! end of its line; control characters are removed, so that no member can draw on the terminals of others.
//!
//! Each connection is one task, which writes its queue and reads lines. All tasks are on one thread: the
//! room is an `Rc`, and a `RefCell` is never borrowed across an await.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use egret::net::{TcpSocket, TcpStream};
use egret::shutdown::Shutdown;
use egret::task::yield_now;
use egret::time::timeout;

const MAX_MEMBERS: usize = 1024;
const MAX_NAME: usize = 16;
const MAX_LINE: usize = 1024;
/// The queue of one member, in addition to the kernel's buffers.
const MAX_QUEUE: usize = 64 * 1024;
/// The kernel's send buffer for each member; the kernel doubles it.
const SEND_BUFFER: u32 = 32 * 1024;
/// The timeout for the name: a silent client occupies a connection.
const NAME_TIME: Duration = Duration::from_secs(30);
const BACKLOG: u32 = 1024;

// ---- The room --------------------------------------------------------------------------------------

/// Unsent lines of one member.
#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    /// It was full: nothing more is put in, and the member is to go.
    overflowed: bool,
    /// Of the task that sends it.
    waker: Option<Waker>,
}

#[derive(Default)]
struct Room {
    members: RefCell<BTreeMap<String, Rc<RefCell<Queue>>>>,
}

impl Room {
    /// Puts a line into the queue of each member except its sender.
    fn tell_others(&self, from: &str, line: &str) {
        for (_, queue) in self.members.borrow().iter().filter(|(name, _)| *name != from) {
            queue.borrow_mut().push(line);
        }
    }
}

impl Queue {
    fn push(&mut self, line: &str) {
        if self.overflowed {
            return;
        }
        self.overflowed = self.bytes.len() + line.len() > MAX_QUEUE;
        if !self.overflowed {
            self.bytes.extend_from_slice(line.as_bytes());
        }
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// A membership, ended on drop: also when the task of the member panics or is aborted.
struct Member {
    room: Rc<Room>,
    name: String,
}

impl Member {
    /// `None` when the name is taken.
    fn enter(room: &Rc<Room>, name: &str, queue: &Rc<RefCell<Queue>>) -> Option<Member> {
        let mut members = room.members.borrow_mut();
        if members.contains_key(name) {
            return None;
        }
        let others: Vec<_> = members.keys().cloned().collect();
        members.insert(name.to_owned(), queue.clone());
        drop(members);
        queue.borrow_mut().push(&format!("* here: {}\n", others.join(", ")));
        room.tell_others(name, &format!("* {name} has come\n"));
        Some(Member { room: room.clone(), name: name.to_owned() })
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let queue = self.room.members.borrow_mut().remove(&self.name);
        let too_slow = queue.is_some_and(|queue| queue.borrow().overflowed);
        let how = if too_slow { "was too slow" } else { "has gone" };
        self.room.tell_others(&self.name, &format!("* {} {how}\n", self.name));
    }
}

// ---- A connection ----------------------------------------------------------------------------------

struct Connection {
    stream: TcpStream,
    queue: Rc<RefCell<Queue>>,
    /// Taken out of the queue; `sending[sent..]` is not sent yet.
    sending: Vec<u8>,
    sent: usize,
    /// Read, and not yet a whole line.
    input: Vec<u8>,
    buffer: Box<[u8]>,
}

impl Connection {
    /// The next line without its end, while what is queued is sent. `None` when the client has finished sending.
    async fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
                let line: Vec<_> = self.input.drain(..=end).collect();
                yield_now().await; // many lines may have come at once, and others have their turn
                let text = String::from_utf8_lossy(&line);
                return Ok(Some(text.chars().filter(|c| !c.is_control()).collect()));
            }
            if self.input.len() > MAX_LINE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line that does not end"));
            }
            let n = poll_fn(|cx| self.poll_read(cx)).await?;
            if n == 0 {
                return Ok(None);
            }
            self.input.extend_from_slice(&self.buffer[..n]);
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match self.poll_send(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // Whether or not all is sent: this task is woken when there is room, when more is queued and by what comes.
            _ => self.stream.poll_read(cx, &mut self.buffer),
        }
    }

    /// Writes the queue; ready when it is empty.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        {
            let mut queue = self.queue.borrow_mut();
            if queue.overflowed {
                // What the kernel holds for it goes as well, and the client sees a reset.
                self.stream.set_zero_linger()?;
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "too slow")));
            }
            queue.waker = Some(cx.waker().clone());
        }
        loop {
            if self.sent == self.sending.len() {
                self.sending.clear();
                self.sent = 0;
                std::mem::swap(&mut self.sending, &mut self.queue.borrow_mut().bytes);
                if self.sending.is_empty() {
                    return Poll::Ready(Ok(()));
                }
            }
            match self.stream.poll_write(cx, &self.sending[self.sent..]) {
                Poll::Ready(Ok(n)) => self.sent += n,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn tell(&self, line: &str) {
        self.queue.borrow_mut().push(line);
    }
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

async fn ask_name(connection: &mut Connection, room: &Rc<Room>) -> io::Result<Option<Member>> {
    connection.tell("* your name?\n");
    while let Some(name) = connection.line().await? {
        if !is_name(&name) {
            connection.tell("* a name is 1 to 16 letters and digits; your name?\n");
        } else if let Some(member) = Member::enter(room, &name, &connection.queue) {
            return Ok(Some(member));
        } else {
            connection.tell(&format!("* there is a {name} here already; your name?\n"));
        }
    }
    Ok(None)
}

async fn chat(stream: TcpStream, room: Rc<Room>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let queue = Rc::default();
    let buffer = vec![0; MAX_LINE].into_boxed_slice();
    let mut connection =
        Connection { stream, queue, sending: Vec::new(), sent: 0, input: Vec::new(), buffer };
    let Some(member) = timeout(NAME_TIME, ask_name(&mut connection, &room)).await?? else {
        return Ok(());
    };
    while let Some(line) = connection.line().await? {
        room.tell_others(&member.name, &format!("{}: {line}\n", member.name));
    }
    Ok(())
}

async fn serve(address: &str) -> io::Result<()> {
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?; // which connections inherit
    socket.bind(address)?;
    let listener = socket.listen(BACKLOG)?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    io::stdout().flush()?;

    let room = Rc::new(Room::default());
    let serving = listener.serve(&Shutdown::new()).max_connections(MAX_MEMBERS);
    let connection = |stream, peer| {
        let room = room.clone();
        async move {
            if let Err(error) = chat(stream, room).await {
                eprintln!("{peer}: {error}");
            }
        }
    };
    serving.run(connection).await
}

fn main() {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_string());
    if let Err(error) = egret::block_on(serve(&address)) {
        eprintln!("cannot serve on {address}: {error}");
        eprintln!("usage: chat [ADDRESS:PORT], where port 0 takes any free one");
        std::process::exit(1);
    }
}
