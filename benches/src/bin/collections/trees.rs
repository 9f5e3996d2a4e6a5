//! `PBTreeMap` beside `BTreeMap`.

use std::collections::BTreeMap;

use outlive::PBTreeMap;

use crate::rows::Rows;
use crate::{Bench, ENTRIES, both, order};

const BAR: Option<f64> = Some(1.1);

pub(crate) fn all(rows: &Rows, ours: &mut PBTreeMap<u64, u64, Bench<'_>>) {
    if !rows.wants_some_of("tree") {
        return;
    }
    let theirs = &mut BTreeMap::new();
    let (keys, other) = (&order()[..], &order().into_iter().rev().collect::<Vec<_>>()[..]);
    both!(rows, "tree insert, in order", BAR, ENTRIES, (ours, theirs), |map| map.clear(), |map| {
        (0..ENTRIES as u64).for_each(|key| _ = map.insert(key, key));
        map.len() as u64
    });
    both!(rows, "tree insert", BAR, ENTRIES, (ours, theirs), |map| map.clear(), |map| {
        keys.iter().for_each(|key| _ = map.insert(*key, *key));
        map.len() as u64
    });
    ours.extend(keys.iter().map(|key| (*key, *key)));
    theirs.extend(keys.iter().map(|key| (*key, *key)));
    both!(rows, "tree get", BAR, ENTRIES, (ours, theirs), |map| {
        other.iter().filter_map(|key| map.get(key)).fold(0, |sum, n| sum ^ n)
    });
    for len in [10, 1000] {
        let from = &other[..ENTRIES / len];
        both!(rows, &format!("tree range of {len}, an entry"), BAR, ENTRIES, (ours, theirs), |map| {
            let sum = |from: &u64| map.range(*from..).take(len).fold(0, |sum, (_, n)| sum ^ n);
            from.iter().map(sum).fold(0, |sum, n| sum ^ n)
        });
    }
    both!(rows, "tree iterate", BAR, ENTRIES, (ours, theirs), |map| {
        map.values().fold(0, |sum, n| sum ^ n)
    });
    both!(
        rows,
        "tree remove",
        BAR,
        ENTRIES,
        (ours, theirs),
        |map| map.extend(keys.iter().map(|key| (*key, *key))),
        |map| other.iter().filter_map(|key| map.remove(key)).fold(0, |sum, n| sum ^ n)
    );
    ours.clear();
}
