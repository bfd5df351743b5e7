//! What the runner told the source and the poll loop has not seen yet.
//!
//! Bounded by its shape: of each ownership the highest position waits, a newer paused replaces the one that
//! waits, and an ownership is released once.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::core::{
    record::Ownership,
    source::{Paused, SourceCommand},
};

/// Orders that wait, in the order in which they are to be followed.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Join the group.
    pub(super) begin: bool,
    /// What to read.
    pub(super) paused: Option<Paused>,
    /// Positions to commit.
    pub(super) commit: BTreeMap<Ownership, i64>,
    /// Ownerships to give up, each with its position.
    pub(super) release: Vec<(Ownership, Option<i64>)>,
    /// Close, after these positions are committed.
    pub(super) close: Option<Vec<(Ownership, i64)>>,
}

impl Waiting {
    /// A commit names only what has moved since the one before, so that one must not be forgotten.
    fn commit(&mut self, positions: Vec<(Ownership, i64)>) {
        for (ownership, position) in positions {
            let waiting = self.commit.entry(ownership).or_insert(position);
            *waiting = position.max(*waiting);
        }
    }
}

/// The orders that wait. A lock, because the runner must not wait for the poll loop, nor lose what it
/// said while the loop is busy: it is held to move values in or out, never longer.
#[derive(Debug, Default)]
pub(super) struct Orders(Mutex<Waiting>);

impl Orders {
    /// Leaves an order for the poll loop.
    pub(super) fn leave(&self, command: SourceCommand) {
        let mut waiting = self.waiting();
        match command {
            SourceCommand::Begin => waiting.begin = true,
            SourceCommand::Commit(positions) => waiting.commit(positions),
            SourceCommand::Release(released) => waiting.release.extend(released),
            SourceCommand::Pause(paused) => waiting.paused = Some(paused),
            SourceCommand::Close(positions) => waiting.close = Some(positions),
        }
    }

    /// Closes without a commit, unless that was ordered already.
    pub(super) fn abandon(&self) {
        self.waiting().close.get_or_insert_default();
    }

    /// Takes all that waits.
    pub(super) fn take(&self) -> Waiting {
        std::mem::take(&mut *self.waiting())
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_order_replaces_the_one_that_waits_where_it_says_as_much() {
        let orders = Orders::default();
        let paused = Paused { everything: true, partitions: vec![] };
        orders.leave(SourceCommand::Commit(vec![(Ownership(1), 5), (Ownership(2), 1)]));
        orders.leave(SourceCommand::Commit(vec![(Ownership(1), 9)]));
        orders.leave(SourceCommand::Pause(Paused::default()));
        orders.leave(SourceCommand::Pause(paused.clone()));
        orders.leave(SourceCommand::Release(vec![(Ownership(1), Some(9))]));
        orders.leave(SourceCommand::Release(vec![(Ownership(2), None)]));
        let waiting = orders.take();
        assert_eq!(waiting.commit.into_iter().collect::<Vec<_>>(), [(Ownership(1), 9), (Ownership(2), 1)]);
        assert_eq!(waiting.paused, Some(paused));
        assert_eq!(waiting.release, [(Ownership(1), Some(9)), (Ownership(2), None)]);
        assert_eq!(waiting.close, None);
        assert!(orders.take().release.is_empty(), "what was taken is gone");
    }

    #[test]
    fn abandoning_does_not_undo_an_ordered_close() {
        let orders = Orders::default();
        orders.leave(SourceCommand::Close(vec![(Ownership(1), 5)]));
        orders.abandon();
        assert_eq!(orders.take().close, Some(vec![(Ownership(1), 5)]));
        orders.abandon();
        assert_eq!(orders.take().close, Some(vec![]));
    }
}
