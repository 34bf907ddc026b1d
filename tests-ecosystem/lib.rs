//! The guide in `docs/guide`, whose programs are documentation tests here. Otherwise nothing: the tests of this package
//! are in `tests`.

#[cfg(doctest)]
mod guide {
    #[doc = include_str!("../docs/guide/1-hello.md")]
    mod hello {}

    #[doc = include_str!("../docs/guide/2-a-task-for-each-connection.md")]
    mod a_task_for_each_connection {}

    #[doc = include_str!("../docs/guide/3-time-limits.md")]
    mod time_limits {}

    #[doc = include_str!("../docs/guide/4-limits.md")]
    mod limits {}

    #[doc = include_str!("../docs/guide/8-http.md")]
    mod http {}

    // What `5-ending-well.md`, `6-testing-it.md` and `7-tls.md` show is run by `tests/guide.rs` and `tests/guide_tls.rs`.
}
