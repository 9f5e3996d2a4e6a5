//! Names: each in the heap once, and none for ever.

use super::super::heap::start;
use crate::json::{Names, PJson};

#[test]
fn a_name_lies_in_the_heap_once() {
    let heap = start(4 << 20);
    let mut names = Names::new_in(heap);
    let text = r#"{"a name that is long":1,"another name that is long":2,"b":{"a name that is long":3}}"#;
    let first = PJson::parse_in(text, &mut names, heap).unwrap();
    let before = heap.used();
    let others: Vec<_> = (0..100).map(|_| PJson::parse_in(text, &mut names, heap).unwrap()).collect();
    assert_eq!(names.len(), 3);
    // A block for three members, and one for one.
    assert_eq!(heap.used() - before, 100 * (72 + 24));
    assert_eq!(names.sweep(), 0);
    drop(others);
    assert_eq!((names.sweep(), heap.used()), (0, before));
    drop(first);
    assert_eq!((names.sweep(), names.len()), (3, 0));
}

#[test]
fn names_that_come_and_go_do_not_pile_up() {
    let heap = start(4 << 20);
    let mut names = Names::new_in(heap);
    let kept: Vec<_> = (0..20)
        .map(|number| PJson::parse_in(&format!(r#"{{"kept{number}":1}}"#), &mut names, heap).unwrap())
        .collect();
    let mut most = 0;
    for number in 0..20_000 {
        drop(PJson::parse_in(&format!(r#"{{"new{number}":1}}"#), &mut names, heap).unwrap());
        most = most.max(names.len());
    }
    // A table that is swept well before it has as many again.
    assert!(most <= 112, "{most} names at a time");
    names.sweep();
    assert_eq!(names.len(), kept.len());
    assert_eq!(format!("{names:?}").matches("kept").count(), 20);
}

#[test]
fn values_outlive_the_table_and_understand_those_of_others() {
    let heap = start(1 << 20);
    let before = heap.used();
    let (mut names, mut others) = (Names::new_in(heap), Names::new_in(heap));
    let text = r#"{"a name that is long":1,"b":{"c":2}}"#;
    let (mut one, other) =
        (PJson::parse_in(text, &mut names, heap).unwrap(), PJson::parse_in(text, &mut others, heap).unwrap());
    assert_eq!(one, other);
    drop(others);
    assert_eq!(other.to_string(), text);
    one.merge(other).unwrap();
    assert_eq!((one.to_string().as_str(), one.len()), (text, 2));
    drop(names);
    assert_eq!(one.get("a name that is long").and_then(PJson::as_u64), Some(1));
    drop(one);
    assert_eq!(heap.used(), before);
}
