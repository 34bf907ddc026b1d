//! WebSocket by async-tungstenite, over the traits of `futures-io`: sends each message back.
//!
//!     cargo run --release --bin websocket_echo [ADDRESS:PORT]

use async_tungstenite::accept_async;
use async_tungstenite::tungstenite::{Error, Message};
use egret::net::{TcpListener, TcpStream};
use egret::shutdown::Shutdown;
use egret::time::{Duration, timeout};
use futures_util::StreamExt;
use std::io::{self, Write};

/// A client that is idle for this long gets a ping, and is disconnected after the same time again.
const IDLE: Duration = Duration::from_secs(60);

async fn echo(stream: TcpStream) -> Result<(), Error> {
    let mut socket = accept_async(stream).await?;
    let mut asked = false;
    loop {
        match timeout(IDLE, socket.next()).await {
            Ok(Some(Ok(message @ (Message::Text(_) | Message::Binary(_))))) => {
                asked = false;
                socket.send(message).await?;
            }
            // Pings and closes are answered by tungstenite itself.
            Ok(Some(Ok(_))) => asked = false,
            Ok(Some(Err(error))) => return Err(error),
            Ok(None) => return Ok(()),
            Err(_) if asked => return Ok(()),
            Err(_) => {
                asked = true;
                socket.send(Message::Ping(Vec::new().into())).await?;
            }
        }
    }
}

async fn serve(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    writeln!(io::stdout(), "listening on ws://{}", listener.local_addr()?)?;
    io::stdout().flush()?;
    let logged = |stream, _| async {
        match echo(stream).await {
            Ok(()) | Err(Error::ConnectionClosed) => {}
            Err(error) => eprintln!("a connection ended: {error}"),
        }
    };
    listener.serve(&Shutdown::new()).run(logged).await
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    egret::block_on(serve(&address))
}
