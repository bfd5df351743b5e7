//! Waiting commits: the newest of each ownership.

use std::collections::{BTreeMap, btree_map::Entry};

use crate::core::{record::Ownership, source::Commit};

#[derive(Debug, Default)]
pub(super) struct NewestCommits(BTreeMap<Ownership, Commit>);

impl NewestCommits {
    /// Adds a commit that is newer than those that wait. It replaces one at a lower position, because
    /// positions never go back, and one at the same position, because its metadata is newer.
    pub(super) fn add(&mut self, commit: Commit) {
        match self.0.entry(commit.ownership) {
            Entry::Vacant(entry) => drop(entry.insert(commit)),
            Entry::Occupied(mut entry) if entry.get().position <= commit.position => {
                entry.insert(commit);
            }
            Entry::Occupied(_) => {}
        }
    }

    /// Adds a commit that is older than those that wait.
    pub(super) fn add_older(&mut self, commit: Commit) {
        if self.0.get(&commit.ownership).is_none_or(|newer| newer.position < commit.position) {
            self.0.insert(commit.ownership, commit);
        }
    }

    pub(super) fn contains(&self, ownership: Ownership) -> bool {
        self.0.contains_key(&ownership)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self) -> impl Iterator<Item = Commit> + use<> {
        std::mem::take(&mut self.0).into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(position: i64, metadata: &str) -> Commit {
        Commit { ownership: Ownership(1), position, metadata: Some(metadata.into()) }
    }

    #[track_caller]
    fn check(newer: &[(i64, &str)], older: Option<(i64, &str)>, expected: (i64, &str)) {
        let mut commits = NewestCommits::default();
        for (position, metadata) in newer {
            commits.add(commit(*position, metadata));
        }
        if let Some((position, metadata)) = older {
            commits.add_older(commit(position, metadata));
        }
        assert!(commits.take().eq([commit(expected.0, expected.1)]));
        assert!(commits.is_empty());
    }

    #[test]
    fn the_highest_position_wins_and_of_equal_ones_the_newest() {
        check(&[(5, "a"), (9, "b")], None, (9, "b"));
        check(&[(9, "a"), (5, "b")], None, (9, "a"));
        check(&[(5, "a"), (5, "b")], None, (5, "b"));
        check(&[(5, "a")], Some((5, "b")), (5, "a"));
        check(&[(5, "a")], Some((4, "b")), (5, "a"));
        check(&[], Some((4, "b")), (4, "b"));
    }
}
