//! reqwest with rustls, and a server of egret with rustls at the other end.

#[path = "../../tests/common/mod.rs"]
mod common;

use common::{output, run};
use egret::net::TcpListener;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A server that answers every request on a connection, and the file with its certificate.
fn server(name: &str) -> (SocketAddr, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = std::env::temp_dir().join(format!("egret-https-{}-{name}.pem", std::process::id()));
    std::fs::write(&file, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let configuration = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(made.cert)], key)
        .unwrap();
    let tls = TlsAcceptor::from(Arc::new(configuration));
    let (send, address) = channel();
    thread::spawn(move || {
        egret::block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            send.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let tls = tls.clone();
                egret::spawn(async move {
                    // A client that does not trust the certificate ends the handshake.
                    let Ok(mut stream) = tls.accept(stream).await else { return };
                    let (mut head, mut buffer) = (Vec::new(), [0; 1024]);
                    while let Ok(n @ 1..) = stream.read(&mut buffer).await {
                        head.extend_from_slice(&buffer[..n]);
                        if head.ends_with(b"\r\n\r\n") {
                            let path = String::from_utf8_lossy(&head[4..head.len().min(6)]).into_owned();
                            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{path}");
                            stream.write_all(answer.as_bytes()).await.unwrap();
                            stream.flush().await.unwrap();
                            head.clear();
                        }
                    }
                });
            }
        });
    });
    (address.recv().unwrap(), file)
}

#[test]
fn reqwest_with_rustls_reads_over_tls() {
    let (address, certificate) = server("good");
    let urls = [1, 2, 3].map(|n| format!("https://localhost:{}/{n}", address.port()));
    let args = [certificate.to_str().unwrap(), &urls[0], &urls[1], &urls[2]];
    let got = output(env!("CARGO_BIN_EXE_https_client"), &args);
    std::fs::remove_file(certificate).unwrap();
    assert_eq!(got, "HTTP/1.1 /1\nHTTP/1.1 /2\nHTTP/1.1 /3\n");
}

#[test]
fn a_certificate_that_is_not_trusted_is_an_error_of_the_client() {
    let (address, _) = server("untrusted");
    let (_, other) = server("other");
    let url = format!("https://localhost:{}/1", address.port());
    let (status, _, errors) = run(env!("CARGO_BIN_EXE_https_client"), &[other.to_str().unwrap(), &url], b"");
    assert!(!status.success());
    assert!(errors.contains("UnknownIssuer") || errors.contains("BadSignature"), "{errors}");
}
