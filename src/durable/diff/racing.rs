//! Reads of memory that others may be writing to.
//!
//! In Rust's model such a read is a data race unless it is atomic. On x86-64 it is made by instructions given as such, whose
//! meaning is the processor's: it loads what is there. Elsewhere it is made of relaxed atomic words.
//!
//! Vectors of SSE2, which every such processor has, outrun its memory; wider ones gained nothing.

#[cfg(target_arch = "x86_64")]
pub(super) use vectors::{differing, differs_from, load};
#[cfg(not(target_arch = "x86_64"))]
pub(super) use words::{differing, differs_from, load};

use crate::durable::lines::{LINES, Line};

#[cfg(target_arch = "x86_64")]
mod vectors {
    use core::arch::asm;
    use core::arch::x86_64::{__m128i, _mm_and_si128, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8};

    use super::{LINES, Line};

    /// A line in registers.
    type Vectors = [__m128i; 4];

    /// # Safety
    /// `line` is valid for reads, and a multiple of a line.
    #[inline]
    unsafe fn vectors(line: *const Line) -> Vectors {
        let (a, b, c, d): (__m128i, __m128i, __m128i, __m128i);
        // SAFETY: reads the line and nothing else, by the caller's promise.
        unsafe {
            asm!(
                "movdqa {a}, [{line}]",
                "movdqa {b}, [{line} + 16]",
                "movdqa {c}, [{line} + 32]",
                "movdqa {d}, [{line} + 48]",
                line = in(reg) line,
                a = out(xmm_reg) a,
                b = out(xmm_reg) b,
                c = out(xmm_reg) c,
                d = out(xmm_reg) d,
                options(nostack, readonly, preserves_flags),
            );
        }
        [a, b, c, d]
    }

    /// # Safety
    /// As for [`vectors`].
    #[inline]
    pub(in super::super) unsafe fn load(line: *const Line) -> Line {
        // SAFETY: the caller's promise.
        let vectors = unsafe { vectors(line) };
        // SAFETY: both are plain bytes, and as many.
        unsafe { core::mem::transmute::<Vectors, Line>(vectors) }
    }

    /// # Safety
    /// As for [`vectors`], for each line of the page.
    #[inline]
    pub(in super::super) unsafe fn differing(live: *const [Line; LINES], base: &[Line]) -> u64 {
        let mut mask = 0;
        for (number, base) in base.iter().enumerate() {
            // SAFETY: the caller's promise.
            let live = unsafe { vectors(live.cast::<Line>().wrapping_add(number)) };
            // SAFETY: every x86-64 processor has SSE2.
            mask |= u64::from(unsafe { differs(live, base) }) << number;
        }
        mask
    }

    /// # Safety
    /// As for [`vectors`].
    #[inline]
    pub(in super::super) unsafe fn differs_from(live: *const Line, committed: &Line) -> bool {
        // SAFETY: the caller's promise.
        let live = unsafe { vectors(live) };
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { differs(live, committed) }
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn differs(live: Vectors, base: &Line) -> bool {
        let (base, _) = base.as_chunks::<16>();
        let equal = |part: usize| {
            // SAFETY: sixteen bytes, at any address.
            let base = unsafe { _mm_loadu_si128(base[part].as_ptr().cast()) };
            _mm_cmpeq_epi8(live[part], base)
        };
        let equal = _mm_and_si128(_mm_and_si128(equal(0), equal(1)), _mm_and_si128(equal(2), equal(3)));
        _mm_movemask_epi8(equal) != 0xFFFF
    }
}

/// What any processor can do.
#[cfg(any(test, not(target_arch = "x86_64")))]
pub(super) mod words {
    use core::sync::atomic::{AtomicU64, Ordering};

    use super::{LINES, Line};

    /// # Safety
    /// `line` is valid for reads, and a multiple of a line; whoever writes to it does so in a way that other threads may
    /// see.
    #[allow(clippy::cast_ptr_alignment, reason = "the address of a line is a multiple of its size")]
    pub(in super::super) unsafe fn load(line: *const Line) -> Line {
        // SAFETY: words of the line, by the caller's promise, which are read atomically.
        let words = unsafe { &*line.cast::<[AtomicU64; 8]>() };
        let mut bytes = [0; size_of::<Line>()];
        for (bytes, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *bytes = word.load(Ordering::Relaxed).to_le_bytes();
        }
        bytes
    }

    /// # Safety
    /// As for [`load`].
    pub(in super::super) unsafe fn differs_from(live: *const Line, committed: &Line) -> bool {
        // SAFETY: the caller's promise.
        unsafe { load(live) != *committed }
    }

    /// # Safety
    /// As for [`load`], for each line of the page.
    pub(in super::super) unsafe fn differing(live: *const [Line; LINES], base: &[Line]) -> u64 {
        let mut mask = 0;
        for (number, base) in base.iter().enumerate() {
            // SAFETY: the caller's promise.
            let live = unsafe { load(live.cast::<Line>().wrapping_add(number)) };
            mask |= u64::from(live != *base) << number;
        }
        mask
    }
}
