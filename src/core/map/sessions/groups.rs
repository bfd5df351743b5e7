//! Finds the open sessions of a user, and the sessions that one source event ended.
//!
//! Knows nothing of what is remembered of a session. A session is in one group at a time, and in no group
//! before its user or its end is known. Two groups may look alike, and times are whole seconds, because there
//! are very many members: whoever asks for a group checks what it gets.

use std::{collections::BTreeSet, hash::BuildHasher as _};

use hashbrown::DefaultHashBuilder;

use super::{owner::OwnerParts, recent::Slot};
use crate::core::{map::ids::Fingerprint, time::Timestamp};

/// The group of a session, and when the session joined it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// The open sessions of a user, each at the time when it was opened.
    Open(User, Timestamp),
    /// The sessions that a source event ended.
    EndedBy(Fingerprint),
}

/// A hash of the user with a random seed; other users may have the same one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct User(u32);

/// The bits of a hash by which groups differ. In tests there are none, so that whoever relies on them is found out.
const BITS: u32 = if cfg!(test) { 0 } else { u32::MAX };

#[derive(Default)]
pub(super) struct Groups {
    /// Members by group and second. The key of an ended session has no time.
    members: BTreeSet<(u32, u32, Slot)>,
    hasher: DefaultHashBuilder,
}

impl Groups {
    #[expect(clippy::cast_possible_truncation, reason = "a part of the hash is enough")]
    pub(super) fn user(&self, OwnerParts { provider, realm, user, .. }: &OwnerParts<'_>) -> User {
        User(self.hasher.hash_one((provider, realm, user)) as u32)
    }

    /// Moves a session from one group to another.
    pub(super) fn change(&mut self, session: Slot, from: Option<Group>, to: Option<Group>) {
        let (from, to) = (from.map(Group::key), to.map(Group::key));
        if from == to {
            return;
        }
        if let Some((group, second)) = from {
            self.members.remove(&(group, second, session));
        }
        if let Some((group, second)) = to {
            self.members.insert((group, second, session));
        }
    }

    /// Holds at least the sessions of a group that joined it by the time that it states.
    pub(super) fn of(&self, group: Group) -> impl Iterator<Item = Slot> {
        let (group, until) = group.key();
        self.members
            .range((group, 0, Slot::FIRST)..=(group, until, Slot::LAST))
            .map(|(_, _, session)| *session)
    }

    #[cfg(test)]
    pub(super) fn has_members_of(&self, other: &Self) -> bool {
        self.members == other.members
    }
}

impl Group {
    fn key(self) -> (u32, u32) {
        match self {
            Self::Open(user, opened) => (user.0 & BITS, opened.second()),
            Self::EndedBy(event) => (event.part() & BITS, 0),
        }
    }
}
