//! The HTTP examples, driven over real sockets by hostile, slow and ordinary clients.
//!
//! Only clients that are slow on purpose sleep: an expected answer is awaited with a timeout, and
//! the absence of one is shown by a later event. A test of one time limit of the server
//! sets the others so long that they cannot end the connection.

mod bodies;
mod client;
mod connections;
mod cores;
mod cut_off;
#[path = "../../../examples/http_server/date.rs"]
pub(crate) mod date;
#[cfg(feature = "inspect")]
mod inspect;
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
