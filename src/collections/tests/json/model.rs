//! Random operations on a document and on a `serde_json::Value`.

use serde_json::Value;

use super::super::drive::{self, Subject, assign};
use super::super::heap::TestHeap;
use super::super::random::Random;
use crate::collections::CloneIn;
use crate::json::{JsonError, Kind, Names, PJson};

pub(super) type Root = (Names<TestHeap>, PJson<TestHeap>);

/// A word of a few, so that names meet again; some do not fit a cell, and some have to be escaped.
pub(super) fn word(random: &mut Random) -> String {
    const WORDS: [&str; 12] = [
        "",
        "a",
        "b",
        "name",
        "a/b",
        "m~n",
        "0",
        "-",
        "a name that is long",
        "fifteen letters",
        "\"\\\n\t\u{1}\u{7f}",
        "größer als fünfzehn Bytes €",
    ];
    match random.below(16) {
        index if index < WORDS.len() => WORDS[index].to_owned(),
        _ => format!("key{}", random.below(40)),
    }
}

/// A number's text, of all kinds.
pub(super) fn number(random: &mut Random) -> String {
    match random.below(10) {
        0..=3 => (random.next() >> random.below(64)).to_string(),
        4 => (-(random.next().cast_signed() >> 1).abs() - 1).to_string(),
        5 => format!("{:?}", f64::from_bits(random.next() & !(0x7FF << 52) | (random.next() % 0x7FF) << 52)),
        6 => format!("{}.{}0", random.below(10), random.below(1000)),
        7 => format!("-{}E+{}", random.below(9) + 1, random.below(400)),
        8 => format!("{}{}", u64::MAX, random.next()),
        _ => String::from("-0"),
    }
}

/// A value of at most so many levels.
pub(super) fn value(random: &mut Random, levels: usize) -> Value {
    match random.below(if levels == 0 { 5 } else { 9 }) {
        0 => Value::Null,
        1 => Value::Bool(random.chance(2)),
        2 | 3 => serde_json::from_str(&number(random)).unwrap(),
        4 => Value::String(word(random)),
        5 | 6 => (0..random.below(5)).map(|_| value(random, levels - 1)).collect(),
        _ => {
            // At times with an index.
            let (count, below) =
                if random.chance(6) { (14 + random.below(20), 0) } else { (random.below(6), levels - 1) };
            (0..count).map(|_| (word(random), value(random, below))).collect::<serde_json::Map<_, _>>().into()
        }
    }
}

/// The same value in the heap.
pub(super) fn made(value: &Value, names: &mut Names<TestHeap>, heap: TestHeap) -> PJson<TestHeap> {
    PJson::parse_in(&value.to_string(), names, heap).unwrap()
}

/// A pointer to a place in the value, or to one that is not there.
fn pointer(value: &Value, random: &mut Random) -> String {
    let (mut at, mut pointer) = (value, String::new());
    loop {
        if random.chance(3) {
            return pointer;
        }
        let token = match at {
            Value::Array(elements) if !random.chance(4) => random.below(elements.len() + 1).to_string(),
            Value::Object(members) if !members.is_empty() && !random.chance(4) => {
                members.keys().nth(random.below(members.len())).unwrap().clone()
            }
            _ => word(random),
        };
        pointer = format!("{pointer}/{}", token.replace('~', "~0").replace('/', "~1"));
        match value.pointer(&pointer) {
            Some(next) => at = next,
            None => return pointer,
        }
    }
}

/// RFC 7396, as it is written there.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let members = target.as_object_mut().unwrap();
    // Names of removed members make no room for others that come before them.
    for (name, _) in patch.iter().filter(|(_, value)| value.is_null()) {
        members.shift_remove(name);
    }
    for (name, value) in patch.iter().filter(|(_, value)| !value.is_null()) {
        merge(members.entry(name.clone()).or_insert(Value::Null), value);
    }
}

