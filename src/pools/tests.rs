//! Pools against a set of the blocks that are out.

extern crate std;

use std::collections::BTreeMap;
use std::vec::Vec;

use super::*;
use crate::region::{Region, Sizes};
use crate::runs::RunsState;
use crate::units::{low32, shape};

#[repr(C)]
struct Header {
    runs: RunsState,
    slabs: SlabsState,
    pools: [PoolState; CLASSES],
}

const SIZES: Sizes = Sizes { header: size_of::<Header>(), cache: 64, caches: 1, slab: size_of::<Slab>() };

fn pools(pages: u32) -> Pools {
    let region = Region::reserve(&SIZES, pages, pages).unwrap();
    // SAFETY: the header is committed zeros, made of atomics and aligned to a page; the region outlives views of it.
    let header: Placed<Header> = unsafe { Placed::new(region.base().cast()) };
    let (slabs, states) = (header.part(|header| &header.slabs), header.part(|header| &header.pools));
    // SAFETY: the words are zeros and lie in the region.
    let runs = unsafe { Runs::new(region, header.part(|header| &header.runs)) };
    // SAFETY: as above.
    unsafe { Pools::new(runs, states, slabs, &crate::magazines::LABELS) }
}

fn take(pools: &Pools, class: Class, count: u32) -> Vec<*mut u8> {
    let mut blocks = Vec::new();
    let got = pools.lock(class).take(count, |block| blocks.push(block));
    assert_eq!(got as usize, blocks.len());
    blocks
}

#[test]
fn blocks_do_not_overlap_are_aligned_and_come_in_address_order() {
    for class in Class::all() {
        let pools = pools(1 << 14);
        let count = shape(class).blocks * 5 / 2;
        let blocks = take(&pools, class, count);
        assert_eq!(blocks.len(), count as usize);
        let follow = |pair: &[*mut u8]| pair[0].addr() + class.stride() == pair[1].addr();
        let mut slabs = blocks.chunks(shape(class).blocks as usize);
        // A hardened heap hands blocks out in no order.
        assert!(slabs.all(|slab| slab.windows(2).all(follow)) != cfg!(feature = "hardened"));
        assert!(blocks.iter().all(|block| block.addr().is_multiple_of(class.align())));
        let mut sorted = blocks.clone();
        sorted.sort_unstable();
        assert!(sorted.windows(2).all(|pair| pair[0].addr() + class.size() <= pair[1].addr()));
        let colour = |slab| pools.slabs().at(slab).colour();
        assert!(shape(class).colours == 1 || colour(0) != colour(1), "slabs of {class:?} start alike");
        pools.give(class, &blocks);
        assert_eq!(pools.state(class).slabs.get(), 1);
        pools.lock(class).give_back(true);
        assert_eq!((pools.state(class).slabs.get(), pools.runs().state().used.get()), (0, 0));
        assert_eq!(pools.runs().lock().free_runs(), 1);
    }
}

#[test]
fn random_programs_agree_with_a_set_and_leave_nothing_behind() {
    let classes: Vec<Class> =
        [8, 24, 100, 1024, 4096, 9000, 32768].into_iter().filter_map(Class::of_size).collect();
    for seed in 0..20_u64 {
        let (pools, mut out) = (pools(1 << 14), BTreeMap::<usize, (*mut u8, Class)>::new());
        let (mut taken, mut slabs_most) = (std::vec![0; CLASSES], 0);
        let mut state = seed;
        let mut random = |limit: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % limit
        };
        for _ in 0..300 {
            let class = classes[random(classes.len())];
            if random(2) == 0 {
                for block in take(&pools, class, low32(1 + random(70))) {
                    taken[class.index()] += 1;
                    let end = block.addr() + class.size();
                    let below = out.range(..end).next_back().map(|(start, (_, class))| start + class.size());
                    assert!(below.is_none_or(|below| below <= block.addr()), "seed {seed}: blocks overlap");
                    // SAFETY: the block is ours alone.
                    unsafe { block.write_bytes(0xA5, class.size()) };
                    out.insert(block.addr(), (block, class));
                }
            } else {
                let some = 1 + random(64);
                let gone: Vec<_> = out
                    .values()
                    .filter(|(_, of)| *of == class)
                    .map(|(block, _)| *block)
                    .step_by(1 + random(3))
                    .take(some)
                    .collect();
                out.retain(|start, _| gone.binary_search_by_key(start, |block| block.addr()).is_err());
                pools.give(class, &gone);
            }
            if random(10) == 0 {
                pools.lock(class).give_back(random(2) == 0);
            }
            // All bytes of all blocks, now and then: it takes long.
            let looked_at = if random(20) == 0 { out.len() } else { 0 };
            for (block, class) in out.values().take(looked_at) {
                // SAFETY: the block is ours, and was written when it was taken.
                let bytes = unsafe { core::slice::from_raw_parts(*block, class.size()) };
                // Each byte is like the one before it: compared as slices, which is fast in any build.
                let kept = bytes[0] == 0xA5 && bytes[1..] == bytes[..bytes.len() - 1];
                assert!(kept, "seed {seed}: a block in use was purged or overwritten");
                let first = pools.runs().region().locate(block.addr()).unwrap().0;
                let last = pools.runs().region().locate(block.addr() + class.size() - 1).unwrap().0;
                let pages = last.0 - first.0 + 1;
                assert_eq!(pools.runs().touched().count(first, pages), pages, "seed {seed}: {class:?}");
            }
            let slabs: u32 = classes.iter().map(|class| pools.state(*class).slabs.get()).sum();
            slabs_most = slabs_most.max(slabs);
            assert_eq!(pools.slabs().high(), slabs_most, "seed {seed}: the numbers of slabs are dense");
            for class in &classes {
                let state = pools.state(*class);
                let owned = out.values().filter(|(_, of)| of == class).count() as u64;
                let blocks = u64::from(state.slabs.get()) * u64::from(shape(*class).blocks);
                assert_eq!(blocks - state.free.get(), owned);
                assert_eq!(state.taken.get(), taken[class.index()]);
            }
        }
        for class in &classes {
            let rest: Vec<_> = out.values().filter(|(_, of)| of == class).map(|(block, _)| *block).collect();
            pools.give(*class, &rest);
            pools.lock(*class).give_back(true);
        }
        assert_eq!(pools.runs().state().used.get(), 0, "seed {seed}");
        assert_eq!(pools.runs().lock().free_runs(), 1);
    }
}

