//! A gRPC client by tonic's own transport, `Endpoint` and `Channel`, on sockets of egret.
//!
//!     cargo run --release --bin grpc_channel HOST:PORT NAME...
//!
//! It calls the server of examples/ecosystem, `grpc serve`. `Endpoint` spawns on the executor that it is given. What needs
//! tokio's timers is left off: `timeout`, `connect_timeout`, `http2_keep_alive_interval`; `egret::time::timeout` around a call does.

use ecosystem_send::connector::Connector;
use egret::hyper::Executor;
use egret::time::{Duration, timeout};
use std::error::Error;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Endpoint;
use tonic_prost::ProstCodec;

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

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let server = args.next().ok_or("usage: HOST:PORT NAME...")?;
    egret::block_on(async {
        let endpoint = Endpoint::from_shared(format!("http://{server}"))?.executor(Executor);
        let channel = endpoint.connect_with_connector(Connector).await?;
        for name in args {
            let mut client = Grpc::new(channel.clone());
            client.ready().await?;
            let codec = ProstCodec::<Name, Greeting>::default();
            let path = PathAndQuery::from_static("/egret.Greeter/Greet");
            let call = client.unary(tonic::Request::new(Name { name, count: 1 }), path, codec);
            match timeout(Duration::from_secs(60), call).await? {
                Ok(greeting) => println!("{}", greeting.into_inner().text),
                Err(status) => println!("refused: {:?}, {}", status.code(), status.message()),
            }
        }
        Ok(())
    })
}
