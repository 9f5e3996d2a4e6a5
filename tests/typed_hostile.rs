//! Bytes under a root that are no values: `Verify::Full` refuses them at the opening, whatever they are.
#![allow(clippy::cast_ptr_alignment, reason = "words are written where words are")]

mod common;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use common::random::Random;
use outlive::typed::{PArc, PArcWeak, PBox, PRc, PWeak, Store};
use outlive::{BlockState, Error, Heap, HeapType, OpenOptions, Persist, Verify};

outlive::heap!(struct H);

#[derive(Persist)]
struct Root<'h> {
    truth: bool,
    letter: char,
    maybe: Option<u32>,
    shape: Shape<'h>,
    own: PBox<u64, H<'h>>,
    other: PBox<u64, H<'h>>,
    nothing: Shape<'h>,
    text: PBox<str, H<'h>>,
    parts: PBox<[Option<bool>], H<'h>>,
    list: Option<PBox<Node<'h>, H<'h>>>,
    shared: [PRc<u32, H<'h>>; 2],
    weak: PWeak<u32, H<'h>>,
    arc: PArc<bool, H<'h>>,
    arc_weak: PArcWeak<bool, H<'h>>,
    gone: PArcWeak<bool, H<'h>>,
}

#[derive(Persist)]
#[repr(u8)]
enum Shape<'h> {
    Nothing,
    Named(PBox<str, H<'h>>) = 5,
}

#[derive(Persist)]
struct Node<'h> {
    truth: bool,
    next: Option<PBox<Node<'h>, H<'h>>>,
}

