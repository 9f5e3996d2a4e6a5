//! Crashes while a file takes the place of another.

use std::ffi::OsStr;

use super::*;
use crate::durable::planted::Planted;
use crate::durable::storage::simulated::{Fault, Random, SimulatedFile, SimulatedFolder};
use crate::durable::superblock::Flags;
use crate::units::PAGE;
use rustix::io::Errno;

fn name() -> &'static OsStr {
    OsStr::new("heap")
}

/// Publishes a file whose every byte says which one it is.
fn replace(folder: &SimulatedFolder, which: u8) -> Result<(), Error> {
    publish(folder, name(), |file| {
        file.set_len(5 * PAGE as u64).map_err(of_storage)?;
        file.write_at(2 * PAGE as u64, &[which; 3 * PAGE]).map_err(of_storage)?;
        Ok(Superblock {
            uuid: [which; 16],
            sequence: 0,
            applied: u64::from(which),
            base: 0,
            reserved_pages: 16,
            image_pages: 5,
            flags: Flags::default(),
            geometry: 0,
        })
    })
}

/// Which file has the name, if it is whole.
fn found(folder: &SimulatedFolder) -> Result<u8, String> {
    if !folder.exists(name()).unwrap() {
        return Ok(0);
    }
    let file: SimulatedFile = folder.open(name(), Open::ReadOnly).unwrap();
    let stored = Stored::load(&file).map_err(|error| error.to_string())?;
    let mut bytes = [0; 3 * PAGE];
    file.read_at(2 * PAGE as u64, &mut bytes).map_err(|error| error.to_string())?;
    let which = u8::try_from(stored.superblock.applied).unwrap();
    if bytes == [which; 3 * PAGE] { Ok(which) } else { Err(format!("file {which} is not whole")) }
}

fn crashes() -> Result<u64, String> {
    let folder = SimulatedFolder::new();
    let mut ends = vec![(0, 0)];
    for which in 1..=3 {
        replace(&folder, which).unwrap();
        ends.push((folder.operations(), which));
    }
    let (mut looked, mut wrong) = (0, None);
    for point in folder.crashes() {
        let known = ends.iter().rev().find(|(end, _)| *end <= point.operations).unwrap().1;
        looked += point.explore(1 << 8, &mut Random(5), |disk| match found(disk) {
            Ok(which) if which == known || which == known + 1 => {}
            other => wrong = Some(format!("{other:?} after {known}, at operation {}", point.operations)),
        });
    }
    wrong.map_or(Ok(looked), Err)
}

#[test]
fn the_name_means_the_old_file_or_the_new_one() {
    assert!(crashes().unwrap() > 500);
    let found = Planted::FirstSyncLeftOut.during(crashes);
    println!("{}", found.expect_err("the planted bug was not found"));
}

#[test]
fn what_fails_leaves_the_old_file_or_the_new_one() {
    for fault in [Fault::Refused(Errno::NOSPC), Fault::Unsure(Errno::IO), Fault::Partly(700, Errno::IO)] {
        let mut failed = 0;
        for calls in 0.. {
            let folder = SimulatedFolder::new();
            replace(&folder, 1).unwrap();
            folder.fail_after(calls, fault);
            let replaced = replace(&folder, 2);
            let was_used = folder.calls_that_fail() == 0;
            folder.fail_no_more();
            let which = found(&folder).unwrap();
            assert!(which == 2 || (replaced.is_err() && which == 1), "{fault:?} {calls}: {replaced:?}");
            failed += u64::from(replaced.is_err());
            if !was_used {
                break;
            }
        }
        assert!(failed > 8, "{failed}");
    }
}
