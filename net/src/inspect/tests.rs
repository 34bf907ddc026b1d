//! The server on a socket, with a feed that no loop made.

use super::feed::{Feed, Pending};
use super::*;
use egret_runtime::inspect::{Dump, Histograms, LoopView, Recording, TaskView};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A loop that always answers with this dump.
pub(super) struct Fixed(pub(super) Dump);

impl Feed for Fixed {
    fn dump(&self) -> Pending<Dump> {
        let dump = self.0.clone();
        Box::new(|| Some(dump))
    }

    fn dump_loop(&self) -> Pending<LoopView> {
        let dump = self.dump();
        Box::new(|| dump().map(|dump| dump.runtime))
    }

    fn histograms(&self) -> Option<Histograms> {
        None
    }

    fn recording(&self) -> Option<Recording> {
        None
    }
}

fn serve(options: Options, dump: Dump) -> Server {
    options.serve_feeds("127.0.0.1:0", vec![Box::new(Fixed(dump))]).unwrap()
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.local_addr()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// One request on a connection of its own; the head and the body of the answer.
fn get(server: &Server, target: &str, fields: &str) -> (String, String) {
    ask(server, &format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{fields}\r\n"))
}

fn ask(server: &Server, request: &str) -> (String, String) {
    let mut stream = connect(server);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let length = field(head, "Content-Length").expect("a length").parse::<usize>().unwrap();
    assert_eq!(length, body.len(), "{target}", target = request.lines().next().unwrap());
    (head.to_owned(), body.to_owned())
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let values = head.lines().filter_map(|line| line.split_once(": "));
    values.filter(|(other, _)| *other == name).map(|(_, value)| value).next()
}

fn status(head: &str) -> &str {
    head.split(' ').nth(1).unwrap()
}

const PATHS: [&str; 13] = [
    "/",
    "/page.css",
    "/page.js",
    "/timeline.js",
    "/overview",
    "/dump",
    "/tasks",
    "/groups",
    "/task?id=0",
    "/sources",
    "/timers",
    "/blocking",
    "/metrics",
];

#[test]
fn every_answer_forbids_what_a_page_has_no_use_for() {
    let server = serve(Options::new(), Dump::default());
    for path in PATHS.into_iter().chain(["/timeline", "/nothing", "/trace"]) {
        let (head, body) = get(&server, path, "");
        assert_eq!(
            status(&head),
            if ["/nothing", "/trace"].contains(&path) { "404" } else { "200" },
            "{path}"
        );
        assert!(!body.is_empty(), "{path}");
        assert_eq!(field(&head, "X-Content-Type-Options"), Some("nosniff"), "{path}");
        assert_eq!(field(&head, "X-Frame-Options"), Some("DENY"), "{path}");
        assert_eq!(field(&head, "Cache-Control"), Some("no-store"), "{path}");
        assert_eq!(field(&head, "Cross-Origin-Resource-Policy"), Some("same-origin"), "{path}");
        let policy = field(&head, "Content-Security-Policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{path}");
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{path}");
        assert!(!head.to_ascii_lowercase().contains("access-control"), "{path}: a CORS header");
    }
    server.stop();
}

#[test]
fn a_name_is_never_parsed_as_html() {
    let mut task = TaskView::default();
    task.name = Some("<script>alert(1)</script>\r\n\0\u{2028}".to_owned());
    let mut dump = Dump::default();
    dump.tasks = vec![task];
    let server = serve(Options::new(), dump);
    // The page has no data in it: a script fetches JSON, with a type that no browser runs or shows as a page.
    assert_eq!(get(&server, "/", "").1, include_str!("page.html"));
    let (head, body) = get(&server, "/tasks", "");
    assert_eq!(field(&head, "Content-Type"), Some("application/json"));
    let json: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(json["tasks"][0]["name"], "<script>alert(1)</script>\r\n\0\u{2028}");
    assert!(get(&server, "/dump", "").0.contains("Content-Type: text/plain; charset=utf-8"));
    for script in [include_str!("page.js"), include_str!("timeline.js")] {
        for way in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "srcdoc"]
        {
            assert!(!script.contains(way), "the scripts use {way}");
        }
    }
    let page = include_str!("page.html");
    for outside in ["http:", "https:", "//", "style=", "onclick", "@import"] {
        assert!(
            !page.contains(outside) && !include_str!("page.css").contains(&format!("url({outside}")),
            "{outside}"
        );
    }
    server.stop();
}

#[test]
fn a_connection_serves_requests_in_a_row_and_in_pieces() {
    let server = serve(Options::new(), Dump::default());
    let mut stream = connect(&server);
    let request = "GET /tasks HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request.repeat(3).as_bytes()).unwrap();
    let (first, last) = request.split_at(20);
    stream.write_all(first.as_bytes()).unwrap();
    stream.write_all(last.as_bytes()).unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap(); // it ends with the refusal
    assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 4);
    assert_eq!(answers.matches("HTTP/1.1 405 Method Not Allowed\r\n").count(), 1);
    assert!(answers.contains("Allow: GET\r\n"));
    server.stop();
}

#[test]
fn a_head_without_an_end_is_refused() {
    let server = serve(Options::new(), Dump::default());
    let (head, _) = ask(&server, &format!("GET / HTTP/1.1\r\nHost: localhost\r\nA: {}", "x".repeat(9000)));
    assert_eq!(status(&head), "431");
    server.stop();
}

