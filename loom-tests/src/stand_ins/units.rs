//! One size class and no run classes: a single magazine.

pub(crate) const CLASSES: usize = 1;
pub(crate) const RUN_CLASSES: usize = 0;
pub(crate) const MAGAZINES: usize = CLASSES + RUN_CLASSES;
pub(crate) const SMALL_MAX: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Class(u8);

impl Class {
    /// The one there is.
    pub(crate) const ONLY: Self = Self(0);

    pub(crate) const fn of_size(size: usize) -> Option<Self> {
        if size <= SMALL_MAX { Some(Self(0)) } else { None }
    }

    pub(crate) const fn from_index(index: usize) -> Option<Self> {
        if index < CLASSES { Some(Self(0)) } else { None }
    }

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }

    pub(crate) const fn size(self) -> usize {
        SMALL_MAX
    }
}

/// There is no run class, and so no value of this type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RunClass {}

impl RunClass {
    pub(crate) const fn from_index(_: usize) -> Option<Self> {
        None
    }

    pub(crate) const fn index(self) -> usize {
        match self {}
    }

    pub(crate) const fn pages(self) -> u32 {
        match self {}
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the models count to a dozen")]
pub(crate) const fn low32(value: usize) -> u32 {
    value as u32
}
