//! [`WhenBuilt`]: what a higher room does with a runtime that has just been built.

use super::{Builder, Runtime};
use std::fmt;
use std::io;

/// Called on the thread of the runtime, before the program has it; an error is that of the build.
type Hook = Box<dyn FnOnce(&Runtime) -> io::Result<()> + Send + Sync>;

/// The hook of a [`Builder`], if it has one.
#[derive(Default)]
pub(super) struct WhenBuilt(Option<Hook>);

impl Builder {
    /// Replaces the hook.
    #[inline]
    pub(crate) fn when_built(
        mut self,
        hook: impl FnOnce(&Runtime) -> io::Result<()> + Send + Sync + 'static,
    ) -> Builder {
        self.when_built = WhenBuilt(Some(Box::new(hook)));
        self
    }
}

impl WhenBuilt {
    #[inline]
    pub(super) fn call(self, runtime: &Runtime) -> io::Result<()> {
        self.0.map_or(Ok(()), |hook| hook(runtime))
    }
}

impl fmt::Debug for WhenBuilt {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WhenBuilt").field(&self.0.is_some()).finish()
    }
}