#[test]
fn a_name_of_another_site_and_a_missing_token_are_refused() {
    let server = serve(Options::new().token("a-token-of-some-length").host("here.internal"), Dump::default());
    let token = "Authorization: Bearer a-token-of-some-length\r\n";
    for path in PATHS {
        assert_eq!(status(&get(&server, path, "").0), "401", "{path}");
        assert_eq!(status(&get(&server, path, token).0), "200", "{path}");
    }
    let (head, _) = get(&server, "/", "");
    assert_eq!(field(&head, "WWW-Authenticate"), Some("Basic realm=\"egret\", charset=\"UTF-8\""));
    let with_host =
        |host| ask(&server, &format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{token}\r\n")).0;
    assert_eq!(status(&with_host("evil.example")), "421");
    assert_eq!(status(&with_host("here.internal:80")), "200");
    server.stop();
}

#[test]
fn an_address_of_the_network_needs_a_token_and_a_good_one() {
    let serve = |options: Options, address: &str| options.serve_feeds(address, Vec::new());
    for address in ["0.0.0.0:0", "[::]:0", "[::ffff:0.0.0.0]:0"] {
        let error = serve(Options::new(), address).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("is not a loopback address"), "{error}");
    }
    for token in ["", "short", "fifteen-bytes-x", "with a space in the middle", "with-a-\u{e9}-in-the-middle"]
    {
        let error = serve(Options::new().token(token), "127.0.0.1:0").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{token}");
    }
    let server = serve(Options::new().token("a-token-of-some-length"), "0.0.0.0:0").unwrap();
    assert!(server.local_addr().ip().is_unspecified());
    server.stop();
    assert!(!format!("{:?}", Options::new().token("a-token-of-some-length")).contains("a-token"));
}

#[test]
fn an_address_in_use_is_an_error_that_names_it() {
    let server = serve(Options::new(), Dump::default());
    let address = server.local_addr();
    let error = Options::new().serve_feeds(address, Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().starts_with(&address.to_string()), "{error}");
    server.stop();
    Options::new().serve_feeds(address, Vec::new()).unwrap().stop(); // it is free again
}

#[test]
fn a_loop_that_is_not_there_is_not_found() {
    let server = serve(Options::new(), Dump::default());
    assert_eq!(status(&get(&server, "/tasks?loop=0", "").0), "200");
    assert_eq!(status(&get(&server, "/tasks?loop=1", "").0), "404");
    assert_eq!(status(&get(&server, "/tasks?loop=first", "").0), "400");
    assert_eq!(status(&get(&server, "/task", "").0), "400");
    assert_eq!(status(&get(&server, "/timeline?recording=9", "").0), "410");
    server.stop();
}

#[test]
fn an_answer_to_head_has_no_body() {
    let server = serve(Options::new(), Dump::default());
    let (head, body) = ask(&server, "HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!((status(&head), field(&head, "Allow"), &*body), ("405", Some("GET"), ""));
    server.stop();
}

/// More than may be open in the time for which a client waits, if each had all of its time for a head.
#[test]
fn clients_that_send_half_a_head_do_not_shut_others_out() {
    let server = serve(Options::new(), Dump::default());
    let mut slow: Vec<_> = (0..5 * MOST).map(|_| connect(&server)).collect();
    for stream in &mut slow {
        let _ = stream.write_all(b"GET / HTTP/1.1\r\n"); // it may have been closed
    }
    let (head, _) = get(&server, "/dump", "");
    assert_eq!(status(&head), "200");
    assert!(matches!(slow[0].read(&mut [0]), Ok(0) | Err(_)), "the one that waited longest is open");
    server.stop();
}

/// Loops that are all asked before the first is waited for: each must have been.
struct Together {
    asked: Arc<AtomicUsize>,
    of: usize,
}

impl Together {
    fn wait<T>(&self, answer: T) -> Pending<T>
    where
        T: 'static,
    {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let (asked, of) = (self.asked.clone(), self.of);
        Box::new(move || {
            assert_eq!(asked.load(Ordering::Relaxed) % of, 0, "a loop is waited for before all were asked");
            Some(answer)
        })
    }
}

impl Feed for Together {
    fn dump(&self) -> Pending<Dump> {
        self.wait(Dump::default())
    }

    fn dump_loop(&self) -> Pending<LoopView> {
        self.wait(LoopView::default())
    }

    fn histograms(&self) -> Option<Histograms> {
        None
    }

    fn recording(&self) -> Option<Recording> {
        None
    }
}

/// So any number of stuck loops takes the time of one.
#[test]
fn all_loops_are_asked_before_the_first_is_waited_for() {
    let (asked, of) = (Arc::new(AtomicUsize::new(0)), 5);
    let feed = |_| Box::new(Together { asked: asked.clone(), of }) as Box<dyn Feed>;
    let server = Options::new().serve_feeds("127.0.0.1:0", (0..of).map(feed).collect()).unwrap();
    for path in ["/overview", "/metrics"] {
        let before = asked.load(Ordering::Relaxed);
        assert_eq!(status(&get(&server, path, "").0), "200", "{path}");
        assert_eq!(asked.load(Ordering::Relaxed) - before, of, "{path}");
    }
    server.stop();
}
