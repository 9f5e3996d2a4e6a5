//! Ours: an array of entries in the heap, written directly.

use std::path::{Path, PathBuf};
use std::ptr::NonNull;

use super::{Entry, Store, VALUE};
use crate::durable::heap::{Array, Words};

/// An entry as it lies in the heap, with its key beside it: 112 bytes.
#[repr(C, align(16))]
struct Slot {
    key: u64,
    value: [u8; VALUE],
}

/// The array.
#[derive(Debug)]
pub(super) struct Entries {
    array: Array,
    path: PathBuf,
}

impl Entries {
    pub(super) fn create(folder: &Path, count: usize) -> Self {
        let path = folder.join("entries.heap");
        Self { array: Array::create(&path, count * size_of::<Slot>()), path }
    }

    fn slot(&self, key: u64) -> NonNull<Slot> {
        let index = usize::try_from(key).expect("an index");
        assert!((index + 1) * size_of::<Slot>() <= self.array.words() * 8);
        // SAFETY: checked just now.
        unsafe { self.array.start().cast::<Slot>().add(index) }
    }

    fn write(&self, entries: &[Entry]) {
        for &(key, value) in entries {
            // SAFETY: a place of ours for a slot.
            unsafe { self.slot(key).write_volatile(Slot { key, value }) };
        }
        self.array.persist();
    }
}

impl Store for Entries {
    fn insert(&mut self, entries: &[Entry]) {
        self.write(entries);
    }

    fn update(&mut self, entries: &[Entry]) {
        self.write(entries);
    }

    fn get(&mut self, key: u64) -> [u8; VALUE] {
        // SAFETY: a slot that was written.
        let slot = unsafe { self.slot(key).read() };
        assert_eq!(slot.key, key);
        slot.value
    }

    fn again(self: Box<Self>) -> Box<dyn Store> {
        let Self { array, path } = *self;
        let bytes = array.words() * 8;
        array.close();
        Box::new(Self { array: Array::open(&path, bytes), path })
    }
}
