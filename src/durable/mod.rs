//! Floor 7: what makes a heap outlive its process.
//!
//! The live memory is private to the process; the file holds the last commit, and a commit moves it forward in one atomic
//! step. The floor knows files, pages and lines, and nothing of what lies in them.
#![allow(
    dead_code,
    unused_imports,
    reason = "the floor is under construction: nothing above it calls these parts yet"
)]

mod buffer;
mod diff;
mod dirty;
mod fields;
mod lines;
mod log;
mod mapping;
mod overlay;
mod planted;
mod span;
mod storage;
mod superblock;

#[cfg(test)]
mod tests;
