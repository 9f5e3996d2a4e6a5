//! Loom models of the protocols between threads.
