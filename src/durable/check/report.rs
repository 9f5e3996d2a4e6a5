//! What was found in a heap's files.

use core::fmt;
use std::path::PathBuf;

use crate::durable::fields::FieldFault;
use crate::heap::Report;

/// More than a heap's files can have without being garbage as a whole.
const FINDINGS_KEPT: usize = 64;

/// Something that [`check`](crate::check) found in a file.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct FileFinding {
    /// The file.
    pub file: PathBuf,
    /// What it means.
    pub kind: FileFindingKind,
    /// The field or the thing that is not what it should be.
    pub field: &'static str,
    /// Where in the file it lies.
    pub offset: u64,
    /// What was found there.
    pub found: u64,
    /// What would have been right.
    pub expected: u64,
}

/// The kinds of [`FileFinding`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum FileFindingKind {
    /// A superblock slot is damaged. With the other one whole the heap opens, and [`repair`](crate::repair) writes this one
    /// anew.
    Slot,
    /// A superblock that is whole says what no heap of this length has.
    Superblock,
    /// Another version of the crate wrote this, or one with other features.
    Version,
    /// The log with the last commits is not there.
    LogMissing,
    /// The log's header, or a record whose checksum is right, is not what it should be; or it is the log of another heap.
    Log,
    /// What is left of a commit that was not finished, as a crash leaves it. The next opening for writing removes it.
    Unfinished,
    /// A commit lies behind one that is missing or damaged, which no crash leaves.
    Gap,
    /// The log holds two different commits of one number.
    Twice,
    /// A word of the image's header cannot be right.
    Image,
}

impl FileFindingKind {
    /// Whether a crash may leave it, and an opening goes past it without losing a commit.
    pub fn is_harmless(self) -> bool {
        matches!(self, Self::Unfinished)
    }
}

/// What [`check`](crate::check) found.
#[derive(Clone, Debug)]
pub struct FileReport {
    file: PathBuf,
    findings: Vec<FileFinding>,
    total: u64,
    pub(super) last_commit: Option<u64>,
    pub(super) heap: Option<Report>,
}

impl FileReport {
    pub(super) fn new(file: PathBuf) -> Self {
        Self { file, findings: Vec::new(), total: 0, last_commit: None, heap: None }
    }

    pub(super) fn add(&mut self, file: &std::path::Path, kind: FileFindingKind, fault: FieldFault) {
        let FieldFault { field, found, expected, offset } = fault;
        if self.findings.len() < FINDINGS_KEPT {
            self.findings.push(FileFinding { file: file.to_owned(), kind, field, offset, found, expected });
        }
        self.total += 1;
    }

    /// The heap's file.
    pub fn file(&self) -> &std::path::Path {
        &self.file
    }

    /// Whether there is nothing wrong, with the files and with the metadata of the heap in them. What a crash leaves is
    /// not wrong.
    pub fn is_clean(&self) -> bool {
        let harmless = self.findings.iter().all(|finding| finding.kind.is_harmless());
        harmless && self.last_commit.is_some() && self.heap.as_ref().is_none_or(Report::is_clean)
    }

    /// The first findings, at most 64.
    pub fn findings(&self) -> &[FileFinding] {
        &self.findings
    }

    /// How many findings there are.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The last commit that is whole; `None` where the files do not say.
    pub fn last_commit(&self) -> Option<u64> {
        self.last_commit
    }

    /// What the checker of the allocator's metadata found, in a copy of the last whole commit; `None` where nothing was
    /// ever committed, or the image could not be brought into memory.
    pub fn heap(&self) -> Option<&Report> {
        self.heap.as_ref()
    }
}

impl fmt::Display for FileFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, kind, field, offset, found, expected } = self;
        write!(
            f,
            "{kind:?}: {}: {field} at {offset:#x} is {found:#x} where {expected:#x} was expected",
            file.display()
        )
    }
}

impl fmt::Display for FileReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last_commit {
            Some(commit) => writeln!(f, "{}: last whole commit {commit}", self.file.display())?,
            None => writeln!(f, "{}: no commit can be read", self.file.display())?,
        }
        self.findings.iter().try_for_each(|finding| writeln!(f, "  {finding}"))?;
        match &self.heap {
            Some(report) => write!(f, "  metadata: {report}"),
            None => Ok(()),
        }
    }
}
