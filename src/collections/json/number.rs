//! Numbers as they are written.

use core::fmt::{self, Write};

use itoa::Buffer;

use super::cell::{Cell, Tag};

/// A number of a document.
///
/// A number is an integer if it is written as one and fits, a float if it is written just as `f64` writes itself, and
/// otherwise the text that was read: `1.50`, `1E3`, `-0`, or more digits than either has.
///
/// Two are equal if they are written the same.
///
/// ```
/// use outlive::json::{Names, Number, PJson};
///
/// outlive::heap!(struct DocHeap);
///
/// type Root<'h> = (Names<DocHeap<'h>>, PJson<DocHeap<'h>>);
///
/// let store = DocHeap::in_memory::<Root>(|heap| (Names::new_in(heap), PJson::object_in(heap)))?;
/// store.write(|(names, value), heap| {
///     *value = PJson::parse_in("[5, 0.5, 1.50]", names, heap)?;
///     let numbers: Vec<_> = value.elements().unwrap().iter().filter_map(PJson::as_number).collect();
///     assert_eq!(numbers, [Number::Unsigned(5), Number::Float(0.5), Number::Text("1.50")]);
///     assert_eq!((numbers[2].as_f64(), numbers[2].to_string()), (1.5, "1.50".to_string()));
///     Ok::<(), outlive::json::JsonError>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Number<'a> {
    /// From 0 on.
    Unsigned(u64),
    /// Below 0.
    Signed(i64),
    /// Neither infinite nor not a number.
    Float(f64),
    /// Any other, as it was written.
    Text(&'a str),
}

impl Number<'_> {
    /// The number, if it is an integer from 0 on that fits.
    #[must_use]
    pub fn as_u64(self) -> Option<u64> {
        if let Self::Unsigned(number) = self { Some(number) } else { None }
    }

    /// The number, if it is an integer that fits.
    #[must_use]
    pub fn as_i64(self) -> Option<i64> {
        match self {
            Self::Unsigned(number) => i64::try_from(number).ok(),
            Self::Signed(number) => Some(number),
            // `-0` is the only such text.
            Self::Text(text) => text.parse().ok(),
            Self::Float(_) => None,
        }
    }

    /// The float next to the number; infinite for one beyond all floats.
    #[allow(clippy::cast_precision_loss, reason = "the nearest is what is asked for")]
    #[must_use]
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Unsigned(number) => number as f64,
            Self::Signed(number) => number as f64,
            Self::Float(number) => number,
            // Text that was read as a number is one.
            Self::Text(text) => text.parse().unwrap_or(f64::NAN),
        }
    }

    /// Writes the number.
    #[inline]
    pub(super) fn write_to<W: Write>(self, to: &mut W) -> fmt::Result {
        match self {
            Self::Text(text) => to.write_str(text),
            Self::Unsigned(number) => to.write_str(Buffer::new().format(number)),
            Self::Signed(number) => to.write_str(Buffer::new().format(number)),
            Self::Float(number) => write_float(number, to),
        }
    }

    /// The cell of a number that needs no block.
    pub(super) fn cell(self) -> Option<Cell> {
        match self {
            Self::Unsigned(number) => Some(Cell::new(Tag::UNSIGNED, number, 0)),
            Self::Signed(number) => Some(Cell::new(Tag::SIGNED, number.cast_unsigned(), 0)),
            Self::Float(number) => Some(Cell::new(Tag::FLOAT, number.to_bits(), 0)),
            Self::Text(_) => None,
        }
    }
}

impl<'a> Number<'a> {
    /// The number in text that JSON's grammar allows.
    pub(super) fn read(text: &'a str) -> Self {
        if let Ok(number) = text.parse() {
            Self::Unsigned(number)
        } else if text == "-0" {
            // An integer would be written without the sign.
            Self::Text(text)
        } else if let Ok(number) = text.parse() {
            Self::Signed(number)
        } else {
            Self::read_float(text).map_or(Self::Text(text), Self::Float)
        }
    }

    /// The float that is written just so.
    fn read_float(text: &str) -> Option<f64> {
        let mut written = Written::default();
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite())?;
        write_float(number, &mut written).ok()?;
        (written.bytes() == text.as_bytes()).then_some(number)
    }
}

impl PartialEq for Number<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (*self, *other) {
            (Self::Text(one), Self::Text(other)) => one == other,
            (one, other) => one.cell().is_some() && one.cell() == other.cell(),
        }
    }
}

