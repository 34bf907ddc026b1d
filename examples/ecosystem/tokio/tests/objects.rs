//! object_store, with a server in memory that speaks as much of the protocol of S3 as the program asks for: PUT, HEAD, GET with a
//! range, and the deletion of one object.

#[path = "../../tests/common/mod.rs"]
mod common;

use common::PATIENCE;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

type Objects = Arc<Mutex<HashMap<String, Vec<u8>>>>;

fn store(objects: Objects) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let objects = objects.clone();
            thread::spawn(move || connection(stream.unwrap(), &objects));
        }
    });
    address
}

/// Serves requests until the client closes.
fn connection(mut stream: TcpStream, objects: &Mutex<HashMap<String, Vec<u8>>>) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let head: Vec<String> =
            reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let Some(line) = head.first() else { return };
        let field = |wanted: &str| {
            let fields = head.iter().filter_map(|line| line.split_once(": "));
            fields.into_iter().find(|field| field.0.eq_ignore_ascii_case(wanted)).map(|field| field.1)
        };
        assert!(
            field("authorization").unwrap().starts_with("AWS4-HMAC-SHA256 Credential=robin/"),
            "{head:?}"
        );
        let mut body = vec![0; field("content-length").map_or(0, |length| length.parse().unwrap())];
        reader.read_exact(&mut body).unwrap();

        let mut words = line.split(' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap().to_owned());
        let mut objects = objects.lock().unwrap();
        let (status, body) = match (method, objects.get(&path)) {
            ("PUT", _) => {
                objects.insert(path, body);
                ("200 OK".to_owned(), Vec::new())
            }
            ("POST", _) => {
                assert_eq!(path, "/bucket?delete");
                let asked = String::from_utf8(body).unwrap();
                let key = asked.split_once("<Key>").unwrap().1.split_once("</Key>").unwrap().0;
                assert!(objects.remove(&format!("/bucket/{key}")).is_some());
                let answer = format!("<DeleteResult><Deleted><Key>{key}</Key></Deleted></DeleteResult>");
                ("200 OK".to_owned(), answer.into_bytes())
            }
            ("GET" | "HEAD", Some(object)) => match field("range") {
                None => ("200 OK".to_owned(), object.clone()),
                Some(range) => {
                    let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
                    let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
                    let status = format!(
                        "206 Partial Content\r\nContent-Range: bytes {first}-{last}/{}",
                        object.len()
                    );
                    (status, object[first..=last].to_vec())
                }
            },
            _ => ("404 Not Found".to_owned(), Vec::new()),
        };
        let fields = "ETag: \"one\"\r\nLast-Modified: Mon, 30 Nov 2026 12:00:00 GMT";
        write!(stream, "HTTP/1.1 {status}\r\n{fields}\r\nContent-Length: {}\r\n\r\n", body.len()).unwrap();
        if method != "HEAD" {
            stream.write_all(&body).unwrap();
        }
    }
}

#[test]
fn an_object_is_put_measured_read_in_part_and_whole_and_deleted() {
    let objects = Objects::default();
    objects.lock().unwrap().insert("/bucket/other".to_owned(), b"stays".to_vec());
    let address = store(objects.clone());
    let done = Command::new(env!("CARGO_BIN_EXE_objects"))
        .args([&format!("http://{address}"), "bucket"])
        .envs([("AWS_ACCESS_KEY_ID", "robin"), ("AWS_SECRET_ACCESS_KEY", "secret")])
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let printed = String::from_utf8(done.stdout).unwrap();
    assert_eq!(printed, "14 bytes\nfirst\nthe first note\nnotes/one.txt is gone\n");
    let left: Vec<_> = objects.lock().unwrap().keys().cloned().collect();
    assert_eq!(left, ["/bucket/other"]);
}
