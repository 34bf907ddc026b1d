//! The functions that `#[egret::main(cores = ..)]` calls. Not for other callers: it may change in any release.

use super::builder::Builder;
use super::core::Core;
use std::io;

/// Runs `main` on each of `count` cores, or of as many as the process may use.
#[track_caller]
#[inline]
pub fn cores<M, T>(count: Option<usize>, main: M) -> T
where
    M: AsyncFn(Core) -> T + Sync,
    T: CoresOutput,
{
    let mut builder = Builder::new();
    builder.count = count;
    T::run(builder, main)
}

/// The return types of a function with `#[egret::main(cores = ..)]`.
#[diagnostic::on_unimplemented(
    message = "a function with `#[egret::main(cores = ..)]` returns `()` or `Result<(), E>`, and not `{Self}`",
    note = "for other results of the cores use `egret::cores::Builder`, whose `run` returns all of them"
)]
pub trait CoresOutput: Sized {
    /// Runs the cores to their end.
    #[track_caller]
    fn run(builder: Builder, main: impl AsyncFn(Core) -> Self + Sync) -> Self;
}

impl CoresOutput for () {
    #[track_caller]
    #[inline]
    fn run(builder: Builder, main: impl AsyncFn(Core) + Sync) {
        let ended = builder.run(async |core| {
            main(core).await;
            io::Result::Ok(())
        });
        if let Err(error) = ended {
            panic!("cannot run the cores: {error}");
        }
    }
}

impl<E: From<io::Error> + Send> CoresOutput for Result<(), E> {
    #[track_caller]
    #[inline]
    fn run(builder: Builder, main: impl AsyncFn(Core) -> Self + Sync) -> Self {
        builder.run(main).map(drop)
    }
}
