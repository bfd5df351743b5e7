//! The index of open and recently closed sessions, which remembers when each session started.
//!
//! Knows nothing of records and of what its answers are used for. A logout does not carry the start of its
//! session, so the start is remembered. So is which source event opened and which one closed a session, and
//! which start was reported then, so that an event that is delivered again gets the same answer as the first
//! time (invariant 11), in whatever order events are delivered and redelivered. Nothing that is read later
//! replaces what is recorded here, and a closing is final. The index is bounded by number and by age; an
//! evicted session is treated as never seen.
//!
//! The index may be shared: each opening and closing then becomes an entry of a table that all replicas
//! follow ([`Sessions::learn`]). Two replicas may record two openings (or closings) of one session before
//! either hears of the other. Both then merge them into the earlier one (by time, then by the fingerprint of
//! the source event), and whoever reads the other's last writes the merged one.

use std::time::Duration;

use crate::core::{
    identity::IdentityEvent,
    map::{config::SessionsConfig, ids::Fingerprint},
    record::{Original, Record},
    session_table::Entry,
    time::{Moment, Timestamp},
};

mod entries;
mod groups;
mod idle;
mod merge;
mod owner;
mod recent;
mod redriven;
mod usage;

pub(super) use owner::Owner;

use groups::{Group, Groups, User};
use idle::{Idle, Rested};
use owner::{Origins, OwnerParts};
use recent::{Recent, Removed, Slot};

pub(super) struct Sessions {
    known: Recent<KnownSession>,
    origins: Origins,
    groups: Groups,
    /// Whether the index is shared through a table.
    shared: bool,
    /// The interval, in milliseconds, at which the opening of a session in use is written again.
    renewal: i64,
    /// The wall clock of this process, if it was set.
    wall: Option<Timestamp>,
    /// Entries that were recorded since the last call of `take_unwritten` and that the table
    /// does not hold yet.
    unwritten: Vec<Entry>,
    /// `None` if sessions may be idle for ever.
    idle: Option<Idle>,
    counts: SessionCounts,
}

/// Counts of what the index has lost and merged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SessionCounts {
    /// Sessions evicted because there were too many.
    pub(super) evicted_by_number: u64,
    /// Sessions evicted because no event was about them for too long.
    pub(super) evicted_by_age: u64,
    /// Openings recorded here that an earlier one of another replica replaced.
    pub(super) openings_replaced: u64,
    /// Closings recorded here that an earlier one of another replica replaced.
    pub(super) closings_replaced: u64,
    /// Openings of sessions whose owner is too long to be remembered.
    pub(super) unowned: u64,
    /// Entries of the table that this version cannot read.
    pub(super) unreadable: u64,
}

/// A source event, as the index sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cause {
    /// Distinguishes the source event from others.
    pub(super) event: Fingerprint,
    pub(super) time: Timestamp,
}

/// The effect of a sign-in on its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opened {
    /// The sign-in opened the session, at this time.
    Started(Timestamp),
    /// Another event had opened the session, at this time.
    Resumed(Timestamp),
}

/// The end of a session, as it was reported the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SessionEnd {
    /// When the session started, if that was known when it was closed.
    pub(super) start: Option<Timestamp>,
    pub(super) stop: Timestamp,
}

#[derive(Default)]
struct KnownSession {
    /// With the owner, if it is not too long.
    opening: Option<Recorded<Option<Owner>>>,
    closing: Option<Box<Recorded<Ending>>>,
    /// The owner's.
    user: User,
    /// The second in which its opening was last written again; 0 if never.
    renewed: u32,
}

// There are very many of them.
const _: () = assert!(size_of::<KnownSession>() <= 96);

/// The details of a session's end.
#[derive(Clone, Copy)]
struct Ending {
    /// When the session had been opened, if that was known at its end.
    start: Option<Timestamp>,
    /// Whether the session ended because it was idle for too long, rather than by an event.
    idle: bool,
}

/// A session that ended together with the others of its user.
pub(super) struct EndedSession {
    session: Fingerprint,
    pub(super) owner: Owner,
    pub(super) end: SessionEnd,
    /// Whether the table does not hold the end yet.
    unwritten: bool,
}

/// A session that has been idle for long enough to be reported as paused or stopped.
pub(super) struct Rest {
    pub(super) owner: Owner,
    /// The session, as an id.
    pub(super) session: Fingerprint,
    pub(super) start: Timestamp,
    /// When it paused or stopped.
    pub(super) at: Timestamp,
    pub(super) stopped: bool,
}

