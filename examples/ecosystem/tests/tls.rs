//! The TLS server with curl and openssl at the other end, and the TLS client with the server and with openssl's.

mod common;

use common::{Server, connect, h2load, have, output, output_for, run, write_until_disconnected};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::PathBuf;
use std::sync::Arc;

const CLIENT: &str = env!("CARGO_BIN_EXE_tls_client");

/// A server, and the certificate that it has made.
struct Tls {
    server: Server,
    certificate: PathBuf,
}

impl Tls {
    fn start(name: &str) -> Tls {
        Tls::start_with(name, &[])
    }

    fn start_with(name: &str, more: &[&str]) -> Tls {
        let certificate = std::env::temp_dir().join(format!("egret-tls-{name}-{}.pem", std::process::id()));
        let path = certificate.to_str().unwrap();
        let server =
            Server::start(env!("CARGO_BIN_EXE_tls_server"), &[&[path, "127.0.0.1:0"], more].concat());
        Tls { server, certificate }
    }

    fn certificate(&self) -> &str {
        self.certificate.to_str().unwrap()
    }

    fn url(&self) -> String {
        format!("https://localhost:{}/", self.server.port())
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.certificate);
    }
}

#[test]
fn curl_trusts_it_and_agrees_on_http_2_or_1() {
    let tls = Tls::start("curl");
    let curl = |more: &[&str]| {
        let args = ["-sS", "-w", "%{http_version}", "--resolve"];
        let resolve = format!("localhost:{}:127.0.0.1", tls.server.port());
        output("curl", &[&args[..], &[&resolve, "--cacert", tls.certificate()], more, &[&tls.url()]].concat())
    };
    assert_eq!(curl(&[]), "Hello over TLS!\n2");
    assert_eq!(curl(&["--http1.1"]), "Hello over TLS!\n1.1");
    assert_eq!(curl(&["--http1.1", "--tls-max", "1.2"]), "Hello over TLS!\n1.1");
    let (status, _, errors) = run("curl", &["-sS", &tls.url()], b"");
    assert_eq!(status.code(), Some(60), "no trust without the certificate: {errors}");
}

#[test]
fn openssl_is_answered() {
    if !have("openssl", "openssl") {
        return;
    }
    let tls = Tls::start("openssl");
    let args = [
        "s_client",
        "-quiet",
        "-verify_return_error",
        "-CAfile",
        tls.certificate(),
        "-connect",
        &tls.server.address,
        "-servername",
        "localhost",
    ];
    let answer = output_for("openssl", &args, b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n") && answer.ends_with("Hello over TLS!\n"), "{answer}");
}

#[test]
fn no_request_over_tls_fails_under_load() {
    let tls = Tls::start("load");
    h2load(&format!("https://{}/", tls.server.address), &[]);
}

#[test]
fn the_client_is_answered_and_trusts_nobody_else() {
    let (tls, other) = (Tls::start("client"), Tls::start("other"));
    let request = b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n";
    let ask = |certificate, name| run(CLIENT, &[certificate, &tls.server.address, name], request);
    let (status, answer, errors) = ask(tls.certificate(), "localhost");
    assert!(status.success() && answer.ends_with("Hello over TLS!\n"), "{errors}");
    assert!(!ask(other.certificate(), "localhost").0.success(), "signed by another");
    assert!(!ask(tls.certificate(), "example.com").0.success(), "of another name");
}

#[test]
fn a_client_that_does_not_read_is_disconnected_at_the_limit_of_a_write() {
    let tls = Tls::start_with("write-limit", &["100"]);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&tls.certificate).unwrap()).unwrap();
    let configuration = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let session = rustls::ClientConnection::new(Arc::new(configuration), "localhost".try_into().unwrap());
    let client = rustls::StreamOwned::new(session.unwrap(), connect(&tls.server));
    write_until_disconnected(client, &b"GET / HTTP/1.1\r\nHost: h\r\n\r\n".repeat(100));
    tls.server.wait_for_sockets(1);
}
