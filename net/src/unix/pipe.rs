//! Pipes: a [`Sender`] and a [`Receiver`], anonymous or with a name in the file system. See
//! [`pipe(7)`](https://man7.org/linux/man-pages/man7/pipe.7.html).
//!
//! Re-exports of the runtime's types, under tokio's names.
//!
//! ```
//! use egret_net::unix::pipe;
//!
//! # egret_runtime::block_on(async {
//! let (mut sender, mut receiver) = pipe::pipe()?;
//! sender.write_all(b"hello").await?;
//! let mut hello = [0; 5];
//! receiver.read_exact(&mut hello).await?;
//! assert_eq!(&hello, b"hello");
//! # std::io::Result::Ok(())
//! # }).unwrap();
//! ```

pub use egret_runtime::io::pipe::{OpenOptions, Receiver, Sender, pipe};
