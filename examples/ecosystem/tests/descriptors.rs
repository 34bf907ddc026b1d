//! The servers without a free descriptor: clients wait, and are served once others have gone.

mod common;

use async_tungstenite::tungstenite::{self, Message};
use common::{Server, Uninterrupted, output};
use std::net::TcpStream;

/// What the process may have open, its listener and the epoll instance among it.
const LIMIT: usize = 40;

/// A server that had no descriptor left for some of its clients, all of which have gone.
fn server(program: &str, args: &[&str]) -> Server {
    let server = Server::start_with_descriptors(LIMIT, program, args);
    let silent: Vec<_> = (0..60).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    // It has tried to accept one more: it would not sleep before.
    server.wait_until_it_sleeps_without_descriptors(LIMIT);
    drop(silent);
    server
}

#[test]
fn hyper_server_goes_on_after_clients_that_took_every_descriptor() {
    let server = server(env!("CARGO_BIN_EXE_hyper_server"), &["127.0.0.1:0"]);
    let out = output("curl", &["-sS", &format!("http://{}/", server.address)]);
    assert_eq!(out, "request number 1\n");
}

#[test]
fn axum_server_goes_on_after_clients_that_took_every_descriptor() {
    let server = server(env!("CARGO_BIN_EXE_axum_server"), &["127.0.0.1:0"]);
    let out = output("curl", &["-sS", &format!("http://{}/visits/robin", server.address)]);
    assert_eq!(out, r#"{"name":"robin","visits":1}"#);
}

#[test]
fn grpc_goes_on_after_clients_that_took_every_descriptor() {
    const GRPC: &str = env!("CARGO_BIN_EXE_grpc");
    let server = server(GRPC, &["serve", "127.0.0.1:0"]);
    let out = output(GRPC, &["greet", &server.address, "Robin", "1"]);
    assert_eq!(out, "Hello, Robin, number 1\nHello 1, Robin\n");
}

#[test]
fn tls_server_goes_on_after_clients_that_took_every_descriptor() {
    let certificate = std::env::temp_dir().join(format!("egret-tls-descriptors-{}.pem", std::process::id()));
    let path = certificate.to_str().unwrap();
    let server = server(env!("CARGO_BIN_EXE_tls_server"), &[path, "127.0.0.1:0"]);
    let url = format!("https://localhost:{}/", server.port());
    assert_eq!(output("curl", &["-sS", "--cacert", path, &url]), "Hello over TLS!\n");
    std::fs::remove_file(certificate).unwrap();
}

#[test]
fn websocket_echo_goes_on_after_clients_that_took_every_descriptor() {
    let server = server(env!("CARGO_BIN_EXE_websocket_echo"), &["127.0.0.1:0"]);
    let stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(common::PATIENCE)).unwrap();
    let mut socket =
        tungstenite::client(format!("ws://{}/", server.address), Uninterrupted(stream)).unwrap().0;
    socket.send(Message::text("still here")).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text("still here"));
}
