//! The server behind a balancer: addresses, requests right behind the header, garbage, slow headers.

mod common;

use common::{PATIENCE, Server, output};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const SERVER: &str = env!("CARGO_BIN_EXE_proxy_protocol");
/// A limit in milliseconds that no header comes near on a busy machine.
const LONG: &str = "600000";
const REQUEST: &[u8] = b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

fn header_v2(port: u16) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    header.extend([192, 0, 2, 7, 198, 51, 100, 1]);
    header.extend(port.to_be_bytes());
    header.extend(443_u16.to_be_bytes());
    header
}

fn connect(server: &Server) -> TcpStream {
    let client = TcpStream::connect(&server.address).unwrap();
    client.set_nodelay(true).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

/// Waits until the other end of a connection over IPv4 has read what was sent, by its queue in `/proc/net/tcp`.
fn wait_until_all_is_read(client: &TcpStream) {
    let port = |address: std::net::SocketAddr| format!(":{:04X}", address.port());
    let (ours, theirs) = (port(client.local_addr().unwrap()), port(client.peer_addr().unwrap()));
    let deadline = Instant::now() + PATIENCE;
    loop {
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let mut rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let row = rows.find(|row| row[1].ends_with(&theirs) && row[2].ends_with(&ours));
        if row.is_some_and(|row| row[4].ends_with(":00000000")) {
            return;
        }
        assert!(Instant::now() < deadline, "it does not read");
        std::thread::yield_now();
    }
}

/// All that comes until the end; a reset is an end.
fn rest(client: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    if let Err(error) = client.read_to_end(&mut bytes) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_client_of_the_header_is_answered_and_logged_however_its_bytes_are_cut() {
    let server = Server::start(SERVER, &["127.0.0.1:0", LONG]);
    let v1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 1 443\r\n".to_vec();
    let v6 = b"PROXY TCP6 2001:db8::7 2001:db8::1 2 443\r\n".to_vec();
    let mut logged = Vec::new();
    for (header, address) in [(v1, "192.0.2.7:1"), (v6, "[2001:db8::7]:2"), (header_v2(3), "192.0.2.7:3")] {
        let bytes = [&header[..], REQUEST].concat();
        for cut in 0..=header.len() + 1 {
            let mut client = connect(&server);
            client.write_all(&bytes[..cut]).unwrap();
            if cut % 8 == 1 {
                wait_until_all_is_read(&client); // the rest comes later for sure
            }
            client.write_all(&bytes[cut..]).unwrap();
            let answer = rest(&mut client);
            assert!(answer.ends_with(&format!("\r\n\r\nhello, {address}\n")), "{cut}: {answer}");
            logged.push(format!("{address} GET /a"));
        }
    }
    assert_eq!(logged.iter().map(|_| server.line()).collect::<Vec<_>>(), logged);
}

#[test]
fn curl_names_itself_and_a_check_without_a_client_is_the_peers() {
    let server = Server::start(SERVER, &["127.0.0.1:0", LONG]);
    let answer = output("curl", &["-sS", "--haproxy-protocol", &format!("http://{}/", server.address)]);
    assert!(answer.starts_with("hello, 127.0.0.1:"), "{answer}");
    let mut client = connect(&server);
    let own = client.local_addr().unwrap();
    client.write_all(&[b"PROXY UNKNOWN\r\n", REQUEST].concat()).unwrap();
    assert!(rest(&mut client).ends_with(&format!("\r\n\r\nhello, {own}\n")));
}

#[test]
fn garbage_ends_the_connection_without_an_answer_and_the_server_goes_on() {
    let server = Server::start(SERVER, &["127.0.0.1:0", LONG]);
    let endless = [&b"PROXY TCP4 "[..], &[b'1'; 2000]].concat();
    let too_long = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11"[..], &[0xff; 2000]].concat();
    let garbage: [&[u8]; 5] = [REQUEST, b"PROXY TCP4 a b c d\r\n", b"\0", &endless, &too_long];
    for bytes in garbage {
        let mut client = connect(&server);
        client.write_all(bytes).unwrap();
        assert_eq!(rest(&mut client), "", "{}", bytes.escape_ascii());
    }
    let mut client = connect(&server);
    client.write_all(&[&header_v2(9)[..], REQUEST].concat()).unwrap();
    assert!(rest(&mut client).ends_with("hello, 192.0.2.7:9\n"));
    server.wait_for_sockets(1);
}

#[test]
fn a_header_that_does_not_come_in_time_ends_the_connection_however_it_dribbles() {
    let server = Server::start(SERVER, &["127.0.0.1:0", "300"]);
    let start = Instant::now();
    let mut silent = connect(&server);
    let mut slow = connect(&server);
    for byte in header_v2(1).iter().cycle() {
        // A byte each 20 ms does not extend the limit.
        if slow.write_all(&[*byte]).is_err() {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "it is still connected");
        std::thread::sleep(Duration::from_millis(20));
        if start.elapsed() > Duration::from_millis(300) {
            assert_eq!(rest(&mut slow), "");
            break;
        }
    }
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
    assert_eq!(rest(&mut silent), "");
    server.wait_for_sockets(1);
}
