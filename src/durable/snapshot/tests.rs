//! A checkpoint waits until the base is copied.

use std::time::Duration;

use super::super::file::HeapFile;
use super::super::log::SegmentBytes;
use super::super::storage::simulated::SimulatedFolder;
use super::super::storage::{Open, RealFolder, Storage};
use super::super::tests::heap_file;
use super::*;
use crate::units::LINE;

fn commit(file: &mut HeapFile<SimulatedFolder>, value: u8) {
    file.begin_commit().unwrap();
    let mut body = file.body().unwrap();
    body.page(2, 1)[0] = [value; LINE];
    file.append(&mut body, 3).unwrap();
}

fn checkpoint(file: &mut HeapFile<SimulatedFolder>) {
    let mut checkpoint = file.begin_checkpoint().unwrap();
    checkpoint.write(None).unwrap();
    file.end_checkpoint(&checkpoint).unwrap();
}

fn first_line(file: &impl StoredFile) -> [u8; LINE] {
    let mut line = [0; LINE];
    file.read_at(IMAGE, &mut line).unwrap();
    line
}

#[test]
fn a_checkpoint_waits_until_the_base_is_copied() {
    let mut file = heap_file(SimulatedFolder::new(), SegmentBytes::DEFAULT);
    let base = Arc::clone(file.base());
    base.set_len(IMAGE + PAGE as u64).unwrap();
    commit(&mut file, 1);
    checkpoint(&mut file);
    assert_eq!(first_line(&*base), [1; LINE]);

    let path = std::env::temp_dir().join(format!("outlive-snapshot-{}", std::process::id()));
    let (folder, name) = RealFolder::of(&path).unwrap();
    let target = folder.open(&name, Open::New).unwrap();
    folder.remove(&name).unwrap();
    let gate = file.gate();
    let held = gate.lock().unwrap();
    let mut snapshot = file.snapshot().unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            commit(&mut file, 2);
            checkpoint(&mut file);
        });
        std::thread::sleep(Duration::from_millis(100));
        assert!(!waiting.is_finished());
        assert_eq!(snapshot.write(&target, || drop(held)).unwrap().applied, 1);
    });
    assert_eq!((first_line(&target), first_line(&*base)), ([1; LINE], [2; LINE]));
}

#[test]
fn what_later_commits_write_behind_the_zones_is_not_in_a_snapshot() {
    let mut file = heap_file(SimulatedFolder::new(), SegmentBytes::DEFAULT);
    let mut part = [PAGE as u64; ZONES];
    part[Zone::Header.index()] = file.layout.plan().size(Zone::Header) as u64;
    let lengths = of_both([part; PARTS]);
    let bytes = file.layout.file_len(lengths);
    let mut header = [0; PAGE];
    for (place, length) in header[offset_of!(Header, lengths)..].as_chunks_mut().0.iter_mut().zip(part) {
        *place = length.to_le_bytes();
    }
    let lines = header.as_chunks::<LINE>().0[..2].to_vec();
    file.begin_commit().unwrap();
    let mut body = file.body().unwrap();
    for part in Part::ALL {
        let place =
            file.layout.pieces(Area::new(part, Zone::Header), 0, PAGE).next().unwrap().file / PAGE as u64;
        body.page(place, 3).copy_from_slice(&lines);
    }
    file.append(&mut body, bytes / PAGE as u64).unwrap();
    let base = Arc::clone(file.base());
    base.set_len(bytes).unwrap();
    let pieces = Part::ALL.into_iter().flat_map(|of| file.layout.image(of, part).skip(1));
    let inside: Vec<_> = pieces.map(|piece| piece.file).collect();
    let behind: Vec<_> =
        file.layout.beyond(lengths).map(|piece| piece.file).filter(|place| *place < bytes).collect();
    assert!(inside.len() > 4 && behind.len() > 4);
    for place in inside.iter().chain(&behind) {
        base.write_at(*place, &[7; PAGE]).unwrap();
    }

    let path = std::env::temp_dir().join(format!("outlive-snapshot-behind-{}", std::process::id()));
    let (folder, name) = RealFolder::of(&path).unwrap();
    let target = folder.open(&name, Open::New).unwrap();
    folder.remove(&name).unwrap();
    file.snapshot().unwrap().write(&target, || {}).unwrap();
    let read = |place: u64| {
        let mut page = [0; PAGE];
        target.read_at(place, &mut page).unwrap();
        page
    };
    assert!(inside.iter().all(|place| read(*place) == [7; PAGE]));
    assert!(behind.iter().all(|place| read(*place) == [0; PAGE]));
}
