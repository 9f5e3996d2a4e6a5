//! A page is sixty-four lines; a set of them is a word.

use crate::units::{LINE, PAGE};

/// Lines in a page.
pub(crate) const LINES: usize = PAGE / LINE;

const _: () = assert!(LINES == u64::BITS as usize);

/// The content of a line. Any bytes are made of lines by `as_chunks`, and lines of bytes by `as_flattened`.
pub(crate) type Line = [u8; LINE];

/// The numbers of the lines in `mask`, lowest first.
#[inline]
pub(crate) fn lines_in(mask: u64) -> impl Iterator<Item = usize> {
    let mut rest = mask;
    core::iter::from_fn(move || {
        let line = rest.trailing_zeros() as usize;
        (rest != 0).then(|| {
            rest &= rest - 1;
            line
        })
    })
}

/// Which place `line` has among those in `mask`, if they lie one after the other.
#[inline]
pub(crate) fn place_of(line: usize, mask: u64) -> usize {
    debug_assert!(mask >> line & 1 != 0);
    (mask & ((1 << line) - 1)).count_ones() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_their_places_in_order() {
        for mask in [0, 1, !0, 1 << 63, 0x8000_0001_0000_0100, 0x5555_5555_5555_5555] {
            let lines: Vec<usize> = (0..64).filter(|line| mask >> line & 1 != 0).collect();
            assert!(lines_in(mask).eq(lines.iter().copied()));
            for (place, line) in lines.into_iter().enumerate() {
                assert_eq!(place_of(line, mask), place);
            }
        }
    }
}
