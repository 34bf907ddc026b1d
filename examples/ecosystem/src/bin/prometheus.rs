//! A server by hyper with metrics for Prometheus: a counter of its own, and what egret counts and measures.
//!
//!     cargo run --release --bin prometheus [ADDRESS:PORT]
//!     curl http://127.0.0.1:8080/
//!     curl http://127.0.0.1:8080/metrics
//!
//! `src/egret_collector.rs` is the adapter of egret's numbers to `prometheus-client`. Ctrl-C ends it.

#[path = "../egret_collector.rs"]
mod egret_collector;

use bytes::Bytes;
use egret::hyper::Timer;
use egret::net::{TcpListener, TcpStream};
use egret::runtime::Handle;
use egret::shutdown::Shutdown;
use egret::task::spawn_blocking;
use egret_collector::EgretCollector;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

struct State {
    requests: Family<[(&'static str, &'static str); 1], Counter>,
    /// Shared with the thread that encodes it.
    registry: Arc<Registry>,
}

impl State {
    fn new() -> State {
        let (mut registry, requests) = (Registry::default(), Family::default());
        registry.register("http_requests", "Requests by their path", Family::clone(&requests));
        registry.register_collector(Box::new(EgretCollector(vec![Handle::current()])));
        State { requests, registry: Arc::new(registry) }
    }
}

async fn answer(request: Request<Incoming>, state: Rc<State>) -> io::Result<Response<Full<Bytes>>> {
    let path = match request.uri().path() {
        "/" => "/",
        "/metrics" => "/metrics",
        _ => "other", // what clients make up is no label
    };
    state.requests.get_or_create(&[("path", path)]).inc();
    let mut response = Response::new(Full::from(match path {
        "/" => "hello\n".to_owned(),
        "/metrics" => {
            // It asks this loop, which goes on meanwhile.
            let registry = state.registry.clone();
            let encoded = spawn_blocking(move || {
                let mut text = String::new();
                encode(&mut text, &registry).map(|()| text).map_err(io::Error::other)
            });
            encoded.await.map_err(io::Error::other)??
        }
        _ => "there is no such thing here\n".to_owned(),
    }));
    match path {
        "/metrics" => drop(response.headers_mut().insert(CONTENT_TYPE, OPEN_METRICS.parse().expect("ASCII"))),
        "/" => {}
        _ => *response.status_mut() = StatusCode::NOT_FOUND,
    }
    Ok(response)
}

async fn serve(address: &str) -> io::Result<()> {
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

    let state = Rc::new(State::new());
    let connections = move |stream: TcpStream, _| {
        let state = state.clone();
        async move {
            let service = service_fn(|request| answer(request, state.clone()));
            // An error means that the client has gone, or has taken too long for a header.
            let _ = http1::Builder::new().timer(Timer).serve_connection(stream, service).await;
        }
    };
    listener.serve(&shutdown).max_connections(1_000).run(connections).await?;
    let _ = shutdown.drain(Duration::from_secs(1)).await;
    Ok(())
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    egret::block_on(serve(&address))
}
