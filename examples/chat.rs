//! A chat room for `nc` or `telnet`: the first line is a name, each further line goes to all other members.
//!
//!     cargo run --release --example chat [ADDRESS:PORT] [--cores N]
//!
//! Each member has a queue of up to `MAX_QUEUE` bytes, into which lines are put without waiting. A member whose queue is
//! full is dropped, so that one that stops reading neither slows the others nor costs more memory. A message ends at the
//! end of its line; control characters are removed, so that no member can draw on the terminals of others.
//!
//! Each connection is one task, which writes its queue and reads lines. With `--cores N` the connections are spread over
//! N threads. The room is on core 0, without a lock: the other cores send it closures, so that everyone sees all lines in
//! one order. A task sends its next line when the room has taken the last one. Only the queues are shared, each between
//! core 0 and the core of its connection.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use egret::cores::{self, Core};
use egret::net::{TcpListener, TcpShares, TcpSocket, TcpStream};
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

/// Filled by the room, emptied by the connection.
type SharedQueue = Arc<Mutex<Queue>>;

#[derive(Default)]
struct Room {
    members: RefCell<BTreeMap<String, SharedQueue>>,
}

thread_local! {
    /// That of core 0 is the one in use.
    static ROOM: Room = Room::default();
}

fn push(queue: &SharedQueue, line: &str) {
    let mut queue = queue.lock().expect("no holder panics");
    if queue.overflowed {
        return;
    }
    queue.overflowed = queue.bytes.len() + line.len() > MAX_QUEUE;
    if !queue.overflowed {
        queue.bytes.extend_from_slice(line.as_bytes());
    }
    if let Some(waker) = queue.waker.take() {
        waker.wake();
    }
}

impl Room {
    /// Puts a line into the queue of each member except its sender.
    fn tell_others(&self, from: &str, line: &str) {
        for (_, queue) in self.members.borrow().iter().filter(|(name, _)| *name != from) {
            push(queue, line);
        }
    }

    /// `false` when the name is taken.
    fn enter(&self, name: &str, queue: &SharedQueue) -> bool {
        let mut members = self.members.borrow_mut();
        if members.contains_key(name) {
            return false;
        }
        let others: Vec<_> = members.keys().cloned().collect();
        members.insert(name.to_owned(), queue.clone());
        drop(members);
        push(queue, &format!("* here: {}\n", others.join(", ")));
        self.tell_others(name, &format!("* {name} has come\n"));
        true
    }

    /// A no-op unless this queue is the one of that name.
    fn leave(&self, name: &str, queue: &SharedQueue) {
        let mut members = self.members.borrow_mut();
        if !members.get(name).is_some_and(|member| Arc::ptr_eq(member, queue)) {
            return;
        }
        members.remove(name);
        drop(members);
        let too_slow = queue.lock().expect("no holder panics").overflowed;
        let how = if too_slow { "was too slow" } else { "has gone" };
        self.tell_others(name, &format!("* {name} {how}\n"));
    }
}

/// The way from a core to the room. Calls from one core arrive in their order.
#[derive(Clone)]
struct Door(Core);

impl Door {
    async fn call<T: Send + 'static>(&self, f: impl FnOnce(&Room) -> T + Send + 'static) -> io::Result<T> {
        match self.0.index() {
            0 => Ok(ROOM.with(f)),
            _ => self.0.handles()[0].spawn_with(|| async { ROOM.with(f) }).await.map_err(io::Error::other),
        }
    }

    fn call_and_go_on(&self, f: impl FnOnce(&Room) + Send + 'static) {
        match self.0.index() {
            0 => ROOM.with(f),
            _ => drop(self.0.handles()[0].spawn_with(|| async { ROOM.with(f) })),
        }
    }
}

/// A membership, ended on drop: also when the task of the member panics or is aborted, or its time is over while it
/// enters.
struct Member {
    door: Door,
    name: String,
    queue: SharedQueue,
}

