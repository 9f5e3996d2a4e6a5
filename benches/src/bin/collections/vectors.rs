//! `PVec` beside `Vec`.

use outlive::PVec;

use crate::rows::Rows;
use crate::{Bench, ENTRIES, both, scattered};

const BAR: Option<f64> = Some(1.05);

pub(crate) fn all(rows: &Rows, ours: &mut PVec<u64, Bench<'_>>) {
    let theirs = &mut Vec::new();
    both!(
        rows,
        "vec push, growing",
        BAR,
        ENTRIES,
        (ours, theirs),
        |vec| {
            vec.clear();
            vec.shrink_to_fit();
        },
        |vec| {
            (0..ENTRIES as u64).for_each(|n| vec.push(n));
            vec.len() as u64
        }
    );
    both!(rows, "vec push, with room", BAR, ENTRIES, (ours, theirs), |vec| vec.clear(), |vec| {
        (0..ENTRIES as u64).for_each(|n| vec.push(n));
        vec.len() as u64
    });
    ours.resize(ENTRIES, 7);
    theirs.resize(ENTRIES, 7);
    let places: Vec<usize> = (0..ENTRIES).map(|n| index(n, ENTRIES)).collect();
    both!(rows, "vec index", BAR, ENTRIES, (ours, theirs), |vec| {
        places.iter().map(|place| vec[*place]).fold(0, u64::wrapping_add)
    });
    let near: Vec<usize> = (0..ENTRIES).map(|n| index(n, 1_000)).collect();
    both!(rows, "vec index, in the cache", BAR, ENTRIES, (ours, theirs), |vec| {
        near.iter().map(|place| vec[*place]).fold(0, u64::wrapping_add)
    });
    both!(rows, "vec write by index", BAR, ENTRIES, (ours, theirs), |vec| {
        near.iter().for_each(|place| vec[*place] += 1);
        0
    });
    both!(rows, "vec iterate", BAR, ENTRIES, (ours, theirs), |vec| {
        vec.iter().fold(0_u64, |sum, n| sum ^ n.wrapping_mul(3))
    });
    ours.clear();
    ours.shrink_to_fit();
}

fn index(n: usize, below: usize) -> usize {
    usize::try_from(scattered(n) % below as u64).expect("an index")
}
