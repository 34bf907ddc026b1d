//! A server with five planted faults, to find with a dump. `docs/inspecting.md` walks through them.
//!
//!     cargo run --features inspect --example inspect_faults [ADDRESS:PORT]
//!     kill -USR1 PROCESS    # prints a dump on standard error
//!
//! Each client sends lines. `report` makes a report, any other line is echoed.
//!
//! The faults are marked: a wake that is forgotten, two tasks that wait for each other, a blocking call in a handler, a
//! task that wakes itself for ever, and a leak of tasks.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use egret::inspect;
use egret::net::{TcpListener, TcpStream};
use egret::shutdown::Shutdown;
use egret::signal::unix::SignalKind;
use egret::task::{self, JoinHandle, yield_now};

/// A queue of lines for one reader.
#[derive(Default)]
struct Lines {
    lines: RefCell<VecDeque<String>>,
    reader: RefCell<Option<Waker>>,
}

impl Lines {
    fn push(&self, line: String) {
        self.lines.borrow_mut().push_back(line);
        // Fault 1: `reader` is not woken.
    }

    async fn pop(&self) -> String {
        poll_fn(|cx| match self.lines.borrow_mut().pop_front() {
            Some(line) => Poll::Ready(line),
            None => {
                *self.reader.borrow_mut() = Some(cx.waker().clone());
                Poll::Pending
            }
        })
        .await
    }
}

/// Writes the lines of all clients to the log. It waits for the first one and is never woken.
async fn write_log(log: Rc<Lines>) {
    loop {
        println!("{}", log.pop().await);
    }
}

/// The place of a handle that a task awaits.
type Place = Rc<RefCell<Option<JoinHandle<()>>>>;

/// Awaits the task whose handle is in the place.
async fn after(other: Place) {
    yield_now().await; // until both handles are in their places
    let handle = other.borrow_mut().take();
    if let Some(handle) = handle {
        handle.await.unwrap();
    }
}

/// Two parts of the server, each of which waits for the other to end before it ends.
fn start_parts() -> io::Result<()> {
    let (cache, database) = (Place::default(), Place::default());
    // Fault 2: a circle.
    let first = task::Builder::new().name("cache").spawn(after(database.clone()))?;
    let second = task::Builder::new().name("database").spawn(after(cache.clone()))?;
    *cache.borrow_mut() = Some(first);
    *database.borrow_mut() = Some(second);
    Ok(())
}

/// Waits until the server is asked to end.
async fn watch(shutdown: Shutdown) {
    while !shutdown.is_requested() {
        yield_now().await; // Fault 4: it asks again in every turn, instead of waiting for `requested`.
    }
}

/// Waits until the line is on disk, to confirm it.
async fn confirm(written: Rc<Lines>) {
    written.pop().await;
}

async fn handle(mut client: TcpStream, log: Rc<Lines>) -> io::Result<()> {
    let mut buf = [0; 512];
    loop {
        let n = client.read(&mut buf).await?;
        if n == 0 {
            return Ok(());
        }
        let line = String::from_utf8_lossy(&buf[..n]).trim().to_owned();
        if line == "report" {
            std::thread::sleep(Duration::from_secs(1)); // Fault 3: it blocks the loop.
        }
        log.push(line.clone());
        // Fault 5: a task for each line, and nothing is ever written to its queue.
        egret::spawn(confirm(Rc::default()));
        client.write_all(format!("{line}\n").as_bytes()).await?;
    }
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:7000".to_owned());
    inspect::dump_on(SignalKind::user_defined1())?;
    egret::block_on(async {
        let listener = TcpListener::bind(address).await?;
        println!("listening on {}", listener.local_addr()?);
        let (shutdown, log) = (Shutdown::new(), Rc::new(Lines::default()));
        task::Builder::new().name("log").spawn(write_log(log.clone()))?;
        task::Builder::new().name("watch").spawn(watch(shutdown.clone()))?;
        start_parts()?;
        listener.serve(&shutdown).run(|client, _peer| handle(client, log.clone())).await
    })
}
