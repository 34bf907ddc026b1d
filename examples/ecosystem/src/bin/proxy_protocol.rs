//! HTTP by hyper behind a balancer that says who the client is: the PROXY protocol, versions 1 and 2, by ppp.
//!
//!     cargo run --release --bin proxy_protocol [ADDRESS:PORT [HEADER_LIMIT_IN_MS]]
//!     curl --haproxy-protocol http://127.0.0.1:8080/        # version 1; HAProxy's `send-proxy-v2` is version 2
//!
//! Each request is a line of the log, with the address of the client. The header is trusted from the balancer only, here
//! any peer on the loopback interface: who may send one may claim to be anyone. A connection without one is refused, as
//! the protocol demands (<https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt>, section 2).

#[path = "../write_limit.rs"]
mod write_limit;

use bytes::Bytes;
use egret::hyper::Timer;
use egret::net::{TcpListener, TcpStream};
use egret::shutdown::Shutdown;
use egret::time::{Duration, timeout};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response, server};
use ppp::{HeaderResult, v1, v2};
use std::convert::Infallible;
use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, SocketAddr};
use write_limit::WriteLimit;

/// The longest header that is read. One of version 1 has up to 107 bytes; one of version 2 has 16, up to 216 of addresses,
/// and what the balancer adds about TLS and the like.
const MAX_HEADER: usize = 1024;
/// The whole header comes within this time, or the connection ends. A balancer sends it at once.
const HEADER_LIMIT: Duration = Duration::from_secs(3);
const WRITE_LIMIT: Duration = Duration::from_secs(30);
const MAX_CONNECTIONS: usize = 10_000;

// ---- The header ------------------------------------------------------------------------------------

fn is_balancer(peer: IpAddr) -> bool {
    peer.to_canonical().is_loopback()
}

/// Reads the header and nothing after it. The address of the client, or that of the peer where the header names none: a
/// health check of the balancer, a Unix socket.
async fn client_address(stream: &mut TcpStream, peer: SocketAddr) -> io::Result<SocketAddr> {
    if !is_balancer(peer.ip()) {
        return Err(io::Error::new(ErrorKind::PermissionDenied, "it is no balancer"));
    }
    let (mut header, mut buffer) = (Vec::new(), [0; MAX_HEADER]);
    loop {
        let before = header.len();
        let n = stream.peek(&mut buffer).await?;
        if n == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        header.extend_from_slice(&buffer[..n]);
        let length = length(&header)?;
        let taken = length.unwrap_or(header.len()) - before;
        stream.read_exact(&mut buffer[..taken]).await?; // what was peeked
        if let Some(length) = length {
            return Ok(source(&header[..length])?.unwrap_or(peer));
        }
    }
}

/// How long the header is that starts so; `None` when more has to be seen.
fn length(header: &[u8]) -> io::Result<Option<usize>> {
    let starts_like = |prefix: &[u8]| header.iter().zip(prefix).all(|(a, b)| a == b);
    let length = if starts_like(v2::PROTOCOL_PREFIX) {
        // The last two of the first 16 bytes are the length of the rest.
        header.get(14..16).map(|rest| 16 + usize::from(u16::from_be_bytes([rest[0], rest[1]])))
    } else if starts_like(v1::PROTOCOL_PREFIX.as_bytes()) {
        header.iter().position(|byte| *byte == b'\n').map(|end| end + 1)
    } else {
        return Err(invalid("it does not start with a header of the PROXY protocol"));
    };
    match length {
        Some(length) if length > MAX_HEADER => Err(invalid("the header is too long")),
        Some(length) if header.len() >= length => Ok(Some(length)),
        _ if header.len() >= MAX_HEADER => Err(invalid("the header has no end")),
        _ => Ok(None),
    }
}

/// The client's address in a whole header.
fn source(header: &[u8]) -> io::Result<Option<SocketAddr>> {
    Ok(match HeaderResult::parse(header) {
        HeaderResult::V1(Ok(header)) => match header.addresses {
            v1::Addresses::Tcp4(ip) => Some((ip.source_address, ip.source_port).into()),
            v1::Addresses::Tcp6(ip) => Some((ip.source_address, ip.source_port).into()),
            v1::Addresses::Unknown => None,
        },
        HeaderResult::V2(Ok(header)) => match (header.command, header.addresses) {
            (v2::Command::Proxy, v2::Addresses::IPv4(ip)) => Some((ip.source_address, ip.source_port).into()),
            (v2::Command::Proxy, v2::Addresses::IPv6(ip)) => Some((ip.source_address, ip.source_port).into()),
            _ => None,
        },
        HeaderResult::V1(Err(error)) => return Err(invalid(error)),
        HeaderResult::V2(Err(error)) => return Err(invalid(error)),
    })
}

