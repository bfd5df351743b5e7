//! Finds the open sessions of a user, and the sessions that one source event ended.
//!
//! Knows nothing of what is remembered of a session. A session is in one group at a time, and in no group
//! before its user or its end is known.

use std::collections::BTreeSet;

use crate::core::{map::ids::Fingerprint, time::Timestamp};

/// The group of a session, and when the session joined it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// The open sessions of a user, each at the time when it was opened. Holds a part of the user's
    /// fingerprint, which other users may share.
    Open(u64, Timestamp),
    /// The sessions that a source event ended. Holds a part of the event's fingerprint.
    EndedBy(u64),
}

/// Members by group and time. The key of an ended session has no time.
#[derive(Default, PartialEq)]
pub(super) struct Groups(BTreeSet<(u64, i64, Fingerprint)>);

impl Groups {
    /// Moves a session from one group to another.
    pub(super) fn change(&mut self, session: Fingerprint, from: Option<Group>, to: Option<Group>) {
        if from == to {
            return;
        }
        if let Some((group, time)) = from.map(Group::key) {
            self.0.remove(&(group, time, session));
        }
        if let Some((group, time)) = to.map(Group::key) {
            self.0.insert((group, time, session));
        }
    }

    /// The sessions of a group that joined it by the time that it states.
    pub(super) fn of(&self, group: Group) -> impl Iterator<Item = Fingerprint> {
        let (group, until) = group.key();
        let members = self.0.range((group, i64::MIN, Fingerprint::LEAST)..);
        members
            .take_while(move |(other, time, _)| *other == group && *time <= until)
            .map(|(_, _, session)| *session)
    }
}

impl Group {
    fn key(self) -> (u64, i64) {
        match self {
            Self::Open(user, opened) => (user, opened.0),
            Self::EndedBy(event) => (event, i64::MIN),
        }
    }
}
