//! A server with its page: what a person sees of a program while it runs.
//!
//! It is busy by itself: some clients talk to an echo server over loopback, a job runs now and then, and once a second
//! a report is computed in one poll, which takes 15 ms: the page shows it.
//!
//!     cargo run --release --features inspect --example inspect_page [ADDRESS:PORT [TASKS]]
//!
//! TASKS more tasks sleep, to see what the page is with many of them.

use egret::net::{TcpListener, TcpStream};
use egret::runtime::Handle;
use egret::shutdown::Shutdown;
use egret::task::{Builder, spawn_blocking};
use egret::time::{Duration, Instant, sleep, timeout};
use std::io;
use std::net::SocketAddr;

const CLIENTS: u64 = 40;

fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let page = args.next().unwrap_or_else(|| "127.0.0.1:9900".to_owned());
    let tasks = args.next().map_or(Ok(0), |tasks| tasks.parse()).map_err(io::Error::other)?;
    egret::block_on(async {
        // The page is one line.
        let page = egret::inspect::serve(page, [Handle::current()])?;
        println!("listening on http://{}", page.local_addr());

        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        for number in 0..CLIENTS {
            egret::spawn(client(address, Duration::from_millis(5 + number)));
        }
        for number in 0..tasks {
            egret::spawn(sleep(Duration::from_secs(3600 + number)));
        }
        drop(Builder::new().name("report").spawn(report())?);
        drop(Builder::new().name("backup").spawn(backup())?);
        listener.serve(&Shutdown::new()).run(|stream, _peer| echo(stream)).await
    })
}

async fn echo(mut stream: TcpStream) {
    let mut buffer = [0; 1024];
    while let Ok(Ok(n @ 1..)) = timeout(Duration::from_secs(60), stream.read(&mut buffer)).await {
        if stream.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}

async fn client(server: SocketAddr, pause: Duration) -> io::Result<()> {
    let mut stream = TcpStream::connect(server).await?;
    let mut answer = [0; 100];
    loop {
        stream.write_all(&[7; 100]).await?;
        stream.read_exact(&mut answer).await?;
        sleep(pause).await;
    }
}

/// Computes for 15 ms without a pause: no other task runs meanwhile.
async fn report() {
    loop {
        sleep(Duration::from_secs(1)).await;
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(15) {
            std::hint::spin_loop();
        }
    }
}

async fn backup() {
    loop {
        let job = spawn_blocking(|| std::thread::sleep(Duration::from_secs(2)));
        let _ = job.await; // the pool has threads
        sleep(Duration::from_millis(300)).await;
    }
}