/// A value like this one, with some changes.
fn changed(value: &Value, random: &mut Random) -> Value {
    let Value::Object(members) = value else { return self::value(random, 2) };
    let mut patch = serde_json::Map::new();
    for (name, value) in members {
        match random.below(4) {
            0 => patch.insert(name.clone(), Value::Null),
            1 => patch.insert(name.clone(), changed(value, random)),
            _ => None,
        };
    }
    for _ in 0..random.below(4) {
        patch.insert(word(random), self::value(random, 3));
    }
    patch.into()
}

#[derive(Clone)]
struct Documents(Value);

impl Documents {
    /// Sets or takes by pointer.
    fn by_pointer(&mut self, root: &mut Root, random: &mut Random, heap: TestHeap) {
        let (names, own) = root;
        let place = pointer(&self.0, random);
        assert_eq!(
            own.pointer(&place).map(ToString::to_string),
            self.0.pointer(&place).map(ToString::to_string)
        );
        let new = value(random, 3);
        if random.chance(3) {
            let taken = own.take(&place).map(|value| value.to_string()).ok();
            assert_eq!(taken, take(&mut self.0, &place).map(|value| value.to_string()), "{place}");
            return;
        }
        let value = made(&new, names, heap);
        let old = own.set(&place, value, names);
        let expected = set(&mut self.0, &place, new);
        assert_eq!(old.is_ok(), expected.is_some(), "{place}: {old:?}");
        if let (Ok(old), Some(expected)) = (old, expected) {
            assert_eq!(old.map(|value| value.to_string()), expected.map(|value| value.to_string()));
        }
    }

    /// Changes a value that a pointer has found.
    fn at_value(&mut self, root: &mut Root, random: &mut Random, heap: TestHeap) {
        let (names, own) = root;
        let place = pointer(&self.0, random);
        let (Some(own), Some(std)) = (own.pointer_mut(&place), self.0.pointer_mut(&place)) else { return };
        let (new, name) = (value(random, 2), word(random));
        let value = made(&new, names, heap);
        match (random.below(8), std) {
            (0 | 1, Value::Array(elements)) => {
                own.push(value).unwrap();
                elements.push(new);
            }
            (2 | 3, Value::Array(elements)) => {
                let index = random.below(elements.len() + 2);
                match own.insert_at(index, value) {
                    Ok(()) => elements.insert(index, new),
                    Err(error) => {
                        let len = elements.len();
                        assert_eq!(error, JsonError::Nothing { token: index.to_string(), len });
                        assert!(index > elements.len());
                    }
                }
            }
            (_, Value::Array(elements)) => {
                let index = random.below(elements.len() + 1);
                let expected = (index < elements.len()).then(|| elements.remove(index).to_string());
                assert_eq!(own.remove_at(index).map(|value| value.to_string()), expected);
            }
            (0..=4, Value::Object(members)) => {
                let old = own.insert(&name, value, names).unwrap();
                let expected = members.insert(name, new);
                assert_eq!(old.map(|value| value.to_string()), expected.map(|value| value.to_string()));
            }
            (5, Value::Object(members)) => {
                for (_, value) in own.members_mut().unwrap().filter(|(name, _)| name.len() < 2) {
                    *value = PJson::new_in(7, heap);
                }
                for (_, value) in members.iter_mut().filter(|(name, _)| name.len() < 2) {
                    *value = 7.into();
                }
            }
            (_, Value::Object(members)) => {
                let name = members.keys().nth(random.below(members.len() + 1)).cloned().unwrap_or(name);
                let expected = members.shift_remove(&name).map(|value| value.to_string());
                assert_eq!(own.remove(&name).map(|value| value.to_string()), expected);
            }
            (_, _) => {
                assert!(matches!(own.push(value), Err(JsonError::Kind { expected: Kind::Array, .. })));
                assert!(own.insert("a", PJson::new_in((), heap), names).is_err());
                assert!(own.remove("a").is_none() && own.remove_at(0).is_none());
            }
        }
    }
}

fn set(value: &mut Value, pointer: &str, new: Value) -> Option<Option<Value>> {
    if let Some(place) = value.pointer_mut(pointer) {
        return Some(Some(core::mem::replace(place, new)));
    }
    let (holder, token) = pointer.rsplit_once('/')?;
    match value.pointer_mut(holder)? {
        Value::Array(elements) if token == "-" || token == elements.len().to_string() => {
            elements.push(new);
            Some(None)
        }
        Value::Object(members) => {
            members.insert(token.replace("~1", "/").replace("~0", "~"), new);
            Some(None)
        }
        _ => None,
    }
}

