//! Pages in a row, by their numbers in the region, and sets of them.

/// `count` pages from page `first` of the region on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PageSpan {
    pub(crate) first: u64,
    pub(crate) count: u64,
}

impl PageSpan {
    /// The pages from `first` on, before `end`.
    pub(crate) fn between(first: u64, end: u64) -> Self {
        Self { first, count: end.saturating_sub(first) }
    }

    /// One more than the last page.
    pub(crate) fn end(self) -> u64 {
        self.first + self.count
    }

    pub(crate) fn is_empty(self) -> bool {
        self.count == 0
    }
}

/// The pages that are in both of two lists of spans, each of which is sorted and has no page twice.
pub(crate) fn in_both(left: &[PageSpan], right: &[PageSpan]) -> Vec<PageSpan> {
    let (mut left, mut right, mut both) = (left.iter().peekable(), right.iter().peekable(), Vec::new());
    while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
        let common = PageSpan::between(one.first.max(other.first), one.end().min(other.end()));
        both.extend((!common.is_empty()).then_some(common));
        if one.end() < other.end() {
            left.next();
        } else {
            right.next();
        }
    }
    both
}

/// A set of pages, as spans.
///
/// 1. The spans are sorted, none is empty, and between any two there is a page that is not in the set.
#[derive(Clone, Default, Debug)]
pub(crate) struct SpanSet(Vec<PageSpan>);

impl SpanSet {
    /// Adds the pages of `span`.
    pub(crate) fn insert(&mut self, span: PageSpan) {
        if span.is_empty() {
            return;
        }
        // All spans that overlap the new one, or touch it, become one with it.
        let from = self.0.partition_point(|old| old.end() < span.first);
        let to = self.0.partition_point(|old| old.first <= span.end());
        let joined = &self.0[from..to];
        let first = joined.first().map_or(span.first, |old| old.first.min(span.first));
        let end = joined.last().map_or(span.end(), |old| old.end().max(span.end()));
        self.0.splice(from..to, [PageSpan::between(first, end)]);
    }

    pub(crate) fn spans(&self) -> &[PageSpan] {
        &self.0
    }

    pub(crate) fn contains(&self, page: u64) -> bool {
        let at = self.0.partition_point(|span| span.end() <= page);
        self.0.get(at).is_some_and(|span| span.first <= page)
    }

    /// Takes the last pages out, at most `most` of them that follow each other.
    pub(crate) fn take_last(&mut self, most: u64) -> Option<PageSpan> {
        let last = self.0.last_mut()?;
        let taken = PageSpan::between(last.end() - last.count.min(most), last.end());
        last.count -= taken.count;
        if last.is_empty() {
            self.0.pop();
        }
        Some(taken)
    }

    /// Takes the pages of `span` out. What it was made of is returned in order: spans, and whether they were in the set.
    pub(crate) fn take(&mut self, span: PageSpan) -> Vec<(PageSpan, bool)> {
        if span.is_empty() {
            return Vec::new();
        }
        let from = self.0.partition_point(|old| old.end() <= span.first);
        let to = self.0.partition_point(|old| old.first < span.end());
        let (mut pieces, mut left, mut at) = (Vec::new(), Vec::new(), span.first);
        for old in &self.0[from..to] {
            let inside = PageSpan::between(old.first.max(span.first), old.end().min(span.end()));
            pieces.extend([(PageSpan::between(at, inside.first), false), (inside, true)]);
            left.extend([
                PageSpan::between(old.first, inside.first),
                PageSpan::between(inside.end(), old.end()),
            ]);
            at = inside.end();
        }
        pieces.push((PageSpan::between(at, span.end()), false));
        self.0.splice(from..to, left.into_iter().filter(|part| !part.is_empty()));
        pieces.retain(|(piece, _)| !piece.is_empty());
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn what_is_in_both_lists_is_in_each() {
        let mut random = Random::new(2);
        for _ in 0..2000 {
            let [left, right] = core::array::from_fn(|_| {
                let mut set = SpanSet::default();
                for _ in 0..random.below(6) {
                    set.insert(PageSpan { first: random.below(40), count: random.below(9) });
                }
                set
            });
            let both = in_both(left.spans(), right.spans());
            assert!(both.windows(2).all(|pair| pair[0].end() <= pair[1].first));
            for page in 0..50 {
                let found = both.iter().any(|span| (span.first..span.end()).contains(&page));
                assert_eq!(found, left.contains(page) && right.contains(page));
            }
        }
    }

    #[test]
    fn sets_agree_with_a_list_of_bools() {
        let mut random = Random::new(1);
        let (mut set, mut model) = (SpanSet::default(), [false; 64]);
        for _ in 0..20_000 {
            let first = random.below(64);
            let span = PageSpan { first, count: random.skewed(6).min(64 - first) };
            let range = usize::try_from(span.first).unwrap()..usize::try_from(span.end()).unwrap();
            if random.below(2) == 0 {
                set.insert(span);
                model[range].fill(true);
            } else {
                let mut at = span.first;
                for (piece, inside) in set.take(span) {
                    assert!(piece.first == at && !piece.is_empty());
                    at = piece.end();
                    assert!((piece.first..at).all(|page| model[usize::try_from(page).unwrap()] == inside));
                }
                assert_eq!(at, span.end());
                model[range].fill(false);
            }
            let mut seen = [false; 64];
            for (index, span) in set.0.iter().enumerate() {
                assert!(!span.is_empty() && (index == 0 || set.0[index - 1].end() < span.first));
                (span.first..span.end()).for_each(|page| seen[usize::try_from(page).unwrap()] = true);
            }
            assert_eq!(seen, model);
            assert!((0..64).all(|page| set.contains(page) == seen[usize::try_from(page).unwrap()]));
            if random.below(8) == 0
                && let Some(span) = set.take_last(5)
            {
                let last = model.iter().rposition(|there| *there).unwrap() as u64;
                assert!(span.end() == last + 1 && (1..=5).contains(&span.count));
                model[usize::try_from(span.first).unwrap()..=usize::try_from(last).unwrap()].fill(false);
            }
        }
    }
}
