//! "Hello, world!" by hyper: the connection and the service, the same on every runtime.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::rt::{Read, Timer, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use std::convert::Infallible;

/// Serves one connection. With a timer hyper limits how long a header may take, to 30 s.
pub async fn serve<I, T>(io: I, timer: Option<T>) -> hyper::Result<()>
where
    I: Read + Write + Unpin,
    T: Timer + Send + Sync + 'static,
{
    let mut builder = http1::Builder::new();
    // The load compares every byte of an answer with that of the first, and a date changes.
    builder.auto_date_header(false);
    if let Some(timer) = timer {
        builder.timer(timer);
    }
    builder.serve_connection(io, service_fn(hello)).await
}

/// [`serve`] for connections that may be upgraded, for which hyper requires `Send`.
pub async fn serve_with_upgrades<I>(io: I) -> hyper::Result<()>
where
    I: Read + Write + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder.auto_date_header(false);
    builder.serve_connection(io, service_fn(hello)).with_upgrades().await
}

async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"Hello, world!")));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Ok(response)
}
