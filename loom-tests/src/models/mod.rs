//! The models, one protocol to a file.

mod capture;
mod copy;
mod eviction;
mod exchange;
mod exit;
mod gate;
mod heap;
mod lock;
mod notes;
mod skip_map;

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::planted::{self, Bug};

/// Runs `execution` in every way with at most so many preemptions, and says how many ways there were.
fn explore(name: &str, preemptions: Option<usize>, execution: impl Fn() + Send + Sync + 'static) {
    let ways = Arc::new(AtomicU64::new(0));
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.max_branches = 10_000;
    let counted = Arc::clone(&ways);
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        execution();
    });
    println!("{name}: {} executions", ways.load(Ordering::Relaxed));
}

/// As [`explore`], with `bug` planted; says with what message the model failed.
fn failure(bug: Bug, preemptions: Option<usize>, execution: impl Fn() + Send + Sync + 'static) -> String {
    planted::plant(bug);
    let caught =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| explore("planted", preemptions, execution)));
    planted::plant(Bug::None);
    let reason = caught.expect_err("a model does not notice the bug planted in it");
    let literal = |reason: &dyn Any| reason.downcast_ref::<&str>().map(ToString::to_string);
    reason.downcast_ref::<String>().cloned().or_else(|| literal(&*reason)).unwrap_or_default()
}
