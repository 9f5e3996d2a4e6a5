//! Values so deep that a walk with recursion would leave its stack.

use super::super::drive::{Place, assign, check_reach};
use super::super::heap::start;
use crate::collections::CloneIn;
use crate::json::{JsonError, Names, PJson};

const LEVELS: usize = 60_000;

/// Arrays and objects in turn, each with something before what is below it and something behind.
fn text(leaf: &str) -> String {
    let mut text = String::new();
    for level in 0..LEVELS {
        text += if level % 2 == 0 { "[1," } else { r#"{"before":"a text that is long","below":"# };
    }
    text += leaf;
    for level in (0..LEVELS).rev() {
        text += if level % 2 == 0 { r#",[],"a text that is long"]"# } else { r#","behind":{}}"# };
    }
    text
}

/// Objects, whose patch goes as deep.
fn objects(leaf: &str) -> String {
    format!("{}{leaf}{}", r#"{"a":"#.repeat(LEVELS), "}".repeat(LEVELS))
}

#[test]
fn no_walk_needs_a_stack_for_its_depth() {
    let walks = || {
        let heap = start(64 << 20);
        let before = heap.used();
        let mut names = Names::new_in(heap);
        let text = text("null");
        let value = PJson::parse_in(&text, &mut names, heap).unwrap();
        assert!(value.to_string() == text && format!("{value:?}") == text);
        let copy = value.clone_in(heap);
        assert!(copy == value);
        assert!(copy != PJson::parse_in(&self::text("true"), &mut names, heap).unwrap());
        drop(copy);
        let mut root = Place::put((names, value), heap);
        check_reach(root.get(heap), heap);
        heap.watch();
        let (names, value) = root.get(heap);
        drop(assign(value, PJson::parse_in(&objects("[1]"), names, heap).unwrap(), heap));
        heap.check_notes();
        let patch = PJson::parse_in(&objects(r#"{"b":null,"c":1}"#), names, heap).unwrap();
        value.merge(patch).unwrap();
        assert!(value.to_string() == objects(r#"{"c":1}"#));
        let pointer = "/a".repeat(LEVELS);
        assert_eq!(value.pointer(&pointer).unwrap().to_string(), r#"{"c":1}"#);
        assert_eq!(value.take(&pointer).unwrap().to_string(), r#"{"c":1}"#);
        drop(root.take(heap));
        assert_eq!(heap.used(), before);
    };
    // Much less than the walks would need with a call for each level, and enough for each of the tests' own.
    std::thread::Builder::new().stack_size(256 << 10).spawn(walks).unwrap().join().unwrap();
}

#[test]
fn what_is_not_closed_is_an_error_at_any_depth() {
    let heap = start(1 << 20);
    let mut names = Names::new_in(heap);
    let error = PJson::parse_in(&"[".repeat(1_000_000), &mut names, heap).unwrap_err();
    assert!(matches!(error, JsonError::Syntax { line: 1, column: 1_000_000, .. }), "{error}");
}
