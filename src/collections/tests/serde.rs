//! Collections read with the heap's token.

use serde::de::value::{Error, MapDeserializer, SeqDeserializer};

use super::heap::{TestHeap, start};
use crate::collections::{DeserializeIn, PBTreeMap, PHashMap, PHashSet, PSkipMap, PString, PVec};

#[test]
fn what_is_read_lies_in_the_heap() {
    let heap = start(1 << 20);
    let before = heap.used();
    let words = || SeqDeserializer::<_, Error>::new(["a", "b", "a"].into_iter());
    let vec: PVec<PString<TestHeap>, TestHeap> = DeserializeIn::deserialize_in(heap, words()).unwrap();
    assert_eq!(vec, ["a", "b", "a"]);
    let set: PHashSet<PString<TestHeap>, TestHeap> = DeserializeIn::deserialize_in(heap, words()).unwrap();
    assert_eq!((set.len(), set.contains("b")), (2, true));
    let entries = || MapDeserializer::<_, Error>::new([("one", 1_u64), ("two", 2)].into_iter());
    let map: PHashMap<PString<TestHeap>, u64, TestHeap> =
        DeserializeIn::deserialize_in(heap, entries()).unwrap();
    let tree: PBTreeMap<PString<TestHeap>, u64, TestHeap> =
        DeserializeIn::deserialize_in(heap, entries()).unwrap();
    let list: PSkipMap<PString<TestHeap>, u64, TestHeap> =
        DeserializeIn::deserialize_in(heap, entries()).unwrap();
    assert_eq!((map.get("one"), tree.get("two"), tree.len()), (Some(&1), Some(&2), 2));
    assert_eq!((list.get("one").map(|entry| *entry.value()), list.len()), (Some(1), 2));
    drop((vec, set, map, tree, list));
    assert_eq!(heap.used(), before);
}

#[test]
fn where_there_is_no_memory_reading_ends_with_an_error() {
    let heap = start(1 << 20);
    let before = heap.used();
    heap.grants(2);
    let words = SeqDeserializer::<_, Error>::new(["a", "b", "c"].into_iter());
    let vec: Result<PVec<PString<TestHeap>, TestHeap>, Error> = DeserializeIn::deserialize_in(heap, words);
    assert!(vec.unwrap_err().to_string().contains("no memory"));
    // The header, the first key and its node; then no more.
    heap.grants(3);
    let entries = MapDeserializer::<_, Error>::new([("one", 1_u64), ("two", 2)].into_iter());
    let list: Result<PSkipMap<PString<TestHeap>, u64, TestHeap>, Error> =
        DeserializeIn::deserialize_in(heap, entries);
    assert!(list.unwrap_err().to_string().contains("no memory"));
    assert_eq!(heap.used(), before);
}
