//! What changes in the heap was noted before.

use std::collections::HashMap;

use super::*;
use crate::collections::PSkipMap;
use crate::units::PAGE;

/// All words of the heap's blocks.
fn words<const TEST: usize>(heap: In<TEST>) -> HashMap<usize, u64> {
    let mut words = HashMap::new();
    heap.heap().for_each_block(|block, info| {
        for step in (0..info.size).step_by(8) {
            // SAFETY: within the block.
            let place = unsafe { block.add(step) };
            // SAFETY: an aligned word, which nobody writes meanwhile.
            let word = unsafe { place.cast::<u64>().read() };
            words.insert(block.addr().get() + step, word);
        }
    });
    words
}

#[test]
fn every_word_that_changes_in_a_block_was_noted() {
    let heap = In::<10>::new();
    let map = PSkipMap::<u64, u64, _>::new_in(heap);
    let mut random = Random(1);
    let (mut changed, mut noted_ever) = (0, 0);
    for _ in 0..1500 {
        let before = words(heap);
        NOTED.set(Some(Vec::new()));
        let key = random.below(60);
        match random.below(5) {
            0..=2 => drop(map.insert(key, random.below(10), heap)),
            3 => drop(map.remove(&key, heap)),
            _ => drop(map.get(&key)),
        }
        let noted = NOTED.take().unwrap();
        noted_ever += noted.len();
        let after = words(heap);
        for (place, word) in &before {
            // Blocks that were freed, with those that then came in their place, count as new ones.
            let freed = word == &0x5A5A_5A5A_5A5A_5A5A
                || after.get(place).is_none_or(|new| *new == 0x5A5A_5A5A_5A5A_5A5A);
            if !freed && after[place] != *word {
                changed += 1;
                let is_noted = noted.iter().any(|(start, len)| (*start..start + len).contains(place));
                assert!(is_noted, "{:#x} was {word:#x}, is {:#x}", place % PAGE, after[place]);
            }
        }
    }
    assert!(changed > 2000 && noted_ever > 4000, "{changed} changes, {noted_ever} notes");
}

#[test]
fn readers_note_nothing_and_write_nothing() {
    let heap = In::<11>::new();
    let map = PSkipMap::<u64, u64, _>::from_iter_in((0..500).map(|key| (key * 2, key)), heap);
    // Some that readers have to step over, which a panic may leave.
    for key in (0..1000).step_by(6) {
        let pin = super::super::epochs::Pin::new();
        assert!(map.mark(map.find(&key, &pin).unwrap()));
    }
    let before = words(heap);
    NOTED.set(Some(Vec::new()));
    for key in 0..1000 {
        assert_eq!(map.contains_key(&key), key % 2 == 0 && key % 6 != 0);
        assert_eq!(map.get(&key).is_some(), map.contains_key(&key));
        map.lower_bound(std::ops::Bound::Excluded(&key));
    }
    assert_eq!((map.iter().count(), map.iter().rev().count()), (333, 333));
    assert_eq!(map.range(100..200).rev().count(), map.range(100..200).count());
    assert!(map.front().is_some_and(|entry| *entry.key() == 2) && map.back().is_some());
    assert!(NOTED.take().unwrap().is_empty());
    assert!(before == words(heap));
}
