//! The HTTP examples, driven over real sockets as hostile, slow and ordinary clients would.
//!
//! Nothing here sleeps but clients that are to be slow: what must come is waited for with a timeout, and
//! what must not come is shown by something else that does. Where a time limit of the server is the subject,
//! the others are so long that they cannot be what ends the connection.

mod bodies;
mod client;
mod connections;
mod cut_off;
#[path = "../../../examples/http_server/date.rs"]
pub(crate) mod date;
mod overload;
#[allow(dead_code)] // as of `request` below
#[path = "../../../examples/http_server/patience.rs"]
mod patience;
mod queues;
#[allow(dead_code)] // the tests use a part
#[path = "../../../examples/http_server/request.rs"]
mod request;
mod requests;
#[allow(dead_code)] // as of `request` above
#[path = "../../../examples/http_server/routes.rs"]
mod routes;
mod shutdown;
mod slow_clients;
mod small_examples;
mod splits;
mod timeouts;
