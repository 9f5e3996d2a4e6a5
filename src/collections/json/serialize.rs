//! Values written through serde (feature `serde`).
//!
//! A format asks for the parts of parts within one another, so unlike all else that is done with values this goes down the
//! stack: values deeper than [`DEPTH`] are refused.

use serde::ser::{Error, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::value::View;
use super::{Number, PJson};
use crate::typed::HeapType;

/// As many containers lie within one another at most: as many as `serde_json` reads.
const DEPTH: usize = 128;

/// A value, and how many containers may lie within one another in it.
struct Part<'a, H: HeapType>(&'a PJson<H>, usize);

impl<H: HeapType> Serialize for Part<'_, H> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(value, depth) = *self;
        let below = || {
            let what =
                format!("a value of more than {DEPTH} levels: write it with `to_string` or `write_to`");
            depth.checked_sub(1).ok_or_else(|| S::Error::custom(what))
        };
        match value.view() {
            View::Null => to.serialize_unit(),
            View::Bool(truth) => to.serialize_bool(truth),
            View::Number(number) => number.serialize(to),
            View::Text(text) => to.serialize_str(text),
            View::Array(elements) => {
                let below = below()?;
                let mut array = to.serialize_seq(Some(elements.len()))?;
                elements.iter().try_for_each(|element| array.serialize_element(&Part(element, below)))?;
                array.end()
            }
            View::Object(mut members) => {
                let below = below()?;
                let mut object = to.serialize_map(Some(members.len()))?;
                members.try_for_each(|(name, value)| object.serialize_entry(name, &Part(value, below)))?;
                object.end()
            }
        }
    }
}

/// As a value of the format: `null` as unit, an object as a map in the order of its members, a number as [`Number`] says. More than
/// 128 containers within one another are an error.
///
/// `to_string` keeps every digit, and has no limit.
impl<H: HeapType> Serialize for PJson<H> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Part(self, DEPTH).serialize(to)
    }
}

/// An integer or a float as it is; of any other number the float next to it, and an error where that is infinite.
impl Serialize for Number<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Unsigned(number) => to.serialize_u64(number),
            Self::Signed(number) => to.serialize_i64(number),
            Self::Float(number) => to.serialize_f64(number),
            Self::Text(text) => {
                let number = self.as_f64();
                if number.is_finite() {
                    return to.serialize_f64(number);
                }
                Err(S::Error::custom(format!("{text} is beyond all floats: write it with `to_string`")))
            }
        }
    }
}
