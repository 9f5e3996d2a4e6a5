//! Operation programs, and the oracle that runs them.
//!
//! A program is a list of steps, made at random or by proptest. The oracle runs it on any face, keeps a list of what is
//! allocated, and checks with every step: blocks are aligned and do not overlap, zeroed blocks are zero, and each
//! block holds the pattern that was written into it until it is freed.

use std::alloc::Layout;
use std::collections::BTreeMap;
use std::ptr::NonNull;

use super::face::Face;
use super::random::Random;

/// One step of a program. Numbers of blocks are taken modulo how many there are.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Allocates.
    Take { size: usize, align_log: u32, zeroed: bool },
    /// Frees.
    Give { block: usize },
    /// Reallocates, perhaps at another alignment.
    Resize { block: usize, size: usize, align_log: Option<u32>, zeroed: bool },
    /// Gives back all that is free.
    Trim,
}

impl Step {
    /// A random step: blocks up to about `1 << log` bytes.
    pub fn random(random: &mut Random, log: usize) -> Self {
        match random.below(100) {
            0..45 => Self::Take {
                size: if random.below(50) == 0 { 0 } else { random.size(log) },
                align_log: if random.below(3) == 0 { u32::try_from(random.below(14)).unwrap() } else { 3 },
                zeroed: random.below(4) == 0,
            },
            45..80 => Self::Give { block: random.below(1 << 20) },
            80..99 => Self::Resize {
                block: random.below(1 << 20),
                size: random.size(log),
                align_log: (random.below(4) == 0).then(|| u32::try_from(random.below(14)).unwrap()),
                zeroed: random.below(4) == 0,
            },
            _ => Self::Trim,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Block {
    start: NonNull<u8>,
    layout: Layout,
    pattern: u8,
}

// SAFETY: a block's owner may use it from any thread.
unsafe impl Send for Block {}

impl Block {
    fn bytes(&self) -> &[u8] {
        // SAFETY: the oracle owns the block, and has written all of its bytes.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.layout.size()) }
    }

    fn fill(&self) {
        // SAFETY: the oracle owns the block.
        unsafe { self.start.write_bytes(self.pattern, self.layout.size()) };
    }

    fn verify(&self, upto: usize) {
        let wrong = self.bytes()[..upto].iter().position(|byte| *byte != self.pattern);
        assert_eq!(wrong, None, "{self:?} was overwritten");
    }
}

/// Runs steps on a face and remembers what is allocated.
#[derive(Debug)]
pub struct Oracle<'a, F: Face> {
    face: &'a F,
    blocks: Vec<Block>,
    /// End of each block that is not empty, by its start.
    ranges: BTreeMap<usize, usize>,
    pattern: u8,
}

impl<'a, F: Face> Oracle<'a, F> {
    /// An oracle that knows of no block.
    pub fn new(face: &'a F) -> Self {
        Self { face, blocks: Vec::new(), ranges: BTreeMap::new(), pattern: 0 }
    }

    /// How many blocks are allocated.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Runs one step; a refused allocation changes nothing.
    pub fn run(&mut self, step: Step) {
        match step {
            Step::Take { size, align_log, zeroed } => {
                let layout = Layout::from_size_align(size, 1 << align_log).unwrap();
                if let Some(start) = self.face.take(layout, zeroed) {
                    let block = self.admit(start, layout);
                    if zeroed {
                        assert!(block.bytes().iter().all(|byte| *byte == 0), "{block:?} is not zero");
                    }
                    block.fill();
                    self.blocks.push(block);
                }
            }
            Step::Give { .. } | Step::Resize { .. } if self.blocks.is_empty() => {}
            Step::Give { block } => {
                let block = self.blocks.swap_remove(block % self.blocks.len());
                self.dismiss(block);
            }
            Step::Resize { block, size, align_log, zeroed } => {
                let at = block % self.blocks.len();
                let block = self.blocks[at];
                block.verify(block.layout.size());
                let align = align_log.map_or(block.layout.align(), |log| 1 << log);
                let layout = Layout::from_size_align(size, align).unwrap();
                // SAFETY: the block came from this face with this layout.
                if let Some(start) = unsafe { self.face.resize(block.start, block.layout, layout, zeroed) } {
                    self.ranges.remove(&block.start.as_ptr().addr());
                    let mut moved = self.admit(start, layout);
                    moved.pattern = block.pattern;
                    let kept = size.min(block.layout.size());
                    moved.verify(kept);
                    if zeroed {
                        assert!(moved.bytes()[kept..].iter().all(|byte| *byte == 0), "{moved:?} is not zero");
                    }
                    moved.fill();
                    self.blocks[at] = moved;
                }
            }
            Step::Trim => self.face.heap().trim(),
        }
    }

    fn admit(&mut self, start: NonNull<u8>, layout: Layout) -> Block {
        let address = start.as_ptr().addr();
        assert!(address.is_multiple_of(layout.align()), "{layout:?} at {address:#x}");
        if layout.size() > 0 {
            let end = address + layout.size();
            let below = self.ranges.range(..end).next_back();
            assert!(
                below.is_none_or(|(_, end)| *end <= address),
                "{layout:?} at {address:#x} overlaps {below:x?}"
            );
            self.ranges.insert(address, end);
        }
        self.pattern = self.pattern.wrapping_add(1).max(1);
        Block { start, layout, pattern: self.pattern }
    }

    fn dismiss(&mut self, block: Block) {
        block.verify(block.layout.size());
        self.ranges.remove(&block.start.as_ptr().addr());
        // SAFETY: the block came from this face with this layout.
        unsafe { self.face.give(block.start, block.layout) };
    }

    /// Fails if the checker finds anything.
    pub fn check(&self) {
        let report = self.face.check();
        assert!(report.is_clean(), "{} after {} blocks: {report}", F::NAME, self.blocks.len());
    }

    /// Frees everything.
    pub fn finish(mut self) {
        for block in std::mem::take(&mut self.blocks) {
            self.dismiss(block);
        }
    }
}

/// Runs a random program of `steps` steps, with a check after every `check_every`th.
pub fn run_random<F: Face>(face: &F, seed: u64, steps: usize, log: usize, check_every: usize) {
    let (mut random, mut oracle) = (Random::new(seed), Oracle::new(face));
    let guard = Seed(seed, F::NAME);
    for step in 1..=steps {
        oracle.run(Step::random(&mut random, log));
        if step % check_every == 0 {
            oracle.check();
        }
    }
    oracle.finish();
    std::mem::forget(guard);
}

/// Prints the seed of a run that fails.
struct Seed(u64, &'static str);

impl Drop for Seed {
    fn drop(&mut self) {
        eprintln!("the failing run was seed {} on {}", self.0, self.1);
    }
}
