//! An HTTP server whose path `/ws` is a WebSocket that echoes, by hyper's `with_upgrades` and hyper-tungstenite.
//!
//!     cargo run --release --bin websocket [ADDRESS:PORT]
//!
//! hyper's upgrades require a stream that is `Send`: a socket of egret is one in a `Confined`.

use bytes::Bytes;
use egret::hyper::Timer;
use egret::net::{TcpListener, TcpStream};
use egret::shutdown::Shutdown;
use egret::task::Confined;
use futures_util::{SinkExt, StreamExt};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_tungstenite::HyperWebsocket;
use std::error::Error;

type Answer = Result<Response<Full<Bytes>>, Box<dyn Error + Send + Sync>>;

async fn answer(mut request: Request<Incoming>) -> Answer {
    if request.uri().path() == "/ws" && hyper_tungstenite::is_upgrade_request(&request) {
        let (response, websocket) = hyper_tungstenite::upgrade(&mut request, None)?;
        egret::spawn(async move {
            if let Err(error) = echo(websocket).await {
                eprintln!("a WebSocket ended: {error}");
            }
        });
        return Ok(response);
    }
    let mut response = Response::new(Full::from("not a WebSocket\n"));
    *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
    Ok(response)
}

async fn echo(websocket: HyperWebsocket) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut websocket = websocket.await?; // when the response is sent
    while let Some(message) = websocket.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            websocket.send(message).await?;
        }
    }
    Ok(())
}

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".into());
    egret::block_on(async {
        let listener = TcpListener::bind(address).await?;
        println!("listening on http://{}", listener.local_addr()?);
        let serve = |stream: TcpStream, _peer| async move {
            let mut http = http1::Builder::new();
            http.timer(Timer);
            let connection = http.serve_connection(Confined::new(stream), service_fn(answer));
            if let Err(error) = connection.with_upgrades().await {
                eprintln!("a connection ended: {error}");
            }
        };
        listener.serve(&Shutdown::new()).run(serve).await
    })
}
