//! `egret::test` is an attribute (feature `macros`) and a module (feature `test-util`), each in a namespace of its own; and
//! egret itself may have another name where the attributes are.

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

/// Another name of egret, which code here has no other way to.
mod server {
    pub use ::egret as renamed;

    #[renamed::main(crate = "renamed")]
    pub async fn answer() -> u32 {
        renamed::spawn(async { 42 }).await.unwrap()
    }

    #[renamed::main(crate = "renamed", name = "front")]
    pub async fn name() -> Option<String> {
        renamed::runtime::Handle::current().name().map(str::to_owned)
    }
}

#[server::renamed::test(crate = "server::renamed", timeout = "5s")]
async fn the_code_of_an_attribute_says_the_path_that_it_is_given() {
    server::renamed::task::yield_now().await;
}

#[std::prelude::v1::test]
fn main_says_it_too() {
    assert_eq!((server::answer(), server::name().as_deref()), (42, Some("front")));
}
