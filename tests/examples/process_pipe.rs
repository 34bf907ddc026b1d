//! The example `process_pipe`, run as a user runs it.

#![allow(missing_docs)]
#![cfg(not(miri))] // which has no processes

use crate::example_common::example;
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(120);

fn start(arguments: &[&str]) -> Child {
    let mut command = example("process_pipe");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the example is built")
}

/// What it writes to the end of its output, having been sent `input`; its errors; and its code.
fn run(arguments: &[&str], input: &[u8]) -> (Vec<u8>, String, Option<i32>) {
    let mut child = start(arguments);
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_vec();
    let feeding = std::thread::spawn(move || {
        let _ = stdin.write_all(&input); // the program may read less
    });
    let output = child.wait_with_output().expect("it ends");
    feeding.join().expect("no panic");
    (output.stdout, String::from_utf8(output.stderr).expect("text"), output.status.code())
}

#[test]
fn lines_come_back_with_their_numbers() {
    let (output, errors, code) = run(&["sort"], b"b\na\n");
    assert_eq!(String::from_utf8(output).unwrap(), "     1  a\n     2  b\n");
    assert_eq!((errors.as_str(), code), ("", Some(0)));
    let (output, ..) = run(&["cat"], b"no newline");
    assert_eq!(output, b"no newline");
}

#[test]
fn errors_and_the_code_of_the_program_are_passed_on() {
    let (output, errors, code) = run(&["sh", "-c", "echo out; echo err >&2; exit 7"], b"");
    assert_eq!((&output[..], errors.as_str(), code), (&b"     1  out\n"[..], "err\n", Some(7)));
    let (_, errors, code) = run(&["/no/such/program"], b"");
    assert!(errors.starts_with("process_pipe: /no/such/program: "), "{errors}");
    assert_eq!(code, Some(127));
    assert_eq!(run(&[], b"").2, Some(2));
    assert_eq!(run(&["sh", "-c", "kill -9 $$"], b"").2, Some(1));
}

// Three pipes that are all full at once: what waits for one alone never ends.
#[test]
fn megabytes_go_through_all_three_pipes_at_once() {
    let input = b"0123456789abcde\n".repeat(100_000);
    let (output, errors, code) = run(&["sh", "-c", "tee /dev/stderr"], &input);
    assert_eq!(code, Some(0));
    assert!(errors.as_bytes() == input, "{} of {} bytes of errors", errors.len(), input.len());
    assert_eq!(output.len(), input.len() + 8 * 100_000);
    assert!(output.ends_with(b"100000  0123456789abcde\n"));
}

#[test]
fn a_program_that_ends_before_its_input_does_ends_the_example() {
    let mut child = start(&["head", "-n", "1"]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"first\nsecond\n").unwrap();
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(start.elapsed() < PATIENCE, "it writes input that the program no longer reads");
        std::thread::yield_now();
    };
    assert!(status.success());
    let mut output = String::new();
    child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert_eq!(output, "     1  first\n");
    drop(stdin);
}
