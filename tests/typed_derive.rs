//! `#[derive(Persist)]`, and the walk over values: what it reaches, and what it refuses.

use std::marker::PhantomData;
use std::num::NonZero;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use outlive::typed::{PBox, PPtr, Store};
use outlive::{HeapType, OpenOptions, Persist, Verify};

outlive::heap!(struct H);

/// One test at a time has a heap open as `H`.
static TURN: Mutex<()> = Mutex::new(());

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
    tags: Tags,
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

/// Tags that leave different numbers to say `None` by, at both ends and in between.
type Tags = (
    [Option<Around>; 3],
    [Option<Below>; 3],
    [Option<Halves>; 3],
    [Option<Lone>; 2],
    [Option<Option<Around>>; 4],
);

#[derive(Persist, Clone, Copy, PartialEq, Debug)]
#[repr(u8)]
enum Around {
    First = 1,
    Last = 255,
}

#[derive(Persist, Clone, Copy, PartialEq, Debug)]
#[repr(i8)]
enum Below {
    Three = -3,
    Four = 4,
}

#[derive(Persist, Clone, Copy, PartialEq, Debug)]
#[repr(u8)]
enum Halves {
    Low = 0,
    High = 128,
}

#[derive(Persist, Clone, Copy, PartialEq, Debug)]
#[repr(i64)]
enum Lone {
    Only = i64::MIN,
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

const LIST: u64 = 100_000;

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
        tags: (
            [None, Some(Around::First), Some(Around::Last)],
            [None, Some(Below::Three), Some(Below::Four)],
            [None, Some(Halves::Low), Some(Halves::High)],
            [None, Some(Lone::Only)],
            [None, Some(None), Some(Some(Around::First)), Some(Some(Around::Last))],
        ),
        nothing: Some(()),
        pointer: None,
    };
    let mut list = None;
    for value in 0..LIST {
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
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let store = H::in_memory::<Everything>(everything).unwrap();
    assert_eq!(store.unreachable().unwrap(), []);
    store.read(|root| assert_eq!(root.list.as_ref().unwrap().value, LIST - 1)).unwrap();
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

/// All that there is, but the list.
fn shown(root: &Everything<'_>) -> String {
    let shapes = root.enums.iter().map(|shape| match shape {
        Shape::Nothing => String::from("nothing"),
        Shape::Circle(radius) => format!("circle of {radius}"),
        Shape::Named { sides, name } => format!("{name} of {sides}"),
    });
    let shapes = shapes.collect::<Vec<_>>().join(", ");
    let Options { number, truth, truths, letter, not_zero, bytes, big, nested, time, .. } = &root.options;
    let Options { own, text, structure, pair, shape, colour, colours, tags, nothing, pointer, .. } =
        &root.options;
    let options = format!(
        "{number:?} {truth:?} {truths:?} {letter:?} {not_zero:?} {bytes:?} {big:?} {nested:?} {time:?}"
    );
    let others = format!("{own:?} {text:?} {pair:?} {colour:?} {colours:?} {tags:?} {nothing:?} {pointer:?}");
    let there = (structure.is_some(), matches!(shape, Some(Shape::Nothing)));
    let Tuple(first, second, third) = &root.tuple;
    let (numbers, generic) = (root.numbers, &root.generic.values);
    let Everything { truth, letter, array, atomic, duration, colour, .. } = root;
    format!(
        "{numbers:?} {truth} {letter} {array:?} {atomic:?} {duration:?} {colour:?}\n{options}\n{others}\n{there:?}\n{shapes}\n\
         {first} {second} {third:?} {generic:?}"
    )
}

#[test]
fn values_of_all_kinds_are_found_again() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let path = std::env::temp_dir().join(format!("outlive-derive-{}", std::process::id()));
    let store = H::open::<Everything>(&path, everything).unwrap();
    let before = store.read(shown).unwrap();
    assert!(before.contains("nothing, circle of 1.5, three of 3"), "{before}");
    drop(store);
    let options = OpenOptions::new().verify(Verify::Full);
    let store = H::open_with::<Everything>(options, &path, |_| unreachable!()).unwrap();
    assert_eq!(store.read(shown).unwrap(), before);
    store.read(|Everything { unit: Unit, marker: PhantomData, .. }| ()).unwrap();
    clear(&store);
    drop(store);
    std::fs::remove_file(path).unwrap();
}
