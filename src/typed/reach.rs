//! Blocks of a heap that belong to nothing: found by walking all roots, and freed on request.
//!
//! They come of values that were forgotten (`mem::forget`), of cycles of [`PRc`](super::PRc), and of requests that were under
//! way when a commit captured the heap that a crash then went back to.

use std::ptr::NonNull;

use super::access::{Access, inside};
use super::anchor::Anchored;
use super::inspect::Inspector;
use super::persist::Persist;
use super::roots::Table;
use super::store::{Store, walk};
use crate::error::Error;
use crate::handle::Heap;
use crate::heap::BlockState;
use crate::units::Offset;

/// A block that belongs to nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Unreachable {
    /// Where it lies.
    pub offset: Offset,
    /// How many bytes it holds.
    pub size: usize,
}

impl<R: Persist, H: Anchored> Store<R, H> {
    /// Lists the blocks that no root owns, directly or through other values. A block to which only [`PPtr`](super::PPtr)s point
    /// is one of them.
    ///
    /// It walks all values, and waits for all accesses to end meanwhile. Nothing is believed of the values, so it can be
    /// asked of a heap of doubtful origin.
    ///
    /// # Errors
    /// [`Error::ValuesDamaged`], with the first value that cannot be; [`Error::UnknownRoot`] for a further root that was not
    /// opened since the heap was; [`Error::Suspect`]; [`Error::WithinAccess`].
    pub fn unreachable(&self) -> Result<Vec<Unreachable>, Error> {
        self.with_heap("a search for blocks", |heap| {
            inside(H::anchor().gate(), Access::Write, || self.search(heap))?
        })
    }

    /// Frees what [`Store::unreachable`] lists, and returns it.
    ///
    /// ```
    /// use outlive::typed::PBox;
    ///
    /// outlive::heap!(struct BoxHeap);
    ///
    /// let store = BoxHeap::in_memory::<u64>(|_heap| 1)?;
    /// store.write(|_, heap| std::mem::forget(PBox::new_in(7_u64, heap)))?;
    /// assert_eq!(store.free_unreachable()?.len(), 1);
    /// assert_eq!(store.unreachable()?, []);
    /// # Ok::<(), outlive::Error>(())
    /// ```
    ///
    /// # Errors
    /// As of [`Store::unreachable`], and nothing is freed; [`Error::ReadOnly`].
    pub fn free_unreachable(&self) -> Result<Vec<Unreachable>, Error> {
        self.refuse_read_only()?;
        self.with_heap("a search for blocks", |heap| {
            inside(H::anchor().gate(), Access::Write, || {
                let found = self.search(heap)?;
                for block in found.iter().filter_map(|block| heap.at(block.offset)) {
                    // SAFETY: it was found to be allocated, and no value owns it; the only other way to it is by pointers
                    // whose followers have promised that somebody does.
                    unsafe { heap.deallocate_unsized(block) };
                }
                Ok(found)
            })?
        })
    }

    fn search(&self, heap: &Heap) -> Result<Vec<Unreachable>, Error> {
        let table = Table::read(heap)?.unwrap_or_default();
        let mut inspector = Inspector::new(heap);
        for root in table.roots() {
            let how = self.known.all().get(&root.name).copied();
            let how = how.ok_or_else(|| Error::UnknownRoot { root: root.name.clone() })?;
            walk(heap, root.value, how, &mut inspector)?;
        }
        inspector.finish()?;
        let tables: Vec<u64> = table.blocks().chain(table.roots().iter().map(|root| root.value)).collect();
        let mut found = Vec::new();
        heap.for_each_block(|block, info| {
            let offset = heap.offset_of(block);
            let belongs = |offset: Offset| inspector.has_seen(offset.get()) || tables.contains(&offset.get());
            if let Some(offset) =
                offset.filter(|offset| info.state == BlockState::Allocated && !belongs(*offset))
            {
                found.push(Unreachable { offset, size: info.size });
            }
        });
        // A thread that is ending, or gives back what it does not need, may have had free blocks in its hands.
        heap.settle();
        found.retain(|block| {
            let at = heap.at(block.offset).filter(|at: &NonNull<u8>| heap.usable_size(*at).is_some());
            at.and_then(|at| heap.info(at.as_ptr())).is_some_and(|info| info.state == BlockState::Allocated)
        });
        Ok(found)
    }
}
