//! Collections read with the heap's token.

use serde::de::value::{Error, MapDeserializer, SeqDeserializer};

use super::heap::{TestHeap, start};
use crate::collections::{
    DeserializeIn, PBTreeMap, PBTreeSet, PHashMap, PHashSet, PSkipMap, PString, PVec, PVecDeque,
};
use crate::typed::PBox;

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
    let words = SeqDeserializer::<_, Error>::new(
        ["a text that has a block", "another text that has one", "a third that has a block"].into_iter(),
    );
    let vec: Result<PVec<PString<TestHeap>, TestHeap>, Error> = DeserializeIn::deserialize_in(heap, words);
    assert!(vec.unwrap_err().to_string().contains("no memory"));
    // The header, the first key and its node; then no more.
    heap.grants(3);
    let keys = ["one, which has a block of its own", "two, which has another one"];
    let entries = MapDeserializer::<_, Error>::new([(keys[0], 1_u64), (keys[1], 2)].into_iter());
    let list: Result<PSkipMap<PString<TestHeap>, u64, TestHeap>, Error> =
        DeserializeIn::deserialize_in(heap, entries);
    assert!(list.unwrap_err().to_string().contains("no memory"));
    assert_eq!(heap.used(), before);
}

/// What is written is read again, in each kind of collection, as the standard library's reads it.
#[test]
fn what_is_written_is_read_again() {
    fn there_and_back<T, S>(text: &str, heap: TestHeap)
    where
        T: for<'de> DeserializeIn<'de, TestHeap> + serde::Serialize,
        S: for<'de> serde::Deserialize<'de> + serde::Serialize,
    {
        let value = T::deserialize_in(heap, &mut serde_json::Deserializer::from_str(text)).unwrap();
        let std: S = serde_json::from_str(text).unwrap();
        let written = serde_json::to_value(&value).unwrap();
        assert_eq!(written, serde_json::to_value(&std).unwrap(), "{}", core::any::type_name::<T>());
        assert!(T::deserialize_in(heap, &mut serde_json::Deserializer::from_str("5")).is_err());
    }

    type Text = PString<TestHeap>;
    let heap = start(1 << 20);
    let before = heap.used();
    let (list, map) = (r#"["one", "two", "a text of many letters"]"#, r#"{"one": [1, 2], "two": []}"#);
    there_and_back::<PVec<Text, TestHeap>, Vec<String>>(list, heap);
    there_and_back::<PVecDeque<Text, TestHeap>, Vec<String>>(list, heap);
    there_and_back::<PBTreeSet<Text, TestHeap>, std::collections::BTreeSet<String>>(list, heap);
    there_and_back::<PVec<PBox<str, TestHeap>, TestHeap>, Vec<String>>(list, heap);
    there_and_back::<PBox<Text, TestHeap>, String>("\"some text\"", heap);
    there_and_back::<PHashSet<u8, TestHeap>, Vec<u8>>("[7]", heap);
    type Numbers = PVec<u8, TestHeap>;
    type Maps = std::collections::BTreeMap<String, Vec<u8>>;
    there_and_back::<PHashMap<Text, Numbers, TestHeap>, Maps>(map, heap);
    there_and_back::<PBTreeMap<Text, Numbers, TestHeap>, Maps>(map, heap);
    there_and_back::<PSkipMap<Text, Numbers, TestHeap>, Maps>(map, heap);
    assert_eq!(heap.used(), before);
    heap.grants(0);
    let boxed: Result<PBox<Text, TestHeap>, _> =
        DeserializeIn::deserialize_in(heap, &mut serde_json::Deserializer::from_str("\"some text\""));
    assert!(boxed.unwrap_err().to_string().contains("no memory"));
    assert_eq!(heap.used(), before);
}

#[cfg(feature = "json")]
#[test]
fn a_document_is_written_as_what_it_is() {
    use crate::json::{Names, PJson};

    let heap = start(4 << 20);
    let mut names = Names::new_in(heap);
    let mut parse = |text: &str| PJson::parse_in(text, &mut names, heap).unwrap();
    let text = r#"{"b":[null,true,{"a":-5}],"a":18446744073709551615,"c":"a text of many letters","d":0.1}"#;
    assert_eq!(serde_json::to_string(&parse(text)).unwrap(), text);
    // Numbers that are kept as text are given as floats.
    assert_eq!(serde_json::to_string(&parse("[1.50,1E3,-0,12345678901234567890123]")).unwrap(), {
        "[1.5,1000.0,-0.0,1.2345678901234568e+22]"
    });
    assert!(serde_json::to_string(&parse("1e999")).unwrap_err().to_string().contains("beyond all floats"));
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(serde_json::to_string(&parse(&nested(128))).unwrap(), nested(128));
    let deep = serde_json::to_string(&parse(&nested(129)));
    assert!(deep.unwrap_err().to_string().contains("more than 128 levels"));
    assert!(serde_json::to_string(&parse(&nested(60_000))).is_err());
}
