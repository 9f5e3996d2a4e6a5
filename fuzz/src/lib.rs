//! What the targets share: changes to bytes, read from the fuzzer's input.

/// Applies the input to `bytes`, eight bytes after the other: where, how many low bytes of the value, and the value.
pub fn patch(bytes: &mut [u8], input: &[u8]) {
    for change in input.as_chunks::<12>().0 {
        let [a, b, c, how, value @ ..] = *change;
        if bytes.is_empty() {
            return;
        }
        let at = u32::from_le_bytes([a, b, c, 0]) as usize % bytes.len();
        // Words are what most fields are.
        let at = if how & 1 == 0 { at & !7 } else { at };
        let end = bytes.len().min(at + 1 + usize::from(how >> 1) % 8);
        bytes[at..end].copy_from_slice(&value[..end - at]);
    }
}
