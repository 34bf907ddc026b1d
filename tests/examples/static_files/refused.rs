//! Requests that are refused: files that are not to be served, ways out of the folder, bad syntax.

use super::*;

#[test]
fn what_begins_with_a_dot_is_not_served_but_for_what_is_well_known() {
    let site = Site::new();
    for name in [".env", ".git/config", "sub/.hidden", ".well-known/security.txt", "..two", ".well-known.txt"]
    {
        let path = site.folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "text").unwrap();
    }
    for target in [
        "/.env",
        "/%2eenv",
        "/.git/config",
        "/.git",
        "/sub/.hidden",
        "/sub/../.env",
        "/..two",
        "/.well-known.txt",
    ] {
        assert_eq!(site.get(target, "").status, "404 Not Found", "{target}");
    }
    assert_eq!(site.get("/.well-known/security.txt", "").content, b"text");
    assert_eq!(site.get("/./sub/../digits.txt", "").content, b"0123456789");
}

#[test]
fn there_is_no_way_out_of_the_folder() {
    let site = Site::new();
    let secret = site.outside.join("secret.txt");
    symlink(&secret, site.folder.join("absolute")).unwrap();
    symlink("../secret.txt", site.folder.join("relative")).unwrap();
    symlink("..", site.folder.join("up")).unwrap();
    symlink("/proc/self/root", site.folder.join("magic")).unwrap();
    symlink("loop", site.folder.join("loop")).unwrap();
    symlink("digits.txt", site.folder.join("within")).unwrap();
    symlink("sub/../../site/digits.txt", site.folder.join("out-and-in")).unwrap();
    let absolute = secret.to_str().expect("text");
    for target in [
        "/../secret.txt",
        "/sub/../../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/%2E%2E%2Fsecret.txt",
        "/.%2e/secret.txt",
        "/sub/..%2f..%2fsecret.txt",
        "/nothing/../../secret.txt",
        "/absolute",
        "/relative",
        "/up/secret.txt",
        "/up/site/digits.txt",
        "/up/",
        "/magic/etc/passwd",
        "/loop",
        "/out-and-in",
        "//etc/passwd",
        &format!("/{absolute}"),
        &format!("/%2f{absolute}"),
        "/%252e%252e/secret.txt",
        "/..%5csecret.txt",
        "/..",
        "/../",
        "/digits.txt/",
        "/digits.txt/..",
    ] {
        let answer = site.get(target, "");
        assert_eq!(answer.outline(), ("404 Not Found", "", "404 Not Found\n"), "{target}");
    }
    for target in ["/secret.txt%00", "/digits.txt%00.png", "/%", "/%4", "/%zz", "/%+1", "digits.txt", "*"] {
        let answer = site.get(target, "");
        assert_eq!(answer.outline(), ("400 Bad Request", "", "400 Bad Request\n"), "{target}");
    }
    assert_eq!(site.get("/within", "").outline(), ("200 OK", "", "0123456789"));
    // Long names are the kernel's to refuse.
    assert_eq!(site.get(&format!("/{}", "x".repeat(300)), "").status, "404 Not Found");
    assert_eq!(site.get(&format!("/{}", "x/".repeat(2000)), "").status, "404 Not Found");
    assert_eq!(site.get(&format!("/{}", "x/".repeat(3000)), "").status, "414 URI Too Long");
}

#[test]
fn what_is_no_file_is_not_served_and_holds_up_nobody() {
    let site = Site::new();
    let _socket = UnixListener::bind(site.folder.join("socket")).unwrap();
    let made = Command::new("mkfifo").arg(site.folder.join("pipe")).status().expect("there is a `mkfifo`");
    assert!(made.success());
    // More than there are threads to open files on, should each of them wait for a writer.
    let mut waiting: Vec<_> = (0..600).map(|_| site.server.connect()).collect();
    waiting.iter().for_each(|client| client.send("GET /pipe HTTP/1.1\r\nHost: a\r\n\r\n"));
    for client in &mut waiting {
        assert_eq!(client.answer(true).status, "404 Not Found");
    }
    assert_eq!(site.get("/socket", "").status, "404 Not Found");
    assert_eq!(site.get("/sub", "").status, "301 Moved Permanently");
}

#[test]
fn a_request_that_is_not_understood_is_refused_and_nothing_after_it_is_read_as_one() {
    let site = Site::new();
    let next = "GET /digits.txt HTTP/1.1\r\nHost: a\r\n\r\n";
    for (head, status) in [
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab", "405 Method Not Allowed"),
        ("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", "501 Not Implemented"),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab", "413 Content Too Large"),
        ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "413 Content Too Large"),
        ("GET / HTTP/1.1\r\n\r\n", "400 Bad Request"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400 Bad Request"),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505 HTTP Version Not Supported"),
        ("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", "400 Bad Request"),
        ("GET / HTTP/1.1\nHost: a\r\n\r\n", "400 Bad Request"),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n", "400 Bad Request"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: y\nContent-Length: 40\r\n\r\n", "400 Bad Request"),
        ("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", "405 Method Not Allowed"),
    ] {
        let mut client = site.server.connect();
        client.send(format!("{head}{next}"));
        let answer = client.answer(true);
        assert_eq!((answer.status.as_str(), answer.field("Connection")), (status, "close"), "{head:?}");
        assert_eq!(answer.content, format!("{status}\n").as_bytes(), "{head:?}");
        assert_eq!(client.rest(), b"", "{head:?}");
    }
    let mut client = site.server.connect();
    client.send("HEAD / HTTP/1.1\r\nHost: %zz\r\n\r\n");
    let refused = client.answer(false);
    assert_eq!((refused.status.as_str(), refused.field("Content-Length")), ("400 Bad Request", "16"));
    assert_eq!(client.rest(), b"", "content in an answer to HEAD");
    // A refusal arrives though the client is in the middle of a body that is not read.
    let mut client = site.server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n");
    client.send(vec![b'x'; 200_000]);
    assert_eq!(client.answer(true).field("Allow"), "GET, HEAD");
    assert_eq!(client.rest(), b"");
    let mut client = site.server.connect();
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(8 * 1024)));
    assert_eq!(client.answer(true).status, "431 Request Header Fields Too Large");
    // One that fits, in pieces of one byte.
    let mut client = site.server.connect();
    next.as_bytes().chunks(1).for_each(|byte| client.send(byte));
    assert_eq!(client.answer(true).content, b"0123456789");
}
