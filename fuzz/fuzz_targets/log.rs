//! A log. The first byte says whether its identity, places and checksums are made right, the second what is applied.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [how, applied, bytes @ ..] = input else { return };
    let mut bytes = bytes.to_vec();
    if how & 1 != 0 {
        outlive::fuzzing::mend_log(&mut bytes);
    }
    outlive::fuzzing::log(&bytes, u64::from(*applied));
});
