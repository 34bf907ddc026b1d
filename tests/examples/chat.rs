//! `chat`.

use std::io::ErrorKind;
use std::io::Read;

use crate::server::{Client, PATIENCE, Server, assert_explains_itself};
use crate::uninterrupted::uninterrupted;

/// A client that has given its name, and the others that it was told of.
fn enter(server: &Server, name: &str) -> (Client, String) {
    let mut client = server.connect();
    assert_eq!(client.line(), "* your name?");
    client.send(format!("{name}\n"));
    let here = client.line();
    (client, here)
}

#[test]
fn a_line_reaches_all_the_others_and_not_its_sender() {
    let server = Server::start("chat", &["127.0.0.1:0"]);
    let (mut ann, here) = enter(&server, "ann");
    assert_eq!(here, "* here: ");
    let (mut bob, here) = enter(&server, "bob");
    assert_eq!(here, "* here: ann");
    let (mut eve, here) = enter(&server, "eve");
    assert_eq!(here, "* here: ann, bob");
    assert_eq!([ann.line(), ann.line(), bob.line()], ["* bob has come", "* eve has come", "* eve has come"]);

    // However it is cut into pieces, and with the end of a line as telnet writes it.
    ann.send("hel");
    ann.send("lo\r\nand ");
    ann.send("more\n");
    for other in [&mut bob, &mut eve] {
        assert_eq!([other.line(), other.line()], ["ann: hello", "ann: and more"]);
    }
    bob.send("answer\n");
    assert_eq!([ann.line(), eve.line()], ["bob: answer", "bob: answer"]);
    drop(eve);
    assert_eq!([ann.line(), bob.line()], ["* eve has gone", "* eve has gone"]);
    // Her name is free again.
    assert_eq!(enter(&server, "eve").1, "* here: ann, bob");
}

#[test]
fn names_and_lines_that_would_harm_others_are_refused_or_cleaned() {
    let server = Server::start("chat", &["127.0.0.1:0"]);
    let (mut ann, _) = enter(&server, "ann");
    let (mut bob, taken) = enter(&server, "ann");
    assert_eq!(taken, "* there is a ann here already; your name?");
    for name in ["", "a b", "17letters17letter", "*", "a\u{e9}"] {
        bob.send(format!("{name}\n"));
        assert_eq!(bob.line(), "* a name is 1 to 16 letters and digits; your name?", "to {name:?}");
    }
    bob.send("bob\n");
    assert_eq!([bob.line(), ann.line()], ["* here: ann", "* bob has come"]);
    // Sequences for a terminal, and bytes that are no text.
    bob.send(b"a\x1b[2Jb\0c\x07\xff\n");
    assert_eq!(ann.line(), "bob: a[2Jbc\u{fffd}");
    // A line without end: he goes, and she stays.
    bob.send(vec![b'x'; 4096]);
    assert_eq!(ann.line(), "* bob has gone");
    assert_explains_itself("chat", &["127.0.0.1:x"]);
}

// The queue of one fills up and its member goes; the others get every line, in order, and do not wait for it.
#[test]
fn a_member_that_stops_reading_is_dropped_and_slows_nobody() {
    let server = Server::start("chat", &["127.0.0.1:0"]);
    let (ann, _) = enter(&server, "ann");
    let (mut bob, _) = enter(&server, "bob");
    let (mut slow, here) = enter(&server, "slow");
    assert_eq!([here.as_str(), &bob.line()], ["* here: ann, bob", "* slow has come"]);

    let line = "x".repeat(1000);
    let mut sent = 0;
    // Far more than the buffers of a connection hold; bounded, in case no member is dropped.
    let dropped = (0..20_000).any(|number| {
        ann.send(format!("{number} {line}\n"));
        sent += 1;
        let got = bob.line();
        if got == "* slow was too slow" {
            assert_eq!(bob.line(), format!("ann: {number} {line}"));
            return true;
        }
        assert_eq!(got, format!("ann: {number} {line}"));
        false
    });
    assert!(dropped, "{sent} lines were kept for one that does not read");
    // It has lost its connection, and what it may still read is a part from the start and not all.
    let mut read = Vec::new();
    let mut buffer = [0; 64 * 1024];
    let end = loop {
        match uninterrupted(PATIENCE, || slow.reader.read(&mut buffer)) {
            Ok(0) => break None,
            Ok(n) => read.extend_from_slice(&buffer[..n]),
            Err(error) => break Some(error.kind()),
        }
    };
    assert_eq!(end, Some(ErrorKind::ConnectionReset));
    assert!(read.len() < sent * line.len());
    // The room goes on.
    bob.send("still here\n");
    let mut ann = ann;
    let rest: Vec<_> = (0..4).map(|_| ann.line()).collect();
    assert_eq!(rest, ["* bob has come", "* slow has come", "* slow was too slow", "bob: still here"]);
}

/// Each client is on another core than the one before: it goes to the core that has the fewest.
#[test]
fn members_on_two_cores_are_in_one_room_and_see_one_order() {
    let server = Server::start("chat", &["127.0.0.1:0", "--cores", "2"]);
    let names = ["ann", "bob", "cat", "dan"];
    let mut members: Vec<_> = names.iter().map(|name| enter(&server, name)).collect();
    for (number, (member, here)) in members.iter_mut().enumerate() {
        assert_eq!(*here, format!("* here: {}", names[..number].join(", ")));
        for later in &names[number + 1..] {
            assert_eq!(member.line(), format!("* {later} has come"));
        }
    }
    assert_eq!(server.threads_named("egret-core-"), ["egret-core-0", "egret-core-1"]);
    let (mut other, taken) = enter(&server, "bob");
    assert_eq!(taken, "* there is a bob here already; your name?");
    other.send("bo\n");
    assert_eq!(other.line(), "* here: ann, bob, cat, dan");

    // All talk at once. What two of them both hear from the others comes in the same order.
    const LINES: usize = 200;
    for number in 0..LINES {
        members.iter().for_each(|(member, _)| member.send(format!("{number}\n")));
    }
    let mut heard: Vec<Vec<String>> = Vec::new();
    for (member, _) in &mut members {
        assert_eq!(member.line(), "* bo has come");
        heard.push((0..3 * LINES).map(|_| member.line()).collect());
    }
    let all: Vec<_> = (0..4 * LINES).map(|_| other.line()).collect();
    for (name, heard) in names.iter().zip(&heard) {
        let own = format!("{name}: ");
        let of_others: Vec<_> = all.iter().filter(|line| !line.starts_with(&own)).cloned().collect();
        assert_eq!(*heard, of_others);
        let said: Vec<_> = all.iter().filter_map(|line| line.strip_prefix(&own)).collect();
        assert_eq!(said, (0..LINES).map(|number| number.to_string()).collect::<Vec<_>>());
    }

    members.truncate(1);
    let gone: std::collections::BTreeSet<_> = (0..3).map(|_| other.line()).collect();
    assert!(gone.iter().eq(["* bob has gone", "* cat has gone", "* dan has gone"]), "{gone:?}");
    assert_eq!(enter(&server, "bob").1, "* here: ann, bo"); // their names are free again
    assert_explains_itself("chat", &["127.0.0.1:0", "--cores", "0"]);
    assert_explains_itself("chat", &["127.0.0.1:0", "--cores"]);
}
