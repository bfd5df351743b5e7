//! The runner's commands that the poll loop has not seen yet.
//!
//! They take bounded memory: only the highest position of each ownership is kept, a newer pause replaces the
//! earlier one, and an ownership is released once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::newest_commits::NewestCommits;
use crate::core::{
    record::Ownership,
    source::{Commit, Paused, SourceCommand},
};

/// Pending commands, in the order in which they are to be followed.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) begin: bool,
    pub(super) paused: Option<Paused>,
    pub(super) commit: NewestCommits,
    pub(super) rewind: Vec<Ownership>,
    pub(super) release: Vec<(Vec<Ownership>, Vec<Commit>)>,
    pub(super) close: Option<Vec<Commit>>,
}

/// A lock, because the runner must neither wait for the poll loop nor lose a command while the loop is busy.
/// It is held to move values in or out, never longer.
#[derive(Debug, Default)]
pub(super) struct Commands(Mutex<Pending>);

impl Commands {
    pub(super) fn send(&self, command: SourceCommand) {
        let mut pending = self.pending();
        match command {
            SourceCommand::Begin => pending.begin = true,
            // Added to those that are pending, because each command names only the partitions that have
            // changed.
            SourceCommand::Commit(commits) => commits.into_iter().for_each(|it| pending.commit.add(it)),
            SourceCommand::Release { ownerships, commits } => pending.release.push((ownerships, commits)),
            SourceCommand::Rewind(ownership) => pending.rewind.push(ownership),
            SourceCommand::Pause(paused) => pending.paused = Some(paused),
            SourceCommand::Close(commits) => pending.close = Some(commits),
        }
    }

    /// Closes without a commit, unless a close is pending already.
    pub(super) fn abandon(&self) {
        self.pending().close.get_or_insert_default();
    }

    /// Takes all pending commands.
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
        let release = |ownership, commits| SourceCommand::Release { ownerships: vec![ownership], commits };
        let commit = |ownership, position| Commit::at(Ownership(ownership), position);
        commands.send(SourceCommand::Commit(vec![commit(1, 5), commit(2, 1)]));
        commands.send(SourceCommand::Commit(vec![commit(1, 9)]));
        commands.send(SourceCommand::Pause(Paused::default()));
        commands.send(SourceCommand::Pause(paused.clone()));
        commands.send(release(Ownership(1), vec![commit(1, 9)]));
        commands.send(release(Ownership(2), vec![]));
        let mut pending = commands.take();
        assert_eq!(pending.commit.take().collect::<Vec<_>>(), [commit(1, 9), commit(2, 1)]);
        assert_eq!(pending.paused, Some(paused));
        let released = [(vec![Ownership(1)], vec![commit(1, 9)]), (vec![Ownership(2)], vec![])];
        assert_eq!(pending.release, released);
        assert_eq!(pending.close, None);
        assert!(commands.take().release.is_empty(), "commands are taken once");
    }

    #[test]
    fn abandoning_does_not_undo_a_pending_close() {
        let commands = Commands::default();
        commands.send(SourceCommand::Close(vec![Commit::at(Ownership(1), 5)]));
        commands.abandon();
        assert_eq!(commands.take().close, Some(vec![Commit::at(Ownership(1), 5)]));
        commands.abandon();
        assert_eq!(commands.take().close, Some(vec![]));
    }
}
