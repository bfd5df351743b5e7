//! The runner's commands that the poll loop has not seen yet.
//!
//! They take bounded memory: only the highest position of each ownership is kept, a newer pause replaces the
//! one before, and an ownership is released once.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::core::{
    record::Ownership,
    source::{Paused, SourceCommand},
};

/// Pending commands, in the order in which they are to be followed.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) begin: bool,
    pub(super) paused: Option<Paused>,
    pub(super) commit: BTreeMap<Ownership, i64>,
    pub(super) release: Vec<(Ownership, Option<i64>)>,
    pub(super) close: Option<Vec<(Ownership, i64)>>,
}

impl Pending {
    /// Adds to the commit that is pending, because each names only the positions that have moved since.
    fn commit(&mut self, positions: Vec<(Ownership, i64)>) {
        for (ownership, position) in positions {
            let waiting = self.commit.entry(ownership).or_insert(position);
            *waiting = position.max(*waiting);
        }
    }
}

/// A lock, because the runner must neither wait for the poll loop nor lose a command while the loop is busy. It
/// is held to move values in or out, never longer.
#[derive(Debug, Default)]
pub(super) struct Commands(Mutex<Pending>);

impl Commands {
    pub(super) fn send(&self, command: SourceCommand) {
        let mut pending = self.pending();
        match command {
            SourceCommand::Begin => pending.begin = true,
            SourceCommand::Commit(positions) => pending.commit(positions),
            SourceCommand::Release(released) => pending.release.extend(released),
            SourceCommand::Pause(paused) => pending.paused = Some(paused),
            SourceCommand::Close(positions) => pending.close = Some(positions),
        }
    }

    /// Closes without a commit, unless a close is pending already.
    pub(super) fn abandon(&self) {
        self.pending().close.get_or_insert_default();
    }

    /// Takes everything that is pending.
    pub(super) fn take(&self) -> Pending {
        std::mem::take(&mut *self.pending())
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_command_replaces_a_pending_one_that_it_contains() {
        let commands = Commands::default();
        let paused = Paused { everything: true, partitions: vec![] };
        commands.send(SourceCommand::Commit(vec![(Ownership(1), 5), (Ownership(2), 1)]));
        commands.send(SourceCommand::Commit(vec![(Ownership(1), 9)]));
        commands.send(SourceCommand::Pause(Paused::default()));
        commands.send(SourceCommand::Pause(paused.clone()));
        commands.send(SourceCommand::Release(vec![(Ownership(1), Some(9))]));
        commands.send(SourceCommand::Release(vec![(Ownership(2), None)]));
        let pending = commands.take();
        assert_eq!(pending.commit.into_iter().collect::<Vec<_>>(), [(Ownership(1), 9), (Ownership(2), 1)]);
        assert_eq!(pending.paused, Some(paused));
        assert_eq!(pending.release, [(Ownership(1), Some(9)), (Ownership(2), None)]);
        assert_eq!(pending.close, None);
        assert!(commands.take().release.is_empty(), "commands are taken once");
    }

    #[test]
    fn abandoning_does_not_undo_a_pending_close() {
        let commands = Commands::default();
        commands.send(SourceCommand::Close(vec![(Ownership(1), 5)]));
        commands.abandon();
        assert_eq!(commands.take().close, Some(vec![(Ownership(1), 5)]));
        commands.abandon();
        assert_eq!(commands.take().close, Some(vec![]));
    }
}
