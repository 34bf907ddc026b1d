//! An HTTP/3 client on egret: all requests at a time on one connection of QUIC.
//!
//!     cargo run --bin http3_client -- certificate.pem https://127.0.0.1:4433/one https://127.0.0.1:4433/two
//!
//! With `--post BYTES` each request has a body of that many bytes, and the length of the answer is printed.

use bytes::{Buf, Bytes};
use ecosystem_send::quic::Egret;
use h3_quinn::OpenStreams;
use hyper::{Method, Request, Uri};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::rustls::pki_types::{CertificateDer, pem::PemObject};
use quinn::rustls::{ClientConfig, RootCertStore};
use quinn::{Endpoint, EndpointConfig};
use std::error::Error;
use std::net::UdpSocket;
use std::sync::Arc;

type Sender = h3::client::SendRequest<OpenStreams, Bytes>;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1).peekable();
    let body = match args.next_if_eq("--post") {
        Some(_) => Some(args.next().ok_or("--post BYTES")?.parse()?),
        None => None,
    };
    let file = args.next().ok_or("usage: http3_client [--post BYTES] FILE URL...")?;
    let urls = args.map(|url| url.parse()).collect::<Result<Vec<Uri>, _>>()?;
    let authority = urls.first().and_then(Uri::authority).ok_or("no URL")?;

    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file)?)?;
    let mut tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));

    egret::block_on(async {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let endpoint = Endpoint::new(EndpointConfig::default(), None, socket, Arc::new(Egret))?;
        let connection = endpoint.connect_with(config, authority.as_str().parse()?, "localhost")?.await?;
        let (mut driver, sender) = h3::client::new(h3_quinn::Connection::new(connection)).await?;
        let driver = egret::spawn(async move { driver.wait_idle().await });
        let answers: Vec<_> =
            urls.iter().map(|url| egret::spawn(ask(sender.clone(), url.clone(), body))).collect();
        for answer in answers {
            let answer = answer.await??;
            match body {
                Some(_) => println!("{}", answer.len()),
                None => print!("{}", String::from_utf8(answer)?),
            }
        }
        drop(sender); // the last one: the connection ends
        driver.await?;
        endpoint.wait_idle().await;
        Ok(())
    })
}

/// One request, and the body of its answer.
async fn ask(mut sender: Sender, url: Uri, body: Option<usize>) -> Result<Vec<u8>, h3::error::StreamError> {
    let mut request = Request::new(());
    *request.uri_mut() = url;
    if body.is_some() {
        *request.method_mut() = Method::POST;
    }
    let (mut send, mut recv) = sender.send_request(request).await?.split();
    let sent = egret::spawn(async move {
        if let Some(length) = body {
            send.send_data(vec![b'x'; length].into()).await?;
        }
        send.finish().await
    });
    recv.recv_response().await?;
    let mut answer = Vec::new();
    while let Some(mut part) = recv.recv_data().await? {
        while part.has_remaining() {
            let chunk = part.chunk();
            answer.extend_from_slice(chunk);
            let length = chunk.len();
            part.advance(length);
        }
    }
    sent.await.expect("it does not panic")?;
    Ok(answer)
}
