//! No example compiles tokio's runtime: no `rt`, no `net`, no `time`.

mod common;

use common::output;

#[test]
fn of_tokio_there_are_the_traits_and_the_channels_alone() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let tree = [
        "tree",
        "--offline",
        "--locked",
        "--manifest-path",
        manifest,
        "--edges",
        "normal,features",
        "--invert",
        "tokio",
        "--prefix",
        "none",
    ];
    let tree = output(env!("CARGO"), &tree);
    let mut features: Vec<_> = tree
        .lines()
        .filter_map(|line| line.strip_prefix("tokio feature \"")?.split_once('"'))
        .map(|(feature, _)| feature)
        .collect();
    features.sort_unstable();
    features.dedup();
    assert_eq!(features, ["bytes", "default", "io-util", "sync"]);
}
