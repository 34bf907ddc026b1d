use egret::net::{TcpListener, TcpStream};
use egret::shutdown::{Drained, Shutdown};
use egret::time::{Duration, timeout};
use std::io;

/// A client that sends nothing for so long, or takes nothing, is let go.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// The kernel holds this much for a client that is not sent yet.
const MAX_UNSENT: u32 = 16 * 1024;
/// How long a client may take to be done once the server is to end.
pub const DRAIN: Duration = Duration::from_secs(10);
/// A line that is longer than this ends the connection.
pub const LONGEST: usize = 1024;

async fn connection(mut stream: TcpStream, shutdown: Shutdown) -> io::Result<()> {
    stream.set_notsent_lowat(MAX_UNSENT)?;
    let (mut buffer, mut len) = ([0; LONGEST], 0);
    while len < LONGEST {
        let read = timeout(PATIENCE, stream.read(&mut buffer[len..]));
        match shutdown.run_until_requested(read).await {
            None => return Ok(()), // the server is to end, and no answer is owed
            Some(read) => match read?? {
                0 => return Ok(()), // the client is done
                n => len += n,
            },
        }
        while let Some(end) = buffer[..len].iter().position(|byte| *byte == b'\n') {
            buffer[..=end].make_ascii_uppercase();
            timeout(PATIENCE, stream.write_all(&buffer[..=end])).await??;
            buffer.copy_within(end + 1..len, 0);
            len -= end + 1;
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "a line without an end"))
}

/// Serves until the shutdown is requested.
pub async fn serve(listener: TcpListener, shutdown: &Shutdown) -> io::Result<()> {
    let theirs = shutdown.clone();
    let serve = listener.serve(shutdown).max_connections(1000);
    serve
        .run(move |stream, peer| {
            let shutdown = theirs.clone();
            async move {
                if let Err(error) = connection(stream, shutdown).await {
                    eprintln!("{peer}: {error}");
                }
            }
        })
        .await
}

/// Serves until Ctrl-C, and lets those who are in the middle of something finish it.
pub async fn run(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    let shutdown = Shutdown::new();
    let theirs = shutdown.clone();
    let server = egret::spawn(async move { serve(listener, &theirs).await });
    egret::signal::ctrl_c().await?;
    if let Drained::Aborted(connections) = shutdown.drain(DRAIN).await {
        eprintln!("{connections} connections were cut off");
    }
    server.await.unwrap()
}

fn main() -> io::Result<()> {
    egret::block_on(run("127.0.0.1:7000"))
}
