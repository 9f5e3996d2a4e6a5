//! The overlay beside a map from page and line to value.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::durable::lines::lines_in;
use crate::random::Random;
use crate::units::LINE;

/// A value of which every byte matters.
fn value(random: &mut Random) -> Line {
    core::array::from_fn(|_| random.next().to_le_bytes()[0])
}

type Values = BTreeMap<(u64, usize), Line>;

#[derive(Default)]
struct Model {
    /// The newest value of each line, and the generation it is of.
    lines: BTreeMap<(u64, usize), (Line, u64)>,
    /// Pages with patches, by generation.
    pages: BTreeMap<u64, BTreeSet<u64>>,
    open: u64,
}

impl Model {
    fn add(&mut self, page: u64, mask: u64, lines: &[Line]) {
        for (line, value) in lines_in(mask).zip(lines) {
            self.lines.insert((page, line), (*value, self.open));
            self.pages.entry(self.open).or_default().insert(page);
        }
    }

    fn is_frozen(&self, page: u64) -> bool {
        self.pages.range(..self.open).any(|(_, pages)| pages.contains(&page))
    }

    fn drop_page(&mut self, page: u64) {
        self.lines.retain(|(other, _), _| *other != page);
        self.pages.entry(self.open).or_default().remove(&page);
    }

    fn forget_through(&mut self, generation: u64) {
        self.lines.retain(|_, (_, of)| *of > generation);
        self.pages.retain(|of, _| *of > generation);
    }

    fn values(&self) -> Values {
        self.lines.iter().map(|(place, (value, _))| (*place, *value)).collect()
    }
}

fn values_of(overlay: &Overlay, pages: u64) -> Values {
    let mut values = Values::new();
    for page in 0..pages {
        for (line, value) in overlay.lines_of(page) {
            assert!(values.insert((page, line), *value).is_none(), "a line was returned twice");
        }
    }
    values
}

fn values_in(frozen: &mut Frozen) -> Values {
    let (mut values, mut last) = (Values::new(), None);
    for page in frozen.pages() {
        assert!(last.is_none_or(|last| last < page.page), "pages out of order");
        last = Some(page.page);
        let mask = page.lines().fold(0, |mask, (line, _)| mask | 1 << line);
        assert!(mask == page.mask && mask != 0);
        values.extend(page.lines().map(|(line, value)| ((page.page, line), *value)));
    }
    values
}

fn mask(random: &mut Random) -> u64 {
    match random.below(4) {
        0 => random.next(),
        1 => random.next() & random.next() & random.next(),
        2 => !0,
        _ => 1 << random.below(64),
    }
}

fn random_program(seed: u64) {
    eprintln!("seed {seed}");
    let mut random = Random::new(seed);
    let pages = 1 + random.skewed(11);
    let (mut overlay, mut model) = (Overlay::new(), Model::default());
    // Checkpoints that run, with what they must see to their end.
    let mut running: Vec<(Frozen, Values)> = Vec::new();
    for _ in 0..300 {
        let page = random.below(pages);
        match random.below(16) {
            0 => {
                running.push((overlay.freeze(), model.values()));
                model.open += 1;
            }
            1 if !running.is_empty() => {
                let (mut frozen, expected) = running.swap_remove(0);
                assert_eq!(values_in(&mut frozen), expected);
                // Some checkpoints fail.
                if random.below(3) > 0 {
                    overlay.forget_through(frozen.generation());
                    model.forget_through(frozen.generation());
                }
            }
            2 | 3 if !overlay.is_frozen(page) => {
                overlay.drop_page(page);
                model.drop_page(page);
            }
            4..=7 => {
                // As a commit adds them: pages in a row, with gaps.
                let changes: Vec<(u64, u64, Vec<Line>)> = (page..pages.min(page + 100))
                    .filter(|_| random.below(3) > 0)
                    .collect::<Vec<_>>()
                    .into_iter()
                    .map(|page| {
                        let mask = mask(&mut random);
                        (page, mask, lines_in(mask).map(|_| value(&mut random)).collect())
                    })
                    .collect();
                overlay.prefetch(changes.iter().map(|(page, ..)| *page));
                overlay.add_all(changes.iter().map(|(page, mask, lines)| (*page, *mask, &lines[..])));
                changes.iter().for_each(|(page, mask, lines)| model.add(*page, *mask, lines));
            }
            _ => {
                let mask = mask(&mut random);
                let lines: Vec<Line> = lines_in(mask).map(|_| value(&mut random)).collect();
                overlay.add(page, mask, &lines);
                model.add(page, mask, &lines);
            }
        }
        assert_eq!(overlay.is_frozen(page), model.is_frozen(page));
        let mut of_page: Vec<_> = overlay.lines_of(page).collect();
        of_page.sort_unstable();
        let expected = model.lines.range((page, 0)..=(page, 63));
        assert!(of_page.into_iter().eq(expected.map(|((_, line), (value, _))| (*line, value))));
    }
    assert_eq!(values_of(&overlay, pages), model.values());
    for (mut frozen, expected) in running {
        assert_eq!(values_in(&mut frozen), expected);
    }
}

#[test]
fn random_programs_agree_with_a_map() {
    (0..40).for_each(random_program);
}

#[test]
fn lines_written_often_take_the_memory_of_one() {
    let (mut overlay, mut random) = (Overlay::new(), Random::new(3));
    for round in 0..3 {
        for step in 0..5000_u64 {
            overlay.add(9, 1 << random.below(64), &[[step.to_le_bytes()[0]; LINE]]);
            overlay.add(1000, 1 << 63, &[[step.to_le_bytes()[0]; LINE]]);
        }
        assert_eq!((overlay.open.patches().len(), overlay.open.lines()), (2, 64 + 1));
        assert_eq!(overlay.lines_of(9).count(), 64);
        if round == 1 {
            let generation = overlay.freeze().generation();
            overlay.forget_through(generation);
            assert_eq!(overlay.lines_of(9).count(), 0);
        }
    }
}

#[test]
fn a_checkpoint_reads_in_its_own_thread_while_commits_go_on() {
    let mut overlay = Overlay::new();
    for page in 0..5000 {
        overlay.add(page * 7, 1 << (page % 64), &[[1; LINE]]);
    }
    let mut frozen = overlay.freeze();
    std::thread::scope(|scope| {
        let checkpoint = scope.spawn(move || {
            let sum: u64 = frozen
                .pages()
                .map(|page| page.lines().map(|(_, line)| u64::from(line[5])).sum::<u64>())
                .sum();
            (sum, frozen.generation())
        });
        for page in 0..5000 {
            overlay.add(page * 7, 1 << (page % 64), &[[2; LINE]]);
        }
        let (sum, generation) = checkpoint.join().unwrap();
        assert_eq!(sum, 5000);
        overlay.forget_through(generation);
    });
    assert!((0..5000).all(|page| overlay.lines_of(page * 7).eq([((page % 64) as usize, &[2; LINE])])));
}
