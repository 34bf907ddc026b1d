//! HTTP/1 and HTTP/2 by hyper, with state in an `Rc` that all connections share: no locks, no `Send`.
//!
//!     cargo run --release --bin hyper_server [ADDRESS:PORT [WRITE_LIMIT_IN_MS]]
//!     curl http://127.0.0.1:8080/            # the count, by HTTP/1
//!     curl --http2-prior-knowledge -d 'some words' http://127.0.0.1:8080/echo
//!
//! Ctrl-C ends it, after requests in flight are answered.

#[path = "../write_limit.rs"]
mod write_limit;

use bytes::Bytes;
use egret::hyper::{Executor, Timer};
use egret::net::{TcpListener, TcpStream};
use egret::shutdown::{Drained, Shutdown};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::server::conn::auto;
use std::cell::Cell;
use std::io::{self, Write};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use write_limit::WriteLimit;

/// A client that takes nothing of an answer for this long is disconnected.
const WRITE_LIMIT: Duration = Duration::from_secs(30);

struct State {
    answered: Cell<u64>,
    write_limit: Duration,
}

/// What was sent is sent back as it comes; anything else is short and whole.
type Body = Either<Incoming, Full<Bytes>>;

async fn answer(request: Request<Incoming>, state: Rc<State>) -> hyper::Result<Response<Body>> {
    state.answered.set(state.answered.get() + 1);
    let text = |text: String| Either::Right(Full::new(Bytes::from(text)));
    let response = match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => Response::new(text(format!("request number {}\n", state.answered.get()))),
        (&Method::POST, "/echo") => Response::new(Either::Left(request.into_body())),
        (&Method::POST, "/length") => {
            let body = request.into_body().collect().await?.to_bytes();
            Response::new(text(format!("{} bytes\n", body.len())))
        }
        _ => {
            let mut response = Response::new(text("there is no such thing here\n".to_owned()));
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    };
    Ok(response)
}

async fn connection(stream: TcpStream, state: Rc<State>, shutdown: Shutdown) {
    let Ok(stream) = WriteLimit::new(stream, state.write_limit) else { return };
    let service = service_fn(|request| answer(request, state.clone()));
    // With a timer hyper limits how long a client may take to send a header.
    let mut builder = auto::Builder::new(Executor);
    builder.http1().timer(Timer);
    builder.http2().timer(Timer).keep_alive_interval(Duration::from_secs(20));
    let mut connection = pin!(builder.serve_connection(stream, service));
    let result = match shutdown.run_until_requested(connection.as_mut()).await {
        Some(result) => result,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    // One that has not said yet which HTTP it speaks is cancelled, which is no news then.
    if let Err(error) = result
        && !shutdown.is_requested()
    {
        eprintln!("a connection ended: {error}");
    }
}

async fn serve(address: &str, write_limit: Duration) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    writeln!(io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    io::stdout().flush()?;

    let shutdown = Shutdown::new();
    let theirs = shutdown.clone();
    egret::spawn(async move {
        if egret::signal::ctrl_c().await.is_ok() {
            theirs.request();
        }
    });

    let state = Rc::new(State { answered: Cell::new(0), write_limit });
    let theirs = shutdown.clone();
    let connections = move |stream: TcpStream, _| connection(stream, state.clone(), theirs.clone());
    listener.serve(&shutdown).max_connections(10_000).run(connections).await?;
    if shutdown.drain(Duration::from_secs(10)).await != Drained::Clean {
        eprintln!("connections were cut off");
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let write_limit = std::env::args().nth(2).map(|limit| limit.parse().expect("milliseconds"));
    egret::block_on(serve(&address, write_limit.map_or(WRITE_LIMIT, Duration::from_millis)))
}
