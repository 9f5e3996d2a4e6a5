//! What must not compile: values that leave their access, other heaps' values, and types that mean nothing in the next run.
//!
//! The messages are those of one compiler; with another they may be worded otherwise, and only that these programs fail counts.
//! `TRYBUILD=overwrite` writes them anew.

#[test]
fn what_must_not_compile_does_not() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/refused/*.rs");
}
