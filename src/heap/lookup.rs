//! What a free that knows nothing but an address has to know of the process's heap, in three words of the process.
//!
//! They are zero until the heap is made, so that every address lies outside of it. Then `first` and `tags` are written once,
//! before anybody can have a block, and `usable` is kept by the region.

use core::cell::Cell;
use core::ptr;

use super::core::Core;
use crate::magazines::MagazineAt;
use crate::sync::Word64;
use crate::units::PAGE_SHIFT;

struct Lookup {
    /// The address of the first page.
    first: Cell<usize>,
    /// The label of the first page, within its tag.
    labels: Cell<*const u16>,
}

// SAFETY: written once, before the heap is first used; whoever has a block to free has seen that.
unsafe impl Sync for Lookup {}

static LOOKUP: Lookup = Lookup { first: Cell::new(0), labels: Cell::new(ptr::null()) };

/// Bytes of pages that are usable.
pub(super) static USABLE: Word64 = Word64::new(0);

/// Points at the process's heap, which nobody uses yet.
pub(super) fn point_at(core: &Core) {
    let (first, _) = core.runs().tags();
    LOOKUP.first.set(first);
    LOOKUP.labels.set(core.runs().first_label());
}

/// The magazine for the block at this address; `None` outside of the heap's usable pages. In a page that is none of a slab
/// it is the magazine of no blocks and no room. It is believed that a block begins at the address.
#[inline(always)]
pub(crate) fn magazine_of(block: *const u8) -> Option<MagazineAt> {
    let distance = block.addr().wrapping_sub(LOOKUP.first.get());
    if !is_usable(distance) {
        return None;
    }
    // The labels are the second of a tag's four quarters, and eight bytes apart.
    let at = (distance >> PAGE_SHIFT) * (size_of::<Word64>() / size_of::<u16>());
    // SAFETY: there is a tag for each usable page.
    let label = unsafe { LOOKUP.labels.get().add(at) };
    // SAFETY: as above; nobody writes to it as long as the block is in use.
    Some(MagazineAt::of_label(unsafe { label.read() }))
}

/// Whether the byte so far behind the first page's first is one of a usable page.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn is_usable(distance: usize) -> bool {
    // The compiler would load the word first and compare then, because it is atomic.
    // SAFETY: compares with a word, and goes one way or the other.
    unsafe {
        core::arch::asm!(
            "cmp {distance}, qword ptr [rip + {usable}]",
            "jae {outside}",
            distance = in(reg) distance,
            usable = sym USABLE,
            outside = label { return false },
            options(readonly, nostack),
        );
    }
    true
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn is_usable(distance: usize) -> bool {
    (distance as u64) < USABLE.get()
}
