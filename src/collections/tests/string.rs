//! `PString` beside `String`.

use core::fmt::Write;

use super::drive::{self, Subject};
use super::heap::{TestHeap, start};
use super::random::Random;
use crate::collections::{CloneIn, PString, PVec};

#[derive(Clone)]
pub(super) struct Text(String);

const PARTS: [&str; 6] = ["a", "ß", "€uro", "", "🦀", "a longer piece of text"];

/// A place between two characters.
fn place(text: &str, random: &mut Random) -> usize {
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    places[random.below(places.len())]
}

impl Subject for Text {
    type Root = PString<TestHeap>;

    fn new(heap: TestHeap) -> (Self::Root, Self) {
        (PString::new_in(heap), Self(String::new()))
    }

    fn step(&mut self, root: &mut Self::Root, random: &mut Random, heap: TestHeap) {
        let std = &mut self.0;
        let part = PARTS[random.below(PARTS.len())];
        let (a, b) = (place(std, random), place(std, random));
        let range = a.min(b)..a.max(b);
        match random.below(16) {
            0..=3 => {
                std.push_str(part);
                root.push_str(part);
            }
            4 => assert_eq!(root.pop(), std.pop()),
            5 => {
                std.insert_str(a, part);
                root.insert_str(a, part);
            }
            6 if a < std.len() => assert_eq!(root.remove(a), std.remove(a)),
            7 => {
                std.replace_range(range.clone(), part);
                root.replace_range(range, part);
            }
            8 if range.len() < 40 => {
                let (mut x, mut y) = (root.drain(range.clone()), std.drain(range));
                assert_eq!((x.next(), x.next_back()), (y.next(), y.next_back()));
                assert_eq!(x.as_str(), y.as_str());
            }
            9 => {
                root.retain(|character| character != 'a');
                std.retain(|character| character != 'a');
            }
            10 => {
                assert_eq!(root.split_off(a), std.split_off(a));
            }
            11 => {
                write!(root, "{part}{a}").unwrap();
                write!(std, "{part}{a}").unwrap();
            }
            12 => {
                root.extend(part.chars().rev());
                std.extend(part.chars().rev());
                *root += part;
                *std += part;
            }
            13 => {
                root.make_ascii_uppercase();
                std.make_ascii_uppercase();
            }
            14 => root.shrink_to_fit(),
            _ => {
                let copy = root.clone_in(heap);
                assert_eq!((copy.cmp(root), copy.as_str()), (core::cmp::Ordering::Equal, std.as_str()));
                root.truncate(a);
                std.truncate(a);
            }
        }
    }

    fn compare(&self, root: &Self::Root) {
        assert_eq!(*root, self.0);
        assert_eq!(core::str::from_utf8(root.as_bytes()), Ok(self.0.as_str()));
        assert_eq!((format!("{root}"), format!("{root:?}")), (self.0.clone(), format!("{:?}", self.0)));
    }
}

#[test]
fn text_is_as_the_standard_one() {
    for seed in 0..4 {
        drive::small::<Text>(seed, 250);
    }
    drive::large::<Text>(9, 4_000);
}

#[test]
fn bytes_that_are_no_text_come_back() {
    let heap = start(256 << 10);
    let error = PString::from_utf8(PVec::from_slice_in(b"ab\xFF", heap)).unwrap_err();
    assert_eq!((error.utf8_error().valid_up_to(), error.into_bytes().len()), (2, 3));
    assert_eq!(PString::from_utf8(PVec::from_slice_in("ß".as_bytes(), heap)).unwrap(), "ß");
    heap.grants(0);
    let long = "x".repeat(24);
    assert!(PString::try_from_str_in(&long, heap).is_err());
    assert_eq!(PString::new_in(heap).try_push_str(&long).unwrap_err().0, long);
    assert_eq!(PString::try_from_str_in(&long[1..], heap).unwrap().capacity(), 23);
}

/// Every change of one range, of every text that is as long as fits or a little longer, by texts of all lengths: from text in place,
/// and from text in a block.
#[test]
fn every_change_of_a_range_is_as_the_standard_one() {
    let heap = start(256 << 10);
    let before = heap.used();
    let letters = "aßcdefghijklmnopqrstuvwxyz0123456789";
    let cut = |len: usize| letters.get(..len).unwrap_or_else(|| &letters[..len - 1]);
    for text in (0..=25).map(cut) {
        let in_block = || PString::from_utf8(PVec::from_slice_in(text.as_bytes(), heap)).unwrap();
        let places = || (0..=text.len()).filter(|at| text.is_char_boundary(*at));
        for (start, end) in places().flat_map(|start| places().map(move |end| (start, end))) {
            if start > end {
                continue;
            }
            for with in (0..=25).map(cut) {
                let mut std = text.to_owned();
                std.replace_range(start..end, with);
                for mut own in [PString::from_str_in(text, heap), in_block()] {
                    own.replace_range(start..end, with);
                    assert_eq!(own, std);
                    own.shrink_to_fit();
                    assert_eq!(
                        (&own, own.capacity() == 23),
                        (&PString::from_str_in(&std, heap), own.len() <= 23)
                    );
                }
            }
            for mut own in [PString::from_str_in(text, heap), in_block()] {
                assert!(own.drain(start..end).eq(text[start..end].chars()));
                assert_eq!(own, [&text[..start], &text[end..]].concat());
            }
        }
    }
    assert_eq!(heap.used(), before);
}

#[test]
fn its_bytes_are_a_vector_wherever_they_were() {
    let heap = start(256 << 10);
    for len in [0, 1, 23, 24, 60] {
        let text = "y".repeat(len);
        let bytes = PString::from_str_in(&text, heap).into_bytes();
        assert_eq!(bytes, text.as_bytes());
        assert_eq!(PString::from_utf8(bytes).unwrap(), text);
    }
    assert_eq!(size_of::<PString<TestHeap>>(), 24);
}
