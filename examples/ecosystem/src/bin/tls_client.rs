//! A TLS client: rustls on an egret socket by tokio-rustls. Sends standard input unchanged, and prints the answer
//! until the server closes.
//!
//!     printf 'GET / HTTP/1.0\r\n\r\n' | cargo run --release --bin tls_client CA.pem HOST:PORT NAME
//!
//! It fails when the connection ends without a TLS close from the server.

use egret::net::TcpStream;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::error::Error;
use std::io::{Read, Write};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

async fn exchange(ca_path: &str, address: &str, name: &str, request: &[u8]) -> Result<(), Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca_path)?)?;
    let configuration = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();

    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(name.to_owned())?;
    let mut tls = TlsConnector::from(Arc::new(configuration)).connect(name, stream).await?;
    tls.write_all(request).await?;
    tls.flush().await?; // a TLS stream holds bytes back, as a socket does not
    let mut buffer = [0; 16 * 1024];
    loop {
        match tls.read(&mut buffer).await? {
            0 => return Ok(()),
            n => std::io::stdout().write_all(&buffer[..n])?,
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [ca_path, address, name] = &args[..] else {
        return Err("usage: tls_client CA.pem HOST:PORT NAME".into());
    };
    let mut request = Vec::new();
    std::io::stdin().read_to_end(&mut request)?; // before the loop runs: it would block it
    egret::block_on(exchange(ca_path, address, name, &request))
}
