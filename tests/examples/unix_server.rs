//! `unix_server`, which contains its own clients.

use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use crate::example_common::example;

/// A unique path.
fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("egret-test-{}-{name}", std::process::id()))
}

#[test]
fn three_clients_are_served_at_once_and_each_in_order() {
    let path = path("unix_server");
    let output = example("unix_server").arg(&path).output().expect("the example starts");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty());
    assert!(!path.exists(), "the socket is left behind");

    let lines: Vec<_> = text.lines().collect();
    for number in 1..=3 {
        let of_client: Vec<_> =
            lines.iter().filter(|line| line.contains(&format!("client {number}"))).collect();
        let mut expected = vec![format!("received: client {number} is here")];
        expected.extend((1..=5).map(|message| format!("received: client {number}, message {message}")));
        assert_eq!(of_client, expected.iter().collect::<Vec<_>>(), "{text}");
    }
    assert_eq!(lines.len(), 3 + 3 * 6 + 3 + 1, "{text}");
    assert_eq!(lines.last(), Some(&"all clients are done"));
    // All three were there before any of them sent a message or left.
    let place = |words: &str| lines.iter().position(|line| line.contains(words)).expect("it is printed");
    let last_here = lines.iter().rposition(|line| line.contains("is here")).expect("it is printed");
    assert!(last_here < place("message 1") && last_here < place("disconnected"), "{text}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("connected: a process of user ")).count(), 3);
}

#[test]
fn it_does_not_take_a_path_from_a_server_that_runs() {
    let path = path("unix_server-taken");
    let listener = UnixListener::bind(&path).expect("the path is free");
    let output = example("unix_server").arg(&path).output().expect("the example starts");
    let message = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1));
    assert!(message.contains("in use") && message.contains("usage: unix_server [PATH]"), "{message}");
    assert!(path.exists(), "the file of the other was removed");
    drop(listener);
    std::fs::remove_file(&path).expect("it is still there");
}
