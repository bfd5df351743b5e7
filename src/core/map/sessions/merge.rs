//! Merges what other replicas wrote to the session table into the index.
//!
//! Two replicas may record two openings or closings of one session before either hears of the other. Both
//! keep the earlier one. Knows nothing of how entries are written and read.

use std::cmp::Ordering;

use super::{
    Ending, Owner, Recorded, Sessions, TableState,
    entries::{self, EntryContent},
    recent::Slot,
};
use crate::core::{
    map::ids::Fingerprint,
    session_table::Entry,
    time::{Moment, Timestamp},
};

impl Sessions {
    /// Takes over an entry of the table. Returns what the table must hold instead, if that differs.
    pub(in crate::core::map) fn learn(&mut self, entry: &Entry, now: Moment) -> Option<Entry> {
        let Some((session, content)) = entries::read(entry, &mut self.origins) else {
            self.counts.unreadable += 1;
            return None;
        };
        self.make_room(session);
        let slot = self.known.touch_or_insert(session, now);
        let before = self.known[slot].group();
        let stands = self.merge(session, slot, content);
        self.groups.change(slot, before, self.known[slot].group());
        stands
    }

    fn merge(&mut self, session: Fingerprint, slot: Slot, content: EntryContent) -> Option<Entry> {
        let known = &mut self.known[slot];
        match content {
            EntryContent::Opened(cause, owner, home) => {
                if known.opening.as_ref().is_some_and(|ours| ours.cause == cause) {
                    known.renewed = self.wall.map_or(known.renewed, Timestamp::second);
                }
                let theirs = Recorded { cause, what: owner, table_state: TableState::Theirs };
                let stands = learn(&mut known.opening, theirs, |_| 0, &mut self.counts.openings_replaced);
                let opening = known.opening.as_ref()?;
                let owner = opening.what.as_ref().map(Owner::parts);
                known.user = owner.map(|owner| self.groups.user(&owner)).unwrap_or_default();
                let home = home.as_ref().map(|(topic, partition)| (&**topic, *partition));
                if let (Some(idle), Some((topic, partition))) = (&mut self.idle, home) {
                    idle.opened(session, &topic.into(), partition, opening.cause.time);
                }
                let entry = || entries::opened(session, opening.cause, opening.what.as_ref(), home);
                stands.then(entry)
            }
            EntryContent::Closed(cause, ending) => {
                let theirs = Recorded { cause, what: ending, table_state: TableState::Theirs };
                // Two replicas may read one closing, and only one of them may know the start.
                let tie = |ending: &Ending| ending.start.map_or(i64::MAX, |start| start.0);
                let mut ours = known.closing.take().map(|ours| *ours);
                let stands = learn(&mut ours, theirs, tie, &mut self.counts.closings_replaced);
                known.closing = ours.map(Box::new);
                let Recorded { cause, what, .. } = known.closing.as_deref()?;
                if let Some(idle) = &mut self.idle {
                    idle.closed(session);
                    if what.idle {
                        idle.stopped(session, cause.event);
                    }
                }
                stands.then(|| entries::closed(session, *cause, *what))
            }
            EntryContent::Used(of) => {
                let differs = self.idle.as_mut().is_some_and(|idle| idle.learn(session, &of));
                let of = self.idle.as_ref().and_then(|idle| idle.of(session)).filter(|_| differs);
                of.map(|of| entries::used(session, of))
            }
        }
    }
}

/// Takes over what the table holds. Returns whether the table must hold what is recorded here instead. If both
/// have the same cause, the one with the smaller `tie` is kept.
fn learn<T>(
    ours: &mut Option<Recorded<T>>,
    theirs: Recorded<T>,
    tie: impl Fn(&T) -> i64,
    replaced: &mut u64,
) -> bool {
    let rank = |recorded: &Recorded<T>| (recorded.cause.time, recorded.cause.event, tie(&recorded.what));
    let order = ours.as_ref().map_or(Ordering::Greater, |ours| rank(ours).cmp(&rank(&theirs)));
    match (order, ours) {
        (Ordering::Less, _) => return true,
        (Ordering::Equal, Some(ours)) if ours.table_state == TableState::Unwritten => {
            ours.table_state = TableState::Ours;
        }
        (Ordering::Equal, _) => {}
        (Ordering::Greater, ours) => {
            let other =
                |ours: &Recorded<T>| ours.table_state != TableState::Theirs && ours.cause != theirs.cause;
            *replaced += u64::from(ours.as_ref().is_some_and(other));
            *ours = Some(theirs);
        }
    }
    false
}
