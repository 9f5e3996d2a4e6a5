//! What a log holds, whatever has happened to it.
//!
//! 1. Every block of every segment is looked at, since a record may lie behind one that is damaged.
//! 2. No buffer is longer than a segment that lies in the file, and no list than the file has blocks.
//! 3. Nothing is written here.

use crate::durable::buffer::AlignedBuffer;
use crate::durable::fields::fold;
use crate::durable::planted::Planted;
use crate::durable::storage::{BLOCK, StorageError, StoredFile};

use super::LogError;
use super::header::Header;
use super::record::{Items, RECORD, RecordHeader, Replayed};
use super::segments::{HEADER, SegmentBytes, Segments};

/// How much is read at once, where a record is not longer.
const WINDOW: u64 = if cfg!(test) { 4 * BLOCK as u64 } else { 256 << 10 };

/// What a log holds, and where the next commit goes.
pub(super) struct Recovery {
    pub(super) segments: Segments,
    /// The last commit that is whole.
    pub(super) last: u64,
    /// Its records, if they are in the log.
    pub(super) tail: Vec<Found>,
    /// Where the headers lie of the commit after it, which was not finished.
    pub(super) leftovers: Vec<u64>,
    pub(super) window: Window,
}

/// A record whose header is intact.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) header: RecordHeader,
    pub(super) offset: u64,
    /// Whether its body is too.
    whole: bool,
}

/// A piece of the file in memory, at the alignment of durable writes.
#[derive(Debug)]
pub(super) struct Window {
    buffer: AlignedBuffer,
    start: u64,
    len: u64,
    /// Where the last segment ends.
    end: u64,
}

