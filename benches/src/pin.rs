//! Binds a one-thread row to one core, so that the scheduler's moves are not part of it.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Pins the calling thread to the last core it may run on. Core 0 gets more of the machine's interrupts.
pub fn pin_to_last_core() {
    let Ok(allowed) = sched_getaffinity(None) else { return };
    let Some(last) = (0..CpuSet::MAX_CPU).rev().find(|&cpu| allowed.is_set(cpu)) else { return };
    let mut one = CpuSet::new();
    one.set(last);
    if let Err(error) = sched_setaffinity(None, &one) {
        eprintln!("not pinned: {error}");
    }
}
