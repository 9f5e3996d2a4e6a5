//! A walk over the buckets in use.

use crate::collections::raw::group::{Group, Mask, WIDTH};

/// The buckets in use, in the order of the table. Those already met may be vacated meanwhile.
#[derive(Clone, Debug)]
pub(in crate::collections) struct Indices {
    pub(super) group: Mask,
    pub(super) at: usize,
    pub(super) left: usize,
    pub(super) ctrl: *const u8,
}

impl Iterator for Indices {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.left == 0 {
            return None;
        }
        loop {
            if let Some(bit) = self.group.next() {
                self.left -= 1;
                return Some(self.at + bit);
            }
            self.at += WIDTH;
            // SAFETY: there are entries to come, so there is another group.
            self.group = unsafe { Group::load(self.ctrl.wrapping_add(self.at)) }.full();
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}
