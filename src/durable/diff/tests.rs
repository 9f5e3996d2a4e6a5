//! Comparisons beside one that goes byte by byte, in memory that is still and in memory that is not.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;
use crate::random::Random;

/// A page that may be written through a shared reference.
#[repr(align(4096))]
struct Page([AtomicU64; PAGE / 8]);

impl Page {
    fn holding(bytes: &[u8; PAGE]) -> Self {
        let (words, _) = bytes.as_chunks::<8>();
        Self(core::array::from_fn(|word| AtomicU64::new(u64::from_le_bytes(words[word]))))
    }

    fn live(&self) -> LivePage {
        // SAFETY: the page is there as long as the reference, and is written atomically only.
        unsafe { LivePage::new(core::ptr::from_ref(self).cast()) }
    }
}

impl LivePage {
    /// The lines that differ, and their values behind those that `changed` has already.
    fn diff<'a>(
        self,
        base: &[u8; PAGE],
        patches: impl Iterator<Item = (usize, &'a Line)>,
        changed: &mut Vec<Line>,
    ) -> u64 {
        let (mask, from) = (self.differing(base, patches), changed.len());
        changed.resize(from + mask.count_ones() as usize, [0; LINE]);
        self.take(mask, &mut changed[from..]);
        mask
    }
}

fn random_page(random: &mut Random) -> [u8; PAGE] {
    let mut page = [0; PAGE];
    page.as_chunks_mut::<8>().0.iter_mut().for_each(|word| *word = random.next().to_le_bytes());
    page
}

/// What a comparison must say, byte by byte.
fn expected(live: &[u8; PAGE], committed: &[u8; PAGE]) -> (u64, Vec<Line>) {
    let (mut mask, mut changed) = (0_u64, Vec::new());
    for line in 0..LINES {
        let range = line * LINE..(line + 1) * LINE;
        if range.clone().any(|at| live[at] != committed[at]) {
            mask |= 1 << line;
            changed.push(live[range].try_into().unwrap());
        }
    }
    (mask, changed)
}

fn assert_diff(live: &[u8; PAGE], base: &[u8; PAGE], patches: &BTreeMap<usize, Line>) {
    let mut committed = *base;
    for (line, value) in patches {
        committed[line * LINE..][..LINE].copy_from_slice(value);
    }
    let (mask, changed) = expected(live, &committed);
    let page = Page::holding(live);
    let mut found = vec![[1; LINE]];
    let patches = patches.iter().map(|(line, value)| (*line, value));
    assert_eq!(page.live().diff(base, patches, &mut found), mask);
    assert_eq!((found[0], &found[1..]), ([1; LINE], &changed[..]));
}

#[test]
fn every_single_bit_is_seen() {
    let base = random_page(&mut Random::new(1));
    for at in 0..PAGE {
        let mut live = base;
        live[at] ^= 1 << (at % 8);
        let page = Page::holding(&live);
        assert_eq!(page.live().diff(&base, core::iter::empty(), &mut Vec::new()), 1 << (at / LINE));
        // SAFETY: the page is as long as the base, and nobody writes it.
        let words = unsafe { racing::words::differing(page.live().0, base.as_chunks().0) };
        assert_eq!(words, 1 << (at / LINE));
        let (lines, _) = base.as_chunks();
        for line in [at / LINE, (at / LINE + 1) % LINES] {
            // SAFETY: a line of the page, which nobody writes.
            let differs = unsafe { racing::words::differs_from(page.live().line(line), &lines[line]) };
            assert_eq!(differs, line == at / LINE);
        }
    }
}

#[test]
fn random_pages_agree_with_a_comparison_of_bytes() {
    let mut random = Random::new(2);
    for _ in 0..3000 {
        let base = random_page(&mut random);
        let mut live = base;
        let mut patches = BTreeMap::new();
        for _ in 0..random.skewed(6) {
            let line = usize::try_from(random.below(64)).unwrap();
            let mut value: Line = base[line * LINE..][..LINE].try_into().unwrap();
            value[usize::try_from(random.below(64)).unwrap()] ^= 0x40;
            // Patched; changed; patched and equal; patched and set back to the base are all there.
            match random.below(3) {
                0 => live[line * LINE..][..LINE].copy_from_slice(&value),
                1 => drop(patches.insert(line, value)),
                _ => {
                    live[line * LINE..][..LINE].copy_from_slice(&value);
                    patches.insert(line, value);
                }
            }
        }
        assert_diff(&live, &base, &patches);
    }
    let (zeros, ones) = ([0; PAGE], [!0; PAGE]);
    assert_diff(&zeros, &ones, &BTreeMap::new());
    assert_diff(&ones, &ones, &BTreeMap::new());
}

#[test]
fn pages_are_copied_as_a_whole_and_lines_one_by_one() {
    let bytes = random_page(&mut Random::new(3));
    let page = Page::holding(&bytes);
    let mut copy = [0; PAGE];
    page.live().prefetch(&raw const copy);
    page.live().copy_to(&mut copy);
    assert_eq!(copy, bytes);
    for (line, value) in bytes.as_chunks::<LINE>().0.iter().enumerate() {
        // SAFETY: a line of the page.
        assert_eq!(unsafe { racing::words::load(page.live().line(line)) }, *value);
    }
}

#[test]
fn comparisons_that_race_with_writers_converge() {
    let page = Page::holding(&[0; PAGE]);
    let (mut committed, stop) = ([0; PAGE], AtomicBool::new(false));
    let follow = |committed: &mut [u8; PAGE]| {
        let mut changed = Vec::new();
        let mask = page.live().diff(committed, core::iter::empty(), &mut changed);
        assert_eq!(mask.count_ones() as usize, changed.len());
        for (line, value) in lines_in(mask).zip(changed) {
            committed[line * LINE..][..LINE].copy_from_slice(&value);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = Random::new(4);
            while !stop.load(Ordering::Relaxed) {
                // Both halves are always equal: what is loaded must be made of words that were there.
                let value = random.next() >> 32;
                let word = usize::try_from(random.below(512)).unwrap();
                page.0[word].store(value << 32 | value, Ordering::Relaxed);
            }
        });
        for _ in 0..20_000 {
            follow(&mut committed);
            let (words, _) = committed.as_chunks::<8>();
            let whole = words
                .iter()
                .map(|word| u64::from_le_bytes(*word))
                .all(|word| word >> 32 == word & 0xFFFF_FFFF);
            assert!(whole);
        }
        stop.store(true, Ordering::Relaxed);
    });
    follow(&mut committed);
    let mut copy = [0; PAGE];
    page.live().copy_to(&mut copy);
    assert_eq!(copy, committed);
}
