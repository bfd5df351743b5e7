//! The index of open and lately closed sessions: what a session event says of its session's start.
//!
//! Knows nothing of records and of what becomes of the answers. A logout does not carry the start of its
//! session, so the start is remembered; and so is which source event opened and which one closed a
//! session, and what was said of the start then, so that an event that is delivered again is answered as
//! it was the first time (invariant 11), in whatever order events come and come again. What was recorded
//! here is not replaced by what is read later, and a closing is final. Bounded by number and by age: what
//! was evicted is as good as never seen.
//!
//! The index may be shared: then each opening and closing becomes an entry of a table that all replicas
//! follow ([`Sessions::learn`]). Two replicas may record two openings (or closings) of one session before
//! either hears of the other: both join them to the earlier one (by time, then by the fingerprint of the
//! source event), and whoever reads the other one last writes the joined one.

use std::{cmp::Ordering, time::Duration};

use crate::core::{
    identity::IdentityEvent,
    map::{config::SessionsConfig, ids::Fingerprint},
    record::Record,
    session_table::Entry,
    time::{Moment, Timestamp},
};

mod entries;
mod idle;
mod owner;
mod recent;
mod usage;

pub(super) use owner::Owner;

use entries::Said;
use idle::{Idle, Rested};
use recent::Recent;

/// The index.
pub(super) struct Sessions {
    known: Recent<Session>,
    /// Whether it is shared through a table.
    shared: bool,
    /// After how long the opening of a session in use is written again, in milliseconds.
    renewal: i64,
    /// What the clock of this process says, if that was told.
    wall: Option<Timestamp>,
    /// What the table does not hold yet of what was recorded since they were last taken.
    unwritten: Vec<Entry>,
    /// None where sessions may rest for ever.
    idle: Option<Idle>,
    counts: SessionCounts,
}

/// What the index lost, and what it joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SessionCounts {
    /// Sessions that had to go because there were too many.
    pub(super) evicted_by_number: u64,
    /// Sessions that nothing was heard of for too long.
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
    /// What distinguishes the source event from others.
    pub(super) event: Fingerprint,
    /// When it happened.
    pub(super) time: Timestamp,
}

/// What a sign-in did to its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opened {
    /// It is the one that opened the session, at this time.
    Started(Timestamp),
    /// Another one had opened it, at this time.
    Resumed(Timestamp),
}

/// The end of a session, as it was said the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closed {
    /// When the session started, where that was known when it was closed.
    pub(super) start: Option<Timestamp>,
    /// When it ended.
    pub(super) stop: Timestamp,
}

#[derive(Default)]
struct Session {
    opening: Option<Recorded<KnownOwner>>,
    closing: Option<Recorded<Ending>>,
    /// When its opening was written again last.
    renewed: Option<Timestamp>,
}

/// What is said of the end of a session.
#[derive(Clone, Copy)]
struct Ending {
    /// When it had been opened, as far as that was known then.
    start: Option<Timestamp>,
    /// Whether it had rested for too long, which no event says.
    idle: bool,
}

/// A session that has rested for long enough to be said to pause or to stop.
pub(super) struct Rest {
    /// Whose it is.
    pub(super) owner: Owner,
    /// The session, as an id.
    pub(super) session: Fingerprint,
    /// When it started.
    pub(super) start: Timestamp,
    /// When it paused or stopped.
    pub(super) at: Timestamp,
    /// Whether it stopped.
    pub(super) stopped: bool,
}

/// What caused an opening or a closing, and what else is remembered of it.
struct Recorded<T> {
    cause: Cause,
    what: T,
    told: Told,
}

/// Whose a session is.
struct KnownOwner {
    /// Part of the user's fingerprint, to find the sessions of a user by.
    user: u64,
    owner: Option<Owner>,
}

/// What the table knows of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Recorded here, and not seen in the table yet.
    Unwritten,
    /// Recorded here, and seen in the table.
    Ours,
    /// Read from the table.
    Theirs,
}

