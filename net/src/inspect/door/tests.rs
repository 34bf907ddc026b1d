use super::*;

const TOKEN: &str = "a-token-of-some-length";

/// A request with a `Host` of loopback, and these fields, each with its line end.
fn get(target: &str, fields: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1:9900\r\n{fields}\r\n")
}

fn check(door: &Door, bytes: &str) -> Result<Request, &'static str> {
    let checked = door.check(bytes.as_bytes()).map_err(|refusal| refusal.status)?;
    let (used, request) = checked.expect("the head is complete");
    assert_eq!(used, bytes.len());
    Ok(request)
}

fn refused(door: &Door, bytes: &str) -> &'static str {
    check(door, bytes).expect_err(bytes)
}

fn with_host(host: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

#[test]
fn a_request_has_a_path_a_query_and_an_end() {
    let door = Door::default();
    let request = check(&door, &get("/tasks?q=a%20b&limit=5", "")).unwrap();
    assert_eq!((&*request.path, request.close), ("/tasks", false));
    assert_eq!((request.query.text("q"), request.query.number("limit")), ("a b", Some(5)));
    assert!(check(&door, &get("/", "Connection: keep-alive, Close\r\n")).unwrap().close);
    assert!(check(&door, "GET / HTTP/1.0\r\n\r\n").unwrap().close);
}

#[test]
fn a_head_that_comes_in_pieces_is_the_same() {
    let (door, bytes) = (Door::default(), get("/dump", "Accept: */*\r\n"));
    for end in 0..bytes.len() {
        assert_eq!(door.check(&bytes.as_bytes()[..end]), Ok(None), "{end}");
    }
    let two = format!("{bytes}{bytes}");
    let (used, request) = door.check(two.as_bytes()).unwrap().unwrap();
    assert_eq!((used, &*request.path), (bytes.len(), "/dump"));
}

#[test]
fn a_host_is_an_address_or_localhost_or_a_name_that_is_allowed() {
    let door = Door { hosts: vec!["server.internal".to_owned()], ..Door::default() };
    for host in
        ["127.0.0.1", "127.0.0.1:9900", "[::1]:9900", "[::1]", "localhost", "LocalHost:1", "192.0.2.7:80"]
    {
        assert!(check(&door, &with_host(host)).is_ok(), "{host}");
    }
    assert!(check(&door, &with_host("Server.Internal:9900")).is_ok());
    for host in [
        "evil.example:9900",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example/127.0.0.1",
        "localhost:9900:1",
        "localhost:x",
        "localhost:123456",
        "user@localhost",
        "[::1",
        "[::1]x",
        "",
    ] {
        assert_eq!(refused(&door, &with_host(host)), "421 Misdirected Request", "{host}");
    }
    assert_eq!(refused(&Door::default(), &with_host("server.internal")), "421 Misdirected Request");
    assert_eq!(refused(&door, "GET / HTTP/1.1\r\n\r\n"), "400 Bad Request");
    let two = "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n";
    assert_eq!(refused(&door, two), "400 Bad Request");
}

#[test]
fn only_get_without_a_body_is_served() {
    let door = Door::default();
    for method in ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "get"] {
        let bytes = get("/", "").replacen("GET", method, 1);
        assert_eq!(refused(&door, &bytes), "405 Method Not Allowed", "{method}");
    }
    assert_eq!(refused(&door, &get("/", "Content-Length: 1\r\n")), "400 Bad Request");
    assert_eq!(refused(&door, &get("/", "Transfer-Encoding: chunked\r\n")), "400 Bad Request");
    assert!(check(&door, &get("/", "Content-Length: 0\r\n")).is_ok());
    for bytes in ["\0\0\0\0", "GET / HTTP/2.0\r\n\r\n", "GET  /\r\n\r\n", "\x16\x03\x01\x02\0"] {
        assert_eq!(door.check(bytes.as_bytes()).unwrap_err().status, "400 Bad Request", "{bytes:?}");
    }
    assert_eq!(refused(&door, &get("http://127.0.0.1/", "")), "400 Bad Request");
}