// A hardened heap takes blocks from all over a slab: which pages are touched is chance.
#[cfg(not(feature = "hardened"))]
#[test]
fn empty_pages_inside_of_a_slab_go_back_on_the_second_look() {
    let (pools, class) = (pools(1 << 12), Class::of_size(64).unwrap());
    let blocks = take(&pools, class, 512);
    let slab = pools.slabs().at(pools.locate(blocks[0].addr()).unwrap().0);
    let resident = || pools.runs().touched().count(slab.first(), shape(class).pages);
    assert_eq!(resident(), 8, "what no block was taken from is not touched");
    pools.give(class, &blocks[1..]);
    assert!(pools.lock(class).give_back(false));
    assert_eq!(resident(), 8);
    // Used between two looks: not free all through.
    let again = take(&pools, class, 511);
    pools.give(class, &again);
    assert!(pools.lock(class).give_back(false));
    assert_eq!(resident(), 8);
    assert!(pools.lock(class).give_back(false));
    assert_eq!((resident(), pools.runs().counts().1), (1, 7));
    assert!(!pools.lock(class).give_back(false));
    let again = take(&pools, class, 511);
    assert!(resident() >= 8, "pages that are used again count as touched");
    pools.give(class, &again);
    pools.give(class, &blocks[..1]);
    assert!(pools.lock(class).give_back(true));
    assert_eq!(pools.runs().lock().free_runs(), 1);
}

/// Every block of every class, as the only one of its slab, at the first and at the last colour.
#[test]
fn a_page_is_empty_if_no_byte_of_a_block_lies_on_it() {
    let pools = pools(1 << 12);
    take(&pools, Class::of_size(8).unwrap(), 1);
    let slab = pools.slabs().at(0);
    for class in Class::all() {
        let shape = shape(class);
        for colour in [0, shape.colours / 2, shape.colours - 1] {
            slab.open(colour, class, Page(0));
            let all = slab.empty_pages();
            assert_eq!(all, !0 >> (64 - shape.pages), "{class:?}");
            for block in 0..shape.blocks {
                let start = colour * shape.colour_step + block * shape.stride;
                let (first, last) = (start / low32(PAGE), (start + shape.stride - 1) / low32(PAGE));
                let pages = (first..=last).fold(0, |pages, page| pages | 1 << page);
                let word = &slab.words()[block as usize / 64];
                word.clear_bits(1 << (block % 64));
                assert_eq!(slab.empty_pages(), all & !pages, "{class:?} colour {colour} block {block}");
                assert_eq!(slab.pages_of(shape, block, block), pages);
                word.set_bits(1 << (block % 64));
            }
        }
    }
}

#[test]
fn a_strip_with_a_free_block_in_it_changes_nothing() {
    let (pools, class) = (pools(1 << 12), Class::of_size(64).unwrap());
    let blocks = take(&pools, class, shape(class).blocks);
    let slab = pools.slabs().at(0);
    let free = pools.locate(blocks[100].addr()).map(|(_, distance)| slab.spot(shape(class), distance));
    let Some(Spot::Start(free)) = free else { panic!("{free:?}") };
    pools.give(class, &blocks[100..101]);
    let before: Vec<u64> = slab.words().iter().map(Word64::get).collect();
    let first = free.saturating_sub(90);
    assert!(!slab.set_free(first, free - first + 1));
    assert!(slab.words().iter().map(Word64::get).eq(before), "a message would name the wrong block");
}

#[test]
fn what_an_address_is_can_be_told() {
    let (pools, class) = (pools(1 << 12), Class::of_size(40).unwrap());
    let block = take(&pools, class, 1)[0].addr();
    let slab = 0;
    assert_eq!(pools.what_is(block), Found::Block { class, slab });
    assert_eq!(pools.what_is(block + 8), Found::InsideBlock { class, slab });
    assert_eq!(pools.what_is(block + 40), Found::FreeBlock { class, slab });
    assert_eq!(pools.what_is(8), Found::Foreign);
    pools.slabs().at(slab).close();
    assert_eq!(pools.what_is(block), Found::DamagedSlab { slab });
}
