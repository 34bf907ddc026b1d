//! The gRPC server, with its own client and with curl at the other end.

mod common;

use common::{Server, connect, output, run, write_until_disconnected};
use std::io::Write;

const GRPC: &str = env!("CARGO_BIN_EXE_grpc");

#[test]
fn a_unary_call_and_a_stream_are_answered_and_a_status_is_told() {
    let server = Server::start(GRPC, &["serve", "127.0.0.1:0"]);
    let greet = |name, count| output(GRPC, &["greet", &server.address, name, count]);
    assert_eq!(greet("Robin", "2"), "Hello, Robin, number 1\nHello 1, Robin\nHello 2, Robin\n");
    assert_eq!(greet("", "0"), "refused: InvalidArgument, who?\n");
    let many = greet("Wren", "10000");
    assert_eq!(many.lines().count(), 10_001);
    assert!(many.starts_with("Hello, Wren, number 2\n") && many.ends_with("Hello 10000, Wren\n"));
}

// Any HTTP/2 client can call it: a length of five bytes, then the message.
#[test]
fn what_is_on_the_wire_is_grpc() {
    let server = Server::start(GRPC, &["serve", "127.0.0.1:0"]);
    let curl = |path: &str, body: &[u8]| {
        let url = format!("http://{}{path}", server.address);
        let args = [
            "-sS",
            "-i",
            "--http2-prior-knowledge",
            "-H",
            "content-type: application/grpc",
            "-H",
            "te: trailers",
            "--data-binary",
            "@-",
            &url,
        ];
        let (status, out, errors) = run("curl", &args, body);
        assert!(status.success(), "{errors}");
        out
    };
    let out = curl("/egret.Greeter/Greet", b"\0\0\0\0\x07\x0a\x05Robin");
    assert!(out.starts_with("HTTP/2 200"), "{out}");
    assert!(out.contains("\0\0\0\0\x18\x0a\x16Hello, Robin, number 1"), "{out:?}");
    assert!(out.contains("grpc-status: 0"), "{out:?}");
    // With no body, for curl takes it amiss when one is not read to its end.
    assert!(curl("/egret.Greeter/Nothing", b"").contains("grpc-status: 12"));
}

#[test]
fn a_client_that_does_not_read_is_disconnected_at_the_limit_of_a_write() {
    let server = Server::start(GRPC, &["serve", "127.0.0.1:0", "100"]);
    let mut client = connect(&server);
    let no_settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    client.write_all(&[&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &no_settings].concat()).unwrap();
    // Each ping has an answer of the same length, which no window of a stream holds back.
    let ping = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    write_until_disconnected(client, &ping.repeat(1000));
    server.wait_for_sockets(1);
}