#[test]
fn sizes_are_bounded() {
    let door = Door::default();
    let long = |length| format!("/{}", "x".repeat(length - 1));
    assert!(check(&door, &get(&long(MAX_TARGET), "")).is_ok());
    assert_eq!(refused(&door, &get(&long(MAX_TARGET + 1), "")), "414 URI Too Long");
    let endless = get(&long(MAX_HEAD), "");
    assert_eq!(door.check(&endless.as_bytes()[..MAX_HEAD - 1]), Ok(None));
    assert_eq!(door.check(&endless.as_bytes()[..MAX_HEAD]), Err(TOO_LARGE));
    assert!(check(&door, &get("/", &"A: b\r\n".repeat(MAX_FIELDS - 1))).is_ok());
    assert_eq!(refused(&door, &get("/", &"A: b\r\n".repeat(MAX_FIELDS))), TOO_LARGE.status);
}

#[test]
fn a_page_of_another_site_reads_nothing() {
    let door = Door::default();
    let refuses = |fields: &str| check(&door, &get("/tasks", fields)).is_err();
    assert!(refuses("Origin: http://evil.example\r\n"));
    assert!(refuses("Origin: null\r\n"));
    assert!(refuses("Origin: http://127.0.0.1:8080\r\n")); // another server of this machine
    assert!(refuses("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: script\r\n"));
    assert!(refuses("Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: cors\r\n"));
    assert!(refuses("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n"));
    assert!(!refuses("Origin: http://127.0.0.1:9900\r\nSec-Fetch-Site: same-origin\r\n"));
    assert!(!refuses(
        "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"
    ));
    assert!(!refuses("Sec-Fetch-Site: none\r\n"));
}

#[test]
fn with_a_token_each_request_needs_it() {
    let door = Door { token: Some(TOKEN.to_owned()), ..Door::default() };
    let status = |authorization: &str| match check(&door, &get("/", authorization)) {
        Ok(_) => "200",
        Err(status) => status.split(' ').next().unwrap(),
    };
    assert_eq!(status(""), "401");
    assert_eq!(status("Authorization: Bearer a-token-of-some-length\r\n"), "200");
    assert_eq!(status("authorization: bearer  a-token-of-some-length\r\n"), "200");
    // printf 'me:a-token-of-some-length' | base64, then with an empty user, then with another token
    assert_eq!(status("Authorization: Basic bWU6YS10b2tlbi1vZi1zb21lLWxlbmd0aA==\r\n"), "200");
    assert_eq!(status("Authorization: Basic OmEtdG9rZW4tb2Ytc29tZS1sZW5ndGg=\r\n"), "200");
    assert_eq!(status("Authorization: Basic bWU6YS10b2tlbi1vZi1zb21lLWxlbmd0eA==\r\n"), "401");
    for wrong in ["", "a-token-of-some-lengt", "a-token-of-some-lengthx", "A-token-of-some-length"] {
        assert_eq!(status(&format!("Authorization: Bearer {wrong}\r\n")), "401", "{wrong}");
    }
    for wrong in
        ["Basic", "Basic %%%%", "Basic YQ==", "Digest a-token-of-some-length", "a-token-of-some-length"]
    {
        assert_eq!(status(&format!("Authorization: {wrong}\r\n")), "401", "{wrong}");
    }
    let right = "Authorization: Bearer a-token-of-some-length\r\n";
    assert_eq!(status(&right.repeat(2)), "401");
    assert_eq!(status(&format!("Origin: http://evil.example\r\n{right}")), "403");
}

#[test]
fn base64_is_that_of_the_rfc() {
    let plain = [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("foobar", "Zm9vYmFy"),
    ];
    for (bytes, text) in plain {
        assert_eq!(from_base64(text.as_bytes()).as_deref(), Some(bytes.as_bytes()), "{text}");
        assert_eq!(from_base64(text.trim_end_matches('=').as_bytes()).as_deref(), Some(bytes.as_bytes()));
    }
    assert_eq!(from_base64(b"+/+/"), Some(vec![0xfb, 0xff, 0xbf]));
    for wrong in ["Zg=x", "Z\u{e9}", "Zm 9v", "===="] {
        assert_eq!(from_base64(wrong.as_bytes()), None, "{wrong}");
    }
}
