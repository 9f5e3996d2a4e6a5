//! A commit in the log and in the overlay: in both, or in neither, also where another thread tells the overlay.

use rustix::io::Errno;

use super::heap_file;
use crate::durable::file::HeapFile;
use crate::durable::lines::Line;
use crate::durable::log::SegmentBytes;
use crate::durable::storage::simulated::{Fault, SimulatedFolder};
use crate::error::Error;
use crate::units::LINE;

/// One page, which one thread commits, and as many as two do.
const COUNTS: [u64; 2] = [1, 40];

/// Commits the first line of so many pages.
fn commit(file: &mut HeapFile<SimulatedFolder>, pages: u64, value: u8) -> Result<u64, Error> {
    file.begin_commit()?;
    let mut body = file.body()?;
    (0..pages).for_each(|page| body.page(2 + page, 1)[0] = [value; LINE]);
    file.append(&mut body, 2 + pages)
}

/// The lines of these pages that the image has not.
fn lines(file: &HeapFile<SimulatedFolder>, pages: u64) -> Vec<(usize, Line)> {
    (2..2 + pages).flat_map(|page| file.overlay.lines_of(page)).map(|(line, value)| (line, *value)).collect()
}

/// A segment has room for two of these commits, so each other one has to add a segment first.
const SEGMENT: SegmentBytes = SegmentBytes::new(8192).unwrap();

#[test]
fn what_is_committed_is_looked_up_and_what_has_no_space_is_not() {
    for pages in COUNTS {
        let folder = SimulatedFolder::new();
        let mut file = heap_file(folder.clone(), SEGMENT);
        for value in 1..20 {
            if value % 2 == 1 && value > 1 {
                let before = lines(&file, pages);
                folder.fail_after(0, Fault::Refused(Errno::NOSPC));
                let error = commit(&mut file, pages, value).unwrap_err();
                assert!(matches!(error, Error::File { .. }), "{error}");
                assert_eq!((lines(&file, pages), file.last), (before, u64::from(value) - 1));
            }
            assert_eq!(commit(&mut file, pages, value).unwrap(), u64::from(value));
            assert_eq!(lines(&file, pages), vec![(0, [value; LINE]); usize::try_from(pages).unwrap()]);
        }
    }
}

#[test]
fn after_a_write_that_failed_nobody_asks_what_is_committed() {
    for pages in COUNTS {
        let folder = SimulatedFolder::new();
        let mut file = heap_file(folder.clone(), SEGMENT);
        commit(&mut file, pages, 1).unwrap();
        folder.fail_after(0, Fault::Refused(Errno::IO));
        assert!(matches!(commit(&mut file, pages, 2), Err(Error::File { .. })));
        assert_eq!(file.last, 1);
        assert!(matches!(commit(&mut file, pages, 3), Err(Error::Failed { .. })));
        assert!(matches!(file.begin_checkpoint(), Err(Error::Failed { .. })));
        assert!(matches!(file.snapshot(), Err(Error::Failed { .. })));
    }
}
