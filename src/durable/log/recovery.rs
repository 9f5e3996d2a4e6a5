//! What a log holds, whatever has happened to it.
//!
//! 1. Every block of every segment is looked at, since a record may lie behind one that is damaged.
//! 2. No buffer is longer than a segment that lies in the file, and no list than the file has blocks.
//! 3. Nothing is written here.

use crate::durable::buffer::AlignedBuffer;
use crate::durable::fields::{Fields, fold};
use crate::durable::planted::Planted;
use crate::durable::storage::{BLOCK, StorageError, StoredFile};

use super::LogError;
use super::header::Header;
use super::record::{Items, RECORD, RecordHeader, Replayed};
use super::segments::{HEADER, SegmentBytes, Segments};

/// How much is read at once, where a record is not longer.
const WINDOW: u64 = if cfg!(test) { 4 * BLOCK as u64 } else { 256 << 10 };

/// How much is written once more in one piece.
const SETTLED_AT_ONCE: u64 = if cfg!(test) { 2 * BLOCK as u64 } else { 1 << 20 };

/// What a log holds, and where the next commit goes.
pub(super) struct Recovery {
    pub(super) segments: Segments,
    /// The last commit that is whole.
    pub(super) last: u64,
    pub(super) tally: Tally,
    /// Where records lie, in the order of their places, which may not be durable, and how many bytes in a row that is.
    pub(super) unsettled: Vec<(u64, u64)>,
    /// Where the headers lie of commits after it, which were not finished.
    pub(super) leftovers: Vec<u64>,
    pub(super) window: Window,
}

/// How much of a log counts.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Tally {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    /// Segments in which these lie.
    pub(crate) segments: u64,
    /// Whether there are records of later commits, none of which counts.
    pub(crate) unfinished: bool,
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
/// the last, and how much that was.
pub(crate) fn replay(
    file: &impl StoredFile,
    uuid: [u8; 16],
    applied: u64,
    show: impl FnMut(&Replayed<'_>),
) -> Result<(u64, Tally), LogError> {
    recover(file, uuid, applied, show).map(|Recovery { last, tally, .. }| (last, tally))
}

/// What lies in a log behind its last whole commit.
#[derive(Debug)]
pub(crate) struct Survey {
    /// The last whole commit.
    pub(crate) last: u64,
    /// Where records of later commits lie, and of which.
    pub(crate) behind: Vec<(u64, u64)>,
    /// Whether one of these says of a missing commit that it was durable, so that it was no crash that took it.
    pub(crate) has_gap: bool,
}

/// Does what [`replay`] does, and goes on where that refuses a log.
pub(crate) fn survey(
    file: &impl StoredFile,
    uuid: [u8; 16],
    applied: u64,
    show: impl FnMut(&Replayed<'_>),
) -> Result<Survey, LogError> {
    let (Recovery { last, .. }, behind) = recover_all(file, uuid, applied, show)?;
    let has_gap = gap(last, &behind).is_some();
    let place = |found: &Found| (found.offset, found.header.sequence);
    Ok(Survey { last, behind: behind.iter().map(place).collect(), has_gap })
}

pub(super) fn recover(
    file: &impl StoredFile,
    uuid: [u8; 16],
    applied: u64,
    show: impl FnMut(&Replayed<'_>),
) -> Result<Recovery, LogError> {
    let (recovery, behind) = recover_all(file, uuid, applied, show)?;
    match gap(recovery.last, &behind) {
        None => Ok(recovery),
        Some(Found { header, offset, .. }) => {
            Err(LogError::Gap { expected: recovery.last + 1, found: header.sequence, offset: *offset })
        }
    }
}

/// The first record that proves of the commit after `last` that it was durable once, among those behind.
fn gap(last: u64, behind: &[Found]) -> Option<&Found> {
    // What the missing commit itself left behind cannot say so, whatever its number is.
    behind.iter().find(|found| found.header.sequence > last + 1 && found.header.settled > last)
}

/// What the log holds, and the records of commits behind the last whole one.
fn recover_all(
    file: &impl StoredFile,
    uuid: [u8; 16],
    applied: u64,
    mut show: impl FnMut(&Replayed<'_>),
) -> Result<(Recovery, Vec<Found>), LogError> {
    let len = file.len()?;
    let segment = header(file, len, uuid)?.segment;
    let count = segment.within(len);
    if count == 0 {
        // A log gets its name with its first segment.
        let length = Fields::new(&[], 0).fault("length", 0, len, segment.start(1));
        return Err(LogError::Damaged(length));
    }
    let mut window = Window { buffer: AlignedBuffer::new(), start: 0, len: 0, end: segment.start(count) };
    let mut found = Vec::new();
    for number in 0..count {
        scan(file, &mut window, segment, number, fold(uuid), applied, &mut found)?;
    }
    let accepts_stale = Planted::StaleAccepted.is_there();
    let opening = |found: &Found| if accepts_stale { 0 } else { found.header.signature.opening };
    found.sort_by_key(|found| (found.header.sequence, opening(found), found.header.part));

    let (mut last, mut taken, mut used, mut rest) = (applied, Vec::new(), vec![0; count], &found[..]);
    while let (next, after) = of_sequence(rest, last + 1)
        && let Some(parts) = commit(next, opening)?
    {
        for part in &parts {
            show_part(file, &mut window, segment, part, &mut show)?;
            used[segment.of(part.offset)] = last + 1;
        }
        taken.extend(parts);
        (last, rest) = (last + 1, after);
    }
    let leftovers = rest.iter().filter(|found| wipes(found, last)).map(|found| found.offset).collect();
    let next = taken.last().map(|found| found.offset + found.header.padded());
    let tally = Tally {
        records: taken.len() as u64,
        bytes: taken.iter().map(|found| found.header.padded()).sum(),
        segments: used.iter().filter(|sequence| **sequence > 0).count() as u64,
        unfinished: !rest.is_empty(),
    };
    let segments = Segments::found(segment, used, next);
    let unsettled = unsettled(taken, segment);
    Ok((Recovery { segments, last, tally, unsettled, leftovers, window }, rest.to_vec()))
}

/// Whether what is behind the last commit is to go.
fn wipes(found: &Found, last: u64) -> bool {
    found.header.sequence == last + 1 || !Planted::LaterNotWiped.is_there()
}

/// Where records of commits lie of which none says that they are durable, those in a row together.
fn unsettled(mut taken: Vec<Found>, segment: SegmentBytes) -> Vec<(u64, u64)> {
    let last = taken.last().map(|found| (found.header.sequence, found.header.settled));
    let (sequence, settled) = last.unwrap_or_default();
    let settled = if Planted::OnlyLastSettled.is_there() { sequence.saturating_sub(1) } else { settled };
    taken.retain(|found| found.header.sequence > settled);
    taken.sort_by_key(|found| found.offset);
    let mut rows: Vec<(u64, u64)> = Vec::new();
    for found in &taken {
        let bytes = found.header.padded();
        match rows.last_mut() {
            Some((offset, row))
                if *offset + *row == found.offset
                    && segment.of(*offset) == segment.of(found.offset)
                    && *row + bytes <= SETTLED_AT_ONCE =>
            {
                *row += bytes;
            }
            _ => rows.push((found.offset, bytes)),
        }
    }
    rows
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
        } else if let Some(header) = header
            && Planted::StalePassedOver.is_there()
        {
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
        found.header.supported(found.offset)?;
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
