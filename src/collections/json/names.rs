//! Names of members, each of which lies in the heap once.
//!
//! ```text
//! Names: set of owners --.
//! object: owners of its   >--> strong count | weak count | cell with the text
//! members' names --------'
//! ```
//!
//! 1. A name is counted by the table and by each member that has it. Who counts as the only one is the table: then the name is
//!    not used.
//! 2. A name never changes. Its hash in the table is that of its text.

use core::borrow::Borrow;
use core::fmt;
use core::hash::{Hash, Hasher};

use super::PJson;
use crate::collections::PHashSet;
use crate::handle::AllocError;
use crate::typed::{HeapType, PArc};

/// The text of a name: a value that is text.
#[repr(transparent)]
pub(super) struct NameText<H: HeapType>(pub(super) PJson<H>);

/// One owner of a name.
#[repr(transparent)]
pub(super) struct Name<H: HeapType>(pub(super) PArc<NameText<H>, H>);

impl<H: HeapType> Name<H> {
    #[inline]
    pub(super) fn as_str(&self) -> &str {
        // It was made of text, which an inspection sees to as well.
        self.0.0.as_str().unwrap_or_default()
    }

    /// One more owner.
    pub(super) fn share(&self, heap: H) -> Self {
        Self(PArc::share(&self.0, heap))
    }

    #[inline]
    pub(super) fn is(&self, other: &Self) -> bool {
        PArc::ptr_eq(&self.0, &other.0) || self.as_str() == other.as_str()
    }
}

impl<H: HeapType> Borrow<str> for Name<H> {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl<H: HeapType> PartialEq for Name<H> {
    fn eq(&self, other: &Self) -> bool {
        self.is(other)
    }
}

impl<H: HeapType> Eq for Name<H> {}

impl<H: HeapType> Hash for Name<H> {
    fn hash<S: Hasher>(&self, state: &mut S) {
        self.as_str().hash(state);
    }
}

/// The names of members, by their text.
///
/// A heap needs one, beside its documents; a second one does no harm, but has names of its own. It may go before the documents that
/// use its names. Names that no document uses any more are freed when the table would have to grow, and by [`Names::sweep`].
#[repr(transparent)]
pub struct Names<H: HeapType> {
    pub(super) set: PHashSet<Name<H>, H>,
}

impl<H: HeapType> Names<H> {
    /// A table without names.
    pub fn new_in(heap: H) -> Self {
        Self { set: PHashSet::new_in(heap) }
    }

    /// How many names there are, used or not.
    pub const fn len(&self) -> usize {
        self.set.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// Frees the names that no document uses, and says how many they were.
    pub fn sweep(&mut self) -> usize {
        let before = self.len();
        self.set.retain(|name| PArc::strong_count(&name.0) > 1);
        before - self.len()
    }

    /// Where the table is full, frees what is not used. It grows where that is little, so that the next time is far.
    fn make_room(&mut self) {
        let cap = self.set.capacity();
        if self.set.len() == cap && self.sweep() <= cap / 4 {
            // Where there is no memory the insertion says so.
            let _ = self.set.try_reserve(cap / 2 + 1);
        }
    }

    /// An owner of this name, which is made if there is none.
    pub(super) fn intern(&mut self, text: &str, heap: H) -> Result<Name<H>, AllocError> {
        if let Some(name) = self.set.get(text) {
            return Ok(name.share(heap));
        }
        self.make_room();
        let name = Name(PArc::try_new_in(NameText(PJson::text(text, heap)?), heap)?);
        let own = name.share(heap);
        self.set.try_insert(name).map_err(|_| AllocError)?;
        Ok(own)
    }
}

impl<H: HeapType> fmt::Debug for Names<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.set.iter().map(Name::as_str)).finish()
    }
}
