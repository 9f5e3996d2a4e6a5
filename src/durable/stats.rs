//! A heap's file in numbers.

use core::fmt;
use std::path::PathBuf;

/// A heap's file in numbers, at one moment between two commits.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FileStats {
    /// The file.
    pub path: PathBuf,
    /// The number of the last commit; 0 before the first.
    pub last_commit: u64,
    /// How long the file is.
    pub file_bytes: u64,
    /// How much of the log an opening would need now; 0 where there is none.
    pub log_bytes: u64,
    /// Lines of 64 bytes that are kept in memory because they are in the log only.
    pub overlay_lines: u64,
    /// How written pages are found: "write protection" by the kernel, pages that "left the file", or "everything" is
    /// compared. Before the first commit it is what will be tried first; "none" in a heap that is only read.
    pub method: &'static str,
    /// Commits since the heap was opened.
    pub commits: u64,
    /// Bytes that these wrote to the log.
    pub logged_bytes: u64,
    /// How often the log was brought into the file since then.
    pub checkpoints: u64,
}

/// What a heap's file has done since it was opened.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Counts {
    pub(super) commits: u64,
    pub(super) logged_bytes: u64,
    pub(super) checkpoints: u64,
}

impl fmt::Display for FileStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: commit {}, {} bytes", self.path.display(), self.last_commit, self.file_bytes)?;
        writeln!(f, "log {} bytes, {} lines not in the file", self.log_bytes, self.overlay_lines)?;
        write!(
            f,
            "{} commits, {} bytes logged, {} checkpoints; written pages by: {}",
            self.commits, self.logged_bytes, self.checkpoints, self.method
        )
    }
}
