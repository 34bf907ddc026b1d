//! The WebSocket server, with tungstenite's blocking client at the other end.

mod common;

use async_tungstenite::tungstenite::{self, Message, WebSocket, protocol::Role};
use common::{Server, Uninterrupted};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

fn server() -> Server {
    Server::start(env!("CARGO_BIN_EXE_websocket_echo"), &["127.0.0.1:0"])
}

fn connect(server: &Server) -> WebSocket<Uninterrupted> {
    let stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(common::PATIENCE)).unwrap();
    tungstenite::client(format!("ws://{}/", server.address), Uninterrupted(stream)).unwrap().0
}

#[test]
fn messages_of_every_size_come_back_and_a_close_is_answered() {
    let server = server();
    let mut socket = connect(&server);
    for length in [0, 1, 125, 126, 65_535, 65_536, 1_000_000] {
        let message = Message::binary(vec![7; length]);
        socket.send(message.clone()).unwrap();
        assert!(socket.read().unwrap() == message, "{length} bytes");
    }
    socket.send(Message::text("grüße")).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text("grüße"));
    socket.send(Message::Ping(b"there?".to_vec().into())).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Pong(b"there?".to_vec().into()));
    socket.close(None).unwrap();
    assert!(matches!(socket.read().unwrap(), Message::Close(_)));
    assert!(matches!(socket.read().unwrap_err(), tungstenite::Error::ConnectionClosed));
}

#[test]
fn a_hundred_clients_at_once_are_told_apart() {
    let server = server();
    let mut sockets: Vec<_> = (0..100).map(|_| connect(&server)).collect();
    for (number, socket) in sockets.iter_mut().enumerate() {
        socket.send(Message::text(number.to_string())).unwrap();
    }
    for (number, socket) in sockets.iter_mut().enumerate() {
        assert_eq!(socket.read().unwrap(), Message::text(number.to_string()));
    }
}

#[test]
fn what_is_no_websocket_ends_its_connection_alone() {
    let server = server();
    let mut good = connect(&server);
    let mut bad = TcpStream::connect(&server.address).unwrap();
    bad.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = bad.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 101"));

    // A frame of a client that is not masked.
    let mut bad = WebSocket::from_raw_socket(connect(&server).into_inner(), Role::Server, None);
    bad.send(Message::text("no mask")).unwrap();
    assert!(!matches!(bad.read(), Ok(Message::Text(_))));

    good.send(Message::text("still here")).unwrap();
    assert_eq!(good.read().unwrap(), Message::text("still here"));
}

#[test]
fn a_client_that_does_not_read_is_disconnected_at_the_limit_of_a_send() {
    let server = Server::start(env!("CARGO_BIN_EXE_websocket_echo"), &["127.0.0.1:0", "100"]);
    let mut socket = connect(&server);
    socket.get_ref().0.set_write_timeout(Some(common::PATIENCE / 4)).unwrap();
    // More than the buffers of a connection hold.
    let message = Message::binary(vec![7; 1_000_000]);
    let end = (0..64).try_for_each(|_| socket.send(message.clone())).unwrap_err();
    let tungstenite::Error::Io(end) = end else { panic!("{end}") };
    assert!(matches!(end.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{end}");
    server.wait_for_sockets(1);
}
