//! quinn and h3 on egret's loop: in one process, in two, and with a client of somebody else.

#[path = "../../tests/common/mod.rs"]
mod common;

use common::{Server, output, python_with};
use ecosystem_send::quic::Egret;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::rustls::{self, pki_types::PrivateKeyDer};
use quinn::{ClientConfig, ConnectionError, Endpoint, EndpointConfig, ServerConfig, TransportConfig, VarInt};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Two endpoints of this loop: one that accepts, and one that trusts it.
fn endpoints(transport: TransportConfig) -> (Endpoint, Endpoint) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let server = ServerConfig::with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.into()).unwrap();
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let mut client = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    client.transport_config(Arc::new(transport));
    let bound = || UdpSocket::bind("127.0.0.1:0").unwrap();
    let endpoint =
        |config| Endpoint::new(EndpointConfig::default(), config, bound(), Arc::new(Egret)).unwrap();
    let (accepting, mut connecting) = (endpoint(Some(server)), endpoint(None));
    connecting.set_default_client_config(client);
    (accepting, connecting)
}

/// Echoes every stream of every connection.
async fn echo(endpoint: Endpoint) {
    while let Some(incoming) = endpoint.accept().await {
        egret::spawn(async move {
            let connection = incoming.await.unwrap();
            while let Ok((mut send, mut recv)) = connection.accept_bi().await {
                egret::spawn(async move {
                    let bytes = recv.read_to_end(usize::MAX).await.unwrap();
                    send.write_all(&bytes).await.unwrap();
                    send.finish().unwrap();
                });
            }
        });
    }
}

#[test]
fn streams_of_a_connection_are_echoed_at_a_time() {
    egret::block_on(async {
        let (accepting, connecting) = endpoints(TransportConfig::default());
        let address = accepting.local_addr().unwrap();
        let server = egret::spawn(echo(accepting.clone()));
        let connection = connecting.connect(address, "localhost").unwrap().await.unwrap();
        let asked: Vec<_> = (0..50)
            .map(|n: usize| {
                let connection = connection.clone();
                egret::spawn(async move {
                    let (mut send, mut recv) = connection.open_bi().await.unwrap();
                    // The longest is more than the window of a stream, and than what a socket takes at a time.
                    let bytes = vec![n as u8; n * 40_000];
                    let sent = bytes.clone();
                    let writing = egret::spawn(async move {
                        send.write_all(&sent).await.unwrap();
                        send.finish().unwrap();
                    });
                    assert!(recv.read_to_end(usize::MAX).await.unwrap() == bytes, "{n}");
                    writing.await.unwrap();
                })
            })
            .collect();
        for asked in asked {
            asked.await.unwrap();
        }
        connection.close(VarInt::from_u32(0), b"done");
        connecting.wait_idle().await;
        accepting.close(VarInt::from_u32(0), b"over");
        server.await.unwrap();
    });
}

#[test]
fn a_connection_that_nothing_comes_through_ends_by_its_timer() {
    let mut limit = Duration::from_millis(50);
    while !egret::block_on(is_connected_and_ends_by_its_timer(limit)) {
        limit *= 2; // on a machine that is busy elsewhere
        assert!(
            limit < Duration::from_secs(60),
            "there is no connection within the time in which one is to be idle"
        );
    }
}

/// Returns `false` when the limit has passed at one end before the other end was done with the handshake. What the late one still
/// sends is then of a connection that the other has forgotten, and the answer is a reset.
async fn is_connected_and_ends_by_its_timer(limit: Duration) -> bool {
    let mut transport = TransportConfig::default();
    transport.max_idle_timeout(Some(limit.try_into().unwrap()));
    let (accepting, connecting) = endpoints(transport);
    let address = accepting.local_addr().unwrap();
    let connecting = connecting.connect(address, "localhost").unwrap();
    let accepted = egret::spawn(async move { Ok(accepting.accept().await.unwrap().await?.closed().await) });
    let connection = match connecting.await {
        Err(ConnectionError::TimedOut | ConnectionError::Reset) => return false,
        connection => connection.unwrap(),
    };
    let ours = connection.closed().await;
    let theirs = match accepted.await.unwrap() {
        Err(ConnectionError::TimedOut | ConnectionError::Reset) => return false,
        ended => ended.unwrap(),
    };
    if ours == ConnectionError::Reset || theirs == ConnectionError::Reset {
        return false;
    }
    assert_eq!((ours, theirs), (ConnectionError::TimedOut, ConnectionError::TimedOut));
    true
}

#[test]
#[should_panic(expected = "there is no egret runtime on this thread")]
fn an_endpoint_outside_of_a_runtime_says_what_is_missing() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let _ = Endpoint::new(EndpointConfig::default(), None, socket, Arc::new(Egret));
}

/// A server of HTTP/3, and the file of its certificate.
fn http3(name: &str) -> (Server, PathBuf) {
    let file = std::env::temp_dir().join(format!("egret-http3-{}-{name}.pem", std::process::id()));
    let server = Server::start(env!("CARGO_BIN_EXE_http3_server"), &["127.0.0.1:0", file.to_str().unwrap()]);
    (server, file)
}

#[test]
fn http3_answers_requests_of_one_connection() {
    let (server, file) = http3("own");
    let urls: Vec<_> = (0..20).map(|n| format!("https://{}/{n}", server.address)).collect();
    let args: Vec<_> = [file.to_str().unwrap()].into_iter().chain(urls.iter().map(String::as_str)).collect();
    let client = env!("CARGO_BIN_EXE_http3_client");
    let expected: String = (0..20).map(|n| format!("/{n}\n")).collect();
    assert_eq!(output(client, &args), expected);
    let bodies = ["--post", "3000000", file.to_str().unwrap(), &urls[0], &urls[1]];
    assert_eq!(output(client, &bodies), "3000000\n3000000\n");
    std::fs::remove_file(file).unwrap();
}

#[test]
fn http3_answers_a_client_of_another_library() {
    let Some(python) = python_with("aioquic") else { return };
    let (server, file) = http3("aioquic");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/http3_client.py");
    let (host, port) = server.address.rsplit_once(':').unwrap();
    let got = output(python.to_str().unwrap(), &[script, host, port, file.to_str().unwrap()]);
    assert_eq!(got, "200 /hello\n200 1000000\n405\n");
    std::fs::remove_file(file).unwrap();
}
