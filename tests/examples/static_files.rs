//! `static_files`: what it serves, ranges, and attempts to leave its folder.

mod refused;
mod site;

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use site::Site;

use crate::server::{PATIENCE, Server, assert_explains_itself};

#[test]
fn files_and_indexes_are_served_over_one_connection() {
    let site = Site::new();
    let mut client = site.server.connect();
    for (target, kind, content) in [
        ("/", "text/html; charset=utf-8", "<p>index</p>"),
        ("/index.html?query=..", "text/html; charset=utf-8", "<p>index</p>"),
        ("/sub/", "text/html; charset=utf-8", "<p>sub</p>"),
        ("/digits.txt", "text/plain; charset=utf-8", "0123456789"),
        ("/%64igits%2Etxt", "text/plain; charset=utf-8", "0123456789"),
        ("/a%20b%25.bin", "application/octet-stream", "odd name"),
        ("/empty", "application/octet-stream", ""),
        ("http://a/digits.txt", "text/plain; charset=utf-8", "0123456789"),
        ("/sub/../digits.txt", "text/plain; charset=utf-8", "0123456789"),
    ] {
        for method in ["GET", "HEAD"] {
            client.send(format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
            let answer = client.answer(method == "GET");
            assert_eq!((answer.status.as_str(), answer.field("Content-Type")), ("200 OK", kind), "{target}");
            assert_eq!(answer.field("Content-Length"), content.len().to_string(), "{target}");
            assert_eq!(answer.field("X-Content-Type-Options"), "nosniff");
            assert_eq!(answer.content, if method == "GET" { content.as_bytes() } else { b"" }, "{target}");
        }
    }
    for method in ["HEAD", "GET"] {
        client.send(format!("{method} /none HTTP/1.1\r\nHost: a\r\n\r\n"));
        let none = client.answer(method == "GET");
        assert_eq!(none.status, "404 Not Found");
        assert_eq!(none.field("Content-Type"), "text/plain; charset=utf-8");
        assert_eq!(none.field("Content-Length"), "14");
        assert_eq!(none.content, if method == "GET" { &b"404 Not Found\n"[..] } else { b"" });
    }
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(client.answer(true).field("Connection"), "close");
    assert_eq!(client.rest(), b"");
}

/// As many as the process may have open, its listener and the epoll instance among them.
const DESCRIPTORS: usize = 40;

#[test]
fn a_request_for_which_there_is_no_descriptor_gets_503_and_the_next_is_answered() {
    let start =
        |folder: &str| Server::start_with_descriptors(DESCRIPTORS, "static_files", &[folder, "127.0.0.1:0"]);
    let site = Site::of(start);
    let mut client = site.server.connect();
    let crowd: Vec<_> = (0..DESCRIPTORS).map(|_| site.server.connect()).collect();
    site.server.wait_until_it_sleeps_without_descriptors(DESCRIPTORS);
    let mut ask = || {
        client.send("GET /digits.txt HTTP/1.1\r\nHost: a\r\n\r\n");
        client.answer(true)
    };
    let busy = ask();
    assert_eq!((busy.status.as_str(), busy.field("Retry-After")), ("503 Service Unavailable", "1"));
    drop(crowd);
    let end = Instant::now() + PATIENCE;
    let answer = loop {
        let answer = ask();
        if answer.status != busy.status {
            break answer;
        }
        assert!(Instant::now() < end, "the descriptors are not released");
    };
    assert_eq!(answer.outline(), ("200 OK", "", "0123456789"));
}

#[test]
fn a_folder_is_redirected_to_with_a_slash_and_its_query_and_never_to_another_site() {
    let site = Site::new();
    fs::create_dir_all(site.folder.join("sub/index.d/index.html")).unwrap();
    fs::create_dir_all(site.folder.join("a b/c")).unwrap();
    for (target, location) in [
        ("/sub", "/sub/"),
        ("/sub?a=/b?c", "/sub/?a=/b?c"),
        ("/sub?", "/sub/?"),
        ("http://a/sub?q", "/sub/?q"),
        ("/a%20b/c?d", "/a%20b/c/?d"),
        ("//sub?q", "/sub/?q"),
        ("///sub/.?q", "/sub/./?q"),
    ] {
        let moved = site.get(target, "");
        assert_eq!(
            (moved.status.as_str(), moved.field("Location")),
            ("301 Moved Permanently", location),
            "{target}"
        );
        assert_eq!(moved.content, b"301 Moved Permanently\n");
    }
    // A redirect would lead to itself.
    assert_eq!(site.get("/sub/index.d/", "").status, "404 Not Found");
}

#[test]
fn the_target_says_which_file_whatever_its_form_and_is_refused_in_every_other() {
    let site = Site::new();
    for target in [
        "http://a/digits.txt",
        "HTTP://b.example:80/digits.txt?q",
        "https://a/digits.txt",
        "http://[::1]:8080/digits.txt",
        "//digits.txt",
        "///digits.txt",
        "/digits.txt?x/../y",
    ] {
        assert_eq!(site.get(target, "").outline(), ("200 OK", "", "0123456789"), "{target}");
    }
    for target in ["http://a", "http://a/", "http://a?x/digits.txt", "http://a?/digits.txt"] {
        assert_eq!(site.get(target, "").outline(), ("200 OK", "", "<p>index</p>"), "{target}");
    }
    for target in [
        "http:///digits.txt",
        "http://:80/digits.txt",
        "http://user@a/digits.txt",
        "http://%zz/digits.txt",
        "ftp://a/digits.txt",
        "a/digits.txt",
        "/digits.txt#fragment",
        "/caf\u{e9}",
    ] {
        assert_eq!(site.get(target, "").status, "400 Bad Request", "{target}");
    }
    for host in ["b@c", "a b/c", "%zz", "a:b", "[::1", "caf\u{e9}"] {
        let answer = site.exchange(format!("GET /digits.txt HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(answer.status, "400 Bad Request", "{host}");
    }
    for host in ["", "a%20b", "[::1]:80", "a:"] {
        let answer = site.exchange(format!("GET /digits.txt HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(answer.status, "200 OK", "{host}");
    }
}

/// What is compared is in `conditional_requests`; here is what comes of it.
#[test]
fn a_client_that_has_the_file_is_not_sent_it_again_until_it_changes() {
    let site = Site::new();
    let path = site.folder.join("digits.txt");
    let set_modified = |unix_seconds| {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(unix_seconds);
        File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    };
    set_modified(784_111_777);
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let first = site.get("/digits.txt", "");
    let tag = first.field("ETag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2, "{tag}");
    assert_eq!((first.status.as_str(), first.field("Last-Modified")), ("200 OK", date));

    let (all, failed) =
        (("200 OK", "", "0123456789"), ("412 Precondition Failed", "", "412 Precondition Failed\n"));
    let same = ("304 Not Modified", "", "");
    let part = ("206 Partial Content", "bytes 2-4/10", "234");
    let cases = [
        (format!("If-None-Match: {tag}\r\n"), same),
        (format!("If-None-Match: {tag}\r\nRange: bytes=2-4\r\n"), same),
        ("If-None-Match: \"x\"\r\n".to_owned(), all),
        (format!("If-Modified-Since: {date}\r\n"), same),
        ("If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n".to_owned(), all),
        (format!("If-Match: {tag}\r\n"), all),
        ("If-Match: \"zzz\"\r\n".to_owned(), failed),
        ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n".to_owned(), failed),
        (format!("If-Range: {tag}\r\nRange: bytes=2-4\r\n"), part),
        (format!("If-Range: {date}\r\nRange: bytes=2-4\r\n"), part),
        ("If-Range: \"x\"\r\nRange: bytes=2-4\r\n".to_owned(), all),
        ("If-Range: \"x\"\r\nRange: bytes=20-\r\n".to_owned(), all),
        (
            format!("If-Range: {tag}\r\nRange: bytes=20-\r\n"),
            ("416 Range Not Satisfiable", "bytes */10", "416 Range Not Satisfiable\n"),
        ),
    ];
    for (fields, outline) in &cases {
        let answer = site.get("/digits.txt", fields);
        assert_eq!(answer.outline(), *outline, "{fields}");
        if answer.status == "304 Not Modified" {
            assert_eq!((answer.field("ETag"), answer.field("Last-Modified")), (tag.as_str(), date));
        }
    }
    // On one connection, for a 304 has no content and the next answer begins behind its head.
    let mut client = site.server.connect();
    for method in ["GET", "HEAD", "GET"] {
        client.send(format!("{method} /digits.txt HTTP/1.1\r\nHost: a\r\nIf-None-Match: {tag}\r\n\r\n"));
        assert_eq!(client.answer(false).status, "304 Not Modified");
    }
    // Where there is nothing, conditions make no difference (9110 13.2.1).
    assert_eq!(site.get("/none", "If-None-Match: *\r\n").status, "404 Not Found");
    assert_eq!(site.get("/none", "If-Match: \"x\"\r\n").status, "404 Not Found");
    assert_eq!(site.get("/sub", "If-None-Match: *\r\n").status, "301 Moved Permanently");

    // Another file of the same length, another time.
    fs::write(&path, "9876543210").unwrap();
    set_modified(784_111_778);
    let changed = site.get("/digits.txt", &format!("If-None-Match: {tag}\r\n"));
    assert_eq!(changed.outline(), ("200 OK", "", "9876543210"));
    assert_ne!(changed.field("ETag"), tag);
    let part_of_it = format!("If-Range: {tag}\r\nRange: bytes=2-4\r\n");
    assert_eq!(site.get("/digits.txt", &part_of_it).outline(), ("200 OK", "", "9876543210"));

    // From the future: its date is no later than that of the answer, and it may change before that comes.
    set_modified(32_503_680_000);
    let future = site.get("/digits.txt", "");
    assert_eq!(future.field("Last-Modified"), future.field("Date"));
    assert!(future.field("ETag").starts_with("W/\""), "{}", future.field("ETag"));
}

#[test]
fn one_range_is_a_part_and_what_is_no_range_is_the_whole() {
    let site = Site::new();
    let all = "0123456789";
    let (whole, part, none) = ("200 OK", "206 Partial Content", "416 Range Not Satisfiable");
    for (range, status, content_range, content) in [
        ("bytes=0-0", part, "bytes 0-0/10", "0"),
        ("bytes=2-4", part, "bytes 2-4/10", "234"),
        ("BYTES=2-4", part, "bytes 2-4/10", "234"),
        ("bytes=7-", part, "bytes 7-9/10", "789"),
        ("bytes=7-100", part, "bytes 7-9/10", "789"),
        ("bytes=0-99999999999999999999999", part, "bytes 0-9/10", all),
        ("bytes=-3", part, "bytes 7-9/10", "789"),
        ("bytes=-100", part, "bytes 0-9/10", all),
        ("bytes=10-", none, "bytes */10", "416 Range Not Satisfiable\n"),
        ("bytes=10-12", none, "bytes */10", "416 Range Not Satisfiable\n"),
        ("bytes=99999999999999999999999-", none, "bytes */10", "416 Range Not Satisfiable\n"),
        ("bytes=-0", none, "bytes */10", "416 Range Not Satisfiable\n"),
        ("bytes=4-2", whole, "", all),
        ("bytes=-", whole, "", all),
        ("bytes=+1-2", whole, "", all),
        ("bytes=1-2,4-5", whole, "", all),
        ("lines=1-2", whole, "", all),
        ("1-2", whole, "", all),
    ] {
        let answer = site.get("/digits.txt", &format!("Range: {range}\r\n"));
        assert_eq!(answer.outline(), (status, content_range, content), "{range}");
    }
    // It has no part, and the whole of it is what was asked for.
    for range in ["bytes=0-", "bytes=0-9", "bytes=-1", "bytes=5-"] {
        assert_eq!(site.get("/empty", &format!("Range: {range}\r\n")).outline(), (whole, "", ""), "{range}");
    }
    assert_eq!(
        site.get("/digits.txt", "Range: bytes=0-1\r\nRange: bytes=2-3\r\n").outline(),
        (whole, "", all)
    );
    let mut client = site.server.connect();
    client.send("HEAD /digits.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1\r\n\r\n");
    assert_eq!(client.answer(false).outline(), (whole, "", ""));
}

#[test]
fn a_large_file_arrives_whole_at_eight_clients_at_once() {
    let site = Site::new();
    let bytes: Vec<_> = (0..8_000_000).map(|n: u32| (n % 251) as u8).collect();
    fs::write(site.folder.join("large"), &bytes).unwrap();
    std::thread::scope(|scope| {
        for mut client in std::iter::repeat_with(|| site.server.connect()).take(8) {
            let bytes = &bytes;
            scope.spawn(move || {
                client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
                assert!(client.answer(true).content == *bytes);
            });
        }
    });
    let part = site.get("/large", "Range: bytes=1000000-4999999\r\n");
    assert_eq!(part.field("Content-Range"), "bytes 1000000-4999999/8000000");
    assert!(part.content == bytes[1_000_000..5_000_000]);
}

// Its length was announced, so the client must not take what comes for all of it.
#[test]
fn a_file_that_becomes_shorter_while_it_is_sent_ends_the_connection_and_not_the_answer() {
    let site = Site::new();
    let path = site.folder.join("shrinks");
    File::create(&path).unwrap().set_len(200_000_000).unwrap();
    let mut client = site.server.connect();
    client.send("GET /shrinks HTTP/1.1\r\nHost: a\r\n\r\n");
    let answer = client.answer(false); // and more of the file than fits into the buffers is not sent yet
    assert_eq!(answer.field("Content-Length"), "200000000");
    File::options().write(true).open(&path).unwrap().set_len(1000).unwrap();
    let mut read = Vec::new();
    let end = std::io::Read::read_to_end(&mut client.reader, &mut read);
    assert_eq!(end.expect_err("a reset").kind(), std::io::ErrorKind::ConnectionReset);
    assert!(read.len() < 200_000_000);
    assert_eq!(site.get("/digits.txt", "").content, b"0123456789");
}

#[test]
fn it_ends_when_what_is_being_sent_has_been_sent() {
    let mut site = Site::new();
    File::create(site.folder.join("large")).unwrap().set_len(20_000_000).unwrap();
    let mut client = site.server.connect();
    let mut idle = site.server.connect();
    idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    idle.answer(true);
    client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
    client.answer(false);
    site.server.signal("-TERM");
    assert_eq!(idle.rest(), b"");
    assert!(client.exactly(20_000_000).iter().all(|byte| *byte == 0));
    assert_eq!(client.rest(), b"");
    assert!(site.server.wait().success());
}

#[test]
fn it_says_what_to_do_when_it_cannot_serve() {
    assert_explains_itself("static_files", &[".", "127.0.0.1:x"]);
    assert_explains_itself("static_files", &["/no/such/folder", "127.0.0.1:0"]);
    assert_explains_itself("static_files", &[Path::new(file!()).to_str().unwrap(), "127.0.0.1:0"]);
}