/// An opening or a closing: its cause, and what else is remembered of it.
struct Recorded<T> {
    cause: Cause,
    what: T,
    table_state: TableState,
}

/// Whether the table holds what is recorded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TableState {
    /// Recorded here, and not yet seen in the table.
    Unwritten,
    /// Recorded here, and seen in the table.
    Ours,
    /// Read from the table.
    Theirs,
}

impl Sessions {
    pub(super) fn new(config: &SessionsConfig) -> Self {
        let max_age: Duration = config.max_age.0;
        Self {
            known: Recent::new(config.max, max_age),
            origins: Origins::default(),
            groups: Groups::default(),
            shared: false,
            renewal: i64::try_from(max_age.as_millis() / 2).unwrap_or(i64::MAX),
            wall: None,
            unwritten: Vec::new(),
            idle: Idle::new(config),
            counts: SessionCounts::default(),
        }
    }

    /// Shares the index through a table.
    pub(super) fn share(&mut self) {
        self.shared = true;
        if let Some(idle) = &mut self.idle {
            idle.share();
        }
    }

    /// Sets the wall clock of this process. No event that is read happened later, whatever it states: a clock
    /// that is ahead sets the times of its events and of their records alike.
    pub(super) fn set_wall_clock(&mut self, now: Timestamp) {
        self.wall = Some(now);
    }

    /// Records a sign-in into the session of `event`. It opens the session unless another event
    /// has. It also opens a session that was meanwhile closed by an event that knew of no opening;
    /// that session stays closed.
    pub(super) fn open(
        &mut self,
        session: Fingerprint,
        event: &IdentityEvent<'_>,
        by: Cause,
        record: &Record,
        now: Moment,
    ) -> Opened {
        let Original { topic, partition, .. } = record.original();
        self.make_room(session);
        let slot = self.known.touch_or_insert(session, now);
        let known = &mut self.known[slot];
        let (before, is_new) = (known.group(), known.opening.is_none());
        let opening = known.opening.get_or_insert_with(|| {
            let owner = OwnerParts::of(event);
            known.user = self.groups.user(&owner);
            Recorded::new(by, owner.pack(&mut self.origins))
        });
        if opening.cause.event != by.event {
            let start = opening.cause.time;
            self.renew(session);
            return Opened::Resumed(start);
        }
        let start = opening.cause.time;
        if self.shared && opening.table_state == TableState::Unwritten {
            let (owner, home) = (opening.what.as_ref(), Some((&**topic, partition)));
            self.unwritten.push(entries::opened(session, opening.cause, owner, home));
        }
        self.counts.unowned += u64::from(is_new && opening.what.is_none());
        if is_new {
            self.groups.change(slot, before, known.group());
        }
        if let Some(idle) = self.idle.as_mut().filter(|_| is_new) {
            idle.opened(session, topic, partition, start);
        }
        Opened::Started(start)
    }

    /// Records the end of a session, known or not. Returns `None` if another event has already closed it.
    pub(super) fn close(&mut self, session: Fingerprint, by: Cause, now: Moment) -> Option<SessionEnd> {
        self.make_room(session);
        self.known.touch_or_insert(session, now);
        let closed = self.end(session, by, false)?;
        self.tell_closing(session);
        Some(closed)
    }

    /// Ends all sessions that a user had open at that time, and returns them. Sessions that this event has
    /// ended before are returned again. Their entries are left to the caller ([`Sessions::write`]), as they
    /// may be very many.
    pub(super) fn close_all(&mut self, event: &IdentityEvent<'_>, by: Cause) -> Vec<EndedSession> {
        let user = OwnerParts::of(event);
        let open = self.groups.of(Group::Open(self.groups.user(&user), by.time)).filter(|slot| {
            let known = &self.known[*slot];
            known.closing.is_none() && known.opening.as_ref().is_some_and(|it| it.cause.time <= by.time)
        });
        let ended_before = self.groups.of(Group::EndedBy(by.event));
        let sessions = self.in_order(open.chain(ended_before));
        sessions.into_iter().filter_map(|session| self.close_one(session, &user, by)).collect()
    }

    /// The sessions in an order that is the same each time, each once.
    fn in_order(&self, slots: impl Iterator<Item = Slot>) -> Vec<Fingerprint> {
        let mut sessions: Vec<_> = slots.map(|slot| self.known.key(slot)).collect();
        sessions.sort_unstable();
        sessions.dedup();
        sessions
    }

    /// Ends a session if it is the user's.
    fn close_one(&mut self, session: Fingerprint, user: &OwnerParts<'_>, by: Cause) -> Option<EndedSession> {
        let owner = self.owner(session).filter(|owner| owner.parts().has_user_of(user))?.clone();
        let end = self.end(session, by, false)?;
        let unwritten = self.unwritten_closing(session).is_some();
        Some(EndedSession { session, owner, end, unwritten })
    }