impl Eq for Number<'_> {}

/// A float's text, which has at most 24 bytes.
#[derive(Default)]
struct Written {
    bytes: [u8; 32],
    len: usize,
}

impl Written {
    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Write for Written {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

impl fmt::Display for Number<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_to(f)
    }
}

/// Writes a float as its `Debug` does, most floats of few digits faster.
///
/// A whole number below 2^53 divided by a power of ten is the float that their decimal fraction is read as; so a float that is such a
/// quotient is written as that fraction. It is the shortest: no two fractions of 15 digits are read as the same float.
fn write_float<W: Write>(number: f64, to: &mut W) -> fmt::Result {
    const POWERS: [(f64, u64); 4] = [(1e1, 10), (1e2, 100), (1e3, 1_000), (1e4, 10_000)];
    let size = number.abs();
    let is_quotient = |(power, _): &(f64, u64)| (size * power).round() / power == size;
    match POWERS.into_iter().find(is_quotient).filter(|_| size < 1e10) {
        None => write!(to, "{number:?}"),
        Some((power, whole)) => {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a whole number below 1e14"
            )]
            let number_of_parts = (size * power).round() as u64;
            if number.is_sign_negative() {
                to.write_char('-')?;
            }
            to.write_str(Buffer::new().format(number_of_parts / whole))?;
            to.write_char('.')?;
            // With a digit before it, so that zeros stay.
            to.write_str(&Buffer::new().format(whole + number_of_parts % whole)[1..])
        }
    }
}

/// Whether this is a number by JSON's grammar that is kept as text.
pub(super) fn is_kept_as_text(text: &str) -> bool {
    is_number(text.as_bytes()) && matches!(Number::read(text), Number::Text(_))
}

/// Whether JSON's grammar allows this as a number.
fn is_number(text: &[u8]) -> bool {
    let digits = |text: &mut &[u8]| {
        let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        *text = &text[count..];
        count > 0
    };
    let mut rest = text.strip_prefix(b"-").unwrap_or(text);
    let integer = rest;
    if !digits(&mut rest) || (integer[0] == b'0' && integer.len() - rest.len() > 1) {
        return false;
    }
    if let Some(fraction) = rest.strip_prefix(b".") {
        rest = fraction;
        if !digits(&mut rest) {
            return false;
        }
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        rest = match exponent {
            [b'+' | b'-', digits @ ..] => digits,
            digits => digits,
        };
        if !digits(&mut rest) {
            return false;
        }
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use serde::de::IgnoredAny;

    use super::*;

    #[test]
    fn a_float_is_written_as_its_debug_form() {
        let mut state = 0x1234_5678_9ABC_DEF1_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let mut check = |number: f64| {
            let mut written = String::new();
            write_float(number, &mut written).unwrap();
            assert_eq!(written, format!("{number:?}"));
        };
        [
            0.0,
            -0.0,
            0.1,
            0.0001,
            0.00001,
            -1.5,
            1e9,
            9_999_999_999.999_9,
            1e10,
            1e15,
            1e16,
            f64::MAX,
            f64::MIN_POSITIVE,
        ]
        .into_iter()
        .for_each(&mut check);
        for _ in 0..300_000 {
            let (number, places) = (next() >> (next() % 40 + 14), i32::try_from(next() % 7).unwrap());
            check(number as f64 / 10_f64.powi(places));
            check(-(number as f64) * 10_f64.powi(-places));
            let bits = f64::from_bits(next());
            check(if bits.is_finite() { bits } else { 0.5 });
        }
    }

    /// All texts of up to six of these characters.
    #[test]
    fn what_is_a_number_is_as_serde_json_has_it() {
        let alphabet = b"-+019.eE";
        let mut texts = vec![Vec::new()];
        for length in 0..6 {
            for text in texts.iter().filter(|text| text.len() == length).cloned().collect::<Vec<_>>() {
                texts.extend(alphabet.iter().map(|byte| [text.as_slice(), &[*byte]].concat()));
            }
        }
        let numbers = texts.iter().filter(|text| {
            let expected = serde_json::from_slice::<IgnoredAny>(text).is_ok();
            assert_eq!(is_number(text), expected, "{:?}", core::str::from_utf8(text));
            expected
        });
        assert!(numbers.count() > 1_000);
    }
}
