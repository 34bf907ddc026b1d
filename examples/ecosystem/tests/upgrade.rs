//! An upgraded connection. hyper's own upgrade requires a stream that is `Send`; without it the
//! server answers 101, drives the connection to its end without closing it, and takes the socket out.

use bytes::Bytes;
use egret::net::{TcpListener, TcpStream};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use std::convert::Infallible;

async fn switch(_: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert(header::CONNECTION, "upgrade".parse().unwrap());
    response.headers_mut().insert(header::UPGRADE, "shout".parse().unwrap());
    Ok(response)
}

#[test]
fn a_socket_is_taken_out_of_a_connection_with_what_was_read_ahead() {
    egret::block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let server = egret::spawn(async move {
            let parts = http1::Builder::new()
                .serve_connection(stream, service_fn(switch))
                .without_shutdown()
                .await
                .unwrap();
            // No longer HTTP: shouts back what it is told.
            let (mut stream, ahead) = (parts.io, parts.read_buf);
            stream.write_all(&ahead.to_ascii_uppercase()).await.unwrap();
            let mut buffer = [0; 16];
            let n = stream.read(&mut buffer).await.unwrap();
            stream.write_all(&buffer[..n].to_ascii_uppercase()).await.unwrap();
        });
        let request = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: shout\r\n\r\nahead";
        client.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        let mut buffer = [0; 256];
        while !answer.ends_with(b"\r\n\r\nAHEAD") {
            let n = client.read(&mut buffer).await.unwrap();
            assert_ne!(n, 0, "{}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&buffer[..n]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
        client.write_all(b"later").await.unwrap();
        assert_eq!(client.read(&mut buffer).await.unwrap(), 5);
        assert_eq!(&buffer[..5], b"LATER");
        server.await.unwrap();
    });
}