fn invalid(error: impl Into<Box<dyn Error + Send + Sync>>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

// ---- The server ------------------------------------------------------------------------------------

async fn connection(
    mut stream: TcpStream,
    peer: SocketAddr,
    header_limit: Duration,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let client = timeout(header_limit, client_address(&mut stream, peer)).await??;
    let answer = service_fn(|request: Request<_>| async move {
        let logged = writeln!(io::stdout(), "{client} {} {}", request.method(), request.uri());
        logged.and_then(|()| io::stdout().flush()).expect("standard output takes the log");
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(format!("hello, {client}\n")))))
    });
    let stream = WriteLimit::new(stream, WRITE_LIMIT)?;
    // With a timer hyper limits how long a client may take to send a header of HTTP.
    Ok(server::conn::http1::Builder::new().timer(Timer).serve_connection(stream, answer).await?)
}

async fn serve(address: &str, header_limit: Duration) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    writeln!(io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    io::stdout().flush()?;
    let connections = |stream, peer| async move {
        if let Err(error) = connection(stream, peer, header_limit).await {
            eprintln!("{peer}: {error}");
        }
    };
    listener.serve(&Shutdown::new()).max_connections(MAX_CONNECTIONS).run(connections).await
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let limit = std::env::args().nth(2).map(|limit| limit.parse().expect("milliseconds"));
    egret::block_on(serve(&address, limit.map_or(HEADER_LIMIT, Duration::from_millis)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n";

    /// A header of version 2 over TCP.
    fn v2(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let mut header = v2::PROTOCOL_PREFIX.to_vec();
        header.extend([0x20 | command, family << 4 | 1]);
        header.extend((addresses.len() as u16).to_be_bytes());
        header.extend(addresses);
        header
    }

    fn read(header: &[u8]) -> io::Result<Option<SocketAddr>> {
        assert_eq!(length(header)?, Some(header.len()));
        source(header)
    }

    #[test]
    fn each_form_of_a_header_has_its_address() {
        let (v4, v6) = ([192, 0, 2, 7, 198, 51, 100, 1, 220, 4, 1, 187], [1; 36]);
        let cases = [
            (V1.to_vec(), Some("192.0.2.7:56324")),
            (b"PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n".to_vec(), Some("[2001:db8::7]:56324")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN ffff:f::f ffff:f::f 65535 65535\r\n".to_vec(), None),
            (v2(1, 1, &v4), Some("192.0.2.7:56324")),
            (v2(1, 1, &[&v4[..], &[3, 0, 4, 1, 2, 3, 4]].concat()), Some("192.0.2.7:56324")),
            (v2(1, 2, &v6), Some("[101:101:101:101:101:101:101:101]:257")),
            (v2(1, 3, &[b'/'; 216]), None),
            (v2(1, 0, &[]), None),
            (v2(0, 1, &v4), None), // LOCAL: the balancer's own connection
        ];
        for (header, expected) in cases {
            let address = read(&header).unwrap().map(|address| address.to_string());
            assert_eq!(address.as_deref(), expected, "{}", header.escape_ascii());
        }
    }

    #[test]
    fn the_length_is_the_same_wherever_the_header_is_cut_and_whatever_follows() {
        for header in [V1.to_vec(), v2(1, 1, &[1; 12])] {
            for cut in 1..header.len() {
                assert_eq!(length(&header[..cut]).unwrap(), None, "{cut}");
            }
            let more = [&header[..], b"GET / HTTP/1.1\r\n"].concat();
            assert_eq!(length(&more).unwrap(), Some(header.len()));
        }
    }

    #[test]
    fn what_is_no_header_is_an_error() {
        let too_long = v2(1, 1, &[0; MAX_HEADER]);
        let endless = [b"PROXY TCP4 ".to_vec(), vec![b'1'; MAX_HEADER]].concat();
        let cases: [&[u8]; 11] = [
            b"GET / HTTP/1.1\r\n",
            b"PROXZ",
            b"\r\n\r\nx",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\n",
            b"PROXY TCP4 192.0.2.777 198.51.100.1 56324 443\r\n",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 65536\r\n",
            b"PROXY TCP4 \xff 198.51.100.1 56324 443\r\n",
            &v2(2, 1, &[0; 12]),
            &too_long,
            &endless,
        ];
        for header in cases {
            assert_eq!(read(header).unwrap_err().kind(), ErrorKind::InvalidData, "{}", header.escape_ascii());
        }
        assert!(read(&v2(1, 1, &[0; 11])).is_err()); // too short for its addresses
    }

    /// Bytes that begin as a header does, with each byte of it changed to each value: an error or an address, no panic.
    #[test]
    fn a_header_with_any_byte_changed_is_an_error_or_an_address() {
        for header in [V1.to_vec(), v2(1, 1, &[1; 12]), v2(1, 3, &[1; 216])] {
            for at in 0..header.len() {
                for value in 0..=255 {
                    let mut changed = header.clone();
                    changed[at] = value;
                    if let Ok(Some(length)) = length(&changed) {
                        let _ = source(&changed[..length]);
                    }
                }
            }
        }
    }
}