fn root(heap: H<'_>) -> Root<'_> {
    let mut list = None;
    for number in 0..30 {
        list = Some(PBox::new_in(Node { truth: number % 2 == 0, next: list }, heap));
    }
    let (shared, arc) = (PRc::new_in(7, heap), PArc::new_in(true, heap));
    Root {
        truth: true,
        letter: 'x',
        maybe: Some(1),
        shape: Shape::Named(PBox::str_in("triangle", heap)),
        own: PBox::new_in(1, heap),
        other: PBox::new_in(2, heap),
        nothing: Shape::Nothing,
        text: PBox::str_in("some text", heap),
        parts: PBox::from_iter_in([None, Some(true), Some(false)], heap),
        list,
        weak: PRc::downgrade(&shared, heap),
        shared: [PRc::share(&shared, heap), shared],
        arc_weak: PArc::downgrade(&arc, heap),
        arc,
        gone: PArc::downgrade(&PArc::new_in(true, heap), heap),
    }
}

/// One test at a time has a heap open as `H`.
static TURN: Mutex<()> = Mutex::new(());

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("outlive-hostile-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn heap(&self) -> PathBuf {
        self.0.join("heap")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn verified(path: &Path) -> Result<Store<Root<'static>, H<'static>>, Error> {
    H::open_with::<Root>(OpenOptions::new().create(false).verify(Verify::Full), path, |_| unreachable!())
}

/// Uses everything that is there.
fn touch(store: &Store<Root<'static>, H<'static>>) -> u64 {
    store
        .read(|root| {
            let mut sum = u64::from(root.truth) + u64::from(root.letter) + u64::from(root.maybe.unwrap_or(0));
            sum += match [&root.shape, &root.nothing][usize::from(root.truth)] {
                Shape::Nothing => 0,
                Shape::Named(name) => name.chars().count() as u64,
            };
            sum = sum.wrapping_add(*root.own).wrapping_add(*root.other);
            sum += root.text.chars().count() as u64;
            sum += root.parts.iter().flatten().filter(|part| **part).count() as u64;
            let mut next = root.list.as_ref();
            while let Some(node) = next {
                sum += u64::from(node.truth);
                next = node.next.as_ref();
            }
            sum + u64::from(*root.shared[0]) + u64::from(*root.shared[1]) + u64::from(*root.arc)
        })
        .unwrap()
}

type Damage = for<'h> fn(&mut Root<'h>, H<'h>);

/// Writes bytes into a value that are none.
fn put<T, U>(place: &mut T, at: usize, value: U) {
    assert!(at + size_of::<U>() <= size_of::<T>());
    let bytes = (&raw mut *place).wrapping_byte_add(at);
    // SAFETY: inside of the value, which is not used any more.
    unsafe { bytes.cast::<U>().write_unaligned(value) };
}

fn word<T>(place: &T) -> u64 {
    // SAFETY: the first 8 bytes of a value that has them.
    unsafe { (&raw const *place).cast::<u64>().read_unaligned() }
}

const DAMAGES: &[(&str, Damage)] = &[
    ("2 is no `bool`", |root, _| put(&mut root.truth, 0, 2_u8)),
    ("0xd800 is no `char`", |root, _| put(&mut root.letter, 0, 0xd800_u32)),
    ("0x2 is no tag of an `Option`", |root, _| put(&mut root.maybe, 0, 2_u8)),
    ("4 is no tag of `Shape`", |root, _| put(&mut root.shape, 0, 4_u8)),
    ("belongs to another value", |root, _| {
        let other = word(&root.other);
        put(&mut root.own, 0, other);
    }),
    ("no block of 8 bytes", |root, _| put(&mut root.own, 0, 1_u64 << 40)),
    ("no block of 8 bytes", |root, _| {
        let inside = word(&root.own) + 4;
        put(&mut root.own, 0, inside);
    }),
    ("no block of 8 bytes", |root, _| put(&mut root.own, 0, 1_u64)),
    ("does not have offset 0", |root, _| put(&mut root.own, 0, 0_u64)),
    ("invalid utf-8", |root, _| {
        // SAFETY: bytes that are not used as text before they are looked at.
        unsafe { root.text.as_bytes_mut()[3] = 0xff };
    }),
    ("no block of 1000 bytes", |root, _| put(&mut root.text, 8, 1000_u64)),
    ("no value has", |root, _| put(&mut root.parts, 8, u64::MAX)),
    ("0x3 is no `bool`", |root, _| put(&mut root.parts[1], 0, 3_u8)),
    ("belongs to another value", |root, _| {
        let first = word(&root.list);
        let mut last = root.list.as_mut().unwrap();
        while last.next.is_some() {
            last = last.next.as_mut().unwrap();
        }
        put(&mut last.next, 0, first);
    }),
    ("it counts", |root, heap| {
        let count = PRc::as_ptr(&root.shared[0]).as_non_null().as_ptr().wrapping_byte_sub(16);
        heap.note(count.cast(), 8);
        // SAFETY: the block's first word is its count.
        unsafe { count.cast::<u64>().write(1) };
    }),
    ("it counts", |root, heap| {
        let count = PRc::as_ptr(&root.shared[0]).as_non_null().as_ptr().wrapping_byte_sub(8);
        heap.note(count.cast(), 8);
        // SAFETY: the block's second word is its weak count.
        unsafe { count.cast::<u64>().write(1) };
    }),
    ("belongs to a value of another kind", |root, _| {
        let own = word(&root.shared[0]);
        put(&mut root.arc, 0, own);
    }),
    ("0x9 is no `bool`", |root, heap| {
        heap.note(PArc::as_ptr(&root.arc).as_non_null().as_ptr().cast(), 1);
        // SAFETY: the value of the block.
        unsafe { PArc::as_ptr(&root.arc).as_non_null().as_ptr().cast::<u8>().write(9) };
    }),
];

#[test]
fn what_is_no_value_is_refused_and_named() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Folder::new("named");
    for (number, (what, damage)) in DAMAGES.iter().enumerate() {
        let _ = std::fs::remove_file(folder.heap());
        let store = H::open::<Root>(folder.heap(), root).unwrap();
        drop(store);
        drop(verified(&folder.heap()).unwrap());
        let store = H::open::<Root>(folder.heap(), |_| unreachable!()).unwrap();
        store.write(damage).unwrap();
        store.persist().unwrap();
        drop(store);
        match verified(&folder.heap()) {
            Err(Error::ValuesDamaged { what: found }) => {
                assert!(found.contains(what), "{number}: {found}, not {what}")
            }
            other => panic!("{number}, {what}: {other:?}"),
        }
    }
}

fn seed() -> Random {
    let seed = std::env::var("OUTLIVE_HOSTILE_SEED").map_or(0x5eed, |seed| seed.parse().unwrap());
    println!("OUTLIVE_HOSTILE_SEED={seed}");
    Random::new(seed)
}

impl Random {
    /// A word that a pointer, a length, a count or a tag could be.
    fn word(&mut self, offsets: &[u64]) -> u64 {
        match self.below(5) {
            0 => self.next(),
            1 => 0,
            2 => self.below(300),
            3 => 1 << self.below(64),
            _ => offsets[self.below(offsets.len())],
        }
    }
}

#[test]
fn any_bytes_in_any_blocks_of_a_file_end_in_an_error_or_in_values() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Folder::new("random");
    drop(H::open::<Root>(folder.heap(), root).unwrap());
    let pristine = folder.0.join("pristine");
    std::fs::copy(folder.heap(), &pristine).unwrap();
    let mut refused = 0;
    let mut random = seed();
    for _ in 0..30 {
        std::fs::copy(&pristine, folder.heap()).unwrap();
        let heap = Heap::open(folder.heap()).unwrap();
        let (mut blocks, mut offsets) = (Vec::new(), Vec::new());
        heap.for_each_block(|block, info| {
            if info.state == BlockState::Allocated {
                blocks.push((block, info.size));
                offsets.push(info.offset.get());
            }
        });
        for _ in 0..=random.below(4) {
            let (block, size) = blocks[random.below(blocks.len())];
            let at = random.below(size.div_ceil(8)) * 8;
            if at + 8 <= size {
                let place = block.as_ptr().wrapping_byte_add(at).cast::<u64>();
                heap.tracked().note(place.cast(), 8);
                // SAFETY: inside of an allocated block.
                unsafe { place.write(random.word(&offsets)) };
            }
        }
        heap.persist().unwrap();
        heap.close().unwrap();
        match verified(&folder.heap()) {
            Ok(store) => {
                touch(&store);
            }
            Err(Error::ValuesDamaged { .. } | Error::OtherLayout { .. } | Error::NoRoot { .. }) => {
                refused += 1
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(refused > 5, "{refused} refused");
}

/// The bytes of the root's values.
fn pieces(root: &mut Root<'_>) -> Vec<*mut [u8]> {
    fn piece<T: ?Sized>(value: &mut T) -> *mut [u8] {
        std::ptr::slice_from_raw_parts_mut((&raw mut *value).cast(), size_of_val(value))
    }

    let mut pieces = vec![piece(&mut *root.own), piece(&mut *root.text), piece(&mut *root.parts)];
    let counted = PRc::as_ptr(&root.shared[0]).as_non_null().as_ptr().wrapping_byte_sub(16);
    pieces.push(std::ptr::slice_from_raw_parts_mut(counted.cast(), 16));
    let mut next = root.list.as_mut();
    while let Some(node) = next {
        let node = &mut **node;
        pieces.push(piece(node));
        next = node.next.as_mut();
    }
    pieces.push(piece(root));
    pieces
}

#[test]
fn any_bytes_in_memory_end_in_an_error_or_in_values() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let store = H::in_memory::<Root>(root).unwrap();
    // The heap is damaged while it is open, and put in order again: no value is used in between that was not seen to be one.
    let mut places = Vec::new();
    store
        .write(|root, _| {
            places = pieces(root)
                .into_iter()
                .map(|piece| (piece.cast::<u8>().expose_provenance(), piece.len()))
                .collect()
        })
        .unwrap();
    let offsets: Vec<u64> = store
        .read(|root| {
            vec![
                word(&root.own),
                word(&root.other),
                word(&root.text),
                word(&root.list),
                word(&root.shared[0]),
                word(&root.arc),
            ]
        })
        .unwrap();
    let mut random = seed();
    let (mut refused, mut accepted) = (0, 0);
    for _ in 0..if cfg!(debug_assertions) { 3000 } else { 100_000 } {
        let (start, len) = places[random.below(places.len())];
        let at = std::ptr::with_exposed_provenance_mut::<u8>(start + random.below(len));
        let width = (start + len - at.addr()).min(if random.below(2) == 0 { 1 } else { 8 });
        let value = random.word(&offsets).to_le_bytes();
        let mut before = [0_u8; 8];
        store
            .write(|_, _| {
                // SAFETY: inside of a value, which nobody uses.
                unsafe { at.copy_to(before.as_mut_ptr(), width) };
                // SAFETY: as above.
                unsafe { at.copy_from(value.as_ptr(), width) };
            })
            .unwrap();
        match store.unreachable() {
            Ok(_) => {
                touch(&store);
                accepted += 1;
            }
            Err(Error::ValuesDamaged { .. }) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
        // SAFETY: as above.
        store.write(|_, _| unsafe { at.copy_from(before.as_ptr(), width) }).unwrap();
    }
    assert!(refused > 500 && accepted > 100, "{refused} refused, {accepted} accepted");
}
