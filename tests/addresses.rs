//! Where heaps in files lie: their own address if it is free, and only there if they hold absolute pointers.
#![cfg_attr(feature = "nightly", feature(allocator_api))]
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "tests read better so")]

mod common;

use std::alloc::Layout;
use std::ptr;

use common::files::{Folder, small};
use outlive::{Error, Heap, OpenOptions};

const PAGE: usize = 4096;
const HUGE: usize = 2 << 20;

/// Keeps a page of address space taken.
struct Taken(*mut libc::c_void);

impl Taken {
    fn new(address: usize) -> Self {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
        let wanted = ptr::without_provenance_mut(address);
        // SAFETY: the kernel refuses the address where anything is mapped.
        let found = unsafe { libc::mmap(wanted, PAGE, libc::PROT_NONE, flags, -1, 0) };
        assert_eq!(found.addr(), address, "the address is free");
        Self(found)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        // SAFETY: mapped in `new`, and nothing lies there.
        assert_eq!(unsafe { libc::munmap(self.0, PAGE) }, 0);
    }
}

fn address(heap: &Heap) -> usize {
    heap.base().as_ptr().addr()
}

/// A place that nobody else in this test program uses.
fn place(number: usize) -> usize {
    0x6000_0000_0000 + number * (1 << 36)
}

#[test]
fn a_new_heap_lies_where_it_is_told_to_and_comes_back() {
    let folder = Folder::new();
    let options = || small().base_address(place(1));
    let heap = options().open(folder.join("heap")).unwrap();
    assert_eq!(address(&heap), place(1));
    heap.persist().unwrap();
    heap.close().unwrap();
    // It keeps its own, whatever is asked for later.
    let heap = small().base_address(place(2)).open(folder.join("heap")).unwrap();
    assert_eq!(address(&heap), place(1));
    drop(heap);
    for wrong in [0, PAGE, place(1) + PAGE, place(1) + HUGE / 2] {
        match small().base_address(wrong).open(folder.join("other")).unwrap_err() {
            Error::AddressNotAligned { found, expected } => {
                assert_eq!((found, expected), (wrong as u64, HUGE as u64));
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(folder.names(), ["heap"]);
}

#[test]
fn a_heap_without_absolute_pointers_is_mapped_elsewhere() {
    let folder = Folder::new();
    let taken = Taken::new(place(3) + (8 << 20));
    let heap = small().base_address(place(3)).open(folder.join("heap")).unwrap();
    assert_ne!(address(&heap), place(3));
    let block = heap.allocate(Layout::new::<u64>()).unwrap();
    // SAFETY: the block holds a number.
    unsafe { block.cast::<u64>().write(42) };
    heap.set_root(Some(block));
    heap.persist().unwrap();
    heap.close().unwrap();
    let check = |heap: &Heap| {
        let root = heap.root().unwrap();
        // SAFETY: the root is the number from above.
        assert_eq!(unsafe { root.cast::<u64>().read() }, 42);
        assert!(heap.check().is_clean());
    };
    let readers = [(); 2].map(|()| small().read_only(true).open(folder.join("heap")).unwrap());
    readers.iter().for_each(check);
    drop((readers, taken));
    let heap = Heap::open(folder.join("heap")).unwrap();
    assert_eq!(address(&heap), place(3));
    check(&heap);
}

fn is_taken(result: Result<Heap, Error>, folder: &Folder, wanted: usize) -> bool {
    match result {
        Err(Error::AddressTaken { file, wanted: found, bytes }) => {
            assert!(file == folder.join("heap") && bytes >= 256 << 20);
            found == wanted as u64
        }
        Err(other) => panic!("{other}"),
        Ok(_) => false,
    }
}

#[test]
fn a_heap_with_absolute_pointers_opens_at_its_address_or_not_at_all() {
    let folder = Folder::new();
    let options = || small().base_address(place(4)).absolute_pointers(true);
    let taken = Taken::new(place(4) + (8 << 20));
    assert!(is_taken(options().open(folder.join("heap")), &folder, place(4)));
    assert!(folder.names().is_empty(), "nothing was made");
    drop(taken);
    let heap = options().open(folder.join("heap")).unwrap();
    let block = heap.allocate(Layout::new::<usize>()).unwrap();
    // SAFETY: the block holds an address: its own.
    unsafe { block.cast::<usize>().write(block.as_ptr().addr()) };
    heap.set_root(Some(block));
    heap.persist().unwrap();
    heap.snapshot(folder.join("snapshot")).unwrap();
    heap.save(folder.join("saved")).unwrap();
    folder.copy("heap", "left");
    folder.copy("heap.log", "left.log");
    drop(heap);
    let holds = |heap: Heap| {
        let root = heap.root().unwrap();
        // SAFETY: the root is the address from above.
        assert_eq!(unsafe { root.cast::<usize>().read() }, root.as_ptr().addr());
    };
    let plain = small;
    for name in ["heap", "left", "snapshot", "saved"] {
        let path = folder.join(name);
        let is_refused = |result: Result<Heap, Error>| match result {
            Err(Error::AddressTaken { file, wanted, .. }) => file == path && wanted == place(4) as u64,
            _ => false,
        };
        let taken = Taken::new(place(4) + (8 << 20));
        let before = folder.files();
        assert!(is_refused(plain().open(&path)), "{name}");
        assert!(is_refused(plain().read_only(true).open(&path)), "{name}");
        assert!(is_refused(Heap::load(&path)), "{name}");
        assert!(folder.files() == before, "{name}");
        assert!(outlive::check(&path).unwrap().is_clean(), "looking at it needs no address of its own");
        drop(taken);
        holds(plain().read_only(true).open(&path).unwrap());
        holds(Heap::load(&path).unwrap());
        holds(plain().open(&path).unwrap());
    }
    // Two at once cannot be.
    let one = plain().read_only(true).open(folder.join("heap")).unwrap();
    assert!(is_taken(plain().read_only(true).open(folder.join("heap")), &folder, place(4)));
    drop(one);
}

#[test]
fn a_heap_becomes_one_with_absolute_pointers_at_its_own_address_only() {
    let folder = Folder::new();
    let options = || OpenOptions::new().absolute_pointers(true);
    let heap = small().base_address(place(5)).open(folder.join("heap")).unwrap();
    heap.persist().unwrap();
    heap.close().unwrap();
    let taken = Taken::new(place(5));
    assert!(is_taken(options().open(folder.join("heap")), &folder, place(5)));
    drop(Heap::open(folder.join("heap")).unwrap());
    drop(taken);
    drop(options().open(folder.join("heap")).unwrap());
    let taken = Taken::new(place(5));
    assert!(is_taken(Heap::open(folder.join("heap")), &folder, place(5)), "it stays so");
    drop(taken);
    assert_eq!(address(&Heap::open(folder.join("heap")).unwrap()), place(5));
}

#[test]
fn new_heaps_with_absolute_pointers_find_a_free_address() {
    let folder = Folder::new();
    let heaps: Vec<Heap> = (0..20)
        .map(|number| small().absolute_pointers(true).open(folder.join(&format!("heap{number}"))).unwrap())
        .collect();
    let mut bases: Vec<usize> = heaps.iter().map(address).collect();
    bases.sort_unstable();
    assert!(bases.windows(2).all(|pair| pair[1] - pair[0] >= 256 << 20));
    drop(heaps);
    for number in 0..20 {
        assert!(Heap::open(folder.join(&format!("heap{number}"))).is_ok());
    }
}
