//! A heap that outlives the process: a journal that every run finds as the last one left it.
//!
//! ```text
//! cargo run --release --example persistence_demo              # run it again and again
//! cargo run --release --example persistence_demo -- --crash   # dies in the midst of its work, after a commit
//! cargo run --release --example persistence_demo -- --reset   # begins anew
//! ```
//!
//! The heap is a file in the folder for temporary files. Nothing is written to it but by `persist`, and that as a whole: a
//! run that dies takes with it what it had not persisted, and nothing else.

use std::alloc::Layout;
use std::error::Error;
use std::ptr::NonNull;
use std::{env, fs, process};

use outlive::{Heap, Offset};

/// What the heap's root is.
#[repr(C)]
struct Journal {
    runs: u64,
    entries: u64,
    newest: Option<Offset>,
}

/// An entry, which knows the one before it by its place in the heap.
#[repr(C)]
struct Entry {
    older: Option<Offset>,
    run: u64,
    number: u64,
    text: [u8; 40],
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::temp_dir().join("outlive-persistence-demo.heap");
    let asked = env::args().nth(1).unwrap_or_default();
    if asked == "--reset" {
        for file in [path.clone(), path.with_extension("heap.log")] {
            let _not_there = fs::remove_file(file);
        }
    }
    let heap = Heap::open(&path)?;
    println!("{} holds commit {}", path.display(), heap.last_commit());
    match heap.replayed() {
        Some(replay) => println!("the last run did not close it: {replay}"),
        None => println!("nothing had to be replayed"),
    }
    let mut journal = Book::open(&heap)?;
    journal.show();
    journal.begin_run();
    for number in 1..=3 {
        journal.add(&format!("thought {number} of process {}", process::id()))?;
    }
    let commit = heap.persist()?;
    println!(
        "persisted: commit {}, {} lines of 64 bytes in {} pages, {:?} of it to capture them",
        commit.sequence, commit.lines, commit.pages, commit.capture
    );
    if asked == "--crash" {
        journal.add("a thought that nobody will remember")?;
        println!(
            "one more entry, not persisted, and this process dies now: the next one finds commit {}",
            commit.sequence
        );
        process::abort();
    }
    heap.close()?;
    Ok(())
}

/// The journal in its heap.
struct Book<'heap> {
    heap: &'heap Heap,
    journal: &'heap mut Journal,
}

impl<'heap> Book<'heap> {
    /// The journal that the heap has, or an empty one.
    fn open(heap: &'heap Heap) -> Result<Self, Box<dyn Error>> {
        let root = match heap.root() {
            Some(root) => root,
            None => {
                // Zeros are an empty journal.
                let root = heap.allocate_zeroed(Layout::new::<Journal>())?;
                heap.set_root(Some(root));
                root
            }
        };
        // SAFETY: the root of this heap is a journal, and only this program opens it, one process at a time.
        Ok(Self { heap, journal: unsafe { root.cast().as_mut() } })
    }

    fn begin_run(&mut self) {
        self.journal.runs += 1;
    }

    fn add(&mut self, text: &str) -> Result<(), Box<dyn Error>> {
        let place: NonNull<Entry> = self.heap.allocate(Layout::new::<Entry>())?.cast();
        let mut bytes = [b' '; 40];
        bytes.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
        let journal = &mut *self.journal;
        journal.entries += 1;
        let entry = Entry { older: journal.newest, run: journal.runs, number: journal.entries, text: bytes };
        // SAFETY: the block is large enough for an entry, and nobody else's.
        unsafe { place.write(entry) };
        journal.newest = self.heap.offset_of(place.cast());
        Ok(())
    }

    fn show(&self) {
        println!("{} entries of {} runs; the newest:", self.journal.entries, self.journal.runs);
        for entry in self.newest_first().take(5) {
            println!(
                "  run {:>3}, entry {:>4}: {}",
                entry.run,
                entry.number,
                String::from_utf8_lossy(&entry.text).trim_end()
            );
        }
    }

    fn newest_first(&self) -> impl Iterator<Item = &'heap Entry> {
        let (heap, mut next) = (self.heap, self.journal.newest);
        std::iter::from_fn(move || {
            let place = heap.at(next?)?;
            // SAFETY: the offsets in a journal are those of its entries, which are never freed.
            let entry: &Entry = unsafe { place.cast().as_ref() };
            next = entry.older;
            Some(entry)
        })
    }
}
