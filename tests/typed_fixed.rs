//! Ordinary collections in a heap that is only ever open at its own address.
#![cfg_attr(feature = "nightly", feature(allocator_api))]

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec;
use outlive::typed::{PBox, Store};
use outlive::{Error, OpenOptions, Persist, Verify};

outlive::heap!(struct H, fixed);
outlive::heap!(struct Other, fixed);

#[derive(Persist)]
struct Root<'h> {
    numbers: Vec<u64, H<'h>>,
    texts: Vec<PBox<str, H<'h>>, H<'h>>,
    own: Option<Box<Vec<bool, H<'h>>, H<'h>>>,
    nothing: Vec<(), H<'h>>,
}

fn root(heap: H<'_>) -> Root<'_> {
    let mut nothing = Vec::new_in(heap);
    nothing.extend([(), ()]);
    Root { numbers: Vec::new_in(heap), texts: Vec::new_in(heap), own: None, nothing }
}

/// Two heaps that are made may want the same addresses: so they are not open at the same time.
static TURN: Mutex<()> = Mutex::new(());

fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("outlive-fixed-{name}-{}", std::process::id()))
}

fn open(path: &PathBuf) -> Result<Store<Root<'static>, H<'static>>, Error> {
    H::open_with::<Root>(OpenOptions::new().verify(Verify::Full).find_unnoted(true), path, root)
}

/// Writes a word of a vector.
fn put<T>(vector: &mut T, word: usize, value: usize) {
    let words = (&raw mut *vector).cast::<usize>().wrapping_add(word);
    // SAFETY: one of the three words of a vector, which is not used any more.
    unsafe { words.write(value) };
}

#[test]
fn ordinary_collections_are_found_again_at_the_same_address_and_nowhere_else() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let path = path("found");
    let store = open(&path).unwrap();
    let address = store
        .write(|root, heap| {
            root.numbers.extend(0..1000);
            root.texts.extend(["one", "two"].map(|text| PBox::str_in(text, heap)));
            let mut truths = Vec::new_in(heap);
            truths.extend([true, false]);
            root.own = Some(Box::new_in(truths, heap));
            root.numbers.as_ptr().addr()
        })
        .unwrap();
    store.persist().unwrap();
    assert_eq!(store.unreachable().unwrap(), []);
    store.close().unwrap();

    let store = open(&path).unwrap();
    let found = store.read(|root| {
        assert_eq!((root.numbers.iter().sum::<u64>(), root.nothing.len()), (499_500, 2));
        assert_eq!(root.own.as_ref().unwrap()[..], [true, false]);
        assert_eq!(
            root.texts.iter().map(|text| text.to_string()).collect::<std::vec::Vec<_>>(),
            ["one", "two"]
        );
        root.numbers.as_ptr().addr()
    });
    assert_eq!(found.unwrap(), address);
    store.write(|root, _| root.texts.truncate(1)).unwrap();
    assert_eq!(store.unreachable().unwrap(), []);
    store.close().unwrap();

    // Its address is taken by a heap of a copy of the file.
    let copy = path.with_extension("copy");
    std::fs::copy(&path, &copy).unwrap();
    let other = outlive::Heap::open(&copy).unwrap();
    assert!(matches!(open(&path), Err(Error::AddressTaken { .. })));
    drop(other);
    open(&path).unwrap().close().unwrap();
    std::fs::remove_file(copy).unwrap();

    // The words of a vector that is none.
    for (word, value) in [(0, 0), (1, 1 << 50), (2, 1 << 50), (0, address + 8), (1, 0), (2, 999_999)] {
        let store = open(&path).unwrap();
        store.write(|root, _| put(&mut root.numbers, word, value)).unwrap();
        let found = store.unreachable();
        assert!(matches!(found, Err(Error::ValuesDamaged { .. })), "word {word} as {value:#x}: {found:?}");
        drop(store);
    }
    open(&path).unwrap().close().unwrap();
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_heap_of_another_kind_is_refused() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    outlive::heap!(struct Movable);
    let path = path("kinds");
    Other::open::<u64>(&path, |_| 7).unwrap().close().unwrap();
    assert!(matches!(Movable::open::<u64>(&path, |_| 7), Err(Error::OtherLayout { .. })));
    assert_eq!(Other::open::<u64>(&path, |_| 8).unwrap().read(|number| *number).unwrap(), 7);
    std::fs::remove_file(&path).unwrap();
}

