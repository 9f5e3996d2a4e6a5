//! Words of the image: read at any time, written only by whoever holds the lock that their owner names.
//!
//! All accesses are relaxed, which compiles to plain loads and stores; the locks order them. Being atomic, they can
//! be looked at by `stats`, `check` and a capture while their owner works, without undefined behaviour.

use core::fmt;
#[cfg(not(loom))]
use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};
#[cfg(loom)]
use loom::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

macro_rules! word {
    ($name:ident, $atomic:ident, $value:ident) => {
        #[doc = concat!("A `", stringify!($value), "` of the image.")]
        #[repr(transparent)]
        pub(crate) struct $name($atomic);

        #[allow(dead_code, reason = "one set of methods for all widths")]
        impl $name {
            #[cfg(not(loom))]
            pub(crate) const fn new(value: $value) -> Self {
                Self($atomic::new(value))
            }

            #[cfg(loom)]
            pub(crate) fn new(value: $value) -> Self {
                Self($atomic::new(value))
            }

            #[inline]
            pub(crate) fn get(&self) -> $value {
                self.0.load(Ordering::Relaxed)
            }

            #[inline]
            pub(crate) fn set(&self, value: $value) {
                self.0.store(value, Ordering::Relaxed);
            }

            #[inline]
            pub(crate) fn add(&self, amount: $value) {
                self.set(self.get().wrapping_add(amount));
            }

            #[inline]
            pub(crate) fn sub(&self, amount: $value) {
                self.set(self.get().wrapping_sub(amount));
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.get().fmt(f)
            }
        }
    };
}

impl Word64 {
    /// Sets bits while others may set or clear others.
    pub(crate) fn set_bits(&self, bits: u64) {
        self.0.fetch_or(bits, Ordering::Relaxed);
    }

    /// Clears bits while others may set or clear others.
    pub(crate) fn clear_bits(&self, bits: u64) {
        self.0.fetch_and(!bits, Ordering::Relaxed);
    }
}

word!(Word8, AtomicU8, u8);
word!(Word16, AtomicU16, u16);
word!(Word32, AtomicU32, u32);
word!(Word64, AtomicU64, u64);