    /// Ends a session that is known, and moves it to the group of those that `by` ended. Returns `None` if
    /// another event has already ended it.
    fn end(&mut self, session: Fingerprint, by: Cause, idle: bool) -> Option<SessionEnd> {
        let slot = self.known.find(session)?;
        let known = &mut self.known[slot];
        let before = known.group();
        let end = known.close(by, idle)?;
        self.groups.change(slot, before, known.group());
        if let Some(idle) = &mut self.idle {
            idle.closed(session);
        }
        Some(end)
    }

    /// When a session started, if known. Counts as a use of the session.
    pub(super) fn start(&mut self, session: Fingerprint, now: Moment) -> Option<Timestamp> {
        self.touch(session, now);
        self.known.peek(session)?.opening.as_ref().map(|opening| opening.cause.time)
    }

    pub(super) fn client(&self, session: Fingerprint) -> Option<&str> {
        Some(self.owner(session)?.client()).filter(|client| !client.is_empty())
    }

    pub(super) fn owner(&self, session: Fingerprint) -> Option<&Owner> {
        self.known.peek(session)?.opening.as_ref()?.what.as_ref()
    }

    /// Notes that a session was used, which keeps it from being forgotten if it is known.
    pub(super) fn touch(&mut self, session: Fingerprint, now: Moment) {
        self.known.touch(session, now);
        self.renew(session);
    }

    /// Writes the opening of a session in use again, at every half of the greatest age. Otherwise the table
    /// would forget it, and so would replicas that do not read of its use. The first replica that reads of
    /// its use does so for all.
    fn renew(&mut self, session: Fingerprint) {
        let Some(wall) = self.wall.filter(|_| self.shared) else { return };
        let Some(slot) = self.known.find(session) else { return };
        let known = &mut self.known[slot];
        let Some(opening) = known.opening.as_ref().filter(|_| known.closing.is_none()) else { return };
        if wall.0 - opening.cause.time.0.max(i64::from(known.renewed) * 1000) >= self.renewal {
            known.renewed = wall.second();
            let home = self.idle.as_ref().and_then(|idle| idle.home_of(session));
            self.unwritten.push(entries::opened(session, opening.cause, opening.what.as_ref(), home));
        }
    }

    /// Whether the use of sessions is tracked.
    pub(super) fn may_rest(&self) -> bool {
        self.idle.is_some()
    }

    /// Records that a source event used a session. Returns the session's start if that ends a pause.
    pub(super) fn used(&mut self, session: Fingerprint, by: Cause) -> Option<Timestamp> {
        let idle = self.idle.as_mut()?;
        let used = idle.used(session, by.event, by.time);
        if used.write {
            self.tell_use(session);
        }
        let opening = self.known.peek(session)?.opening.as_ref()?;
        used.resumes.then_some(opening.cause.time)
    }

    /// Returns the sessions that are idle by the time of an event of `record`, including those that the
    /// record has already reported.
    pub(super) fn rest(&mut self, record: &Record, time: Timestamp) -> Vec<Rest> {
        let by = Self::reporter(record);
        let mut all = self.rested_before(by);
        let time = self.wall.map_or(time, |wall| time.min(wall));
        let advanced = self.idle.as_mut().map(|idle| idle.advance(record, by, time));
        for rested in advanced.unwrap_or_default() {
            let (session, at, stopped) = match rested {
                Rested::Paused(session, at) => (session, at, false),
                Rested::TimedOut(session, at) => (session, at, true),
            };
            let Some(slot) = self.known.find(session) else { continue };
            let known = &mut self.known[slot];
            if known.closing.is_some() {
                continue;
            }
            if stopped {
                let before = known.group();
                known.close(Cause { event: by, time: at }, true);
                self.groups.change(slot, before, known.group());
                self.tell_closing(session);
            } else {
                self.tell_use(session);
            }
            all.extend(self.rest_of(session, at, stopped));
        }
        all
    }

    /// Identifies the record that reports idle sessions.
    fn reporter(record: &Record) -> Fingerprint {
        let Original { topic, partition, offset, .. } = record.original();
        Fingerprint::of(&["rest", topic, &partition.to_string(), &offset.to_string()])
    }