/// Shows every commit after `applied` that the log of the heap `uuid` holds, in order, and writes nothing; says which is
/// the last.
pub(crate) fn replay(
    file: &impl StoredFile,
    uuid: [u8; 16],
    applied: u64,
    show: impl FnMut(&Replayed<'_>),
) -> Result<u64, LogError> {
    Ok(recover(file, uuid, applied, show)?.last)
}

/// What lies in a log behind its last whole commit.
#[derive(Debug)]
pub(crate) struct Survey {
    /// The last whole commit.
    pub(crate) last: u64,
    /// Where records of later commits lie, and of which.
    pub(crate) behind: Vec<(u64, u64)>,
    /// Whether some of these come after a commit that is missing, which no crash leaves.
    pub(crate) has_gap: bool,
}

/// Does what [`replay`] does, and goes on where that refuses a log.
pub(crate) fn survey(
    file: &impl StoredFile,
    uuid: [u8; 16],
    applied: u64,
    show: impl FnMut(&Replayed<'_>),
) -> Result<Survey, LogError> {
    let (Recovery { last, leftovers, .. }, later) = recover_all(file, uuid, applied, show)?;
    let place = |found: &Found| (found.offset, found.header.sequence);
    let unfinished = leftovers.iter().map(|offset| (*offset, last + 1));
    let behind = unfinished.chain(later.iter().map(place)).collect();
    Ok(Survey { last, behind, has_gap: !later.is_empty() })
}

pub(super) fn recover(
    file: &impl StoredFile,
    uuid: [u8; 16],
    applied: u64,
    show: impl FnMut(&Replayed<'_>),
) -> Result<Recovery, LogError> {
    let (recovery, later) = recover_all(file, uuid, applied, show)?;
    match later.first() {
        None => Ok(recovery),
        Some(Found { header, offset, .. }) => {
            Err(LogError::Gap { expected: recovery.last + 1, found: header.sequence, offset: *offset })
        }
    }
}

/// What the log holds, and the records behind a commit that is missing.
fn recover_all(
    file: &impl StoredFile,
    uuid: [u8; 16],
    applied: u64,
    mut show: impl FnMut(&Replayed<'_>),
) -> Result<(Recovery, Vec<Found>), LogError> {
    let len = file.len()?;
    let segment = header(file, len, uuid)?.segment;
    let count = segment.within(len);
    let mut window = Window { buffer: AlignedBuffer::new(), start: 0, len: 0, end: segment.start(count) };
    let mut found = Vec::new();
    for number in 0..count {
        scan(file, &mut window, segment, number, fold(uuid), applied, &mut found)?;
    }
    let accepts_stale = Planted::StaleAccepted.is_there();
    let opening = |found: &Found| if accepts_stale { 0 } else { found.header.signature.opening };
    found.sort_by_key(|found| (found.header.sequence, opening(found), found.header.part));

    let (mut last, mut tail, mut used, mut rest) = (applied, Vec::new(), vec![0; count], &found[..]);
    while let (next, after) = of_sequence(rest, last + 1)
        && let Some(parts) = commit(next, opening)?
    {
        for part in &parts {
            show_part(file, &mut window, segment, part, &mut show)?;
            used[segment.of(part.offset)] = last + 1;
        }
        (last, tail, rest) = (last + 1, parts, after);
    }
    let (unfinished, behind) = of_sequence(rest, last + 1);
    let leftovers = unfinished.iter().map(|found| found.offset).collect();
    let next = tail.last().map(|found: &Found| found.offset + found.header.padded());
    let segments = Segments::found(segment, used, next);
    Ok((Recovery { segments, last, tail, leftovers, window }, behind.to_vec()))
}

/// The records at the front that belong to commit `sequence`, and the others.
fn of_sequence(found: &[Found], sequence: u64) -> (&[Found], &[Found]) {
    found.split_at(found.partition_point(|found| found.header.sequence <= sequence))
}

fn header(file: &impl StoredFile, len: u64, uuid: [u8; 16]) -> Result<Header, LogError> {
    let mut page = [0; HEADER];
    // What the file is too short for reads as zero, which is damage like any other.
    let there = usize::try_from(len).map_or(HEADER, |len| len.min(HEADER));
    file.read_at(0, &mut page[..there])?;
    Header::parse(&page, uuid)
}

/// Finds the records of a segment that come after `applied`.
fn scan(
    file: &impl StoredFile,
    window: &mut Window,
    segment: SegmentBytes,
    number: usize,
    heap: u64,
    applied: u64,
    found: &mut Vec<Found>,
) -> Result<(), LogError> {
    let (mut offset, end) = (segment.start(number), segment.start(number + 1));
    while offset < end {
        let bytes = window.get(file, offset, BLOCK as u64)?;
        let header = RecordHeader::parse(bytes, offset, heap, end - offset);
        let mut step = BLOCK as u64;
        if let Some(header) = header.filter(|header| header.sequence > applied) {
            let record = window.get(file, offset, header.padded())?;
            let body = &record[RECORD..RECORD + header.stored as usize];
            let whole = crc32fast::hash(body) == header.body_crc || Planted::ChecksumIgnored.is_there();
            found.push(Found { header, offset, whole });
            step = if whole { header.padded() } else { step };
        } else if let Some(header) = header {
            step = header.padded();
        }
        offset += step;
    }
    Ok(())
}

/// The parts of a commit, if all of them are among the records of its sequence.
fn commit(records: &[Found], opening: impl Fn(&Found) -> u64) -> Result<Option<Vec<Found>>, LogError> {
    let mut commit = None;
    for found in records {
        found.header.supported(found.offset).map_err(LogError::Unsupported)?;
    }
    for attempt in records.chunk_by(|one, other| opening(one) == opening(other)) {
        let mut parts = attempt.to_vec();
        if Planted::StaleAccepted.is_there() {
            parts.dedup_by_key(|found| found.header.part);
        }
        if is_whole(&parts) && commit.replace(parts).is_some() {
            return Err(LogError::Twice { sequence: attempt[0].header.sequence });
        }
    }
    Ok(commit)
}

fn is_whole(parts: &[Found]) -> bool {
    let last = parts.len().wrapping_sub(1);
    let fits = |(at, found): (usize, &Found)| {
        found.whole && found.header.part as usize == at && found.header.is_last() == (at == last)
    };
    !parts.is_empty() && parts.iter().enumerate().all(fits)
}

fn show_part(
    file: &impl StoredFile,
    window: &mut Window,
    segment: SegmentBytes,
    found: &Found,
    show: &mut impl FnMut(&Replayed<'_>),
) -> Result<(), LogError> {
    let Found { header, offset, .. } = found;
    let record = window.get(file, *offset, header.padded())?;
    let stored = &record[RECORD..RECORD + header.stored as usize];
    let unpacked;
    let body = if header.is_packed() {
        unpacked = header.unpack(stored, *offset, segment.get()).map_err(LogError::Damaged)?;
        &unpacked[..]
    } else {
        stored
    };
    let items = Items::prove(body, header, *offset).map_err(LogError::Damaged)?;
    let RecordHeader { sequence, image_pages, .. } = *header;
    show(&Replayed { sequence, image_pages, last: header.is_last(), items });
    Ok(())
}

impl Window {
    /// So many bytes from `offset` on, which lie in a segment.
    pub(super) fn get(
        &mut self,
        file: &impl StoredFile,
        offset: u64,
        bytes: u64,
    ) -> Result<&[u8], StorageError> {
        if offset < self.start || offset + bytes > self.start + self.len {
            let len = bytes.max(WINDOW).min(self.end - offset);
            self.len = 0;
            file.read_at(offset, &mut self.buffer.reach(to_usize(len))[..to_usize(len)])?;
            (self.start, self.len) = (offset, len);
        }
        let at = to_usize(offset - self.start);
        Ok(&self.buffer.bytes()[at..at + to_usize(bytes)])
    }
}

fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).expect("at most a segment")
}
