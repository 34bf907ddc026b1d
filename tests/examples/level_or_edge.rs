//! `level_or_edge`: the kernel behaves as the page and the comments say.

use crate::example_common::example;

const EXPECTED: &str = "\
epoll_wait returns with a report                    level left               edge left
100 bytes arrive, none is read, 5 calls                 5 100 bytes             1 100 bytes
2000 bytes arrive, 1000 are read a report               2 nothing               1 1000 bytes   <- silent
2000 bytes arrive, read until EAGAIN                    1 nothing               1 nothing
3 x 100 bytes arrive, 50 are read a report              6 nothing               3 150 bytes   <- silent
3 connections wait, 1 is accepted a report              3 nothing               1 2 connections   <- silent
room to write, 1 byte is written a report, 5 calls      5 nothing               1 4 writes   <- silent
as the second, EPOLL_CTL_MOD after each read            2 nothing               2 nothing
the peer has closed, no read, 5 calls                   5 1 end of file         1 1 end of file
";

#[test]
fn the_kernel_reports_a_state_or_a_change() {
    let output = example("level_or_edge").output().expect("the example starts");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8(output.stdout).expect("text"), EXPECTED);
    assert!(output.status.success());
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/why-epoll.md")).expect("a page");
    let block: String = EXPECTED.lines().map(|line| format!("    {line}\n")).collect();
    assert!(page.contains(&block), "docs/why-epoll.md shows another output");
}
