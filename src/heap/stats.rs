//! The heap in numbers.

use core::fmt;
use std::vec::Vec;

use super::core::Core;
use super::pressure::Level;
use crate::magazines::MagazineAt;
use crate::units::{CLASSES, Class, PAGE, RunClass, shape};

/// A heap in numbers, at about one moment: other threads go on meanwhile.
///
/// A heap in a file has two parts, one of them for tracked memory ([`Heap::tracked`](crate::Heap::tracked)); the numbers are
/// those of both together.
#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Stats {
    /// Bytes of address space, metadata included: what the heap can grow to.
    pub reserved: u64,
    /// Bytes that can be touched, metadata included.
    pub committed: u64,
    /// Bytes of pages that have been touched and not given back since: about what the system counts as resident.
    pub resident: u64,
    /// The pages in play, in bytes: `used`, `cached` and `free` and what rounding to slabs wastes.
    pub total: u64,
    /// Bytes of blocks in use, each counted with its whole size.
    pub used: u64,
    /// Bytes of blocks that wait in the threads' magazines.
    pub cached: u64,
    /// Bytes of free blocks and free runs.
    pub free: u64,
    /// The most bytes of pages that were in use at one time, by slabs and by large blocks. Where there are two parts, the
    /// sum of what each had at its own time.
    pub peak: u64,
    /// The limit in bytes; `None` without one.
    pub limit: Option<u64>,
    /// How near the heap is to its limit.
    pub level: Level,
    /// How often the levels `Warn`, `Relieve` and `Refuse` were reached from below.
    pub level_risen: [u64; 3],
    /// The share of the free pages that does not lie in the longest free run: 0 where they are one run. Where there are two
    /// parts, the mean of both, by their free bytes.
    pub fragmentation: f64,
    /// How many free runs there are.
    pub free_runs: u32,
    /// Threads that have magazines.
    pub threads: u32,
    /// Misses of magazines, by threads that have them.
    pub misses: u64,
    /// How often a lock was taken, and how often a thread had to wait for one.
    pub locks: u64,
    /// How often a thread had to wait for a lock.
    pub lock_waits: u64,
    /// How often the region grew.
    pub growths: u64,
    /// Pages whose memory was given back to the system, as time passed or by `trim`.
    pub purged_pages: u64,
    /// How often memory was given back as time passed.
    pub decay_periods: u64,
    /// The size classes that have slabs.
    pub classes: Vec<ClassStats>,
}

/// A size class in numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ClassStats {
    /// Bytes that a block holds.
    pub size: usize,
    /// Slabs in the pool.
    pub slabs: u32,
    /// Blocks in all of these slabs.
    pub blocks: u64,
    /// Blocks that are free in the pool.
    pub free: u64,
    /// Blocks in magazines.
    pub cached: u64,
    /// Blocks handed out by the pool so far, to magazines as well.
    pub taken: u64,
}

impl Stats {
    /// Adds another part of the same heap, which shares its limit.
    pub(crate) fn join(mut self, other: Self) -> Self {
        let free = (self.free + other.free).max(1) as f64;
        self.fragmentation =
            (self.fragmentation * self.free as f64 + other.fragmentation * other.free as f64) / free;
        let sums: [(&mut u64, u64); 13] = [
            (&mut self.reserved, other.reserved),
            (&mut self.committed, other.committed),
            (&mut self.resident, other.resident),
            (&mut self.total, other.total),
            (&mut self.used, other.used),
            (&mut self.cached, other.cached),
            (&mut self.free, other.free),
            (&mut self.peak, other.peak),
            (&mut self.misses, other.misses),
            (&mut self.locks, other.locks),
            (&mut self.lock_waits, other.lock_waits),
            (&mut self.growths, other.growths),
            (&mut self.purged_pages, other.purged_pages),
        ];
        sums.into_iter().for_each(|(sum, more)| *sum += more);
        self.free_runs += other.free_runs;
        self.decay_periods += other.decay_periods;
        self.threads = self.threads.max(other.threads);
        self.level = self.level.max(other.level);
        self.level_risen.iter_mut().zip(other.level_risen).for_each(|(sum, more)| *sum += more);
        for class in other.classes {
            match self.classes.binary_search_by_key(&class.size, |own| own.size) {
                Ok(at) => self.classes[at].join(&class),
                Err(at) => self.classes.insert(at, class),
            }
        }
        self
    }
}

impl ClassStats {
    fn join(&mut self, other: &Self) {
        self.slabs += other.slabs;
        self.blocks += other.blocks;
        self.free += other.free;
        self.cached += other.cached;
        self.taken += other.taken;
    }
}

