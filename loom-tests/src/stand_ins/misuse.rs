//! A free that cannot be right fails the model.

use super::units::Class;

#[derive(Debug)]
pub(crate) enum Claimed {
    Small(Class),
    Pages(u32),
}

#[derive(Debug)]
pub(crate) struct Found;

#[derive(Debug)]
pub(crate) struct Misuse {
    pub(crate) address: usize,
    pub(crate) claimed: Claimed,
    pub(crate) found: Found,
}

impl Misuse {
    pub(crate) fn report(self) -> ! {
        panic!("misuse: {self:?}")
    }
}
