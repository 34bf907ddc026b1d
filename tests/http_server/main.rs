//! The HTTP examples, driven over real sockets as hostile, slow and ordinary clients would.
//!
//! Nothing here sleeps: what must come is waited for with a timeout, and what must not come is shown by
//! something else that does.

mod bodies;
mod client;
mod connections;
#[path = "../../examples/http_server/date.rs"]
mod date;
mod overload;
#[allow(dead_code)] // the tests use a part
#[path = "../../examples/http_server/request.rs"]
mod request;
mod requests;
mod small_examples;
mod splits;
