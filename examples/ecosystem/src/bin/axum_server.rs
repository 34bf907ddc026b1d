//! An axum `Router`, served by hyper on egret. axum's own `serve` is tokio's, so its `tokio` feature is off, and
//! `connection` here takes its place.
//!
//!     cargo run --release --bin axum_server [ADDRESS:PORT [WRITE_LIMIT_IN_MS]]
//!     curl http://127.0.0.1:8080/visits/robin
//!
//! axum requires handlers and state to be `Send` (and state `Sync`), even where one thread runs them all:
//!
//! * State that is `Send` anyway (an `Arc<Mutex<_>>`, a client of a database) is used as usual. The lock is never
//!   contended.
//! * What is not `Send` (an egret socket, an `Rc`) stays in a task that owns it; a handler sends it a message
//!   through a channel, which is `Send`, and awaits the answer. `visits` below does so.
//! * A sleep of egret's, awaited in a handler, makes the handler's future not `Send`: it goes to such a task too, or
//!   around the router, into hyper's service, which need not be `Send`.

#[path = "../write_limit.rs"]
mod write_limit;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use egret::hyper::{Executor, Timer};
use egret::net::{TcpListener, TcpStream};
use egret::shutdown::Shutdown;
use futures_channel::{mpsc, oneshot};
use futures_util::StreamExt;
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use serde::Serialize;
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::Duration;
use write_limit::WriteLimit;

/// A client that takes nothing of an answer for this long is disconnected.
const WRITE_LIMIT: Duration = Duration::from_secs(30);

/// What a handler asks of the task that owns the visits.
struct Visit {
    name: String,
    answer: oneshot::Sender<u64>,
}

#[derive(Clone)]
struct App {
    visits: mpsc::UnboundedSender<Visit>,
}

#[derive(Serialize)]
struct Visits {
    name: String,
    visits: u64,
}

async fn visits(State(app): State<App>, Path(name): Path<String>) -> Json<Visits> {
    let (answer, answered) = oneshot::channel();
    app.visits
        .unbounded_send(Visit { name: name.clone(), answer })
        .expect("its task lives as long as the app");
    let visits = answered.await.expect("every visit is answered");
    Json(Visits { name, visits })
}

/// Owns what is not `Send`.
async fn count(counts: Rc<RefCell<HashMap<String, u64>>>, mut visits: mpsc::UnboundedReceiver<Visit>) {
    while let Some(Visit { name, answer }) = visits.next().await {
        let mut counts = counts.borrow_mut();
        let count = counts.entry(name).or_default();
        *count += 1;
        let _ = answer.send(*count); // the caller may have gone
    }
}

fn app() -> Router {
    let (sender, receiver) = mpsc::unbounded();
    egret::spawn(count(Rc::default(), receiver));
    Router::new()
        .route("/", get(|| async { "try /visits/YOUR-NAME\n" }))
        .route("/visits/{name}", get(visits))
        .with_state(App { visits: sender })
}

async fn connection(stream: TcpStream, app: Router, write_limit: Duration) {
    let Ok(stream) = WriteLimit::new(stream, write_limit) else { return };
    let mut builder = auto::Builder::new(Executor);
    builder.http1().timer(Timer);
    builder.http2().timer(Timer);
    if let Err(error) = builder.serve_connection(stream, TowerToHyperService::new(app)).await {
        eprintln!("a connection ended: {error}");
    }
}

async fn serve(address: &str, write_limit: Duration) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    writeln!(io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    io::stdout().flush()?;
    let app = app();
    listener.serve(&Shutdown::new()).run(|stream, _| connection(stream, app.clone(), write_limit)).await
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let write_limit = std::env::args().nth(2).map(|limit| limit.parse().expect("milliseconds"));
    egret::block_on(serve(&address, write_limit.map_or(WRITE_LIMIT, Duration::from_millis)))
}
