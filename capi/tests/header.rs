//! The committed header is the one that the source makes. `OUTLIVE_WRITE_HEADER=1` writes it.

use std::path::Path;

#[test]
fn the_header_is_current() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(here.join("cbindgen.toml")).expect("cbindgen.toml");
    // It finds the other files by itself.
    let builder = cbindgen::Builder::new().with_config(config).with_src(here.join("src/lib.rs"));
    let mut made = Vec::new();
    builder.generate().expect("a header").write(&mut made);
    // What is safe is Rust's word: in C it is what a call wants.
    let made = String::from_utf8(made).expect("text").replace(" # Safety\n", " Wants:\n");
    let place = here.join("include/outlive.h");
    if std::env::var_os("OUTLIVE_WRITE_HEADER").is_some() {
        std::fs::write(&place, &made).expect("include/outlive.h");
    }
    let found = std::fs::read_to_string(&place).unwrap_or_default();
    assert!(found == made, "include/outlive.h is not current: run this test with OUTLIVE_WRITE_HEADER=1");
}
