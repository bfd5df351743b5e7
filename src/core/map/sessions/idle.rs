//! When sessions were last used, and which of them have been idle for too long.
//!
//! Knows nothing of openings and closings. Time is the time of events. The time of a partition is that of the
//! latest event read from it, so that a replica that lags does not take a session for idle whose use it has
//! not read yet, and a record that is read again gets the same result. A session is idle by the time of the
//! partition from which its opening was read, so that only one replica reports it: the partition's owner. The
//! record that advanced the time reports the idle sessions. They are remembered with it, so that it reports
//! the same ones when it is read again.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use crate::core::{
    map::{config::SessionsConfig, ids::Fingerprint, sessions::usage::Use},
    record::{Ownership, Record},
    time::Timestamp,
    units::Span,
};

/// The maximum number of sessions that one record may report as idle. The next record reports the others.
const MOST: usize = 100;

/// How far the time of an event may be ahead of its record's timestamp: a wrong clock must not end every
/// session. The configuration allows no limit as short as this.
const AHEAD: i64 = 300_000;

/// Divides the shortest limit. The result is the time after which a use is written to the table again.
const SPARING: i64 = 4;

/// The use of all open sessions.
pub(super) struct Idle {
    pause_after: Option<i64>,
    timeout: Option<i64>,
    /// How much longer than its limit a session must be idle, because another replica may keep its use to
    /// itself for that long.
    slack: i64,
    homes: Vec<Home>,
    /// The index of each partition in `homes`.
    numbers: HashMap<(Arc<str>, i32), u32>,
    uses: HashMap<Fingerprint, KnownUse>,
    /// When each session is due, by home.
    due: BTreeSet<(u32, i64, Fingerprint)>,
    /// The sessions that each record has reported as idle.
    reported: HashMap<Fingerprint, Vec<Fingerprint>>,
}

/// A partition in which sessions were opened.
struct Home {
    topic: Arc<str>,
    partition: i32,
    /// The latest time of an event that was read from it.
    time: i64,
    /// The last record that could advance the time.
    last: Option<(Ownership, i64)>,
}

/// A session that has been idle for long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rested {
    /// The session paused at this time.
    Paused(Fingerprint, Timestamp),
    /// The session stopped at this time.
    TimedOut(Fingerprint, Timestamp),
}

/// The effect of using a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    /// The use ends a pause.
    pub(super) resumes: bool,
    /// The use should be written to the table.
    pub(super) write: bool,
}

/// The use of a session, and what only this replica knows of it.
#[derive(Default)]
struct KnownUse {
    of: Use,
    /// Where it was opened; `None` if not known yet.
    home: Option<u32>,
    /// The use that the table holds.
    written: i64,
    /// When and where it will have been idle for long enough.
    due: Option<(u32, i64)>,
    closed: bool,
    /// The record that reported its stop.
    stopped_by: Option<Fingerprint>,
    /// The remembered records that reported the session as idle.
    reported_by: Vec<Fingerprint>,
}

impl Idle {
    /// Returns `None` if sessions may be idle for ever.
    pub(super) fn new(config: &SessionsConfig) -> Option<Self> {
        let limit =
            |span: Option<Span>| span.map(|span| i64::try_from(span.0.as_millis()).unwrap_or(i64::MAX));
        let (pause_after, timeout) = (limit(config.pause_after), limit(config.timeout));
        (pause_after.is_some() || timeout.is_some()).then(|| Self {
            pause_after,
            timeout,
            slack: 0,
            homes: Vec::new(),
            numbers: HashMap::new(),
            uses: HashMap::new(),
            due: BTreeSet::new(),
            reported: HashMap::new(),
        })
    }

    /// Prepares for other replicas, which use the sessions too and write only some of the uses to the table.
    pub(super) fn share(&mut self) {
        self.slack = self.sparing();
    }

    /// Records that a session was opened by a record of this partition.
    pub(super) fn opened(&mut self, session: Fingerprint, topic: &Arc<str>, partition: i32, time: Timestamp) {
        let home = self.home(topic, partition);
        let known = self.uses.entry(session).or_default();
        if known.of.seen < time.0 {
            (known.of.seen, known.written) = (time.0, time.0);
        }
        known.home = Some(home);
        self.backoff(session);
    }

    /// Records that a session was used.
    pub(super) fn used(&mut self, session: Fingerprint, by: Fingerprint, time: Timestamp) -> Used {
        let sparing = self.sparing();
        let Some(known) = self.uses.get_mut(&session) else { return Used::default() };
        if known.of.was_resumed_by(by) {
            // The use may not have been written when the event was first read.
            return Used { resumes: true, write: true };
        }
        if known.closed {
            return Used::default();
        }
        let resumes = known.of.used(by, time.0);
        let write = resumes || time.0 - known.written >= sparing;
        if write {
            known.written = known.of.seen;
        }
        self.backoff(session);
        Used { resumes, write }
    }

    /// The known use of a session.
    pub(super) fn of(&self, session: Fingerprint) -> Option<&Use> {
        self.uses.get(&session).map(|known| &known.of)
    }

    /// The partition in which a session was opened.
    pub(super) fn home_of(&self, session: Fingerprint) -> Option<(&str, i32)> {
        let home = &self.homes[self.uses.get(&session)?.home? as usize];
        Some((&home.topic, home.partition))
    }

    pub(super) fn closed(&mut self, session: Fingerprint) {
        self.uses.entry(session).or_default().closed = true;
        self.backoff(session);
    }

    pub(super) fn forget(&mut self, session: Fingerprint) {
        let Some(known) = self.uses.remove(&session) else { return };
        if let Some((home, due)) = known.due {
            self.due.remove(&(home, due, session));
        }
        known.reported_by.into_iter().for_each(|by| self.unlink(by, session));
    }

