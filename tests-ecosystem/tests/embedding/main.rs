//! A runtime inside of tokio and inside of async-io, each next to sockets and timers of that loop. In GLib:
//! `tests-ecosystem/glib`.

mod guest;
mod in_async_io;
mod in_tokio;
