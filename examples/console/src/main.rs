//! An echo server that tokio-console can watch. Each task has a name; one of them wakes itself too often,
//! and the console warns of it.
//!
//!     cd examples/console && cargo run        # prints the address that it echoes on
//!     tokio-console                           # in another terminal, after `cargo install tokio-console`
//!
//! It serves the console on 127.0.0.1:6669, or on `TOKIO_CONSOLE_BIND`, or on a Unix socket whose path is its argument.

use console_subscriber::ConsoleLayer;
use egret::net::{TcpListener, TcpStream};
use egret::task::{Builder, yield_now};
use egret::time::{Duration, interval, sleep};
use std::io::{self, Write};
use std::path::PathBuf;

#[cfg(not(console_without_tokio_unstable))]
compile_error!(
    "run cargo in examples/console: the flag that console-subscriber wants is in its .cargo/config.toml"
);

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n]).await?,
        }
    }
}

async fn tick() {
    let mut ticks = interval(Duration::from_millis(100));
    loop {
        ticks.tick().await;
    }
}

async fn restless() {
    let mut ticks = interval(Duration::from_millis(100));
    loop {
        ticks.tick().await;
        for _ in 0..10 {
            yield_now().await;
        }
    }
}

async fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    Builder::new().name("ticker").spawn(tick())?;
    Builder::new().name("restless").spawn(restless())?;
    loop {
        // `TcpListener::serve` would do, but that its tasks have no names.
        match listener.accept().await {
            Ok((stream, peer)) => {
                Builder::new().name(&format!("echo {peer}")).spawn(echo(stream))?;
            }
            Err(error) => {
                eprintln!("cannot accept: {error}");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn main() -> io::Result<()> {
    let mut console = ConsoleLayer::builder().with_default_env();
    if let Some(path) = std::env::args_os().nth(1) {
        console = console.server_addr(PathBuf::from(path));
    }
    console.init(); // before the runtime: tasks that are spawned earlier are not reported
    egret::block_on(serve())
}
