//! `PHashMap` beside hashbrown's, with the same hash.

use std::hash::BuildHasher;

use outlive::PHashMap;
use outlive::collections::hash_map::StableHasher;

use crate::rows::Rows;
use crate::{Bench, ENTRIES, both, order};

const BAR: Option<f64> = Some(1.15);

/// The heap's hash for another map.
struct Stable(u64);

impl BuildHasher for Stable {
    type Hasher = StableHasher;

    fn build_hasher(&self) -> StableHasher {
        StableHasher::new(self.0)
    }
}

pub(crate) fn all(rows: &Rows, ours: &mut PHashMap<u64, u64, Bench<'_>>) {
    if !rows.wants_some_of("hash") {
        return;
    }
    let theirs = &mut hashbrown::HashMap::with_hasher(Stable(crate::scattered(7)));
    let (keys, other) = (&order()[..], &order().into_iter().rev().collect::<Vec<_>>()[..]);
    both!(
        rows,
        "hash insert, growing",
        BAR,
        ENTRIES,
        (ours, theirs),
        |map| {
            map.clear();
            map.shrink_to_fit();
        },
        |map| {
            keys.iter().for_each(|key| _ = map.insert(*key, *key));
            map.len() as u64
        }
    );
    both!(rows, "hash insert, with room", BAR, ENTRIES, (ours, theirs), |map| map.clear(), |map| {
        keys.iter().for_each(|key| _ = map.insert(*key, *key));
        map.len() as u64
    });
    ours.extend(keys.iter().map(|key| (*key, *key)));
    theirs.extend(keys.iter().map(|key| (*key, *key)));
    both!(rows, "hash insert, there already", BAR, ENTRIES, (ours, theirs), |map| {
        other.iter().filter_map(|key| map.insert(*key, *key)).fold(0, |sum, n| sum ^ n)
    });
    both!(rows, "hash get", BAR, ENTRIES, (ours, theirs), |map| {
        other.iter().filter_map(|key| map.get(key)).fold(0, |sum, n| sum ^ n)
    });
    both!(rows, "hash get, not there", BAR, ENTRIES, (ours, theirs), |map| {
        other.iter().filter_map(|key| map.get(&!key)).count() as u64
    });
    both!(rows, "hash iterate", BAR, ENTRIES, (ours, theirs), |map| {
        map.values().fold(0, |sum, n| sum ^ n)
    });
    both!(
        rows,
        "hash remove",
        BAR,
        ENTRIES,
        (ours, theirs),
        |map| map.extend(keys.iter().map(|key| (*key, *key))),
        |map| other.iter().filter_map(|key| map.remove(key)).fold(0, |sum, n| sum ^ n)
    );
    ours.clear();
    ours.shrink_to_fit();
}
