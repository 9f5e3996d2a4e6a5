//! What happens as a heap nears its limit.

use core::fmt;

use crate::runs::Runs;
use crate::sync::{AtomicPtr, Ordering, Word8, Word64};
use crate::units::PAGE;

/// How near a heap is to its limit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[repr(u8)]
pub enum Level {
    /// Below all thresholds, or without a limit.
    Calm,
    /// The first threshold is passed: worth knowing.
    Warn,
    /// The second threshold is passed: free what you can.
    Relieve,
    /// The third threshold is passed: blocks too large for a size class are refused.
    Refuse,
}

impl Level {
    const ALL: [Self; 4] = [Self::Calm, Self::Warn, Self::Relieve, Self::Refuse];
}

/// A change of [`Level`], as the callback hears it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Pressure {
    /// The level now reached, from above or from below.
    pub level: Level,
    /// Bytes of pages in use.
    pub used: u64,
    /// The limit in bytes.
    pub limit: u64,
}

/// The shares of the limit, in percent, at which the [`Level`] rises.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Thresholds {
    /// From here on [`Level::Warn`].
    pub warn: u8,
    /// From here on [`Level::Relieve`].
    pub relieve: u8,
    /// From here on [`Level::Refuse`].
    pub refuse: u8,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { warn: 75, relieve: 85, refuse: 95 }
    }
}

/// Follows the level of one heap.
pub(super) struct Gauge {
    level: Word8,
    warn: Word8,
    relieve: Word8,
    refuse: Word8,
    /// How often each level was reached from below.
    risen: [Word64; 4],
    /// The caller's function; null without one.
    callback: AtomicPtr<()>,
}

impl Gauge {
    pub(super) fn new() -> Self {
        let Thresholds { warn, relieve, refuse } = Thresholds::default();
        Self {
            level: Word8::new(0),
            warn: Word8::new(warn),
            relieve: Word8::new(relieve),
            refuse: Word8::new(refuse),
            risen: [const { Word64::new(0) }; 4],
            callback: AtomicPtr::new(core::ptr::null_mut()),
        }
    }

    pub(super) fn set_thresholds(&self, thresholds: Thresholds) {
        self.warn.set(thresholds.warn);
        self.relieve.set(thresholds.relieve);
        self.refuse.set(thresholds.refuse);
    }

    pub(super) fn set_callback(&self, callback: fn(Pressure)) {
        self.callback.store(callback as *mut (), Ordering::Release);
    }

    pub(super) fn level(&self) -> Level {
        Level::ALL.get(usize::from(self.level.get())).copied().unwrap_or(Level::Refuse)
    }

    pub(super) fn risen(&self, level: Level) -> u64 {
        self.risen[level as usize].get()
    }

    /// Whether blocks beyond the size classes are refused at present.
    pub(super) fn refuses_runs(&self) -> bool {
        self.level.get() >= Level::Refuse as u8
    }

    /// Compares what is in use with the thresholds, and tells of a change. The caller holds no lock.
    #[inline]
    pub(super) fn look(&self, runs: &Runs) {
        let limit = runs.limit();
        if limit != u32::MAX || self.level.get() != 0 {
            self.compare(runs, limit);
        }
    }

    fn compare(&self, runs: &Runs, limit: u32) {
        let used = runs.in_use();
        let share = u64::from(used) * 100;
        let reaches = |percent: &Word8| share >= u64::from(percent.get()) * u64::from(limit);
        let level = if limit == u32::MAX {
            Level::Calm
        } else if reaches(&self.refuse) {
            Level::Refuse
        } else if reaches(&self.relieve) {
            Level::Relieve
        } else if reaches(&self.warn) {
            Level::Warn
        } else {
            Level::Calm
        };
        let before = self.level();
        if level == before {
            return;
        }
        self.level.set(level as u8);
        for passed in Level::ALL.iter().filter(|passed| **passed > before && **passed <= level) {
            self.risen[*passed as usize].add(1);
        }
        let callback = self.callback.load(Ordering::Acquire);
        if !callback.is_null() {
            // SAFETY: `set_callback` stored a function of this type, and functions live as long as the process.
            let callback: fn(Pressure) = unsafe { core::mem::transmute::<*mut (), fn(Pressure)>(callback) };
            let bytes = |pages: u32| u64::from(pages) * PAGE as u64;
            callback(Pressure { level, used: bytes(used), limit: bytes(limit) });
        }
    }
}

impl fmt::Debug for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gauge")
            .field("level", &self.level())
            .field("risen", &self.risen)
            .finish_non_exhaustive()
    }
}
