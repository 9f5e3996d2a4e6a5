//! A JSON document of 20 MB, parsed into a tree and dropped, twice in one process.

use std::io::{Cursor, Write};

use serde_json::Value;

use super::collections::once;
use crate::report::Report;
use crate::rng::Rng;
use crate::row::{Row, Workload};
use crate::scratch::Scratch;

const DOCUMENT: usize = 20_000_000;

const ROWS: &[Row] = &[
    Row::milliseconds("collections", "json-build-1"),
    Row::milliseconds("collections", "json-drop-1"),
    Row::milliseconds("collections", "json-build-2"),
    Row::milliseconds("collections", "json-drop-2"),
];

pub(super) const WORKLOADS: &[Workload] =
    &[Workload { name: "json", threads: 1, cold: true, rows: ROWS, run }];

fn run(report: &mut Report) {
    let mut room = Scratch::new(DOCUMENT + 4096, |_| 0u8);
    let len = write_document(&mut room);
    let parse = || serde_json::from_slice::<Value>(&room[..len]).expect("a valid document");
    once(report, "json-build-1", "json-drop-1", parse);
    once(report, "json-build-2", "json-drop-2", parse);
}

/// Writes an array of records until the document has its size, and returns the exact length.
fn write_document(room: &mut [u8]) -> usize {
    let mut rng = Rng::new(8);
    let mut out = Cursor::new(room);
    let mut separator = '[';
    while out.position() < DOCUMENT as u64 {
        write_record(&mut out, separator, &mut rng);
        separator = ',';
    }
    out.write_all(b"]").expect("room for the end");
    usize::try_from(out.position()).expect("a length in memory")
}

fn write_record(out: &mut impl Write, separator: char, rng: &mut Rng) {
    let (id, amount, long) = (rng.bits() >> 12, rng.below(100_000), rng.between(1, 60));
    write!(
        out,
        r#"{separator}{{"id":{id},"name":"customer {id:x}","active":{},"amount":{amount}.25,"note":"{:long$}","#,
        rng.below(2) == 0,
        "paid",
    )
    .and_then(|()| write!(out, r#""place":{{"city":"town {amount}","code":"{long:05}"}},"marks":["#))
    .expect("room for a record");
    for mark in 0..rng.between(1, 8) {
        write!(out, "{}{}", if mark == 0 { "" } else { "," }, rng.below(1000)).expect("room for a mark");
    }
    out.write_all(b"]}").expect("room for the end of a record");
}