/// The standard library's own.
#[cfg(feature = "nightly")]
mod standard {
    use super::*;

    outlive::heap!(struct S, fixed);

    type Vecs<'h> = std::vec::Vec<std::vec::Vec<PBox<str, S<'h>>, S<'h>>, S<'h>>;

    #[derive(Persist)]
    struct Root<'h> {
        vecs: Vecs<'h>,
        own: Option<std::boxed::Box<bool, S<'h>>>,
        nothing: std::vec::Vec<(), S<'h>>,
    }

    fn open(path: &PathBuf) -> Result<Store<Root<'static>, S<'static>>, Error> {
        S::open_with::<Root>(OpenOptions::new().verify(Verify::Full).find_unnoted(true), path, |heap| {
            let mut nothing = std::vec::Vec::new_in(heap);
            nothing.extend([(), ()]);
            Root { vecs: std::vec::Vec::new_in(heap), own: None, nothing }
        })
    }

    #[test]
    fn the_standard_ones_are_found_again() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let path = path("standard");
        let store = open(&path).unwrap();
        store
            .write(|root, heap| {
                for number in 0..100 {
                    let mut texts = std::vec::Vec::new_in(heap);
                    texts.push(PBox::str_in(&number.to_string(), heap));
                    root.vecs.push(texts);
                }
                root.own = Some(std::boxed::Box::new_in(true, heap));
            })
            .unwrap();
        store.persist().unwrap();
        assert_eq!(store.unreachable().unwrap(), []);
        store.close().unwrap();

        let store = open(&path).unwrap();
        let found = store.read(|root| {
            assert!(root.own.as_deref() == Some(&true) && root.nothing.len() == 2);
            root.vecs.iter().flatten().map(|text| text.parse::<u32>().unwrap()).sum::<u32>()
        });
        assert_eq!(found.unwrap(), 4950);
        store.write(|root, _| root.vecs.truncate(1)).unwrap();
        assert_eq!(store.unreachable().unwrap(), []);
        let words = (0..3).flat_map(|word| [(word, 3), (word, usize::MAX)]);
        for (word, value) in words {
            store.persist().unwrap();
            let mut before = 0;
            store
                .write(|root, _| {
                    let words = (&raw mut root.vecs).cast::<usize>().wrapping_add(word);
                    // SAFETY: one of the three words of a vector, which is not used before it is as it was.
                    before = unsafe { words.read() };
                    put(&mut root.vecs, word, value);
                })
                .unwrap();
            let found = store.unreachable();
            assert!(
                matches!(found, Err(Error::ValuesDamaged { .. })),
                "word {word} as {value:#x}: {found:?}"
            );
            store.write(|root, _| put(&mut root.vecs, word, before)).unwrap();
        }
        // Without size, a capacity that the library does not have.
        store
            .write(|root, _| {
                let words = (&raw mut root.nothing).cast::<[usize; 3]>();
                // SAFETY: as above.
                let capacity = unsafe { words.read() }.iter().position(|word| *word == 0).unwrap();
                put(&mut root.nothing, capacity, usize::MAX);
            })
            .unwrap();
        assert!(matches!(store.unreachable(), Err(Error::ValuesDamaged { .. })));
        drop(store);
        std::fs::remove_file(&path).unwrap();
    }

    /// Words and blocks are the same, and so is what the file says of them.
    #[test]
    fn a_vector_of_one_library_is_read_by_the_other_if_the_words_are_the_same() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        outlive::heap!(struct Both, fixed);
        let path = path("both");
        let numbers = Both::open::<Vec<u64, Both>>(&path, |heap| Vec::new_in(heap)).unwrap();
        numbers.write(|numbers, _| numbers.extend(0..100)).unwrap();
        numbers.persist().unwrap();
        drop(numbers);
        match Both::open::<std::vec::Vec<u64, Both>>(&path, |_| unreachable!()) {
            Ok(numbers) => assert_eq!(numbers.read(|numbers| numbers.iter().sum::<u64>()).unwrap(), 4950),
            Err(Error::OtherLayout { found, expected, .. }) => assert_ne!(found, expected),
            Err(other) => panic!("{other:?}"),
        }
        std::fs::remove_file(&path).unwrap();
    }
}
