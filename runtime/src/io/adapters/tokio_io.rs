//! [`TokioIo`]: gives a stream with tokio's traits those of other crates. With feature `tokio-io`.
//!
//! The sockets implement all the traits themselves. Streams of crates that know only tokio's, such as a `TlsStream`
//! of tokio-rustls, do not.

mod egret; // as a stream of egret
#[cfg(feature = "futures-io")]
mod futures; // as one of futures-io
#[cfg(feature = "hyper")]
mod hyper; // as one of hyper

use pin_project_lite::pin_project;

pin_project! {
    /// Gives a stream that has tokio's `AsyncRead` and `AsyncWrite` those of egret, for [`copy`](crate::io::copy) and
    /// [`copy_bidirectional`](crate::io::copy_bidirectional); those of `futures-io` (with feature `futures-io`); and hyper's
    /// `Read` and `Write` (with feature `hyper`).
    ///
    /// It adds no buffer, copies nothing and zeroes nothing.
    ///
    /// ```
    /// # #[cfg(feature = "hyper")] {
    /// use egret_runtime::io::TokioIo;
    ///
    /// fn for_hyper<S>(stream: S) -> impl hyper::rt::Read + hyper::rt::Write
    /// where
    ///     S: tokio::io::AsyncRead + tokio::io::AsyncWrite, // such as a `TlsStream` of tokio-rustls
    /// {
    ///     TokioIo::new(stream)
    /// }
    /// # }
    /// ```
    #[derive(Clone, Copy, Debug, Default)]
    pub struct TokioIo<T> {
        #[pin]
        inner: T,
    }
}

impl<T> TokioIo<T> {
    /// Wraps a stream.
    #[inline]
    pub fn new(inner: T) -> TokioIo<T> {
        TokioIo { inner }
    }

    /// Returns the stream.
    #[inline]
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// Returns the stream, mutably.
    #[inline]
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// Unwraps the stream.
    #[inline]
    pub fn into_inner(self) -> T {
        self.inner
    }
}

#[cfg(test)]
pub(super) mod tests;
