//! The program of `docs/guide/7-tls.md`, with rustls at the other end.

#[allow(dead_code)] // its `main`
#[path = "../guide/shout_tls.rs"]
mod shout_tls;

use egret::net::{TcpListener, TcpStream};
use egret::shutdown::{Drained, Shutdown};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// A certificate for `localhost`, as the program reads it, and a client that trusts it.
fn certified() -> Result<(TlsAcceptor, TlsConnector), Box<dyn Error>> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let file = |end| std::env::temp_dir().join(format!("egret-guide-{}.{end}", std::process::id()));
    let (certificate, key) = (file("certificate"), file("key"));
    std::fs::write(&certificate, made.cert.pem())?;
    std::fs::write(&key, made.signing_key.serialize_pem())?;
    let acceptor = shout_tls::acceptor(certificate.to_str().unwrap(), key.to_str().unwrap());
    std::fs::remove_file(certificate)?;
    std::fs::remove_file(key)?;
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone())?;
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok((acceptor?, TlsConnector::from(Arc::new(client))))
}

#[egret::test]
async fn lines_come_back_in_capitals_over_tls_and_the_end_is_told() -> Result<(), Box<dyn Error>> {
    let (acceptor, connector) = certified()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (address, shutdown) = (listener.local_addr()?, Shutdown::new());
    let theirs = shutdown.clone();
    let server = egret::spawn(async move { shout_tls::serve(listener, acceptor, &theirs).await });

    let stream = TcpStream::connect(address).await?;
    let mut client = connector.connect(ServerName::try_from("localhost")?, stream).await?;
    client.write_all(b"hello\n").await?;
    client.flush().await?;
    let mut answer = [0; 6];
    client.read_exact(&mut answer).await?;
    assert_eq!(&answer, b"HELLO\n");

    assert_eq!(shutdown.drain(Duration::from_secs(60)).await, Drained::Clean);
    server.await??;
    // A connection that was just cut would be `UnexpectedEof`.
    assert_eq!(client.read(&mut answer).await?, 0);
    Ok(())
}

#[test]
fn the_page_on_tls_shows_the_program_that_is_tested() {
    let page = include_str!("../../docs/guide/7-tls.md");
    let block = page.split("```rust\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(block, include_str!("../guide/shout_tls.rs"));
}
