//! What does not compile when all of a program is compiled, and not before.

/// The same program with what it should have instead.
///
/// ```
/// use core::sync::atomic::{AtomicU64, Ordering};
/// use outlive::typed::PBox;
///
/// outlive::heap!(struct H);
///
/// let path = std::env::temp_dir().join(format!("outlive-doc-atomics-{}", std::process::id()));
/// let store = H::open::<PBox<[AtomicU64], H>>(&path, |heap| PBox::from_iter_in([0, 1, 2, 3].map(AtomicU64::new), heap))?;
/// store.persist()?;
/// store.update(|numbers, _| numbers[2].store(77, Ordering::Relaxed))?;
/// store.persist()?;
/// store.close()?;
/// let store = H::open::<PBox<[AtomicU64], H>>(&path, |_| unreachable!())?;
/// assert_eq!(store.read(|numbers| numbers[2].load(Ordering::Relaxed))?, 77);
/// # drop(store);
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), outlive::Error>(())
/// ```
struct InABox;

/// ```compile_fail,E0080
/// use core::sync::atomic::AtomicU64;
/// use outlive::collections::PVec;
///
/// outlive::heap!(struct H);
///
/// type Root<'h> = PVec<AtomicU64, H<'h>>;
///
/// let _store = H::open::<Root>("never made", |heap| PVec::new_in(heap));
/// ```
struct InPVec;

/// ```compile_fail,E0080
/// use core::sync::atomic::AtomicU32;
/// use outlive::collections::PVecDeque;
///
/// outlive::heap!(struct H);
///
/// type Root<'h> = PVecDeque<[AtomicU32; 3], H<'h>>;
///
/// let _store = H::open::<Root>("never made", |heap| PVecDeque::new_in(heap));
/// ```
struct InPVecDeque;

/// ```compile_fail,E0080
/// use core::sync::atomic::AtomicU64;
/// use outlive::collections::PHashMap;
///
/// outlive::heap!(struct H);
///
/// type Root<'h> = PHashMap<u64, (u64, AtomicU64), H<'h>>;
///
/// let _store = H::open::<Root>("never made", |heap| PHashMap::new_in(heap));
/// ```
struct InPHashMap;

/// ```compile_fail,E0080
/// use core::sync::atomic::AtomicU64;
/// use outlive::collections::PBTreeMap;
///
/// outlive::heap!(struct H);
///
/// type Root<'h> = PBTreeMap<u64, [AtomicU64; 2], H<'h>>;
///
/// let _store = H::open::<Root>("never made", |heap| PBTreeMap::new_in(heap));
/// ```
struct InPBTreeMap;

/// ```compile_fail,E0080
/// use core::sync::atomic::AtomicU64;
/// use outlive::collections::PSkipMap;
///
/// outlive::heap!(struct H);
///
/// type Root<'h> = PSkipMap<u64, AtomicU64, H<'h>>;
///
/// let _store = H::open::<Root>("never made", |heap| PSkipMap::new_in(heap));
/// ```
struct InPSkipMap;
