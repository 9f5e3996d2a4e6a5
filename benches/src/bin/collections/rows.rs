//! How a row comes about: rounds in which the two take turns, and the ratio of their medians.

use std::hint::black_box;

use rustix::time::{ClockId, clock_gettime};

const ROUNDS: usize = 9;

/// The rows whose names contain a filter.
pub(crate) struct Rows {
    filter: String,
}

/// What is done in each round of a row: something that is not measured, and then what is.
pub(crate) struct Side<'a> {
    pub(crate) prepare: Box<dyn FnMut() + 'a>,
    pub(crate) act: Box<dyn FnMut() -> u64 + 'a>,
}

impl Side<'_> {
    fn time(&mut self) -> f64 {
        (self.prepare)();
        let before = spent();
        black_box((self.act)());
        spent() - before
    }
}

/// The processor's time that this thread has had, in nanoseconds: what others do on the machine counts little.
pub(crate) fn spent() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// The same on both sides: an expression for a collection that has the same methods, and one before that which is not measured.
#[macro_export]
macro_rules! both {
    ($rows:expr, $name:expr, $bar:expr, $count:expr, ($ours:expr, $theirs:expr), |$it:ident| $act:expr) => {
        $crate::both!($rows, $name, $bar, $count, ($ours, $theirs), |_it| (), |$it| $act)
    };
    ($rows:expr, $name:expr, $bar:expr, $count:expr, ($ours:expr, $theirs:expr), |$before:ident| $prepare:expr, |$it:ident| $act:expr) => {{
        let (ours, theirs) = (std::cell::RefCell::new(&mut *$ours), std::cell::RefCell::new(&mut *$theirs));
        let one = $crate::side!(ours, |$before| $prepare, |$it| $act);
        let other = $crate::side!(theirs, |$before| $prepare, |$it| $act);
        $rows.compare($name, $bar, $count, one, other);
    }};
}

/// One side.
#[macro_export]
macro_rules! side {
    ($cell:expr, |$before:ident| $prepare:expr, |$it:ident| $act:expr) => {
        $crate::rows::Side {
            prepare: Box::new(|| {
                let $before = &mut **$cell.borrow_mut();
                $prepare
            }),
            act: Box::new(|| {
                let $it = &mut **$cell.borrow_mut();
                $act
            }),
        }
    };
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

impl Rows {
    pub(crate) fn new(filter: String) -> Self {
        Self { filter }
    }

    pub(crate) fn head(&self) {
        println!("| row | heap ns | other ns | ratio | bar | |");
        println!("|---|--:|--:|--:|--:|---|");
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        name.contains(&self.filter)
    }

    /// Whether there may be such rows among those whose names begin so.
    pub(crate) fn wants_some_of(&self, family: &str) -> bool {
        family.contains(&self.filter) || self.filter.starts_with(family)
    }

    /// A row: `count` times something, on each side.
    pub(crate) fn compare(
        &self,
        name: &str,
        bar: Option<f64>,
        count: usize,
        ours: Side<'_>,
        theirs: Side<'_>,
    ) {
        let (mut ours, mut theirs) = (ours, theirs);
        self.medians(name, bar, || ours.time() / count as f64, || theirs.time() / count as f64);
    }

    /// A row of two that measure themselves, in nanoseconds.
    pub(crate) fn medians(
        &self,
        name: &str,
        bar: Option<f64>,
        mut ours: impl FnMut() -> f64,
        mut theirs: impl FnMut() -> f64,
    ) {
        if !self.wants(name) {
            return;
        }
        // The first round does not count.
        let _ = (ours(), theirs());
        let (a, b): (Vec<_>, Vec<_>) = (0..ROUNDS).map(|_| (ours(), theirs())).unzip();
        let (a, b) = (median(a), median(b));
        let ratio = a / b;
        let (bar, said) = match bar {
            Some(bar) => (bar.to_string(), if ratio <= bar { "" } else { "missed" }),
            None => (String::new(), ""),
        };
        println!("| {name} | {a:.2} | {b:.2} | {ratio:.2} | {bar} | {said} |");
    }

    /// A figure that stands alone.
    pub(crate) fn single(&self, name: &str, count: usize, mut act: impl FnMut()) {
        if !self.wants(name) {
            return;
        }
        let figures = (0..ROUNDS).map(|_| {
            let before = spent();
            act();
            (spent() - before) / count as f64
        });
        println!("| {name} | {:.2} | | | | |", median(figures.collect()));
    }
}
