//! Text that is JSON, and text that nearly is.

use serde_json::Value;

use super::super::heap::start;
use super::super::random::{Random, Seed};
use super::model::{same, value};
use crate::json::{JsonError, Names, PJson};

/// The text with a few bytes exchanged, taken out or put in.
fn damaged(text: &str, random: &mut Random) -> String {
    const PIECES: [&str; 24] = [
        "\"", "\\", "{", "}", "[", "]", ",", ":", " ", "\n", "\t", "0", "1", "-", "+", ".", "e", "E", "null",
        "true", "\\u00e4", "\\ud800", "\\udc00", "\u{1}",
    ];
    let mut text = text.to_owned();
    for _ in 0..=random.below(3) {
        let mut at = random.below(text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let end = text[at..].chars().next().map_or(at, |next| at + next.len_utf8());
        match random.below(3) {
            0 => text.replace_range(at..end, ""),
            1 => text.replace_range(at..end, PIECES[random.below(24)]),
            _ => text.insert_str(at, PIECES[random.below(24)]),
        }
    }
    text
}

#[test]
fn what_serde_json_reads_is_read_and_what_it_refuses_is_refused() {
    let _seed = Seed(3);
    let (heap, mut random) = (start(4 << 20), Random::new(3));
    let before = heap.used();
    let mut names = Names::new_in(heap);
    let (mut read, mut refused, mut exact) = (0, 0, 0);
    for _ in 0..20_000 {
        let text = damaged(&value(&mut random, 3).to_string(), &mut random);
        match (PJson::parse_in(&text, &mut names, heap), serde_json::from_str::<Value>(&text)) {
            (Ok(own), Ok(std)) => {
                // The other one writes some exponents otherwise than it has read them.
                assert_eq!(serde_json::from_str::<Value>(&own.to_string()).unwrap(), std, "{text}");
                same(&own, &std);
                read += 1;
            }
            (Err(JsonError::Syntax { line, column, .. }), Err(error)) => {
                // Errors within strings are found a byte earlier or later.
                exact += usize::from((line, column) == (error.line(), error.column()));
                refused += 1;
            }
            (own, std) => panic!("{text}: {own:?} and {std:?}"),
        }
    }
    assert!(read > 3_000 && refused > 3_000, "{read} were read, {refused} refused");
    assert!(exact > refused / 10 * 7, "{exact} of {refused}");
    drop(names);
    assert_eq!(heap.used(), before);
}

#[test]
fn errors_say_where_they_are() {
    let heap = start(1 << 20);
    let mut names = Names::new_in(heap);
    for (text, line, column, what) in [
        ("", 1, 0, "EOF while parsing a value"),
        ("{\n  \"a\": tru }", 2, 11, "expected ident"),
        ("[1] 2", 1, 5, "trailing characters"),
        ("[1,\n \"\\n \\ud800 \"]", 2, 12, "unexpected end of hex escape"),
    ] {
        let Err(JsonError::Syntax { line: l, column: c, what: w }) = PJson::parse_in(text, &mut names, heap)
        else {
            panic!("{text} was read");
        };
        assert_eq!((l, c, w.as_str()), (line, column, what), "{text}");
    }
}

#[test]
fn of_members_of_the_same_name_the_last_counts_at_the_place_of_the_first() {
    let heap = start(1 << 20);
    let (before, mut names) = (heap.used(), Names::new_in(heap));
    let mut read = |text: &str| PJson::parse_in(text, &mut names, heap).unwrap().to_string();
    assert_eq!(read(r#"{"a":1,"b":2,"\u0061":[3],"b":{"b":4,"b":5}}"#), r#"{"a":[3],"b":{"b":5}}"#);
    let many: Vec<String> = (0..100).map(|number| format!("\"n{}\":{number}", number % 40)).collect();
    let expected: Vec<String> = (0..40)
        .map(|name| format!("\"n{name}\":{}", if name < 20 { name + 80 } else { name + 40 }))
        .collect();
    assert_eq!(read(&format!("{{{}}}", many.join(","))), format!("{{{}}}", expected.join(",")));
    drop(names);
    assert_eq!(heap.used(), before);
}
