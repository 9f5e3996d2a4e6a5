//! The two slots at the front of a heap's file. The first byte says whether their checksums are made right.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((how, bytes)) = input.split_first() else { return };
    let mut bytes = bytes.to_vec();
    if how & 1 != 0 {
        bytes.resize(8192, 0);
        // Both fields' ends in reach of a short input: what comes behind the first 128 bytes is the other slot.
        if how & 2 != 0 {
            bytes.copy_within(128..256, 4096);
            bytes[128..4096].fill(0);
        }
        outlive::fuzzing::mend_superblock(&mut bytes);
    }
    outlive::fuzzing::superblock(&bytes);
});
