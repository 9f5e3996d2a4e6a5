//! Loom models of the protocols between outlive's threads.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test --release -p outlive-loom-tests
//! ```
//!
//! The files of `src/sync`, `src/magazines` and `src/collections/skip_map`, and the bits of the notes, are compiled here as they are, over
//! loom's atomics; only what lies below them (pools, runs, the region's records) and the threads' own storage are stand-ins, as small as can be. A
//! magazine has three slots, one of them open at first, so that every path of the exchange is a few steps away.
//!
//! Each file of `models` is one protocol:
//!
//! | model | what holds in every execution |
//! |---|---|
//! | `lock` | one thread is inside, it sees what the last one wrote, and no sleeper is forgotten |
//! | `exchange` | threads that pop, push, refill and give back never own a block together, and lose none |
//! | `eviction` | the same while another thread empties the magazines, at any point of a pop, a push or a miss |
//! | `exit` | the same while the owner's thread ends, and another gets its cache |
//! | `copy` | a copy of the memory, made under all locks at any moment, shows no block twice |
//! | `skip_map` | keys that come, go and are replaced by several threads are there when they must be, in order, and each node is freed once, when nobody looks |
//! | `gate` | reads, updates, writes and captures exclude whom they should, see what was done before, and are woken |
//! | `capture` | a copy of a magazine, made word by word, shows no block that was in use all the time |
//! | `notes` | what is noted while a capture takes the notes is taken by it or by the next, once |
//!
//! A block's owner writes into it, and loom refuses a write that does not come after those of the owner before: what a
//! thread did with a block before it freed it is over, wherever the block comes up again.
//!
//! Beside each stand models with a bug planted on purpose, which must fail: they show that the others could.
//!
//! # What the models assume
//!
//! The two halves of the asymmetric barrier are sequentially consistent fences here, one of them at the start of every
//! pop and push. The real barrier strikes the owner somewhere, perhaps in the middle of an operation, and orders
//! everything before that point and everything after it. With a fence at the starts only, an operation under way is
//! ordered with nothing, so there are more executions here than in reality, not fewer.
//!
//! A copy of the memory shows what each thread has stored up to some point of its program, and nothing after it.
//!
//! Bounds: a few threads, blocks and slots, and a number of preemptions where a model names one.
#![cfg(all(loom, test))]
#![allow(dead_code, reason = "the models use a part of what they are made of")]

#[allow(unreachable_pub, unused_imports, reason = "what users see is public there")]
mod collections;
mod magazines;
mod models;
mod planted;
mod primitive;
mod stand_ins;

#[allow(unreachable_pub, reason = "what users see is public there")]
mod typed;

#[allow(unused_imports, reason = "the models use a part of the door")]
#[path = "../../src/sync/mod.rs"]
mod sync;

/// The bits of the notes, as they are.
#[path = "../../src/durable/notes/bits.rs"]
mod bits;

use stand_ins::{handle, misuse, pools, region, units};
