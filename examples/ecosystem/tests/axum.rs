//! The axum server, with curl and h2load at the other end.

mod common;

use common::{Server, connect, h2load, output, write_until_disconnected};

fn server() -> Server {
    Server::start(env!("CARGO_BIN_EXE_axum_server"), &["127.0.0.1:0"])
}

#[test]
fn visits_are_counted_by_the_task_that_owns_them() {
    let server = server();
    let url = |name: &str| format!("http://{}/visits/{name}", server.address);
    assert_eq!(output("curl", &["-sS", &url("robin")]), r#"{"name":"robin","visits":1}"#);
    assert_eq!(
        output("curl", &["-sS", "--http2-prior-knowledge", &url("wren")]),
        r#"{"name":"wren","visits":1}"#
    );
    assert_eq!(
        output("curl", &["-sS", &url("robin"), &url("robin")]),
        r#"{"name":"robin","visits":2}{"name":"robin","visits":3}"#
    );
    let status = ["-sS", "-o", "/dev/null", "-w", "%{http_code}", &format!("http://{}/none", server.address)];
    assert_eq!(output("curl", &status), "404");
}

#[test]
fn no_request_that_waits_for_another_task_fails_under_load() {
    let server = server();
    h2load(&format!("http://{}/visits/load", server.address), &[]);
}

#[test]
fn a_client_that_does_not_read_is_disconnected_at_the_limit_of_a_write() {
    let server = Server::start(env!("CARGO_BIN_EXE_axum_server"), &["127.0.0.1:0", "100"]);
    // The name comes back: many answers fill the buffers of the connection.
    let request = format!("GET /visits/{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(8000));
    write_until_disconnected(connect(&server), request.as_bytes());
    server.wait_for_sockets(1);
}
