//! A checkpoint waits until the base is copied.

use std::ffi::OsStr;
use std::time::Duration;

use super::super::file::{Changes, HeapFile};
use super::super::log::SegmentBytes;
use super::super::open::{Manner, Opened, open};
use super::super::storage::simulated::SimulatedFolder;
use super::super::storage::{Open, RealFolder, Storage};
use super::*;
use crate::units::LINE;

fn commit(file: &mut HeapFile<SimulatedFolder>, value: u8) {
    let mut body = file.body().unwrap();
    *body.page(2).line(0) = [value; LINE];
    let changes = Changes { pages: vec![(2, 1)], lines: vec![[value; LINE]] };
    file.append(&mut body, &changes, 3).unwrap();
}

fn first_line(file: &impl StoredFile) -> [u8; LINE] {
    let mut line = [0; LINE];
    file.read_at(IMAGE, &mut line).unwrap();
    line
}

#[test]
fn a_checkpoint_waits_until_the_base_is_copied() {
    let manner = Manner { create: true, existing: true, pages: 1 << 10, segment: SegmentBytes::DEFAULT };
    let Opened { mut file, .. } = open(SimulatedFolder::new(), OsStr::new("heap"), &manner).unwrap();
    let base = Arc::clone(file.base());
    base.set_len(IMAGE + PAGE as u64).unwrap();
    commit(&mut file, 1);
    file.checkpoint().unwrap();
    assert_eq!(first_line(&*base), [1; LINE]);

    let path = std::env::temp_dir().join(format!("outlive-snapshot-{}", std::process::id()));
    let (folder, name) = RealFolder::of(&path).unwrap();
    let target = folder.open(&name, Open::New).unwrap();
    folder.remove(&name).unwrap();
    let mut snapshot = file.snapshot();
    let gate = Arc::clone(&snapshot.gate);
    let held = gate.lock().unwrap();
    std::thread::scope(|scope| {
        let checkpoint = scope.spawn(|| {
            commit(&mut file, 2);
            file.checkpoint().unwrap();
        });
        std::thread::sleep(Duration::from_millis(100));
        assert!(!checkpoint.is_finished());
        assert_eq!(snapshot.write(&target, || drop(held)).unwrap().applied, 1);
    });
    assert_eq!((first_line(&target), first_line(&*base)), ([1; LINE], [2; LINE]));
}
