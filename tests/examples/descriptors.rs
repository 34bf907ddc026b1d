//! The servers without a free descriptor: clients wait, and are served once others have gone.

use crate::server::Server;

/// The descriptor limit of the process, which includes its listener and the epoll instance.
const LIMIT: usize = 40;

fn goes_on_after_clients_that_took_every_descriptor(
    name: &str,
    arguments: &[&str],
    request: &str,
    answer: &str,
) {
    let server = Server::start_with_descriptors(LIMIT, name, arguments);
    let silent: Vec<_> = (0..60).map(|_| server.connect()).collect();
    // It has tried to accept one more: it would not sleep before.
    server.wait_until_it_sleeps_without_descriptors(LIMIT);
    drop(silent);
    let mut client = server.connect();
    client.send(request);
    let line = client.line();
    assert!(line.starts_with(answer), "{name} answers {line:?}");
}

#[test]
fn echo_goes_on_after_clients_that_took_every_descriptor() {
    goes_on_after_clients_that_took_every_descriptor("echo", &["127.0.0.1:0"], "hello\n", "hello");
}

#[test]
fn fd_echo_goes_on_after_clients_that_took_every_descriptor() {
    goes_on_after_clients_that_took_every_descriptor("fd_echo", &["127.0.0.1:0"], "hello\n", "hello");
}

#[test]
fn tcp_server_goes_on_after_clients_that_took_every_descriptor() {
    goes_on_after_clients_that_took_every_descriptor("tcp_server", &["127.0.0.1:0"], "hello\n", "hello");
}

#[test]
fn chat_goes_on_after_clients_that_took_every_descriptor() {
    goes_on_after_clients_that_took_every_descriptor("chat", &["127.0.0.1:0"], "robin\n", "* your name?");
}

#[test]
fn hello_http_goes_on_after_clients_that_took_every_descriptor() {
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    goes_on_after_clients_that_took_every_descriptor("hello_http", &["127.0.0.1:0"], request, "HTTP/1.1 200");
}

#[test]
fn http_server_goes_on_after_clients_that_took_every_descriptor() {
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    goes_on_after_clients_that_took_every_descriptor(
        "http_server",
        &["127.0.0.1:0"],
        request,
        "HTTP/1.1 200",
    );
}

#[test]
fn static_files_goes_on_after_clients_that_took_every_descriptor() {
    let folder = env!("CARGO_MANIFEST_DIR");
    let request = "GET /Cargo.toml HTTP/1.1\r\nHost: localhost\r\n\r\n";
    goes_on_after_clients_that_took_every_descriptor(
        "static_files",
        &[folder, "127.0.0.1:0"],
        request,
        "HTTP/1.1 200",
    );
}
