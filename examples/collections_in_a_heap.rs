//! Collections in a heap in memory and in a buffer, and what a limit does.
//!
//! ```text
//! cargo run --release --example collections_in_a_heap
//! ```

use std::error::Error;

use allocator_api2::boxed::Box as HeapBox;
use allocator_api2::vec::Vec as HeapVec;
use hashbrown::HashMap;
use outlive::{Heap, Pressure};

fn main() -> Result<(), Box<dyn Error>> {
    in_memory()?;
    in_a_buffer()?;
    within_a_limit()
}

/// `&Heap` is the allocator, so the borrow checker keeps the heap alive as long as its collections.
fn in_memory() -> Result<(), outlive::Error> {
    let heap = Heap::in_memory()?;
    let mut words = HeapVec::new_in(&heap);
    words.extend(["a", "heap", "that", "outlives", "a", "heap"]);
    let mut counts: HashMap<&str, u32, _, _> = HashMap::new_in(&heap);
    for word in &words {
        *counts.entry(word).or_default() += 1;
    }
    let boxed = HeapBox::new_in([0_u8; 3000], &heap);
    println!("in memory: {counts:?}");
    for (what, address) in [("the words", words.as_ptr().cast()), ("the box", boxed.as_ptr())] {
        // What the heap knows of a block, which any address inside of it finds.
        println!("  {what}: {:?}", heap.info(address));
    }
    Ok(())
}

/// A heap of fixed size, in memory that the caller owns: here a vector, but a static or a page of a file would do.
fn in_a_buffer() -> Result<(), outlive::Error> {
    let mut buffer = vec![0; 256 << 10];
    let heap = Heap::in_buffer(&mut buffer)?;
    let mut squares = HashMap::new_in(&*heap);
    squares.extend((1..=1000_u32).map(|number| (number, number * number)));
    println!("in a buffer: 31 squared is {:?}, {} bytes used", squares.get(&31), heap.stats().used);
    Ok(())
}

/// Past its limit a heap refuses with an error, which a program can handle, and before that it tells how near it is.
fn within_a_limit() -> Result<(), Box<dyn Error>> {
    fn tell(pressure: Pressure) {
        println!("  {:?} at {} of {} KiB", pressure.level, pressure.used >> 10, pressure.limit >> 10);
    }
    println!("within a limit:");
    let heap = Heap::options().limit(4 << 20).on_pressure(tell).in_memory()?;
    let mut blocks = HeapVec::new_in(&heap);
    let refused = loop {
        let mut block: HeapVec<u8, _> = HeapVec::new_in(&heap);
        // `try_reserve` hands the refusal on; `push` and `extend` would abort, as with any allocator.
        match block.try_reserve_exact(100 << 10) {
            Ok(()) => blocks.push(block),
            Err(refused) => break refused,
        }
    };
    println!("  after {} blocks: {refused}", blocks.len());
    drop(blocks);
    // Freed blocks wait for the next requests; this gives them back at once.
    heap.trim();
    println!("  all freed, and it is {}", heap.check());
    println!("{}", heap.stats());
    Ok(())
}
