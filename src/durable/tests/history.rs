//! The commits that a program on a simulated disk has made or tried, and what a crash may leave of them.
//!
//! 1. `tried` has what is in every commit that was tried, the first is that of commit `first`.
//! 2. `known` says after how many operations of the disk it was known which commit a loss of power leaves at the least: its
//!    `persist` had returned, where commits are durable then, or an opening had found it.
//! 3. `made` is the last commit whose `persist` has returned, which the end of the process leaves in any case.

use crate::durable::Durability;

#[derive(Debug)]
pub(crate) struct History<C> {
    first: u64,
    tried: Vec<C>,
    known: Vec<(usize, u64)>,
    made: u64,
}

impl<C: Clone> History<C> {
    /// Of an empty disk.
    pub(crate) fn new(nothing: C) -> Self {
        Self::since(0, nothing)
    }

    /// Of a disk on which a crash has left this commit.
    pub(crate) fn after(&self, commit: u64) -> Self {
        Self::since(commit, self.at(commit).expect("a commit that was found").clone())
    }

    fn since(first: u64, content: C) -> Self {
        Self { first, tried: vec![content], known: vec![(0, first)], made: first }
    }

    /// What is in a commit.
    pub(crate) fn at(&self, commit: u64) -> Option<&C> {
        commit.checked_sub(self.first).and_then(|at| self.tried.get(usize::try_from(at).ok()?))
    }

    /// What the end of the process leaves.
    pub(crate) fn last_made(&self) -> u64 {
        self.made
    }

    /// The commit that was known to be durable after so many operations.
    pub(crate) fn known_after(&self, operations: usize) -> u64 {
        self.known.iter().rev().find(|(end, _)| *end <= operations).expect("from the start").1
    }

    /// What should be in a heap that says that it holds this commit, where `known` is known to be durable.
    pub(crate) fn expected(&self, commit: u64, known: u64, durability: Durability) -> Result<&C, String> {
        // Which commits were tried is all there is to say where none but some are durable.
        let most = if durability == Durability::PowerLoss { known + 1 } else { u64::MAX };
        if !(known..=most).contains(&commit) {
            return Err(format!("commit {commit} after commit {known}"));
        }
        self.at(commit).ok_or_else(|| format!("commit {commit} was never made"))
    }

    /// An opening has found this commit, after so many operations: what was tried after it was never made.
    pub(crate) fn found(&mut self, commit: u64, operations: usize) {
        self.tried.truncate(usize::try_from(commit - self.first).expect("small") + 1);
        self.made = commit;
        self.known.push((operations, commit));
    }

    /// A commit of this is tried.
    pub(crate) fn tries(&mut self, content: C) {
        self.tried.push(content);
    }

    /// The commit that was tried last has failed, and nothing is left of it.
    pub(crate) fn gives_up(&mut self) {
        self.tried.pop().expect("what was tried");
    }

    /// The commit that was tried last was made, and has this number. Where it is the one before, since nothing had changed,
    /// what was tried is given back.
    pub(crate) fn makes(&mut self, commit: u64, durability: Durability, operations: usize) -> Option<C> {
        let tried = self.first + self.tried.len() as u64 - 1;
        let same = if commit + 1 == tried { self.tried.pop() } else { None };
        assert!(commit == tried || same.is_some(), "commit {commit} instead of {tried}");
        self.made = commit;
        if durability == Durability::PowerLoss {
            self.known.push((operations, commit));
        }
        same
    }
}