fn take(value: &mut Value, pointer: &str) -> Option<Value> {
    value.pointer(pointer)?;
    let Some((holder, token)) = pointer.rsplit_once('/') else { return Some(core::mem::take(value)) };
    match value.pointer_mut(holder)? {
        Value::Array(elements) => Some(elements.remove(token.parse().unwrap())),
        Value::Object(members) => members.shift_remove(&token.replace("~1", "/").replace("~0", "~")),
        _ => None,
    }
}

impl Subject for Documents {
    type Root = Root;

    fn new(heap: TestHeap) -> (Root, Self) {
        ((Names::new_in(heap), PJson::new_in((), heap)), Self(Value::Null))
    }

    fn step(&mut self, root: &mut Root, random: &mut Random, heap: TestHeap) {
        let is_large = self.0.to_string().len() > 10_000;
        match random.below(16) {
            what if what == 0 || is_large => {
                self.0 = value(random, 4);
                let own = made(&self.0, &mut root.0, heap);
                assign(&mut root.1, own, heap);
            }
            1..=4 => self.by_pointer(root, random, heap),
            5..=10 => self.at_value(root, random, heap),
            11 | 12 => {
                let patch = changed(&self.0, random);
                merge(&mut self.0, &patch);
                let patch = made(&patch, &mut root.0, heap);
                root.1.merge(patch).unwrap();
            }
            13 => {
                let copy = root.1.clone_in(heap);
                assert_eq!(copy, root.1);
                assign(&mut root.1, copy, heap);
            }
            14 => {
                let (one, other) = (value(random, 2), value(random, 2));
                let (own, another) = (made(&one, &mut root.0, heap), made(&other, &mut root.0, heap));
                assert_eq!(own == another, one == other, "{one} and {other}");
                assert_eq!(own == root.1, one == self.0);
            }
            _ => {
                let before = root.0.len();
                assert_eq!(before - root.0.sweep(), root.0.len());
            }
        }
    }

    fn compare(&self, root: &Root) {
        assert_eq!(root.1.to_string(), self.0.to_string());
        assert_eq!(format!("{:?}", root.1), self.0.to_string());
        same(&root.1, &self.0);
    }
}

/// Every way to look at a value shows the same.
pub(super) fn same(own: &PJson<TestHeap>, std: &Value) {
    assert_eq!(own.is_null(), std.is_null());
    assert_eq!(own.as_bool(), std.as_bool());
    assert_eq!(own.as_str(), std.as_str());
    let number =
        own.as_number().map(|number| serde_json::from_str::<serde_json::Number>(&number.to_string()));
    assert_eq!(number.map(Result::unwrap).as_ref(), std.as_number());
    assert_eq!((own.as_u64(), own.as_i64()), (std.as_u64(), std.as_i64()), "{std}");
    let elements = std.as_array().map(Vec::as_slice);
    assert_eq!(own.elements().map(<[_]>::len), elements.map(<[_]>::len));
    for (own, std) in own.elements().into_iter().flatten().zip(elements.into_iter().flatten()) {
        same(own, std);
    }
    let members = std.as_object();
    assert_eq!(own.members().map(|members| members.len()), members.map(serde_json::Map::len));
    for ((name, value), (std_name, std_value)) in
        own.members().into_iter().flatten().zip(members.into_iter().flatten())
    {
        assert_eq!(name, std_name);
        assert!(core::ptr::eq(own.get(name).unwrap(), value));
        same(value, std_value);
    }
    assert!(own.get("never a name").is_none());
}

#[test]
fn a_document_is_as_a_value_of_serde_json() {
    for seed in 0..3 {
        drive::roomy::<Documents>(seed, 200, 768 << 10);
    }
}

#[test]
fn a_document_in_a_large_heap_is_as_a_value_of_serde_json() {
    drive::large::<Documents>(1, 3_000);
}
