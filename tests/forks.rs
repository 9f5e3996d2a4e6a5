//! A heap in a file in the child of a `fork`.
#![cfg_attr(feature = "nightly", feature(allocator_api))]
#![allow(
    clippy::multiple_unsafe_ops_per_block,
    clippy::cast_possible_truncation,
    reason = "tests read better so"
)]

mod common;

use common::files::{Filler, Folder, content, small};
use outlive::Error;

#[test]
fn a_forked_child_changes_no_file() {
    let test = "a_forked_child_changes_no_file";
    if !common::child::is(test) {
        let output = common::child::run(test, test);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let folder = Folder::new();
    let heap = small().open(folder.join("heap")).unwrap();
    let mut filler = Filler::new(3, 14);
    filler.run(&heap, 300);
    heap.persist().unwrap();
    filler.run(&heap, 50);
    let (live, before) = (content(&heap), folder.files());
    // SAFETY: the process has this thread only, besides those of the test's own machinery, which hold no lock.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        let same = content(&heap) == live;
        Filler::new(9, 14).run(&heap, 100);
        let forked = [
            heap.persist().err(),
            heap.snapshot(folder.join("snapshot")).err(),
            heap.file_stats().err(),
            heap.close().err(),
        ];
        let refused = forked.iter().all(|error| matches!(error, Some(Error::Forked)));
        // SAFETY: ends the child without running what belongs to the parent.
        unsafe { libc::_exit(i32::from(!(same && refused))) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0);
    assert!(folder.files() == before, "the child has changed a file");
    assert!(content(&heap) == live);
    // The child's end has neither unlocked the files nor stopped anything.
    assert!(matches!(small().open(folder.join("heap")), Err(Error::InUse { .. })));
    heap.persist().unwrap();
    heap.close().unwrap();
    assert!(content(&small().open(folder.join("heap")).unwrap()) == live);
}
