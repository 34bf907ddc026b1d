//! WebSocket by async-tungstenite, over the traits of `futures-io`: sends each message back.
//!
//!     cargo run --release --bin websocket_echo [ADDRESS:PORT [SEND_LIMIT_IN_MS]]

use async_tungstenite::tungstenite::{Error, Message};
use async_tungstenite::{WebSocketStream, accept_async};
use egret::net::{TcpListener, TcpStream};
use egret::shutdown::Shutdown;
use egret::time::{Duration, timeout};
use futures_util::StreamExt;
use std::io::{self, Write};

/// A client that is idle for this long gets a ping, and is disconnected after the same time again.
const IDLE: Duration = Duration::from_secs(60);

/// A client that does not take a message within this time is disconnected.
const SEND_LIMIT: Duration = Duration::from_secs(60);

/// The kernel holds this much that is not sent yet. With the megabytes of a full send buffer, a slow client would make no
/// room within the limit.
const MAX_UNSENT: u32 = 128 * 1024;

async fn echo(stream: TcpStream, send_limit: Duration) -> Result<(), Error> {
    stream.set_notsent_lowat(MAX_UNSENT)?;
    let mut socket = accept_async(stream).await?;
    let mut asked = false;
    loop {
        match timeout(IDLE, socket.next()).await {
            Ok(Some(Ok(message @ (Message::Text(_) | Message::Binary(_))))) => {
                asked = false;
                send(&mut socket, message, send_limit).await?;
            }
            // Pings and closes are answered by tungstenite itself.
            Ok(Some(Ok(_))) => asked = false,
            Ok(Some(Err(error))) => return Err(error),
            Ok(None) => return Ok(()),
            Err(_) if asked => return Ok(()),
            Err(_) => {
                asked = true;
                send(&mut socket, Message::Ping(Vec::new().into()), send_limit).await?;
            }
        }
    }
}

async fn send(
    socket: &mut WebSocketStream<TcpStream>,
    message: Message,
    limit: Duration,
) -> Result<(), Error> {
    match timeout(limit, socket.send(message)).await {
        Ok(sent) => sent,
        Err(elapsed) => {
            // A close would leave what was written in the kernel's memory, for the client to take.
            socket.get_ref().set_zero_linger()?;
            Err(io::Error::from(elapsed).into())
        }
    }
}

async fn serve(address: &str, send_limit: Duration) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    writeln!(io::stdout(), "listening on ws://{}", listener.local_addr()?)?;
    io::stdout().flush()?;
    let logged = |stream, _| async move {
        match echo(stream, send_limit).await {
            Ok(()) | Err(Error::ConnectionClosed) => {}
            Err(error) => eprintln!("a connection ended: {error}"),
        }
    };
    listener.serve(&Shutdown::new()).run(logged).await
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let send_limit = std::env::args().nth(2).map(|limit| limit.parse().expect("milliseconds"));
    egret::block_on(serve(&address, send_limit.map_or(SEND_LIMIT, Duration::from_millis)))
}
