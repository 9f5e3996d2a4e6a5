//! The allocator that this build measures, chosen by cargo feature.
//!
//! Only the type and its constant are here. The `#[global_allocator]` itself stands in each binary, so that the
//! workloads reach it across a crate boundary, as most code of a real program does.

cfg_if::cfg_if! {
    if #[cfg(feature = "alloc-outlive")] {
        /// The measured allocator: outlive.
        pub type Chosen = outlive::Global;
        /// Its value.
        pub const CHOSEN: Chosen = outlive::Global::new();
    } else if #[cfg(any(feature = "alloc-mimalloc2", feature = "alloc-mimalloc3"))] {
        /// The measured allocator: mimalloc, of the major version that its own feature decides.
        pub type Chosen = mimalloc::MiMalloc;
        /// Its value.
        pub const CHOSEN: Chosen = mimalloc::MiMalloc;
    } else if #[cfg(feature = "alloc-jemalloc")] {
        /// The measured allocator: jemalloc.
        pub type Chosen = tikv_jemallocator::Jemalloc;
        /// Its value.
        pub const CHOSEN: Chosen = tikv_jemallocator::Jemalloc;
    } else if #[cfg(feature = "alloc-snmalloc")] {
        /// The measured allocator: snmalloc.
        pub type Chosen = snmalloc_rs::SnMalloc;
        /// Its value.
        pub const CHOSEN: Chosen = snmalloc_rs::SnMalloc;
    } else if #[cfg(feature = "alloc-rpmalloc")] {
        /// The measured allocator: rpmalloc.
        pub type Chosen = rpmalloc::RpMalloc;
        /// Its value.
        pub const CHOSEN: Chosen = rpmalloc::RpMalloc;
    } else {
        /// The measured allocator: glibc, or whatever is preloaded in its place.
        pub type Chosen = std::alloc::System;
        /// Its value.
        pub const CHOSEN: Chosen = std::alloc::System;
    }
}

/// How often the allocator left its fast path, where it counts that.
#[derive(Clone, Copy, Debug)]
pub struct SlowPaths {
    /// Locks taken.
    pub locks: u64,
}

/// The counts since the process began, or `None` for an allocator that keeps none.
///
/// Lines that threads share are written under locks and nowhere else, so the takings of locks stand for them.
#[must_use]
pub fn slow_paths() -> Option<SlowPaths> {
    #[cfg(feature = "alloc-outlive")]
    return outlive::Global.heap().map(|heap| SlowPaths { locks: heap.stats().locks });
    #[cfg(not(feature = "alloc-outlive"))]
    None
}
