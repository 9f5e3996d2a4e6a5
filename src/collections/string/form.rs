//! What the 24 bytes of a text are: the text itself, if it is short, or the words of a vector.
//!
//! The last byte tells: that of a short text is marked, that of a vector is the highest of its length, which no memory is long
//! enough to mark.

use core::mem::ManuallyDrop;

use super::short::Short;
use crate::collections::PVec;
use crate::typed::HeapType;

#[repr(C)]
pub(super) union Bytes<H: HeapType> {
    short: Short,
    long: ManuallyDrop<PVec<u8, H>>,
}

/// The one or the other.
pub(super) enum Form<S, L> {
    Short(S),
    Long(L),
}

impl<H: HeapType> Bytes<H> {
    #[inline]
    pub(super) const fn short(text: Short, heap: H) -> Self {
        // The token, of which there is nothing to write, is there all the same: the text holds it.
        let _ = heap;
        Self { short: text }
    }

    #[inline]
    pub(super) const fn long(text: PVec<u8, H>) -> Self {
        Self { long: ManuallyDrop::new(text) }
    }

    #[inline]
    const fn is_short(&self) -> bool {
        // SAFETY: any bytes are good for it, and all of them are initialised.
        unsafe { &self.short }.is_marked()
    }

    #[inline]
    pub(super) const fn form(&self) -> Form<&Short, &PVec<u8, H>> {
        if self.is_short() {
            // SAFETY: the mark says so.
            Form::Short(unsafe { &self.short })
        } else {
            // SAFETY: there is no mark. The two are one and the same place in memory.
            Form::Long(unsafe { &*(&raw const self.long).cast() })
        }
    }

    #[inline]
    pub(super) fn form_mut(&mut self) -> Form<&mut Short, &mut PVec<u8, H>> {
        if self.is_short() {
            // SAFETY: the mark says so.
            Form::Short(unsafe { &mut self.short })
        } else {
            // SAFETY: there is no mark.
            Form::Long(unsafe { &mut self.long })
        }
    }

    /// The heap's token.
    #[inline]
    pub(super) fn heap(&self) -> H {
        // SAFETY: a token has no bytes, and one was given to whoever has made this.
        unsafe { core::ptr::from_ref(self).cast::<H>().read() }
    }

    pub(super) fn into_form(self) -> Form<Short, PVec<u8, H>> {
        let mut this = ManuallyDrop::new(self);
        if this.is_short() {
            // SAFETY: the mark says so.
            Form::Short(unsafe { this.short })
        } else {
            // SAFETY: there is no mark, and nobody uses these bytes again.
            Form::Long(unsafe { ManuallyDrop::take(&mut this.long) })
        }
    }
}

impl<H: HeapType> Drop for Bytes<H> {
    #[inline]
    fn drop(&mut self) {
        if !self.is_short() {
            // SAFETY: it is a vector, which nobody uses after this.
            unsafe { ManuallyDrop::drop(&mut self.long) };
        }
    }
}
