//! The traits that a [`Confined`] has when its value has them: of a future, a stream, a pointer.

use super::Confined;
use futures_core::Stream;
use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll};

impl<T: ?Sized + 'static> Deref for Confined<T> {
    type Target = T;

    #[inline]
    #[track_caller]
    fn deref(&self) -> &T {
        self.get()
    }
}

impl<T: ?Sized + Unpin + 'static> DerefMut for Confined<T> {
    #[inline]
    #[track_caller]
    fn deref_mut(&mut self) -> &mut T {
        self.as_pin_mut().get_mut()
    }
}

impl<T: Future + ?Sized + 'static> Future for Confined<T> {
    type Output = T::Output;

    #[inline]
    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T::Output> {
        self.get_mut().as_pin_mut().poll(cx)
    }
}

impl<T: Stream + ?Sized + 'static> Stream for Confined<T> {
    type Item = T::Item;

    #[inline]
    #[track_caller]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T::Item>> {
        self.get_mut().as_pin_mut().poll_next(cx)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.get().size_hint()
    }
}

impl<T: Clone + 'static> Clone for Confined<T> {
    /// Wraps a clone of the value.
    #[track_caller]
    #[inline]
    fn clone(&self) -> Confined<T> {
        Confined::new(self.get().clone())
    }
}

impl<T: fmt::Debug + ?Sized + 'static> fmt::Debug for Confined<T> {
    /// On another thread, the name of the value's thread in its place.
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_get() {
            Some(value) => f.debug_tuple("Confined").field(&value).finish(),
            None => f.debug_tuple("Confined").field(&self.home).finish(),
        }
    }
}
