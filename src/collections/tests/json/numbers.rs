//! Numbers, of which no digit is lost.

use super::super::heap::start;
use super::super::random::{Random, Seed};
use super::model::number;
use crate::json::{Names, Number, PJson};

#[test]
fn a_number_is_kept_as_what_it_is() {
    let heap = start(1 << 20);
    let mut names = Names::new_in(heap);
    let kinds = [
        ("0", Number::Unsigned(0)),
        ("18446744073709551615", Number::Unsigned(u64::MAX)),
        ("18446744073709551616", Number::Text("18446744073709551616")),
        ("-1", Number::Signed(-1)),
        ("-9223372036854775808", Number::Signed(i64::MIN)),
        ("-9223372036854775809", Number::Text("-9223372036854775809")),
        ("-0", Number::Text("-0")),
        ("-0.0", Number::Float(-0.0)),
        ("1.0", Number::Float(1.0)),
        ("1.00", Number::Text("1.00")),
        ("0.1", Number::Float(0.1)),
        ("0.10000000000000000", Number::Text("0.10000000000000000")),
        ("1e16", Number::Float(1e16)),
        ("1E16", Number::Text("1E16")),
        ("1e400", Number::Text("1e400")),
        ("5e-324", Number::Float(5e-324)),
        ("1.7976931348623157e308", Number::Float(f64::MAX)),
        (
            "3.141592653589793238462643383279502884197",
            Number::Text("3.141592653589793238462643383279502884197"),
        ),
    ];
    for (text, expected) in kinds {
        let value = PJson::parse_in(text, &mut names, heap).unwrap();
        assert_eq!(value.as_number(), Some(expected), "{text}");
        assert_eq!(value.to_string(), text);
        assert_eq!(value.as_f64(), text.parse().ok(), "{text}");
    }
    assert_ne!(Number::Float(0.0), Number::Float(-0.0));
    assert_ne!(Number::Float(1.0), Number::Unsigned(1));
}

#[test]
fn every_number_is_written_as_it_was_read() {
    let _seed = Seed(1);
    let (heap, mut random) = (start(1 << 20), Random::new(1));
    let (before, mut names) = (heap.used(), Names::new_in(heap));
    for _ in 0..20_000 {
        let text = number(&mut random);
        assert_eq!(PJson::parse_in(&text, &mut names, heap).unwrap().to_string(), text);
    }
    assert_eq!(heap.used(), before);
}

#[test]
fn numbers_of_a_program_are_written_as_its_own() {
    let heap = start(1 << 20);
    for (value, text) in [
        (PJson::new_in(7_u8, heap), "7"),
        (PJson::new_in(-7_i64, heap), "-7"),
        (PJson::new_in(7_i64, heap), "7"),
        (PJson::new_in(0.5_f32, heap), "0.5"),
        (PJson::new_in(f64::NAN, heap), "null"),
        (PJson::new_in(f64::NEG_INFINITY, heap), "null"),
    ] {
        assert_eq!(value.to_string(), text);
    }
    let mut names = Names::new_in(heap);
    assert_eq!(PJson::new_in(7_i64, heap), PJson::parse_in("7", &mut names, heap).unwrap());
}
