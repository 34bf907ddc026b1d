//! The programs with real servers and clients at the other end.

#[path = "../../tests/common/mod.rs"]
mod common;

use common::{PATIENCE, Server, Uninterrupted, connect, output, run};
use hyper_tungstenite::tungstenite::{self, Message};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

#[test]
fn three_requests_of_the_pooled_client_are_one_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // A second connection is answered by its end, so that a request on it is an error of the client.
        thread::spawn(move || listener.incoming().for_each(drop));
        for n in 0..3 {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            assert!(head.starts_with(format!("GET /{n} HTTP/1.1\r\n").as_bytes()));
            // In pieces: the body ends when the client already waits for it.
            for piece in ["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", &n.to_string(), "\n"] {
                stream.write_all(piece.as_bytes()).unwrap();
            }
        }
    });
    let urls = [0, 1, 2].map(|n| format!("http://{address}/{n}"));
    let got = output(env!("CARGO_BIN_EXE_pooled_client"), &urls.each_ref().map(String::as_str));
    assert_eq!(got, "0\n1\n2\n");
    server.join().unwrap();
}

#[test]
fn a_connection_that_is_refused_is_an_error_of_the_client() {
    // The port of a client: it is taken, and nothing listens there.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let closed = client.local_addr().unwrap();
    let (status, _, errors) = run(env!("CARGO_BIN_EXE_pooled_client"), &[&format!("http://{closed}/")], b"");
    assert!(!status.success());
    assert!(errors.contains("ConnectionRefused"), "{errors}");
}

fn websocket() -> Server {
    Server::start(env!("CARGO_BIN_EXE_websocket"), &["127.0.0.1:0"])
}

#[test]
fn a_websocket_that_hyper_has_upgraded_echoes_messages_of_every_size() {
    let server = websocket();
    for _ in 0..3 {
        let stream = connect(&server);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let url = format!("ws://{}/ws", server.address);
        let mut socket = tungstenite::client(url, Uninterrupted(stream)).unwrap().0;
        for length in [0, 125, 126, 65_536, 1_000_000] {
            let message = Message::binary(vec![7; length]);
            socket.send(message.clone()).unwrap();
            assert!(socket.read().unwrap() == message, "{length} bytes");
        }
        socket.close(None).unwrap();
        assert!(matches!(socket.read().unwrap(), Message::Close(_)));
        assert!(matches!(socket.read().unwrap_err(), tungstenite::Error::ConnectionClosed));
    }
    server.wait_for_sockets(1); // the listener: the confined sockets are closed
}

#[test]
fn what_asks_for_no_websocket_is_answered_by_http() {
    let server = websocket();
    let mut client = connect(&server);
    client.write_all(b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    server.wait_for_sockets(1);
}

#[test]
fn a_websocket_whose_client_vanishes_leaves_no_socket() {
    let server = websocket();
    let stream = Uninterrupted(connect(&server));
    let socket = tungstenite::client(format!("ws://{}/ws", server.address), stream).unwrap().0;
    drop(socket);
    server.wait_for_sockets(1);
}
