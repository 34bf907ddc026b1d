//! A server of lines: `SET key value`, `GET key`, `HASH key` and `QUIT`.

use egret::net::{TcpListener, TcpStream};
use egret::signal::ctrl_c;
use egret::task::{JoinSet, spawn_blocking};
use egret::time::{Duration, sleep, timeout};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::watch;

/// A client that says nothing for so long, or takes nothing, is let go.
const PATIENCE: Duration = Duration::from_secs(30);
/// What those who are in the middle of something have to finish it.
const DRAIN: Duration = Duration::from_secs(10);
/// Between two attempts to accept, while `accept` fails.
const PAUSE: Duration = Duration::from_millis(100);

type Map = Arc<Mutex<HashMap<String, String>>>;

/// Too slow for the loop, as far as this example goes.
fn hash(value: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (0..1000).for_each(|_| value.hash(&mut hasher));
    hasher.finish()
}

/// `None` for a client that is done.
async fn answer(line: &str, map: &Map) -> Option<String> {
    let words: Vec<_> = line.split_whitespace().collect();
    let value = |key: &str| map.lock().unwrap().get(key).cloned();
    Some(match words[..] {
        ["SET", key, value] => {
            map.lock().unwrap().insert(key.to_owned(), value.to_owned());
            "ok".to_owned()
        }
        ["GET", key] => value(key).unwrap_or_else(|| "none".to_owned()),
        ["HASH", key] => match value(key) {
            Some(value) => spawn_blocking(move || hash(&value)).await.unwrap().to_string(),
            None => "none".to_owned(),
        },
        ["QUIT"] => return None,
        _ => "what?".to_owned(),
    })
}

async fn connection(stream: TcpStream, map: Map, mut ending: watch::Receiver<bool>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    loop {
        let line = tokio::select! {
            line = timeout(PATIENCE, lines.next_line()) => line??,
            _ = ending.wait_for(|end| *end) => return Ok(()),
        };
        let Some(line) = line else { return Ok(()) };
        let Some(mut answer) = answer(&line, &map).await else { return Ok(()) };
        answer.push('\n');
        timeout(PATIENCE, writer.write_all(answer.as_bytes())).await??;
    }
}

#[egret::main]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".to_owned());
    let listener = TcpListener::bind(address).await?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;

    let map = Map::default();
    let (end, ending) = watch::channel(false);
    let mut connections = JoinSet::new();
    // One for the whole loop: a signal that comes between two would be lost.
    let mut interrupted = pin!(ctrl_c());
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, map.clone(), ending.clone()));
                }
                // No descriptor is free, for one: the client waits in the backlog.
                Err(error) => {
                    eprintln!("cannot accept: {error}");
                    sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {} // it has ended, well or not
            _ = &mut interrupted => break,
        }
    }

    drop(listener);
    let _ = end.send(true);
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(DRAIN, all).await.is_err() {
        connections.shutdown().await;
    }
    Ok(())
}
