//! hickory-resolver on egret, with a name server of this test on loopback.

#[path = "../../tests/common/mod.rs"]
mod common;

use common::{PATIENCE, output};
use ecosystem_send::dns::{self, Provider};
use egret::net::{TcpListener, TcpStream, lookup_host};
use egret::runtime::Runtime;
use hickory_resolver::Resolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::thread;

/// The answer to a query (RFC 1035): `one.test` has an address; `many.test` has 100, which are too much for a datagram; no
/// other name is there.
fn answer(query: &[u8], is_datagram: bool) -> Vec<u8> {
    let (mut at, mut name) = (12, String::new());
    while query[at] != 0 {
        let label = &query[at + 1..at + 1 + usize::from(query[at])];
        name += &format!("{}.", String::from_utf8_lossy(label).to_lowercase());
        at += 1 + label.len();
    }
    let is_a = query[at + 1..at + 3] == [0, 1];
    let (known, count) = match name.as_str() {
        "one.test." => (true, 1),
        "many.test." => (true, 100_u8),
        _ => (false, 0),
    };
    let is_cut = is_datagram && count > 1;
    let count = if is_a && !is_cut { count } else { 0 };
    let mut answer = query[..2].to_vec();
    answer.extend([0x81 | u8::from(is_cut) << 1, if known { 0x80 } else { 0x83 }]); // truncated; no such name
    answer.extend([0, 1, 0, count, 0, 0, 0, 0]);
    answer.extend(&query[12..at + 5]);
    for n in 1..=count {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, n]); // the name again, A, IN, 60 s
    }
    answer
}

fn name_server() -> SocketAddr {
    // The same port for both.
    let (datagrams, listener) = (0..100)
        .find_map(|_| {
            let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
            let listener = std::net::TcpListener::bind(datagrams.local_addr().unwrap()).ok()?;
            Some((datagrams, listener))
        })
        .unwrap();
    let address = datagrams.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((n, from)) = datagrams.recv_from(&mut buffer) {
            datagrams.send_to(&answer(&buffer[..n], true), from).unwrap();
        }
    });
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                let (mut stream, mut length) = (stream.unwrap(), [0; 2]);
                while stream.read_exact(&mut length).is_ok() {
                    let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
                    stream.read_exact(&mut query).unwrap();
                    let answer = answer(&query, false);
                    let length = (answer.len() as u16).to_be_bytes();
                    stream.write_all(&[&length[..], &answer].concat()).unwrap();
                }
            });
        }
    });
    address
}

fn resolver(server: SocketAddr) -> Resolver<Provider> {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = server.port();
        connection
    });
    let server = NameServerConfig::new(server.ip(), true, connections.into());
    let config = ResolverConfig::from_parts(None, vec![], vec![server]);
    let mut builder = Resolver::builder_with_config(config, Provider);
    builder.options_mut().use_hosts_file = ResolveHosts::Never;
    builder.options_mut().timeout = PATIENCE; // of each query: the server answers all
    builder.build().unwrap()
}

#[test]
fn names_are_looked_up_by_datagrams_and_by_a_connection_without_a_thread() {
    let server = name_server();
    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        let _names = dns::set(resolver(server));
        let listener = TcpListener::bind("one.test:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(address.ip(), IpAddr::from([127, 0, 0, 1]));
        TcpStream::connect(("one.test", address.port())).await.unwrap();
        let many: Vec<_> = lookup_host("many.test:80").await.unwrap().collect();
        assert_eq!(many.len(), 100);
        let missing = lookup_host("missing.test:80").await.map(drop).unwrap_err();
        assert!(missing.to_string().starts_with("\"missing.test\": "), "{missing}");
        // Sixteen at a time, of names that are in no cache.
        let tasks: Vec<_> = (0..16)
            .map(|n| egret::spawn(async move { lookup_host(format!("{n}.missing.test:80")).await.map(drop) }))
            .collect();
        for task in tasks {
            assert!(task.await.unwrap().is_err());
        }
    });
    assert_eq!(rt.metrics().blocking_threads_started, 0);
}

#[test]
fn the_program_prints_what_the_server_says() {
    let server = name_server().to_string();
    let got = output(env!("CARGO_BIN_EXE_resolve"), &[&server, "one.test:80", "missing.test:80"]);
    let (one, missing) = got.split_once('\n').unwrap();
    assert_eq!(one, "one.test:80: [127.0.0.1:80]");
    assert!(missing.starts_with("\"missing.test\": "), "{missing}");
}
