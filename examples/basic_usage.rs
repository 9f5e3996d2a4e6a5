//! The global allocator, a heap of one's own, and a heap whose image survives a restart.
//!
//! ```text
//! cargo run --release --example basic_usage
//! ```
//!
//! Run it twice: the second time finds the notes of the first, in an image in the folder for temporary files.

use std::error::Error;
use std::fs;
use std::path::Path;

use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec as HeapVec;
use outlive::{Global, Heap};

/// From here on every `String`, `Vec` and `Box` of this program comes from outlive.
#[global_allocator]
static GLOBAL: Global = Global::new();

fn main() -> Result<(), Box<dyn Error>> {
    the_global_heap();
    a_heap_of_its_own()?;
    an_image_that_stays(&std::env::temp_dir().join("outlive-basic-usage.image"))
}

fn the_global_heap() {
    let words: Vec<String> = (0..1000).map(|number| format!("word {number}")).collect();
    if let Some(heap) = GLOBAL.heap() {
        println!("{} words, and the global heap says:\n{}", words.len(), heap.stats());
    }
}

fn a_heap_of_its_own() -> Result<(), outlive::Error> {
    let heap = Heap::options().limit(16 << 20).in_memory()?;
    let mut squares = HeapVec::new_in(&heap);
    squares.extend((1..=100_000_u64).map(|number| number * number));
    let stats = heap.stats();
    println!(
        "a heap of its own: {} numbers in {} bytes, and it is {}",
        squares.len(),
        stats.used,
        heap.check()
    );
    Ok(())
}

/// One note in the image: as many bytes as one line of text needs.
type Note = [u8; 64];

fn an_image_that_stays(path: &Path) -> Result<(), Box<dyn Error>> {
    // The buffer outlives the heap that lies in it, so it is declared first.
    let mut buffer;
    let heap = match fs::read(path) {
        Ok(image) => {
            buffer = image;
            // Checks all metadata before it believes any. What was allocated when the image was written still is.
            Heap::attach(&mut buffer)?
        }
        Err(_) => {
            buffer = vec![0; 1 << 20];
            Heap::in_buffer(&mut buffer)?
        }
    };
    let before = notes(&heap).len();
    let text = format!("run {}, process {}", before + 1, std::process::id());
    let mut note: Note = [b' '; 64];
    let shown = text.len().min(note.len());
    note[..shown].copy_from_slice(&text.as_bytes()[..shown]);
    // Leaked on purpose: what is still allocated when the heap goes is what the image keeps. A note holds no address,
    // because the buffer may lie elsewhere next time.
    Box::leak(Box::new_in(note, &*heap));
    println!("\nthe image {} holds", path.display());
    for note in notes(&heap) {
        println!("  {note}");
    }
    // The heap borrows the buffer, which is the image as soon as the heap is gone.
    drop(heap);
    fs::write(path, &buffer)?;
    println!("run this again to see them come back; delete the file to begin anew");
    Ok(())
}

/// The text of every note in the heap, oldest first.
fn notes(heap: &Heap) -> Vec<String> {
    let mut notes = Vec::new();
    heap.for_each_block(|block, info| {
        if info.size == size_of::<Note>() {
            // SAFETY: the block is allocated, holds a note's bytes, and nobody changes them while this looks.
            let note = unsafe { block.cast::<Note>().as_ref() };
            notes.push(String::from_utf8_lossy(note).trim_end().to_string());
        }
    });
    notes
}
