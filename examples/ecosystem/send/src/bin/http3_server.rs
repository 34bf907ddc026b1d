//! HTTP/3 on egret: h3 on quinn, which sends and receives on egret's loop. It answers each `GET` with the path, and `POST` with
//! the body.
//!
//!     cargo run --bin http3_server -- 127.0.0.1:4433 certificate.pem
//!
//! It makes a certificate for `localhost` and writes it to the file, for the client to trust.

use bytes::{Buf, Bytes};
use ecosystem_send::quic::Egret;
use h3::server::{Connection, RequestStream};
use h3_quinn::BidiStream;
use hyper::{Method, Request, Response, StatusCode};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::rustls::{self, pki_types::PrivateKeyDer};
use quinn::{Endpoint, EndpointConfig, Incoming, ServerConfig};
use std::error::Error;
use std::net::UdpSocket;
use std::sync::Arc;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(address), Some(file)) = (args.next(), args.next()) else {
        return Err("usage: http3_server ADDRESS:PORT FILE".into());
    };
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    std::fs::write(file, made.cert.pem())?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    let mut tls = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.into()], key)?;
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    let socket = UdpSocket::bind(address)?;
    egret::block_on(async {
        let endpoint = Endpoint::new(EndpointConfig::default(), Some(config), socket, Arc::new(Egret))?;
        println!("https://{}", endpoint.local_addr()?);
        while let Some(incoming) = endpoint.accept().await {
            egret::spawn(async move {
                if let Err(error) = serve(incoming).await {
                    eprintln!("{error}");
                }
            });
        }
        Ok(())
    })
}

async fn serve(incoming: Incoming) -> Result<(), Box<dyn Error>> {
    let mut connection = Connection::new(h3_quinn::Connection::new(incoming.await?)).await?;
    while let Some(resolver) = connection.accept().await? {
        egret::spawn(async move {
            let (request, stream) = resolver.resolve_request().await?;
            answer(request, stream).await
        });
    }
    Ok(())
}

async fn answer(
    request: Request<()>,
    mut stream: RequestStream<BidiStream<Bytes>, Bytes>,
) -> Result<(), h3::error::StreamError> {
    let status = match *request.method() {
        Method::GET | Method::POST => StatusCode::OK,
        _ => StatusCode::METHOD_NOT_ALLOWED,
    };
    let mut response = Response::new(());
    *response.status_mut() = status;
    stream.send_response(response).await?;
    if *request.method() == Method::GET {
        stream.send_data(Bytes::from(format!("{}\n", request.uri().path()))).await?;
    }
    while let Some(mut part) = stream.recv_data().await? {
        let bytes = part.copy_to_bytes(part.remaining());
        if status == StatusCode::OK {
            stream.send_data(bytes).await?;
        }
    }
    stream.finish().await
}
