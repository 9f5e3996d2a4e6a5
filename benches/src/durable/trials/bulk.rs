//! A large heap that is built and committed at once: how fast bytes reach the disk when all of them are new.

use super::scattered::HEAP;
use crate::durable::contender::Contender::{Disk, Msync, Outlive};
use crate::durable::disk::Direct;
use crate::durable::heap::{Array, Words};
use crate::durable::mapped::Mapped;
use crate::durable::usage::written;
use crate::durable::{Bar, Contender, Row, Setting, Trial};
use crate::report::Report;
use crate::timing::nanoseconds;

const FAMILY: &str = "1 GiB built and persisted";
const BY: &[Contender] = &[Outlive, Msync, Disk];
/// What the disk is given at once.
const AT_ONCE: usize = 1 << 20;

pub(super) const TRIALS: &[Trial] = &[Trial {
    name: "bulk",
    cold: true,
    rows: &[
        Row { family: FAMILY, name: "bulk-persist", unit: "ms", by: BY, bars: &[Bar::Of(1.25, Disk)] },
        Row {
            family: FAMILY,
            name: "bulk-to-disk",
            unit: "x",
            by: &[Outlive, Msync],
            bars: &[Bar::AtMost(1.05)],
        },
        Row { family: FAMILY, name: "bulk-close", unit: "ms", by: &[Outlive], bars: &[] },
    ],
    run,
}];

fn run(setting: &Setting, report: &mut Report) {
    let bytes = setting.scaled(HEAP);
    let path = setting.folder.join("heap");
    match setting.contender {
        Outlive => {
            let before = written();
            let array = Array::create(&path, bytes);
            array.fill();
            let time = nanoseconds(|| array.persist()).0;
            let to_disk = written() - before;
            report.row("bulk-persist", time / 1e6);
            report.row("bulk-to-disk", to_disk / bytes as f64);
            report.row("bulk-close", nanoseconds(|| array.close()).0 / 1e6);
        }
        Msync => {
            let mapped = Mapped::create(&path, bytes, setting.contender);
            let before = written();
            mapped.fill();
            report.row("bulk-persist", nanoseconds(|| mapped.sync_all()).0 / 1e6);
            report.row("bulk-to-disk", (written() - before) / bytes as f64);
        }
        // The space is there, as it is for a heap when it commits, and nothing has been written to it since.
        _ => {
            let disk = Direct::create(&path, bytes, AT_ONCE);
            let all = || (0..bytes).step_by(AT_ONCE).for_each(|offset| disk.write(offset, AT_ONCE));
            report.row("bulk-persist", nanoseconds(all).0 / 1e6);
        }
    }
}