impl Core {
    /// Adds up the heap.
    pub(crate) fn stats(&self) -> Stats {
        let (region, runs) = (self.region(), self.runs());
        // First, because this very heap may be the one it is allocated from.
        let mut classes: Vec<ClassStats> = Vec::with_capacity(CLASSES);
        let (free_runs, longest) = {
            let guard = runs.lock();
            (guard.free_runs(), guard.longest_free())
        };
        let bytes = |pages: u32| u64::from(pages) * PAGE as u64;
        let state = runs.state();
        let (pages, used_pages) = (state.pages.get(), state.used.get());
        let free_pages = pages.saturating_sub(used_pages);
        let cached_runs = self.cached_run_pages();
        classes.extend(Class::all().filter_map(|class| self.class_stats(class)));
        let slab_pages: u64 =
            classes.iter().map(|class| u64::from(class.slabs) * class.slab_pages(runs.guard_pages())).sum();
        let large = u64::from(used_pages).saturating_sub(slab_pages).saturating_sub(u64::from(cached_runs))
            * PAGE as u64;
        let sum = |count: fn(&ClassStats) -> u64| {
            classes.iter().map(|class| count(class) * class.size as u64).sum::<u64>()
        };
        let (locks, lock_waits) = self.lock_counts();
        let (growths, purged_pages) = runs.counts();
        let fragmented = if free_pages == 0 { 0 } else { free_pages - longest.min(free_pages) };
        let touched = runs.touched().count(crate::units::Page(0), pages);
        Stats {
            reserved: region.plan().bytes() as u64,
            committed: region.committed(),
            resident: bytes(touched),
            total: bytes(pages),
            used: large + sum(|class| class.blocks.saturating_sub(class.free + class.cached)),
            cached: bytes(cached_runs) + sum(|class| class.cached),
            free: bytes(free_pages) + sum(|class| class.free),
            peak: bytes(state.peak.get()),
            limit: (runs.limit() != u32::MAX).then(|| bytes(runs.limit())),
            level: self.gauge.level(),
            level_risen: [Level::Warn, Level::Relieve, Level::Refuse].map(|level| self.gauge.risen(level)),
            fragmentation: f64::from(fragmented) / f64::from(free_pages.max(1)),
            free_runs,
            threads: crate::units::low32(self.magazines.caches().filter(|cache| cache.has_owner()).count()),
            misses: self.magazines.caches().map(|cache| cache.misses()).sum(),
            locks,
            lock_waits,
            growths,
            purged_pages,
            decay_periods: self.decay.looks(),
            classes,
        }
    }

    fn class_stats(&self, class: Class) -> Option<ClassStats> {
        let state = self.pools().state(class);
        let slabs = state.slabs.get();
        let cached = self
            .magazines
            .caches()
            .map(|cache| u64::from(cache.magazine(MagazineAt::of_class(class)).held()))
            .sum();
        let blocks = u64::from(slabs) * u64::from(shape(class).blocks);
        let stats = ClassStats {
            size: class.size(),
            slabs,
            blocks,
            free: state.free.get(),
            cached,
            taken: state.taken.get(),
        };
        (slabs > 0).then_some(stats)
    }

    fn cached_run_pages(&self) -> u32 {
        self.magazines
            .caches()
            .flat_map(|cache| cache.magazines().skip(CLASSES))
            .map(|(index, magazine)| {
                RunClass::from_index(index - CLASSES).map_or(0, |class| class.pages() * magazine.held())
            })
            .sum()
    }

    fn lock_counts(&self) -> (u64, u64) {
        let others = [self.runs().raw_lock(), self.magazines.registry()];
        let counts = self.pools().raw_locks().iter().chain(others).map(crate::sync::Lock::counts);
        counts.fold((0, 0), |sum, (takings, waits)| (sum.0 + takings, sum.1 + waits))
    }
}

impl ClassStats {
    fn slab_pages(&self, guard: u32) -> u64 {
        Class::of_size(self.size).map_or(0, |class| u64::from(shape(class).pages + guard))
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| Mib(bytes);
        writeln!(
            f,
            "used       {:>12}   cached {:>12}   free   {:>12}",
            mib(self.used),
            mib(self.cached),
            mib(self.free)
        )?;
        writeln!(
            f,
            "total      {:>12}   peak   {:>12}   limit  {:>12}",
            mib(self.total),
            mib(self.peak),
            OrNone(self.limit)
        )?;
        writeln!(
            f,
            "committed  {:>12}   resident {:>10}   reserved {:>10}",
            mib(self.committed),
            mib(self.resident),
            mib(self.reserved)
        )?;
        writeln!(
            f,
            "free runs  {:>12}   fragmentation {:.1} %   level {:?}",
            self.free_runs,
            self.fragmentation * 100.0,
            self.level
        )?;
        writeln!(
            f,
            "threads    {:>12}   misses {:>12}   locks  {:>12}   waits {}",
            self.threads, self.misses, self.locks, self.lock_waits
        )?;
        writeln!(
            f,
            "growths    {:>12}   purged pages {:>6}   decay periods {}",
            self.growths, self.purged_pages, self.decay_periods
        )?;
        writeln!(
            f,
            "{:>8} {:>8} {:>10} {:>10} {:>8} {:>12}",
            "size", "slabs", "in use", "free", "cached", "taken"
        )?;
        for class in &self.classes {
            let in_use = class.blocks.saturating_sub(class.free + class.cached);
            writeln!(
                f,
                "{:>8} {:>8} {:>10} {:>10} {:>8} {:>12}",
                class.size, class.slabs, in_use, class.free, class.cached, class.taken
            )?;
        }
        Ok(())
    }
}

/// Bytes, printed in the unit that suits them.
struct Mib(u64);

impl fmt::Display for Mib {
    #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = ["B", "KiB", "MiB", "GiB", "TiB"];
        let step = (self.0.max(1).ilog2() / 10).min(4);
        let value = self.0 as f64 / (1_u64 << (10 * step)) as f64;
        let text = if step == 0 {
            std::format!("{} B", self.0)
        } else {
            std::format!("{value:.1} {}", units[step as usize])
        };
        f.pad(&text)
    }
}

struct OrNone(Option<u64>);

impl fmt::Display for OrNone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(bytes) => Mib(bytes).fmt(f),
            None => f.pad("none"),
        }
    }
}
