use egret::net::{TcpListener, TcpStream};
use egret::shutdown::{Drained, Shutdown};
use egret::time::{Duration, timeout};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::error::Error;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

const PATIENCE: Duration = Duration::from_secs(30);
const MAX_UNSENT: u32 = 16 * 1024;
const DRAIN: Duration = Duration::from_secs(10);
/// A client that does not finish the handshake is let go.
const HANDSHAKE: Duration = Duration::from_secs(10);
const LONGEST: usize = 1024;

async fn connection(stream: TcpStream, tls: TlsAcceptor, shutdown: Shutdown) -> io::Result<()> {
    stream.set_notsent_lowat(MAX_UNSENT)?;
    let mut stream = timeout(HANDSHAKE, tls.accept(stream)).await??;
    let (mut buffer, mut len) = ([0; LONGEST], 0);
    while len < LONGEST {
        let read = timeout(PATIENCE, stream.read(&mut buffer[len..]));
        match shutdown.run_until_requested(read).await {
            None => return timeout(PATIENCE, stream.shutdown()).await?, // says goodbye
            Some(read) => match read?? {
                0 => return Ok(()),
                n => len += n,
            },
        }
        while let Some(end) = buffer[..len].iter().position(|byte| *byte == b'\n') {
            buffer[..=end].make_ascii_uppercase();
            timeout(PATIENCE, stream.write_all(&buffer[..=end])).await??;
            timeout(PATIENCE, stream.flush()).await??; // a TLS stream may hold bytes back
            buffer.copy_within(end + 1..len, 0);
            len -= end + 1;
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "a line without an end"))
}

/// What the files of a certificate and of its key, in PEM, make of a server.
pub fn acceptor(certificate: &str, key: &str) -> Result<TlsAcceptor, Box<dyn Error>> {
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Serves until the shutdown is requested.
pub async fn serve(listener: TcpListener, tls: TlsAcceptor, shutdown: &Shutdown) -> io::Result<()> {
    let theirs = shutdown.clone();
    let serve = listener.serve(shutdown).max_connections(1000);
    serve
        .run(move |stream, peer| {
            let (tls, shutdown) = (tls.clone(), theirs.clone());
            async move {
                if let Err(error) = connection(stream, tls, shutdown).await {
                    eprintln!("{peer}: {error}");
                }
            }
        })
        .await
}

async fn run(address: &str, tls: TlsAcceptor) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    let shutdown = Shutdown::new();
    let theirs = shutdown.clone();
    let server = egret::spawn(async move { serve(listener, tls, &theirs).await });
    egret::signal::ctrl_c().await?;
    if let Drained::Aborted(connections) = shutdown.drain(DRAIN).await {
        eprintln!("{connections} connections were cut off");
    }
    server.await.unwrap()
}

fn main() -> Result<(), Box<dyn Error>> {
    let tls = acceptor("certificate.pem", "key.pem")?;
    Ok(egret::block_on(run("127.0.0.1:7000", tls))?)
}
