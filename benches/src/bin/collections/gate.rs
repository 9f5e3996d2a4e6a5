//! What it costs to enter a heap.

use std::hint::black_box;

use outlive::Error;

use crate::Opened;
use crate::rows::Rows;

const TIMES: usize = 1_000_000;

pub(crate) fn all(rows: &Rows, store: &Opened) -> Result<(), Error> {
    let many = |act: &dyn Fn() -> Result<usize, Error>| (0..TIMES).for_each(|_| _ = black_box(act().is_ok()));
    rows.single("enter by read", TIMES, || many(&|| store.read(|root| root.vec.len())));
    rows.single("enter by update", TIMES, || many(&|| store.update(|root, _| root.vec.len())));
    rows.single("enter by write", TIMES, || many(&|| store.write(|root, _| root.vec.len())));
    store.read(|_| {
        rows.single("enter by read, within a read", TIMES, || many(&|| store.read(|root| root.vec.len())));
    })
}
