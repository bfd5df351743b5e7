//! The commits of the ledger: positions, each with the text of its settled tail.
//!
//! What always holds: each position and each tail is due until a commit of it is acknowledged.

use super::{Ledger, Ownership, Partition, Scope, Tail};
use crate::core::source::Commit;

/// The progress of an ownership: the next offset to read, and the settled records above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::core::pipeline) struct Reached {
    pub(in crate::core::pipeline) ownership: Ownership,
    pub(in crate::core::pipeline) position: i64,
    tail: Option<(Tail, Scope)>,
}

impl Ledger {
    /// Takes the positions that have moved, or whose tail has changed, since the last call.
    pub(in crate::core::pipeline) fn take_moved(&mut self) -> Vec<Commit> {
        let moved = std::mem::take(&mut self.moved);
        let partition = |id| self.partitions.get(&id)?.reached();
        self.commits(moved.into_iter().filter_map(partition).collect())
    }

    /// Turns the progress of ownerships into commits.
    pub(in crate::core::pipeline) fn commits(&self, reached: Vec<Reached>) -> Vec<Commit> {
        let commit = |Reached { ownership, position, tail }: Reached| {
            let metadata = tail.and_then(|(tail, scope)| tail.encode(scope, self.tail_limit));
            Commit { ownership, position, metadata }
        };
        reached.into_iter().map(commit).collect()
    }

    /// Registers that a broker refused a commit because of the size of its tails. From now on, tails are at
    /// most half as long.
    pub(in crate::core::pipeline) fn tails_refused(&mut self) {
        self.tail_limit /= 2;
        let with_tail = self.partitions.iter().filter(|(_, partition)| partition.settled_above() > 0);
        self.moved.extend(with_tail.map(|(id, _)| *id));
    }

    /// Whether any position or tail has changed since the last [`Ledger::take_moved`].
    pub(in crate::core::pipeline) fn has_moved(&self) -> bool {
        !self.moved.is_empty()
    }

    /// Registers the result of a commit. If it failed, its positions are due again.
    pub(in crate::core::pipeline) fn committed(&mut self, commits: &[Commit], acknowledged: bool) {
        for Commit { ownership, position, .. } in commits {
            match self.partitions.get_mut(ownership) {
                Some(partition) if acknowledged => {
                    partition.committed = partition.committed.max(Some(*position));
                }
                Some(_) => {
                    self.moved.insert(*ownership);
                }
                None => {}
            }
        }
    }
}

impl Partition {
    /// The position, and the tail if there is one. Until the first record is settled, the position is where
    /// reading began.
    pub(super) fn reached(&self) -> Option<Reached> {
        let tail = self.scope.and_then(|scope| Some((self.offsets.tail()?, scope)));
        let start = tail.as_ref().map(|(tail, _)| tail.position);
        let position = self.offsets.position().or(start)?;
        Some(Reached { ownership: self.assignment.ownership, position, tail })
    }
}