    /// Takes over the use of a session from the table. Returns whether the table must hold a different one.
    pub(super) fn learn(&mut self, session: Fingerprint, theirs: &Use) -> bool {
        let sparing = self.sparing();
        let known = self.uses.entry(session).or_default();
        known.of.join(theirs);
        let differs = known.of.pauses() != theirs.pauses() || known.of.seen - theirs.seen >= sparing;
        known.written = known.written.max(if differs { known.of.seen } else { theirs.seen });
        self.link(session);
        self.backoff(session);
        differs
    }

    /// Records that a session stopped because it was idle for too long, and which record reported it.
    pub(super) fn stopped(&mut self, session: Fingerprint, by: Fingerprint) {
        self.uses.entry(session).or_default().stopped_by = Some(by);
        self.link(session);
    }

    /// The sessions that the record `by` has already reported as idle.
    pub(super) fn reported(&self, by: Fingerprint) -> Vec<Fingerprint> {
        self.reported.get(&by).cloned().unwrap_or_default()
    }

    /// Advances to the time of an event of a record, and returns the sessions that have been
    /// idle for long enough.
    pub(super) fn advance(&mut self, record: &Record, by: Fingerprint, time: Timestamp) -> Vec<Rested> {
        let mut rested = Vec::new();
        let Some(number) = self.numbers.get(&(Arc::clone(&record.topic), record.partition)).copied() else {
            return rested;
        };
        let home = &mut self.homes[number as usize];
        // A record that is read again advances nothing: its report may not have been sent.
        let again =
            |(ownership, last): (Ownership, i64)| ownership == record.ownership && last >= record.offset;
        if home.last.is_some_and(again) {
            return rested;
        }
        home.last = Some((record.ownership, record.offset));
        let latest = record.timestamp.map_or(i64::MAX, |timestamp| timestamp.0.saturating_add(AHEAD));
        home.time = home.time.max(time.0.min(latest));
        let now = home.time;
        while rested.len() < MOST {
            let next = self.due.range((number, i64::MIN, Fingerprint::LEAST)..).next().copied();
            let Some((_, _, session)) = next.filter(|(home, due, _)| *home == number && *due <= now) else {
                break;
            };
            rested.extend(self.rest(session, by));
        }
        rested
    }

    /// Reports a session that is due.
    fn rest(&mut self, session: Fingerprint, by: Fingerprint) -> Option<Rested> {
        let known = self.uses.get_mut(&session)?;
        let (home, due) = known.due.take()?;
        self.due.remove(&(home, due, session));
        let pauses = self.pause_after.is_some() && !known.of.is_paused();
        if pauses {
            known.of.pause(by);
        } else {
            (known.closed, known.stopped_by) = (true, Some(by));
        }
        self.link(session);
        self.backoff(session);
        let rested = if pauses { Rested::Paused } else { Rested::TimedOut };
        Some(rested(session, Timestamp(due.saturating_sub(self.slack))))
    }

    /// When a session paused, for each time that a record reported it.
    pub(super) fn pauses_by(&self, session: Fingerprint, by: Fingerprint) -> Vec<Timestamp> {
        let pauses = self.uses.get(&session).map(|known| known.of.pauses()).unwrap_or_default();
        let limit = self.pause_after.unwrap_or_default();
        let reported = pauses.iter().filter(|pause| pause.by == by);
        reported.map(|pause| Timestamp(pause.seen.saturating_add(limit))).collect()
    }

    fn backoff(&mut self, session: Fingerprint) {
        let (pause_after, timeout) = (self.pause_after, self.timeout);
        let Some(known) = self.uses.get_mut(&session) else { return };
        if let Some((home, due)) = known.due.take() {
            self.due.remove(&(home, due, session));
        }
        let limit = if known.of.is_paused() { timeout } else { pause_after.or(timeout) };
        let seen = known.of.seen.saturating_add(self.slack);
        let due = limit.filter(|_| !known.closed).map(|limit| seen.saturating_add(limit));
        known.due = known.home.zip(due);
        self.due.extend(known.due.map(|(home, due)| (home, due, session)));
    }

    /// Remembers which records reported the session as idle, and forgets those of pauses that were forgotten.
    fn link(&mut self, session: Fingerprint) {
        let Some(known) = self.uses.get_mut(&session) else { return };
        let mut reporters: Vec<_> =
            known.of.pauses().iter().map(|pause| pause.by).chain(known.stopped_by).collect();
        reporters.sort_unstable();
        reporters.dedup();
        let former = std::mem::replace(&mut known.reported_by, reporters.clone());
        for by in reporters.iter().filter(|by| !former.contains(by)) {
            self.reported.entry(*by).or_default().push(session);
        }
        former.into_iter().filter(|by| !reporters.contains(by)).for_each(|by| self.unlink(by, session));
    }

    fn unlink(&mut self, by: Fingerprint, session: Fingerprint) {
        let Some(sessions) = self.reported.get_mut(&by) else { return };
        sessions.retain(|other| *other != session);
        if sessions.is_empty() {
            self.reported.remove(&by);
        }
    }

    fn home(&mut self, topic: &Arc<str>, partition: i32) -> u32 {
        let next = u32::try_from(self.homes.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry((Arc::clone(topic), partition)).or_insert(next);
        if number == next {
            self.homes.push(Home { topic: Arc::clone(topic), partition, time: i64::MIN, last: None });
        }
        number
    }

    /// The interval after which a use is written to the table again.
    fn sparing(&self) -> i64 {
        self.pause_after.into_iter().chain(self.timeout).min().unwrap_or(i64::MAX) / SPARING
    }
}