impl Member {
    /// `None` when the name is taken.
    async fn enter(door: &Door, name: String, queue: &SharedQueue) -> io::Result<Option<Member>> {
        let member = Member { door: door.clone(), name, queue: queue.clone() };
        let (name, queue) = (member.name.clone(), queue.clone());
        let entered = door.call(move |room| room.enter(&name, &queue)).await?;
        Ok(entered.then_some(member))
    }

    async fn say(&self, line: &str) -> io::Result<()> {
        let (name, line) = (self.name.clone(), format!("{}: {line}\n", self.name));
        self.door.call(move |room| room.tell_others(&name, &line)).await
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let (name, queue) = (std::mem::take(&mut self.name), self.queue.clone());
        self.door.call_and_go_on(move |room| room.leave(&name, &queue));
    }
}

// ---- A connection ----------------------------------------------------------------------------------

struct Connection {
    stream: TcpStream,
    queue: SharedQueue,
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
            let mut queue = self.queue.lock().expect("no holder panics");
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
                let mut queue = self.queue.lock().expect("no holder panics");
                std::mem::swap(&mut self.sending, &mut queue.bytes);
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
        push(&self.queue, line);
    }
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

async fn ask_name(connection: &mut Connection, door: &Door) -> io::Result<Option<Member>> {
    connection.tell("* your name?\n");
    while let Some(name) = connection.line().await? {
        if !is_name(&name) {
            connection.tell("* a name is 1 to 16 letters and digits; your name?\n");
        } else if let Some(member) = Member::enter(door, name.clone(), &connection.queue).await? {
            return Ok(Some(member));
        } else {
            connection.tell(&format!("* there is a {name} here already; your name?\n"));
        }
    }
    Ok(None)
}

async fn chat(stream: TcpStream, door: Door) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let queue = Arc::default();
    let buffer = vec![0; MAX_LINE].into_boxed_slice();
    let mut connection =
        Connection { stream, queue, sending: Vec::new(), sent: 0, input: Vec::new(), buffer };
    let Some(member) = timeout(NAME_TIME, ask_name(&mut connection, &door)).await?? else {
        return Ok(());
    };
    while let Some(line) = connection.line().await? {
        member.say(&line).await?;
    }
    Ok(())
}

fn listen(address: &str) -> io::Result<TcpListener> {
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?; // which connections inherit
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn serve(address: &str, cores: usize) -> io::Result<()> {
    let listener = egret::block_on(async { listen(address)?.into_std() })?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    io::stdout().flush()?;
    let shares = TcpShares::from_std(listener)?; // each client goes to the core that has the fewest
    let serve_share = async |core: Core| {
        let serving = shares.share(&core)?.serve(core.shutdown());
        let connection = |stream, peer| {
            let door = Door(core.clone());
            async move {
                if let Err(error) = chat(stream, door).await {
                    eprintln!("{peer}: {error}");
                }
            }
        };
        serving.max_connections(MAX_MEMBERS.div_ceil(core.count())).run(connection).await
    };
    cores::Builder::new().count(cores).run(serve_share).map(drop)
}

fn main() {
    let mut args: Vec<_> = std::env::args().skip(1).collect();
    let cores = match args.iter().position(|argument| argument == "--cores") {
        Some(at) => args.drain(at..args.len().min(at + 2)).nth(1).and_then(|count| count.parse().ok()),
        None => Some(1),
    };
    let address = args.first().map_or("127.0.0.1:8080", String::as_str);
    let served = match cores {
        None | Some(0) => Err(io::Error::other("N is not a number above 0")),
        Some(cores) => serve(address, cores),
    };
    if let Err(error) = served {
        eprintln!("cannot serve on {address}: {error}");
        eprintln!("usage: chat [ADDRESS:PORT] [--cores N], where port 0 takes any free one");
        std::process::exit(1);
    }
}
