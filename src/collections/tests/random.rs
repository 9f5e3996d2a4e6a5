//! The tests' generator of random numbers, with a seed that is printed where a test fails.

pub(super) use crate::random::Random;

/// Prints the seed if the test panics while it lives.
pub(super) struct Seed(pub(super) u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::eprintln!("the seed was {}", self.0);
        }
    }
}
