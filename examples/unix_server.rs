//! A Unix socket server and its three clients, in one program: the server is tasks on the main thread, each
//! client is a thread with a blocking socket of std. All three connect before any of them continues, and they
//! talk concurrently. The server prints what it receives and answers each line with its length.
//!
//!     cargo run --release --example unix_server [PATH]

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};
use std::time::Duration;
use std::{env, fs, process, thread};

use egret::io::stdout;
use egret::net::{UnixListener, UnixStream};
use egret::shutdown::Shutdown;
use egret::task::spawn_blocking;

const CLIENTS: usize = 3;
const MESSAGES: usize = 5;
const MAX_LINE: usize = 1024;

// ---- The server ------------------------------------------------------------------------------------

async fn receive(mut stream: UnixStream) -> io::Result<()> {
    // While standard output is full the client waits, and not the loop.
    let mut out = stdout();
    // From the kernel, not from the client.
    let user = stream.peer_cred()?.uid();
    out.write_all(format!("connected: a process of user {user}\n").as_bytes()).await?;
    let (mut line, mut buffer) = (Vec::new(), [0; 256]);
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return out.write_all(b"disconnected\n").await;
        }
        // A stream has no messages: what comes is cut where it happens to be.
        for part in buffer[..n].split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(part);
            if line.ends_with(b"\n") {
                let text = String::from_utf8_lossy(&line);
                out.write_all(format!("received: {text}").as_bytes()).await?;
                stream.write_all(format!("{}\n", line.len() - 1).as_bytes()).await?;
                line.clear();
            } else if line.len() > MAX_LINE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line that does not end"));
            }
        }
    }
}

async fn serve(path: PathBuf) -> io::Result<()> {
    // Fails when there is such a file already: a server that was killed leaves its own behind, but it may also be that
    // of one that runs.
    let listener = UnixListener::bind(&path)?;
    let shutdown = Shutdown::new();
    let serving = listener.serve(&shutdown).run(|stream, _| async {
        if let Err(error) = receive(stream).await {
            eprintln!("a client: {error}");
        }
    });
    let server = egret::spawn(serving);

    let together = Arc::new(Barrier::new(CLIENTS));
    let threads: Vec<_> = (1..=CLIENTS)
        .map(|number| {
            let (path, together) = (path.clone(), together.clone());
            thread::Builder::new().name(format!("client-{number}")).spawn(move || {
                let done = talk(&path, number, &together);
                if let Err(error) = &done {
                    // The other two wait at the barrier and could not end otherwise.
                    eprintln!("client {number}: {error}");
                    process::exit(1);
                }
            })
        })
        .collect::<io::Result<_>>()?;
    // Joining a thread blocks, and this one has a server to run.
    let joined = spawn_blocking(|| threads.into_iter().try_for_each(thread::JoinHandle::join));
    joined.await.map_err(io::Error::other)?.map_err(|_| io::Error::other("a client panicked"))?;

    // What the clients sent last is printed; none of them holds a connection any more.
    let _ = shutdown.drain(Duration::from_secs(10)).await;
    server.await.map_err(io::Error::other)??;
    stdout().write_all(b"all clients are done\n").await
}

// ---- A client --------------------------------------------------------------------------------------

fn talk(path: &Path, number: usize, together: &Barrier) -> io::Result<()> {
    let mut stream = net::UnixStream::connect(path)?;
    let mut answers = BufReader::new(stream.try_clone()?);
    for message in 0..=MESSAGES {
        let line = match message {
            0 => format!("client {number} is here"),
            _ => format!("client {number}, message {message}"),
        };
        writeln!(stream, "{line}")?;
        let mut answer = String::new();
        answers.read_line(&mut answer)?;
        if answer.trim_end() != line.len().to_string() {
            return Err(io::Error::other(format!("the answer to {line:?} is {answer:?}")));
        }
        if message == 0 {
            together.wait(); // each has its answer, so each has been accepted
        }
    }
    Ok(())
}

fn main() {
    let default = || env::temp_dir().join(format!("unix_server.{}", process::id()));
    let path = env::args_os().nth(1).map_or_else(default, PathBuf::from);
    let served = egret::block_on(serve(path.clone()));
    match &served {
        // The file is not ours.
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
        _ => drop(fs::remove_file(&path)),
    }
    if let Err(error) = served {
        eprintln!("cannot serve on {}: {error}", path.display());
        eprintln!("usage: unix_server [PATH], where there is no file of that name");
        process::exit(1);
    }
}
