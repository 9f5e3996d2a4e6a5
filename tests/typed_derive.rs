//! `#[derive(Persist)]`, and the walk over values: what it reaches, and what it refuses.

use std::cell::Cell;
use std::marker::PhantomData;
use std::num::NonZero;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use outlive::typed::{PArc, PArcWeak, PBox, PPtr, PRc, PWeak, Store};
use outlive::{Error, HeapType, Persist};

outlive::heap!(struct H);

#[derive(Persist)]
struct Everything<'h> {
    numbers: (u8, i16, u32, i64, u128, f32, f64, usize),
    truth: bool,
    letter: char,
    array: [u16; 3],
    options: Options<'h>,
    atomic: AtomicU64,
    duration: Duration,
    unit: Unit,
    tuple: Tuple<'h>,
    enums: [Shape<'h>; 3],
    colour: Colour,
    list: Option<PBox<Node<'h>, H<'h>>>,
    generic: Generic<u8, H<'h>, 2>,
    marker: PhantomData<u64>,
}

#[derive(Persist)]
struct Options<'h> {
    number: Option<u64>,
    truth: Option<bool>,
    truths: Option<Option<bool>>,
    letter: Option<char>,
    not_zero: Option<NonZero<u32>>,
    bytes: Option<[u8; 3]>,
    big: Option<u128>,
    nested: Option<Option<u16>>,
    time: Option<Duration>,
    own: Option<PBox<u8, H<'h>>>,
    text: Option<PBox<str, H<'h>>>,
    structure: Option<Tuple<'h>>,
    pair: Option<(u32, bool, char)>,
    shape: Option<Shape<'h>>,
    colour: Option<Colour>,
    colours: Option<[Colour; 2]>,
    nothing: Option<()>,
    pointer: Option<PPtr<u64, H<'h>>>,
}

#[derive(Persist)]
struct Unit;

#[derive(Persist)]
struct Tuple<'h>(bool, PBox<u32, H<'h>>, PBox<[u8], H<'h>>);

#[derive(Persist)]
#[repr(u8)]
enum Shape<'h> {
    Nothing,
    Circle(f64) = 7,
    Named { sides: u16, name: PBox<str, H<'h>> },
}

#[derive(Persist, Clone, Copy, PartialEq, Debug)]
#[repr(u16)]
enum Colour {
    Red = 3,
    Green,
    Blue = 9,
}

#[derive(Persist)]
struct Node<'h> {
    value: u64,
    next: Option<PBox<Node<'h>, H<'h>>>,
}

#[derive(Persist)]
struct Generic<T: Persist, Heap: HeapType, const N: usize> {
    values: [PBox<T, Heap>; N],
}

fn everything(heap: H<'_>) -> Everything<'_> {
    let options = Options {
        number: Some(1),
        truth: Some(true),
        truths: Some(None),
        letter: None,
        not_zero: NonZero::new(3),
        bytes: Some([1, 2, 3]),
        big: Some(1 << 100),
        nested: Some(None),
        time: None,
        own: Some(PBox::new_in(1, heap)),
        text: Some(PBox::str_in("text", heap)),
        structure: None,
        pair: Some((1, true, 'x')),
        shape: Some(Shape::Nothing),
        colour: None,
        colours: Some([Colour::Red, Colour::Blue]),
        nothing: Some(()),
        pointer: None,
    };
    let mut list = None;
    for value in 0..100_000 {
        list = Some(PBox::new_in(Node { value, next: list }, heap));
    }
    Everything {
        numbers: (1, -2, 3, -4, 5, 6.0, 7.0, 8),
        truth: true,
        letter: 'a',
        array: [1, 2, 3],
        options,
        atomic: AtomicU64::new(9),
        duration: Duration::new(5, 999_999_999),
        unit: Unit,
        tuple: Tuple(false, PBox::new_in(1, heap), PBox::from_iter_in([1, 2], heap)),
        enums: [
            Shape::Nothing,
            Shape::Circle(1.5),
            Shape::Named { sides: 3, name: PBox::str_in("three", heap) },
        ],
        colour: Colour::Green,
        list,
        generic: Generic { values: [PBox::new_in(1, heap), PBox::new_in(2, heap)] },
        marker: PhantomData,
    }
}

/// Takes the list apart, which would need a deep stack otherwise.
fn clear(store: &Store<Everything<'_>, H<'_>>) {
    store
        .write(|root, _| {
            let mut next = root.list.take();
            while let Some(node) = next {
                next = PBox::into_inner(node).next;
            }
        })
        .unwrap();
}

#[test]
fn values_of_all_kinds_are_walked_and_nothing_is_left_over() {
    let store = H::in_memory::<Everything>(everything).unwrap();
    assert_eq!(store.unreachable().unwrap(), []);
    store.read(|root| assert_eq!(root.list.as_ref().unwrap().value, 99_999)).unwrap();
    clear(&store);
    assert_eq!(store.unreachable().unwrap(), []);
    store
        .write(|root, heap| {
            std::mem::forget(PBox::new_in([1_u64; 100], heap));
            std::mem::forget(root.options.own.take());
            std::mem::forget(PBox::new_in(PBox::str_in("inside of it", heap), heap));
        })
        .unwrap();
    let lost = store.unreachable().unwrap();
    assert_eq!(lost.len(), 4, "{lost:?}");
    assert!(lost.iter().any(|block| block.size >= 800));
    assert_eq!(store.free_unreachable().unwrap(), lost);
    assert_eq!(store.unreachable().unwrap(), []);
    assert!(store.check().unwrap().is_clean());
}
