//! The collections of a heap beside those that most programs take, which have their memory from the same allocator.
//!
//! ```sh
//! cargo run --release -p outlive-benches --features collections --bin collections [-- [--file] [FILTER]]
//! ```
//!
//! The heap lies in memory, or with `--file` in a file, where what changes is noted for the next commit. Rows whose names contain
//! the filter are measured, if there is one.

mod gate;
mod hashes;
mod pointers;
mod rows;
mod skips;
mod trees;
mod vectors;

use outlive::typed::Store;
use outlive::{Error, PBTreeMap, PHashMap, PSkipMap, PVec, Persist};

use pointers::Node;
use rows::Rows;

#[global_allocator]
static GLOBAL: outlive::Global = outlive::Global::new();

outlive::heap!(struct Bench);

#[derive(Persist)]
struct Root<'h> {
    nodes: PVec<Node<'h>, Bench<'h>>,
    vec: PVec<u64, Bench<'h>>,
    hashes: PHashMap<u64, u64, Bench<'h>>,
    tree: PBTreeMap<u64, u64, Bench<'h>>,
    skips: PSkipMap<u64, u64, Bench<'h>>,
}

type Opened = Store<Root<'static>, Bench<'static>>;

/// How many entries the large collections have.
const ENTRIES: usize = 1_000_000;

/// A number that looks random, different for each `n`.
fn scattered(n: usize) -> u64 {
    let n = n as u64;
    let mixed = (n ^ (n >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB)
}

/// The keys of all entries, in an order of their own.
fn order() -> Vec<u64> {
    let mut keys: Vec<u64> = (0..ENTRIES).map(scattered).collect();
    for last in (1..ENTRIES).rev() {
        let other = scattered(last + ENTRIES) % (last as u64 + 1);
        keys.swap(last, usize::try_from(other).expect("an index"));
    }
    keys
}

fn empty(heap: Bench<'_>) -> Root<'_> {
    Root {
        nodes: PVec::new_in(heap),
        vec: PVec::new_in(heap),
        hashes: PHashMap::new_in(heap),
        tree: PBTreeMap::new_in(heap),
        skips: PSkipMap::new_in(heap),
    }
}

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let in_file = arguments.iter().any(|argument| argument == "--file");
    let filter = arguments.into_iter().find(|argument| !argument.starts_with('-'));
    let rows = Rows::new(filter.unwrap_or_default());
    if !in_file {
        return all(&rows, &Bench::in_memory::<Root<'_>>(empty)?);
    }
    let folder = std::env::temp_dir().join(format!("outlive-collections-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let store = Bench::open::<Root<'_>>(folder.join("heap"), empty)?;
    let done = all(&rows, &store);
    drop(store);
    std::fs::remove_dir_all(&folder).expect("the folder");
    done
}

fn all(rows: &Rows, store: &Opened) -> Result<(), Error> {
    rows.head();
    store.write(|root, heap| pointers::all(rows, &mut root.nodes, heap))?;
    store.write(|root, _| vectors::all(rows, &mut root.vec))?;
    store.write(|root, _| hashes::all(rows, &mut root.hashes))?;
    store.write(|root, _| trees::all(rows, &mut root.tree))?;
    skips::all(rows, store)?;
    gate::all(rows, store)
}