    /// The sessions that a record has already reported as idle. They are returned again because the events of
    /// a record that is read again may not have been sent.
    fn rested_before(&mut self, by: Fingerprint) -> Vec<Rest> {
        let mut all = Vec::new();
        for session in self.idle.as_ref().map(|idle| idle.reported(by)).unwrap_or_default() {
            for at in self.idle.as_ref().map(|idle| idle.pauses_by(session, by)).unwrap_or_default() {
                all.extend(self.rest_of(session, at, false));
                self.tell_use(session);
            }
            self.tell_closing(session);
            let closing = self.known.peek(session).and_then(|known| known.closing.as_deref());
            if let Some(closing) = closing.filter(|closing| closing.what.idle && closing.cause.event == by) {
                all.extend(self.rest_of(session, closing.cause.time, true));
            }
        }
        all
    }

    fn rest_of(&self, session: Fingerprint, at: Timestamp, stopped: bool) -> Option<Rest> {
        let opening = self.known.peek(session)?.opening.as_ref()?;
        let owner = opening.what.clone()?;
        Some(Rest { owner, session, start: opening.cause.time, at, stopped })
    }

    /// Adds entries that the table must hold before the events since the last call are sent.
    pub(super) fn write(&mut self, entries: impl Iterator<Item = Entry>) {
        self.unwritten.extend(entries);
    }

    /// Takes the entries that the table must hold before the events since the last call are sent.
    pub(super) fn take_unwritten(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.unwritten)
    }

    /// Forgets the sessions that no event was about for too long.
    pub(super) fn forget_aged(&mut self, now: Moment) {
        let aged = self.known.remove_aged(now);
        self.counts.evicted_by_age += aged.len() as u64;
        self.forget(aged);
    }

    fn make_room(&mut self, session: Fingerprint) {
        if let Some(evicted) = self.known.make_room(session) {
            self.counts.evicted_by_number += 1;
            self.forget([evicted]);
        }
    }

    fn forget(&mut self, sessions: impl IntoIterator<Item = Removed<KnownSession>>) {
        for Removed { slot, key, value } in sessions {
            self.groups.change(slot, value.group(), None);
            if let Some(idle) = &mut self.idle {
                idle.forget(key);
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn counts(&self) -> SessionCounts {
        self.counts
    }

    fn tell_use(&mut self, session: Fingerprint) {
        let of = self.idle.as_ref().and_then(|idle| idle.of(session)).filter(|_| self.shared);
        self.unwritten.extend(of.map(|of| entries::used(session, of)));
    }

    fn tell_closing(&mut self, session: Fingerprint) {
        if let Some(Recorded { cause, what, .. }) = self.unwritten_closing(session) {
            let entry = entries::closed(session, *cause, *what);
            self.unwritten.push(entry);
        }
    }

    /// The end of a session, if the table must hold it and does not yet.
    fn unwritten_closing(&self, session: Fingerprint) -> Option<&Recorded<Ending>> {
        let closing = self.known.peek(session)?.closing.as_deref()?;
        (self.shared && closing.table_state == TableState::Unwritten).then_some(closing)
    }
}

impl EndedSession {
    /// The entry that the table must hold before the end is reported, which the source event `by` caused.
    pub(super) fn entry(&self, by: Fingerprint) -> Option<Entry> {
        let SessionEnd { start, stop } = self.end;
        let cause = Cause { event: by, time: stop };
        self.unwritten.then(|| entries::closed(self.session, cause, Ending { start, idle: false }))
    }
}

impl KnownSession {
    fn group(&self) -> Option<Group> {
        match (&self.closing, &self.opening) {
            (Some(closing), _) => Some(Group::EndedBy(closing.cause.event)),
            (None, Some(opening)) => Some(Group::Open(self.user, opening.cause.time)),
            (None, None) => None,
        }
    }

    /// Closes the session. Returns `None` if another event already has.
    fn close(&mut self, by: Cause, idle: bool) -> Option<SessionEnd> {
        let start = self.opening.as_ref().map(|opening| opening.cause.time);
        let closing = self.closing.get_or_insert_with(|| Box::new(Recorded::new(by, Ending { start, idle })));
        let closed = SessionEnd { start: closing.what.start, stop: closing.cause.time };
        (closing.cause.event == by.event).then_some(closed)
    }
}

impl<T> Recorded<T> {
    fn new(cause: Cause, what: T) -> Self {
        Self { cause, what, table_state: TableState::Unwritten }
    }
}

#[cfg(test)]
impl Sessions {
    /// Checks that each session is in its group and in no other.
    pub(super) fn check_groups(&self) {
        let mut expected = Groups::default();
        for slot in self.known.slots() {
            expected.change(slot, None, self.known[slot].group());
        }
        assert!(self.groups.has_members_of(&expected));
    }
}
