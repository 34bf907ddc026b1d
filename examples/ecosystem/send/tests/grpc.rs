//! tonic's own transport, with a server of hyper at the other end that speaks gRPC by hand.

#[path = "../../tests/common/mod.rs"]
mod common;

use bytes::{BufMut, Bytes, BytesMut};
use common::output;
use egret::hyper::Executor;
use egret::net::TcpListener;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use std::convert::Infallible;
use std::sync::mpsc::channel;
use std::thread;

/// Answers each call with the message that it was called with: `Name` and `Greeting` have the text in field 1.
async fn echo(
    request: Request<Incoming>,
) -> Result<Response<impl hyper::body::Body<Data = Bytes, Error = Infallible>>, Infallible> {
    assert_eq!(request.uri().path(), "/egret.Greeter/Greet");
    let message = request.into_body().collect().await.unwrap().to_bytes();
    // A flag and a length of four bytes; then a tag, a length and the text.
    let text = &message[7..7 + usize::from(message[6])];
    let mut answer = BytesMut::new();
    answer.put_u8(0);
    answer.put_u32(2 + text.len() as u32);
    answer.put_slice(&[0x0a, text.len() as u8]);
    answer.put_slice(text);
    let trailers = async {
        let status = ("grpc-status".parse().unwrap(), HeaderValue::from_static("0"));
        Some(Ok(HeaderMap::from_iter([status])))
    };
    let body = Full::new(answer.freeze()).with_trailers(trailers);
    Ok(Response::builder().header("content-type", "application/grpc").body(body).unwrap())
}

#[test]
fn calls_go_through_a_channel_that_connects_and_spawns_on_egret() {
    let (send, address) = channel();
    thread::spawn(move || {
        egret::block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            send.send(listener.local_addr().unwrap()).unwrap();
            let (stream, _) = listener.accept().await.unwrap(); // one connection for all calls
            http2::Builder::new(Executor).serve_connection(stream, service_fn(echo)).await.unwrap();
        });
    });
    let address = address.recv().unwrap().to_string();
    let got = output(env!("CARGO_BIN_EXE_grpc_channel"), &[&address, "Robin", "Wren", "Finch"]);
    assert_eq!(got, "Robin\nWren\nFinch\n");
}
