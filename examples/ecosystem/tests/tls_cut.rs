//! A TLS connection that is cut at each of its first 100 bytes, in either direction: an error at once, no hang, and
//! no leak.
//!
//! A proxy between client and server passes a number of bytes one way, everything the other way, and then cuts
//! both: by a close or by a reset.

use egret::net::{TcpListener, TcpStream};
use egret::runtime::Runtime;
use egret::time::{Duration, timeout};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::io;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// None of the cases waits for anything but the cut, so this is long.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq)]
enum From {
    Client,
    Server,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Cut {
    Close,
    Reset,
}

fn configurations() -> (TlsConnector, TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = CertificateDer::from(made.cert);
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let server =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    (TlsConnector::from(Arc::new(client)), TlsAcceptor::from(Arc::new(server)))
}

/// Passes bytes on both ways until `after` have come from one side, and cuts both connections.
async fn proxy(client: TcpStream, server: TcpStream, from: From, after: usize, cut: Cut) {
    if cut == Cut::Reset {
        for stream in [&client, &server] {
            stream.set_linger(Some(Duration::ZERO)).unwrap();
        }
    }
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let limit = |side| if from == side { after } else { usize::MAX };
    let up = copy(&mut from_client, &mut to_server, limit(From::Client));
    let down = copy(&mut from_server, &mut to_client, limit(From::Server));
    // The way that is limited ends first, or the other by an error.
    futures_util::future::select(std::pin::pin!(up), std::pin::pin!(down)).await;
}

/// Passes bytes on until there are no more, or so many have gone.
async fn copy(
    from: &mut egret::net::tcp::OwnedReadHalf,
    to: &mut egret::net::tcp::OwnedWriteHalf,
    mut most: usize,
) {
    let mut buffer = [0; 4096];
    while most > 0 {
        let wanted = most.min(buffer.len());
        match from.read(&mut buffer[..wanted]).await {
            Ok(n @ 1..) if to.write_all(&buffer[..n]).await.is_ok() => most -= n,
            _ => return,
        }
    }
}

/// One exchange through the proxy: what came of it at either end.
async fn exchange(
    connector: TlsConnector,
    acceptor: TlsAcceptor,
    from: From,
    after: usize,
    cut: Cut,
) -> (io::Result<Vec<u8>>, io::Result<Vec<u8>>) {
    let (front, back) =
        (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let (front_address, back_address) = (front.local_addr().unwrap(), back.local_addr().unwrap());
    let between = egret::spawn(async move {
        let (client, _) = front.accept().await.unwrap();
        let server = TcpStream::connect(back_address).await.unwrap();
        proxy(client, server, from, after, cut).await;
    });
    let server = egret::spawn(async move {
        let (stream, _) = back.accept().await?;
        let mut tls = acceptor.accept(stream).await?;
        let mut request = vec![0; 8];
        tls.read_exact(&mut request).await?;
        tls.write_all(b"an answer").await?;
        tls.shutdown().await?;
        Ok(request)
    });
    let client = async {
        let stream = TcpStream::connect(front_address).await?;
        let mut tls = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await?;
        tls.write_all(b"request!").await?;
        tls.flush().await?;
        let mut answer = Vec::new();
        tls.read_to_end(&mut answer).await?;
        Ok(answer)
    };
    let both = async { (client.await, server.await.unwrap()) };
    let results = timeout(PATIENCE, both).await.unwrap_or_else(|_| panic!("hangs: {from:?} {after} {cut:?}"));
    between.await.unwrap();
    results
}

/// Descriptors are counted, and they are the process's: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn a_connection_that_is_cut_at_any_of_its_first_100_bytes_is_an_error_at_both_ends_and_leaves_nothing() {
    let _alone = ALONE.lock();
    let (connector, acceptor) = configurations();
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        // Uncut, it is none; and what is made once, such as a list of providers, is made now.
        for from in [From::Client, From::Server] {
            let (answer, request) =
                exchange(connector.clone(), acceptor.clone(), from, usize::MAX, Cut::Close).await;
            assert_eq!((answer.unwrap(), request.unwrap()), (b"an answer".to_vec(), b"request!".to_vec()));
        }
    });
    let before = (descriptors(), runtime.metrics().tasks_alive, runtime.metrics().sources_alive);
    for from in [From::Client, From::Server] {
        for cut in [Cut::Close, Cut::Reset] {
            for after in 0..=100 {
                let (answer, request) =
                    runtime.block_on(exchange(connector.clone(), acceptor.clone(), from, after, cut));
                assert!(
                    answer.is_err() && request.is_err(),
                    "{from:?} {after} {cut:?}: {answer:?} {request:?}"
                );
                let metrics = runtime.metrics();
                assert_eq!(
                    (descriptors(), metrics.tasks_alive, metrics.sources_alive, metrics.timers_alive),
                    (before.0, before.1, before.2, 0),
                    "{from:?} {after} {cut:?}"
                );
            }
        }
    }
}

// The end of a stream without a TLS close is an error too: an attacker may have truncated it.
#[test]
fn an_answer_whose_end_is_cut_off_is_an_error_and_not_a_short_answer() {
    let _alone = ALONE.lock();
    let (connector, acceptor) = configurations();
    egret::block_on(async {
        let (mut answer, mut after): (io::Result<Vec<u8>>, _) = (Err(io::ErrorKind::Other.into()), 600);
        let mut cut_off = 0;
        while answer.is_err() {
            after += 1;
            answer = exchange(connector.clone(), acceptor.clone(), From::Server, after, Cut::Close).await.0;
            cut_off += 1;
        }
        assert!(cut_off > 100, "{cut_off}");
        assert_eq!(answer.unwrap(), b"an answer");
    });
}