impl Sessions {
    /// An empty index.
    pub(super) fn new(config: &SessionsConfig) -> Self {
        let max_age: Duration = config.max_age.0;
        Self {
            known: Recent::new(config.max, max_age),
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

    /// The clock of this process says this: nothing that is read has happened later, whatever it says. A clock
    /// that is ahead stamps its events and their records alike.
    pub(super) fn tell_wall(&mut self, now: Timestamp) {
        self.wall = Some(now);
    }

    /// A sign-in into the session of `event`. It opens the session unless another event did, also when the
    /// session was closed meanwhile by an event that did not know of an opening: it stays closed.
    pub(super) fn open(
        &mut self,
        session: Fingerprint,
        event: &IdentityEvent<'_>,
        by: Cause,
        record: &Record,
        now: Moment,
    ) -> Opened {
        let (topic, partition) = (&record.topic, record.partition);
        self.make_room(session);
        let known = self.known.touch_or_insert(session, now);
        let is_new = known.opening.is_none();
        let opening = known.opening.get_or_insert_with(|| Recorded::new(by, KnownOwner::of(event)));
        if opening.cause.event != by.event {
            let start = opening.cause.time;
            self.renew(session);
            return Opened::Resumed(start);
        }
        let start = opening.cause.time;
        if self.shared && opening.told == Told::Unwritten {
            let (owner, home) = (opening.what.owner.as_ref(), Some((&**topic, partition)));
            self.unwritten.push(entries::opened(session, opening.cause, owner, home));
        }
        self.counts.unowned += u64::from(is_new && opening.what.owner.is_none());
        if let Some(idle) = self.idle.as_mut().filter(|_| is_new) {
            idle.opened(session, topic, partition, start);
        }
        Opened::Started(start)
    }

    /// The end of a session, known or not; none when another event has closed it before.
    pub(super) fn close(&mut self, session: Fingerprint, by: Cause, now: Moment) -> Option<Closed> {
        let closed = self.insert(session, now).close(by, false)?;
        self.end(session);
        Some(closed)
    }

    /// The end of all sessions that a user has had open at that time, and whose each was; those again that
    /// this event had closed before. Takes time in proportion to all sessions.
    pub(super) fn close_all(&mut self, event: &IdentityEvent<'_>, by: Cause) -> Vec<(Owner, Closed)> {
        let user = owner::Subject::of(event).user();
        let mut ended = Vec::new();
        for (session, known) in self.known.iter_mut() {
            let Some(opening) = &known.opening else { continue };
            let was_open = known
                .closing
                .as_ref()
                .map_or(opening.cause.time <= by.time, |closing| closing.cause.event == by.event);
            if opening.what.user == user
                && was_open
                && let Some(owner) = opening.what.owner.clone()
                && let Some(closed) = known.close(by, false)
            {
                ended.push((session, owner, closed));
            }
        }
        // The same order each time.
        ended.sort_by_key(|(session, ..)| *session);
        for (session, ..) in &ended {
            self.end(*session);
        }
        ended.into_iter().map(|(_, owner, closed)| (owner, closed)).collect()
    }

    /// When a session started, as far as that is known; it was used.
    pub(super) fn start(&mut self, session: Fingerprint, now: Moment) -> Option<Timestamp> {
        self.touch(session, now);
        self.known.peek(session)?.opening.as_ref().map(|opening| opening.cause.time)
    }

    /// The client that a session was opened for.
    pub(super) fn client(&self, session: Fingerprint) -> Option<&str> {
        Some(self.owner(session)?.subject().client).filter(|client| !client.is_empty())
    }

    /// Whose a session is.
    pub(super) fn owner(&self, session: Fingerprint) -> Option<&Owner> {
        self.known.peek(session)?.opening.as_ref()?.what.owner.as_ref()
    }

    /// A session was used, which keeps it from being forgotten if it is known.
    pub(super) fn touch(&mut self, session: Fingerprint, now: Moment) {
        self.known.touch(session, now);
        self.renew(session);
    }

    /// Writes the opening of a session in use again, each half of the greatest age: else the table and the
    /// replicas that do not read of its use forget it. Whoever reads of it first does so for all.
    fn renew(&mut self, session: Fingerprint) {
        let Some(wall) = self.wall.filter(|_| self.shared) else { return };
        let Some(known) = self.known.peek_mut(session).filter(|known| known.closing.is_none()) else {
            return;
        };
        let Some(opening) = &known.opening else { return };
        if wall.0 - known.renewed.unwrap_or(opening.cause.time).0 >= self.renewal {
            known.renewed = Some(wall);
            let home = self.idle.as_ref().and_then(|idle| idle.home_of(session));
            self.unwritten.push(entries::opened(session, opening.cause, opening.what.owner.as_ref(), home));
        }
    }

    /// Whether the use of sessions is watched.
    pub(super) fn may_rest(&self) -> bool {
        self.idle.is_some()
    }

    /// A session was used by a source event; returns its start where that ends a pause.
    pub(super) fn used(&mut self, session: Fingerprint, by: Cause) -> Option<Timestamp> {
        let idle = self.idle.as_mut()?;
        let used = idle.used(session, by.event, by.time);
        if used.tell {
            self.tell_use(session);
        }
        let opening = self.known.peek(session)?.opening.as_ref()?;
        used.resumes.then_some(opening.cause.time)
    }

    /// A record with an event at `time` was read: the sessions that it says to rest, those again that it
    /// had said before.
    pub(super) fn rest(&mut self, record: &Record, time: Timestamp) -> Vec<Rest> {
        let Record { topic, partition, offset, .. } = record;
        let by = Fingerprint::of(&["rest", topic, &partition.to_string(), &offset.to_string()]);
        let mut all = self.rested_before(by);
        let time = self.wall.map_or(time, |wall| time.min(wall));
        let advanced = self.idle.as_mut().map(|idle| idle.advance(record, by, time));
        for rested in advanced.unwrap_or_default() {
            let (session, at, stopped) = match rested {
                Rested::Paused(session, at) => (session, at, false),
                Rested::TimedOut(session, at) => (session, at, true),
            };
            let Some(known) = self.known.peek_mut(session).filter(|known| known.closing.is_none()) else {
                continue;
            };
            if stopped {
                known.close(Cause { event: by, time: at }, true);
                self.tell_closing(session);
            } else {
                self.tell_use(session);
            }
            all.extend(self.rest_of(session, at, stopped));
        }
        all
    }

    /// What a record had said before of sessions that rested. What is read again may not have been written.
    fn rested_before(&mut self, by: Fingerprint) -> Vec<Rest> {
        let mut all = Vec::new();
        for session in self.idle.as_ref().map(|idle| idle.said(by)).unwrap_or_default() {
            for at in self.idle.as_ref().map(|idle| idle.pauses_by(session, by)).unwrap_or_default() {
                all.extend(self.rest_of(session, at, false));
                self.tell_use(session);
            }
            self.tell_closing(session);
            let closing = self.known.peek(session).and_then(|known| known.closing.as_ref());
            if let Some(closing) = closing.filter(|closing| closing.what.idle && closing.cause.event == by) {
                all.extend(self.rest_of(session, closing.cause.time, true));
            }
        }
        all
    }

    fn rest_of(&self, session: Fingerprint, at: Timestamp, stopped: bool) -> Option<Rest> {
        let opening = self.known.peek(session)?.opening.as_ref()?;
        let owner = opening.what.owner.clone()?;
        Some(Rest { owner, session, start: opening.cause.time, at, stopped })
    }

    /// Takes what the table must hold before what was said since is sent.
    pub(super) fn take_unwritten(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.unwritten)
    }

    /// Takes over what the table says; returns what it must say instead, where that is something else.
    pub(super) fn learn(&mut self, entry: &Entry, now: Moment) -> Option<Entry> {
        let Some((session, said)) = entries::read(entry) else {
            self.counts.unreadable += 1;
            return None;
        };
        self.make_room(session);
        let known = self.known.touch_or_insert(session, now);
        match said {
            Said::Opened(cause, owner, home) => {
                if known.opening.as_ref().is_some_and(|ours| ours.cause == cause) {
                    known.renewed = self.wall.or(known.renewed);
                }
                let user = owner.as_ref().map_or(0, |owner| owner.subject().user());
                let theirs = Recorded { cause, what: KnownOwner { user, owner }, told: Told::Theirs };
                let stands = learn(&mut known.opening, theirs, |_| 0, &mut self.counts.openings_replaced);
                let opening = known.opening.as_ref()?;
                let home = home.as_ref().map(|(topic, partition)| (&**topic, *partition));
                if let (Some(idle), Some((topic, partition))) = (&mut self.idle, home) {
                    idle.opened(session, &topic.into(), partition, opening.cause.time);
                }
                let entry = || entries::opened(session, opening.cause, opening.what.owner.as_ref(), home);
                stands.then(entry)
            }
            Said::Closed(cause, ending) => {
                let theirs = Recorded { cause, what: ending, told: Told::Theirs };
                // Two replicas may read one closing, and only one of them know the start.
                let tie = |ending: &Ending| ending.start.map_or(i64::MAX, |start| start.0);
                let stands = learn(&mut known.closing, theirs, tie, &mut self.counts.closings_replaced);
                let Recorded { cause, what, .. } = known.closing.as_ref()?;
                if let Some(idle) = &mut self.idle {
                    idle.closed(session);
                    if what.idle {
                        idle.stopped(session, cause.event);
                    }
                }
                stands.then(|| entries::closed(session, *cause, *what))
            }
            Said::Used(of) => {
                let differs = self.idle.as_mut().is_some_and(|idle| idle.learn(session, &of));
                let of = self.idle.as_ref().and_then(|idle| idle.of(session)).filter(|_| differs);
                of.map(|of| entries::used(session, of))
            }
        }
    }

    /// Forgets the sessions that nothing was heard of for too long.
    pub(super) fn forget_aged(&mut self, now: Moment) {
        let aged = self.known.remove_aged(now);
        self.counts.evicted_by_age += aged.len() as u64;
        self.forget(&aged);
    }

    fn insert(&mut self, session: Fingerprint, now: Moment) -> &mut Session {
        self.make_room(session);
        self.known.touch_or_insert(session, now)
    }

    fn make_room(&mut self, session: Fingerprint) {
        if let Some(evicted) = self.known.make_room(session) {
            self.counts.evicted_by_number += 1;
            self.forget(&[evicted]);
        }
    }

    fn forget(&mut self, sessions: &[Fingerprint]) {
        if let Some(idle) = &mut self.idle {
            for session in sessions {
                idle.forget(*session);
            }
        }
    }

    /// A session was closed.
    fn end(&mut self, session: Fingerprint) {
        self.tell_closing(session);
        if let Some(idle) = &mut self.idle {
            idle.closed(session);
        }
    }

    /// How many sessions are remembered.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// What was lost until now.
    pub(super) fn counts(&self) -> SessionCounts {
        self.counts
    }

    fn tell_use(&mut self, session: Fingerprint) {
        let of = self.idle.as_ref().and_then(|idle| idle.of(session)).filter(|_| self.shared);
        self.unwritten.extend(of.map(|of| entries::used(session, of)));
    }

    fn tell_closing(&mut self, session: Fingerprint) {
        let closing = self.known.peek(session).and_then(|known| known.closing.as_ref());
        if let Some(Recorded { cause, what, told: Told::Unwritten }) = closing
            && self.shared
        {
            self.unwritten.push(entries::closed(session, *cause, *what));
        }
    }
}

impl Session {
    /// Closes it; none when another event has.
    fn close(&mut self, by: Cause, idle: bool) -> Option<Closed> {
        let start = self.opening.as_ref().map(|opening| opening.cause.time);
        let closing = self.closing.get_or_insert(Recorded::new(by, Ending { start, idle }));
        let closed = Closed { start: closing.what.start, stop: closing.cause.time };
        (closing.cause.event == by.event).then_some(closed)
    }
}

impl<T> Recorded<T> {
    fn new(cause: Cause, what: T) -> Self {
        Self { cause, what, told: Told::Unwritten }
    }
}

/// Takes over what the table says; returns whether it must say what is recorded here instead. Of two that
/// have one cause the one with the lesser `tie` stands.
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
        (Ordering::Equal, Some(ours)) if ours.told == Told::Unwritten => ours.told = Told::Ours,
        (Ordering::Equal, _) => {}
        (Ordering::Greater, ours) => {
            let other = |ours: &Recorded<T>| ours.told != Told::Theirs && ours.cause != theirs.cause;
            *replaced += u64::from(ours.as_ref().is_some_and(other));
            *ours = Some(theirs);
        }
    }
    false
}

impl KnownOwner {
    fn of(event: &IdentityEvent<'_>) -> Self {
        let subject = owner::Subject::of(event);
        Self { user: subject.user(), owner: subject.pack() }
    }
}
