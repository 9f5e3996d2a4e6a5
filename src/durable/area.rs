//! The areas of a heap in a file: the zones of its two parts.
//!
//! Such a heap has two regions of the same plan, each with an allocator of its own. What is written to the *untracked* part is
//! found by comparing; what is written to the blocks of the *tracked* one is noted by those who write. The second region
//! lies behind the first in one reservation, so that one distance from the heap's base names a byte of either.

use crate::region::{Plan, ZONES, Zone};
use crate::units::HUGE;

/// One of the two regions of a heap in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub(crate) enum Part {
    Untracked,
    Tracked,
}

pub(crate) const PARTS: usize = 2;

impl Part {
    pub(crate) const ALL: [Self; PARTS] = [Self::Untracked, Self::Tracked];

    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// How far from the heap's base the part begins.
    pub(crate) const fn start(self, plan: &Plan) -> usize {
        self.index() * plan.bytes().next_multiple_of(HUGE)
    }
}

/// A zone of a part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Area {
    pub(crate) part: Part,
    pub(crate) zone: Zone,
}

pub(crate) const AREAS: usize = PARTS * ZONES;

/// How many bytes of each area are in use, from its front.
pub(crate) type Lengths = [u64; AREAS];

impl Area {
    /// The zones of the first part in their order, and then those of the second.
    pub(crate) const ALL: [Self; AREAS] = {
        let mut all = [Self::new(Part::Untracked, Zone::Header); AREAS];
        let mut at = 0;
        while at < AREAS {
            all[at] = Self::new(Part::ALL[at / ZONES], Zone::ALL[at % ZONES]);
            at += 1;
        }
        all
    };

    pub(crate) const TRACKED_PAGES: Self = Self::new(Part::Tracked, Zone::Pages);

    pub(crate) const fn new(part: Part, zone: Zone) -> Self {
        Self { part, zone }
    }

    pub(crate) const fn index(self) -> usize {
        self.part.index() * ZONES + self.zone.index()
    }

    /// How far from the heap's base the area begins.
    pub(crate) const fn start(self, plan: &Plan) -> usize {
        self.part.start(plan) + plan.start(self.zone)
    }

    /// The area in which the byte so far from the heap's base lies.
    pub(crate) fn at(plan: &Plan, offset: usize) -> Self {
        let part = if offset < Part::Tracked.start(plan) { Part::Untracked } else { Part::Tracked };
        Self::new(part, plan.zone_at(offset - part.start(plan)))
    }
}

/// The lengths of one part's zones.
pub(crate) fn of_part(lengths: &Lengths, part: Part) -> [u64; ZONES] {
    core::array::from_fn(|zone| lengths[part.index() * ZONES + zone])
}

/// Both parts' lengths.
pub(crate) fn of_both(parts: [[u64; ZONES]; PARTS]) -> Lengths {
    core::array::from_fn(|area| parts[area / ZONES][area % ZONES])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::SIZES;

    #[test]
    fn areas_follow_each_other_and_are_found_by_what_lies_in_them() {
        for pages in [1, 1000, 1 << 20] {
            let plan = Plan::reserved(&SIZES, pages);
            let mut end = 0;
            for (index, area) in Area::ALL.into_iter().enumerate() {
                assert_eq!(area.index(), index);
                assert!(area.start(&plan) >= end);
                end = area.start(&plan) + plan.size(area.zone);
                for inside in [area.start(&plan), end - 1] {
                    assert_eq!(Area::at(&plan, inside), area);
                }
            }
            assert!(Area::TRACKED_PAGES.start(&plan).is_multiple_of(HUGE));
        }
    }
}
