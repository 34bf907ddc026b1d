//! `egret::test` is an attribute (feature `macros`) and a module (feature `test-util`), each in a namespace of its own.

use egret::test;
use egret::test::{assert_pending, assert_ready};

#[egret::test]
async fn both_are_reached_by_their_path() {
    let mut probe = egret::test::spawn(egret::task::yield_now());
    egret::test::assert_pending!(probe.poll());
    egret::test::assert_wakes!(probe, 1);
    egret::test::assert_ready!(probe.poll());
}

#[test]
async fn both_are_imported_by_one_name() {
    let mut probe = test::spawn(egret::task::yield_now());
    assert_pending!(probe.poll());
    assert_ready!(probe.poll());
}
