//! The server and the client by hyper, with curl and h2load at the other end, and with each other.

mod common;

use common::{Server, h2load, have, output, output_for};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

const SERVER: &str = env!("CARGO_BIN_EXE_hyper_server");
const CLIENT: &str = env!("CARGO_BIN_EXE_hyper_client");

fn server() -> Server {
    Server::start(SERVER, &["127.0.0.1:0"])
}

#[test]
fn curl_is_answered_over_http_1_and_2_and_all_connections_share_one_count() {
    let server = server();
    let url = format!("http://{}/", server.address);
    let version = ["-sS", "-w", "%{http_version}"];
    assert_eq!(output("curl", &[&version[..], &[&url]].concat()), "request number 1\n1.1");
    let h2 = ["--http2-prior-knowledge", &url];
    assert_eq!(output("curl", &[&version[..], &h2].concat()), "request number 2\n2");
    assert_eq!(output("curl", &[&version[..], &[&url]].concat()), "request number 3\n1.1");
    assert_eq!(output("curl", &["-s", "-o", "/dev/null", "-w", "%{http_code}", &format!("{url}no")]), "404");
}

#[test]
fn a_body_larger_than_any_buffer_comes_back_as_it_went_over_http_1_and_2() {
    let server = server();
    let body: Vec<_> =
        (0..3_000_000_u32).map(|n| b'a' + (n.wrapping_mul(2_654_435_761) >> 28) as u8).collect();
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let url = format!("http://{}/echo", server.address);
        let args = ["-sS", version, "-H", "Expect:", "--data-binary", "@-", &url];
        let back = output_for("curl", &args, &body);
        assert!(back.as_bytes() == body, "{version}: {} bytes of {}", back.len(), body.len());
        let url = format!("http://{}/length", server.address);
        let args = ["-sS", version, "-H", "Transfer-Encoding: chunked", "--data-binary", "@-", &url];
        let args =
            if version == "--http1.1" { &args[..] } else { &["-sS", version, "--data-binary", "@-", &url] };
        assert_eq!(output_for("curl", args, &body), "3000000 bytes\n");
    }
}

#[test]
fn the_client_gets_what_it_asks_for_over_http_1_and_2() {
    let server = server();
    let got = output(CLIENT, &[&server.address, "/", "/", "/no"]);
    assert_eq!(got, "request number 1\nrequest number 2\nthere is no such thing here\n");
    let got = output(CLIENT, &["--http2", &server.address, "/", "/"]);
    assert_eq!(got, "request number 4\nrequest number 5\n");
}

// The bar that the project set: 100 streams on each of 10 connections, and no request fails.
#[test]
fn no_request_of_100_streams_on_10_connections_fails() {
    let server = server();
    h2load(&format!("http://{}/", server.address), &[]);
    h2load(&format!("http://{}/", server.address), &["--h1"]);
    assert!(output("curl", &["-sS", &format!("http://{}/", server.address)]).starts_with("request number "));
    server.wait_for_sockets(1);
}

#[test]
fn nghttp_sees_a_well_formed_answer() {
    if have("nghttp", "nghttp2-client") {
        let server = server();
        assert_eq!(output("nghttp", &[&format!("http://{}/", server.address)]), "request number 1\n");
    }
}

#[test]
fn ctrl_c_answers_the_request_that_is_under_way_and_ends() {
    let server = server();
    let mut idle = TcpStream::connect(&server.address).unwrap();
    let mut busy = TcpStream::connect(&server.address).unwrap();
    busy.write_all(b"POST /length HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n01234").unwrap();
    // Both connections are accepted and the head is read before the signal comes: a third is answered.
    let url = format!("http://{}/", server.address);
    assert_eq!(output("curl", &["-sS", &url]), "request number 2\n");
    server.interrupt();
    assert_eq!(idle.read(&mut [0; 16]).unwrap(), 0, "an idle connection is closed");
    busy.write_all(b"56789").unwrap();
    let mut answer = String::new();
    busy.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("10 bytes\n"), "{answer:?}");
    let (status, errors) = server.wait();
    assert!(status.success() && errors.is_empty(), "{status}: {errors}");
}

#[test]
fn a_client_that_does_not_read_is_disconnected_at_the_limit_of_a_write() {
    let server = Server::start(SERVER, &["127.0.0.1:0", "100"]);
    let mut client = TcpStream::connect(&server.address).unwrap();
    client.set_write_timeout(Some(common::PATIENCE / 4)).unwrap();
    // More than the buffers of a connection hold.
    client.write_all(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 64000000\r\n\r\n").unwrap();
    let end = client.write_all(&vec![b'a'; 64_000_000]).unwrap_err();
    assert!(matches!(end.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{end}");
    server.wait_for_sockets(1);
}
