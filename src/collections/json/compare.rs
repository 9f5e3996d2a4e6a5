//! Equality, without recursion.

use super::PJson;
use super::value::View;
use crate::typed::HeapType;

/// Two values are equal if they have equal parts: elements in the same order, members in any, numbers as they are written.
impl<H: HeapType, G: HeapType> PartialEq<PJson<G>> for PJson<H> {
    fn eq(&self, other: &PJson<G>) -> bool {
        let mut pairs = vec![(self, other)];
        while let Some((one, other)) = pairs.pop() {
            match (one.view(), other.view()) {
                (View::Null, View::Null) => {}
                (View::Bool(one), View::Bool(other)) if one == other => {}
                (View::Number(one), View::Number(other)) if one == other => {}
                (View::Text(one), View::Text(other)) if one == other => {}
                (View::Array(one), View::Array(other)) if one.len() == other.len() => {
                    pairs.extend(one.iter().zip(other));
                }
                (View::Object(one), View::Object(members)) if one.len() == members.len() => {
                    for ((name, value), (guess, same)) in one.zip(members) {
                        let found = if name == guess { Some(same) } else { other.get(name) };
                        let Some(found) = found else { return false };
                        pairs.push((value, found));
                    }
                }
                _ => return false,
            }
        }
        true
    }
}

impl<H: HeapType> Eq for PJson<H> {}
