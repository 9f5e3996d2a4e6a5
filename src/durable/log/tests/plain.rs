//! Appending and reading, without a crash.
