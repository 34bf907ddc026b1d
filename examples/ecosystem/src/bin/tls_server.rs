//! HTTP over TLS: rustls on an egret socket by tokio-rustls, and hyper on that. The certificate is made at
//! start-up and written to a file for the client; a real server would read one.
//!
//!     cargo run --release --bin tls_server CERTIFICATE.pem [ADDRESS:PORT [WRITE_LIMIT_IN_MS]]
//!     curl --cacert CERTIFICATE.pem https://localhost:8443/

#[path = "../write_limit.rs"]
mod write_limit;

use bytes::Bytes;
use egret::hyper::{Executor, Timer};
use egret::io::TokioIo;
use egret::net::{TcpListener, TcpStream};
use egret::shutdown::Shutdown;
use egret::time::{Duration, timeout};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::convert::Infallible;
use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use write_limit::WriteLimit;

/// A client that does not finish the handshake holds a connection and nothing else for no longer than this.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// A client that takes nothing of an answer for this long is disconnected.
const WRITE_LIMIT: Duration = Duration::from_secs(30);

async fn connection(
    stream: TcpStream,
    tls: TlsAcceptor,
    write_limit: Duration,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let stream = WriteLimit::new(stream, write_limit)?;
    let stream = timeout(HANDSHAKE, tls.accept(stream)).await??;
    let hello = service_fn(|_: Request<_>| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"Hello over TLS!\n"))))
    });
    let mut builder = auto::Builder::new(Executor);
    builder.http1().timer(Timer);
    builder.http2().timer(Timer);
    // The stream has tokio's traits, of tokio-rustls's making; `TokioIo` gives it hyper's.
    builder.serve_connection(TokioIo::new(stream), hello).await
}

fn configuration(certificate_path: &str) -> Result<ServerConfig, Box<dyn Error>> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    std::fs::write(certificate_path, made.cert.pem())?;
    let certificate = CertificateDer::from(made.cert);
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let mut configuration =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key)?;
    configuration.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(configuration)
}

async fn serve(certificate_path: &str, address: &str, write_limit: Duration) -> Result<(), Box<dyn Error>> {
    let tls = TlsAcceptor::from(Arc::new(configuration(certificate_path)?));
    let listener = TcpListener::bind(address).await?;
    writeln!(std::io::stdout(), "listening on https://{}", listener.local_addr()?)?;
    std::io::stdout().flush()?;
    let logged = |stream, _| {
        let tls = tls.clone();
        async move {
            if let Err(error) = connection(stream, tls, write_limit).await {
                eprintln!("a connection ended: {error}");
            }
        }
    };
    Ok(listener.serve(&Shutdown::new()).run(logged).await?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let certificate_path =
        args.next().ok_or("usage: tls_server CERTIFICATE.pem [ADDRESS:PORT [WRITE_LIMIT_IN_MS]]")?;
    let address = args.next().unwrap_or_else(|| "127.0.0.1:8443".to_owned());
    let write_limit = args.next().map(|limit| limit.parse().expect("milliseconds"));
    let write_limit = write_limit.map_or(WRITE_LIMIT, Duration::from_millis);
    egret::block_on(serve(&certificate_path, &address, write_limit))
}
