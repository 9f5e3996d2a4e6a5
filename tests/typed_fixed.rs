//! Ordinary collections in a heap that is only ever open at its own address.

use std::path::PathBuf;

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
    outlive::heap!(struct Movable);
    let path = path("kinds");
    Other::open::<u64>(&path, |_| 7).unwrap().close().unwrap();
    assert!(matches!(Movable::open::<u64>(&path, |_| 7), Err(Error::OtherLayout { .. })));
    assert_eq!(Other::open::<u64>(&path, |_| 8).unwrap().read(|number| *number).unwrap(), 7);
    std::fs::remove_file(&path).unwrap();
}
