//! Waiting commits: the newest of each ownership.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    ops::Bound,
};

use crate::core::{record::Ownership, source::Commit};

#[derive(Debug, Default)]
pub(super) struct NewestCommits {
    waiting: BTreeMap<Ownership, Commit>,
    /// The ownership whose commit was taken last, behind which the next ones are taken.
    last: Option<Ownership>,
}

impl NewestCommits {
    /// Adds a commit that is newer than those that wait. It replaces one at a lower position, because
    /// positions never go back, and one at the same position, because its metadata is newer.
    pub(super) fn add(&mut self, commit: Commit) {
        match self.waiting.entry(commit.ownership) {
            Entry::Vacant(entry) => drop(entry.insert(commit)),
            Entry::Occupied(mut entry) if entry.get().position <= commit.position => {
                entry.insert(commit);
            }
            Entry::Occupied(_) => {}
        }
    }

    /// Adds a commit that is older than those that wait.
    pub(super) fn add_older(&mut self, commit: Commit) {
        if self.waiting.get(&commit.ownership).is_none_or(|newer| newer.position < commit.position) {
            self.waiting.insert(commit.ownership, commit);
        }
    }

    pub(super) fn retain(&mut self, stays: impl Fn(Ownership) -> bool) {
        self.waiting.retain(|ownership, _| stays(*ownership));
    }

    pub(super) fn contains(&self, ownership: Ownership) -> bool {
        self.waiting.contains_key(&ownership)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes all commits.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Commit> + use<> {
        std::mem::take(&mut self.waiting).into_values()
    }

    /// Takes as many commits as have `room` for their metadata, in bytes, and one at least. Ownerships take
    /// turns.
    pub(super) fn take_some(&mut self, mut room: usize) -> Vec<Commit> {
        let mut taken = Vec::new();
        while let Some(ownership) = self.next() {
            let size = self.waiting[&ownership].metadata.as_ref().map_or(0, |metadata| metadata.len());
            if size > room && !taken.is_empty() {
                break;
            }
            room = room.saturating_sub(size);
            taken.extend(self.waiting.remove(&ownership));
            self.last = Some(ownership);
        }
        taken
    }

    /// Puts back commits that were taken and not sent. Those behind `last` have the next turn.
    pub(super) fn give_back(&mut self, commits: Vec<Commit>, last: Option<Ownership>) {
        for commit in commits {
            self.add_older(commit);
        }
        self.last = last;
    }

    fn next(&self) -> Option<Ownership> {
        let after = self.last.map_or(Bound::Unbounded, Bound::Excluded);
        let mut later = self.waiting.range((after, Bound::Unbounded));
        later.next().or_else(|| self.waiting.first_key_value()).map(|(ownership, _)| *ownership)
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
    fn what_has_no_room_in_a_commit_is_in_the_next_one() {
        let mut commits = NewestCommits::default();
        let add = |commits: &mut NewestCommits, ownership, size| {
            let ownership = Ownership(ownership);
            commits.add(Commit { ownership, position: 5, metadata: Some("a".repeat(size).into()) });
        };
        let taken = |commits: &mut NewestCommits| -> Vec<u64> {
            commits.take_some(10).iter().map(|commit| commit.ownership.0).collect()
        };
        for (ownership, size) in [(1, 4), (2, 6), (3, 1), (4, 11), (5, 0)] {
            add(&mut commits, ownership, size);
        }
        assert_eq!(taken(&mut commits), [1, 2]);
        assert_eq!(taken(&mut commits), [3]);
        add(&mut commits, 1, 4);
        assert_eq!(
            taken(&mut commits),
            [4, 5],
            "one that is larger than the room goes without others that need some"
        );
        assert_eq!(taken(&mut commits), [1]);
        assert!(commits.is_empty());
    }

    #[test]
    fn what_was_given_back_has_the_next_turn_although_others_come_again() {
        let mut commits = NewestCommits::default();
        let add = |commits: &mut NewestCommits, ownership| {
            commits.add(Commit::at(Ownership(ownership), 5));
        };
        (1..=4).for_each(|ownership| add(&mut commits, ownership));
        let taken = commits.take_some(10);
        let (sent, back): (Vec<_>, Vec<_>) =
            taken.into_iter().partition(|commit| commit.ownership.0 % 2 == 1);
        commits.give_back(back, Some(Ownership(1)));
        for commit in sent {
            commits.add_older(commit);
        }
        let order: Vec<_> = commits.take_some(10).iter().map(|commit| commit.ownership.0).collect();
        assert_eq!(order, [2, 3, 4, 1]);
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
