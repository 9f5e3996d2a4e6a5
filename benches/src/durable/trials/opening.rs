//! Opening a heap that was closed, its file in the system's cache.

use std::hint::black_box;

use crate::durable::contender::Contender::{Msync, Outlive};
use crate::durable::heap::{Array, Words};
use crate::durable::mapped::Mapped;
use crate::durable::{Bar, Contender, Row, Setting, Trial};
use crate::report::Report;
use crate::rng::Rng;
use crate::spread::Spread;
use crate::timing::nanoseconds;

const FAMILY: &str = "Opening after a clean close";
const BY: &[Contender] = &[Outlive, Msync];
const OPENINGS: usize = 50;
const READINGS: usize = 5;

/// A trial with a heap of so many bytes.
macro_rules! opening {
    ($name:literal, $bytes:expr, $bars:expr) => {
        Trial {
            name: $name,
            cold: true,
            rows: &[
                Row { family: FAMILY, name: $name, unit: "us", by: BY, bars: $bars },
                Row { family: FAMILY, name: concat!($name, "-read-all"), unit: "ms", by: BY, bars: &[] },
            ],
            run: |setting, report| {
                let (opening, reading) = run(setting, setting.scaled($bytes), report);
                report.row($name, opening);
                report.row(concat!($name, "-read-all"), reading);
            },
        }
    };
}

pub(super) const TRIALS: &[Trial] = &[
    opening!("open-16m", 16 << 20, &[Bar::AtMost(100.0)]),
    opening!("open-1g", 1 << 30, &[Bar::AtMost(100.0), Bar::Above(50.0, "open-16m")]),
];

/// Microseconds until the first word is read, and milliseconds until all are.
fn run(setting: &Setting, bytes: usize, report: &mut Report) -> (f64, f64) {
    let path = setting.folder.join("heap");
    match setting.contender {
        Outlive => {
            // Whatever this leaves in the cache is what a program's own close leaves there.
            Array::built(&path, bytes).close();
            std::fs::read(&path).map(drop).expect("the file, read into the cache");
            measure(|| Array::open(&path, bytes), Array::close, report)
        }
        _ => {
            Mapped::create(&path, bytes, setting.contender).fill();
            measure(|| Mapped::open(&path), drop, report)
        }
    }
}

fn measure<W: Words>(open: impl Fn() -> W, close: impl Fn(W), report: &mut Report) -> (f64, f64) {
    let mut rng = Rng::new(8);
    let (mut openings, mut readings) = (Spread::default(), Spread::default());
    for _ in 0..OPENINGS {
        let (time, words) = nanoseconds(|| {
            let words = open();
            black_box(words.get(rng.below(words.words())));
            words
        });
        openings.push(time / 1000.0);
        close(words);
    }
    for _ in 0..READINGS {
        let (time, words) = nanoseconds(|| {
            let words = open();
            black_box(words.sum());
            words
        });
        readings.push(time / 1e6);
        close(words);
    }
    report.extra("longest_us", openings.range().expect("openings").1);
    (openings.median().expect("openings"), readings.median().expect("readings"))
}
