//! The axum server, with curl and h2load at the other end.

mod common;

use common::{Server, h2load, output};

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
