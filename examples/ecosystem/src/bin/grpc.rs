//! gRPC by tonic without its `transport`, which is tokio's; the protocol itself is hyper's HTTP/2 and prost.
//!
//!     cargo run --release --bin grpc serve [ADDRESS:PORT [WRITE_LIMIT_IN_MS]]
//!     cargo run --release --bin grpc greet HOST:PORT NAME COUNT
//!
//! The code that tonic would generate is written by hand here, twenty lines for each service, because generated
//! traits require `Send`. A hand-written handler may hold an `Rc`. Where `Send` is acceptable, serve the generated
//! server by `TowerToHyperService` as in `axum_server.rs`.

#[path = "../write_limit.rs"]
mod write_limit;

use egret::hyper::{Executor, Timer};
use egret::net::{TcpListener, TcpStream};
use egret::shutdown::Shutdown;
use futures_util::stream::{self, StreamExt};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::http::uri::PathAndQuery;
use hyper::service::service_fn;
use std::cell::Cell;
use std::convert::Infallible;
use std::error::Error;
use std::io::Write;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tonic::body::Body;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower_service::Service;
use write_limit::WriteLimit;

/// A client that takes nothing of an answer for this long is disconnected.
const WRITE_LIMIT: Duration = Duration::from_secs(30);

const GREET: &str = "/egret.Greeter/Greet";
const GREET_OFTEN: &str = "/egret.Greeter/GreetOften";

type Result<T> = std::result::Result<T, Box<dyn Error>>;
type LocalFuture<T> = Pin<Box<dyn Future<Output = T>>>;

/// `message Name { string name = 1; uint32 count = 2; }`
#[derive(Clone, PartialEq, prost::Message)]
struct Name {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint32, tag = "2")]
    count: u32,
}

/// `message Greeting { string text = 1; }`
#[derive(Clone, PartialEq, prost::Message)]
struct Greeting {
    #[prost(string, tag = "1")]
    text: String,
}

/// `service Greeter`, with what its handlers share.
#[derive(Clone, Default)]
struct Greeter {
    greeted: Rc<Cell<u64>>,
}

impl Greeter {
    async fn greet(self, request: Request<Name>) -> std::result::Result<Response<Greeting>, Status> {
        let name = request.into_inner().name;
        if name.is_empty() {
            return Err(Status::invalid_argument("who?"));
        }
        egret::task::yield_now().await; // it may wait, holding its `Rc`
        self.greeted.set(self.greeted.get() + 1);
        Ok(Response::new(Greeting { text: format!("Hello, {name}, number {}", self.greeted.get()) }))
    }
}

/// `rpc Greet(Name) returns (Greeting)`
struct Greet(Greeter);

impl Service<Request<Name>> for Greet {
    type Response = Response<Greeting>;
    type Error = Status;
    type Future = LocalFuture<std::result::Result<Response<Greeting>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Name>) -> Self::Future {
        Box::pin(self.0.clone().greet(request))
    }
}

/// `rpc GreetOften(Name) returns (stream Greeting)`
struct GreetOften;

impl Service<Request<Name>> for GreetOften {
    type Response = Response<stream::BoxStream<'static, std::result::Result<Greeting, Status>>>;
    type Error = Status;
    type Future = LocalFuture<std::result::Result<Self::Response, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Name>) -> Self::Future {
        let Name { name, count } = request.into_inner();
        let greetings =
            stream::iter(1..=count).map(move |n| Ok(Greeting { text: format!("Hello {n}, {name}") }));
        Box::pin(async { Ok(Response::new(greetings.boxed())) })
    }
}

async fn answer(
    request: hyper::Request<Incoming>,
    greeter: Greeter,
) -> std::result::Result<hyper::Response<Body>, Infallible> {
    let mut grpc = tonic::server::Grpc::new(ProstCodec::<Greeting, Name>::default());
    Ok(match request.uri().path() {
        GREET => grpc.unary(Greet(greeter), request).await,
        GREET_OFTEN => grpc.server_streaming(GreetOften, request).await,
        _ => Status::unimplemented("no such method").into_http(),
    })
}

async fn serve(address: &str, write_limit: Duration) -> Result<()> {
    let listener = TcpListener::bind(address).await?;
    writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    std::io::stdout().flush()?;
    let greeter = Greeter::default();
    let connection = |stream, _| {
        let greeter = greeter.clone();
        async move {
            let Ok(stream) = WriteLimit::new(stream, write_limit) else { return };
            let service = service_fn(|request| answer(request, greeter.clone()));
            let mut builder = hyper::server::conn::http2::Builder::new(Executor);
            if let Err(error) = builder.timer(Timer).serve_connection(stream, service).await {
                eprintln!("a connection ended: {error}");
            }
        }
    };
    Ok(listener.serve(&Shutdown::new()).run(connection).await?)
}

/// A connection as tonic's client needs it: a `Service`.
struct Channel(SendRequest<Body>);

impl Service<hyper::Request<Body>> for Channel {
    type Response = hyper::Response<Incoming>;
    type Error = hyper::Error;
    type Future = LocalFuture<hyper::Result<Self::Response>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: hyper::Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

async fn greet(address: &str, name: String, count: u32) -> Result<()> {
    let stream = TcpStream::connect(address).await?;
    let (sender, connection) = http2::handshake(Executor, stream).await?;
    egret::spawn(connection);

    let mut client = tonic::client::Grpc::with_origin(Channel(sender), format!("http://{address}").parse()?);
    let codec = ProstCodec::<Name, Greeting>::default;
    let request = Name { name, count };

    client.ready().await?;
    let unary = client.unary(Request::new(request.clone()), PathAndQuery::from_static(GREET), codec()).await;
    match unary {
        Ok(greeting) => println!("{}", greeting.into_inner().text),
        Err(status) => println!("refused: {:?}, {}", status.code(), status.message()),
    }
    client.ready().await?;
    let path = PathAndQuery::from_static(GREET_OFTEN);
    let mut greetings = client.server_streaming(Request::new(request), path, codec()).await?.into_inner();
    while let Some(greeting) = greetings.message().await? {
        println!("{}", greeting.text);
    }
    Ok(())
}

fn main() -> Result<()> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => egret::block_on(serve("127.0.0.1:50051", WRITE_LIMIT)),
        ["serve", address] => egret::block_on(serve(address, WRITE_LIMIT)),
        ["serve", address, limit] => egret::block_on(serve(address, Duration::from_millis(limit.parse()?))),
        ["greet", address, name, count] => egret::block_on(greet(address, name.to_owned(), count.parse()?)),
        _ => {
            Err("usage: grpc serve [ADDRESS:PORT [WRITE_LIMIT_IN_MS]] | grpc greet HOST:PORT NAME COUNT"
                .into())
        }
    }
}
