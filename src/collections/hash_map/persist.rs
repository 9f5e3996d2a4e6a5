//! Maps as parts of what lives across runs.

use super::{Bucket, PHashMap};
use crate::collections::raw::changes_are_noted;
use crate::typed::{Fault, HeapType, Inspector, Layouts, Parts, Persist};

// SAFETY: two fields one behind the other, both of which are inspected.
unsafe impl<K: Persist, V: Persist> Persist for Bucket<K, V> {
    type In<'h> = Bucket<K::In<'h>, V::In<'h>>;

    fn name(layouts: &mut Layouts) -> String {
        format!("Bucket<{}, {}>", layouts.name_of::<K>(), layouts.name_of::<V>())
    }

    fn describe(parts: &mut Parts<'_>) {
        parts.field::<K>("key", core::mem::offset_of!(Self, key));
        parts.field::<V>("value", core::mem::offset_of!(Self, value));
    }

    unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
        // SAFETY: the caller's promise.
        let key = unsafe { &raw const (*at).key };
        // SAFETY: the caller's promise.
        let value = unsafe { &raw const (*at).value };
        // SAFETY: the caller's promise.
        unsafe { K::inspect(key, inspector) }?;
        // SAFETY: the caller's promise.
        unsafe { V::inspect(value, inspector) }
    }
}

// SAFETY: a map names its block by its offset, and owns nothing else; the table's inspection asks for the block, and each
// entry in use is looked into.
unsafe impl<K: Persist, V: Persist, H: HeapType> Persist for PHashMap<K, V, H> {
    type In<'h> = PHashMap<K::In<'h>, V::In<'h>, H::In<'h>>;

    fn name(layouts: &mut Layouts) -> String {
        layouts.holds::<H>();
        format!("PHashMap<{}, {}>", layouts.name_of::<K>(), layouts.name_of::<V>())
    }

    fn describe(parts: &mut Parts<'_>) {
        parts.remark("hash table 1: control bytes in groups of 16 behind the buckets, stable hash 1");
        const { changes_are_noted::<K>() };
        const { changes_are_noted::<V>() };
        parts.owns::<Bucket<K, V>>();
    }

    unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
        // SAFETY: the bytes can be read, and any are good for integers and for nothing.
        let map = unsafe { &*at };
        map.table.inspect(Self::BUCKET, inspector, |inspector, first, len| {
            // SAFETY: the buckets lie in the block that was asked for.
            unsafe { inspector.look_into(first.cast::<Bucket<K, V>>(), len) };
        })
    }
}
