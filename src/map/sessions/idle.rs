//! When sessions were last used, and which of them have rested for too long.
//!
//! Knows nothing of openings and closings. Time is the time of events: a partition's is that of the latest
//! event read from it, so that a replica that lags does not take a session for idle whose use it has not
//! read yet, and a record that is read again finds what it found. A session rests in the time of the
//! partition that its opening was read from, so that one replica says so, the partition's owner. What
//! rests is said by a record (the one that moved the time on) and is remembered with it: read again, that
//! record says the same again.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use crate::{
    map::{config::SessionsConfig, ids::Fingerprint},
    moment::Timestamp,
    record::{Ownership, Record},
    setting::Span,
};

/// Sessions that one record may say to rest, at most; the next record says the others.
const MOST: usize = 100;

/// How far the time of an event may be ahead of its record's: a clock that is wrong must not end every
/// session.
const AHEAD: i64 = 300_000;

/// What part of the shortest limit may pass before a use is written to the table again.
const SPARING: i64 = 4;

/// The use of all open sessions.
pub(super) struct Idle {
    pause_after: Option<i64>,
    timeout: Option<i64>,
    homes: Vec<Home>,
    /// Which of the homes a partition is.
    numbers: HashMap<(Arc<str>, i32), u32>,
    uses: HashMap<Fingerprint, Known>,
    /// By home, when each session is due.
    due: BTreeSet<(u32, i64, Fingerprint)>,
    /// The sessions that a record has said to rest.
    said: HashMap<Fingerprint, Vec<Fingerprint>>,
}

/// A partition that sessions were opened in.
struct Home {
    /// The latest time of an event that was read from it.
    time: i64,
    /// The last record that could move the time on.
    last: Option<(Ownership, i64)>,
}

/// The use of one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Use {
    /// When it was last used, in milliseconds.
    pub(super) seen: i64,
    /// Of its last pause: when it had last been used then, and the record that said so.
    pub(super) pause: Option<(i64, Fingerprint)>,
    /// The source event that ended its last pause.
    pub(super) resumed: Option<Fingerprint>,
}

/// A session that has rested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rested {
    /// Long enough to pause, then.
    Paused(Fingerprint, Timestamp),
    /// Long enough to stop, then.
    TimedOut(Fingerprint, Timestamp),
}

/// What a use of a session says of its rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    /// It ends a pause.
    pub(super) resumes: bool,
    /// The table should hear of it.
    pub(super) tell: bool,
}

/// The use of a session, and what is known of that here alone.
#[derive(Default)]
struct Known {
    of: Use,
    /// Where it was opened; none while that is not known.
    home: Option<u32>,
    /// The use that the table holds.
    written: i64,
    /// When it will have rested long enough, and where.
    due: Option<(u32, i64)>,
    closed: bool,
    /// The records that have said that it rests.
    said_by: Vec<Fingerprint>,
}

impl Idle {
    /// None where sessions may rest for ever.
    pub(super) fn new(config: &SessionsConfig) -> Option<Self> {
        let limit =
            |span: Option<Span>| span.map(|span| i64::try_from(span.0.as_millis()).unwrap_or(i64::MAX));
        let (pause_after, timeout) = (limit(config.pause_after), limit(config.timeout));
        (pause_after.is_some() || timeout.is_some()).then(|| Self {
            pause_after,
            timeout,
            homes: Vec::new(),
            numbers: HashMap::new(),
            uses: HashMap::new(),
            due: BTreeSet::new(),
            said: HashMap::new(),
        })
    }

    /// A session was opened by a record of this partition.
    pub(super) fn opened(&mut self, session: Fingerprint, topic: &Arc<str>, partition: i32, time: Timestamp) {
        let home = self.home(topic, partition);
        let known = self.uses.entry(session).or_default();
        if known.of.seen < time.0 {
            (known.of.seen, known.written) = (time.0, time.0);
        }
        known.home = Some(home);
        self.schedule(session);
    }

    /// A session was used.
    pub(super) fn used(&mut self, session: Fingerprint, by: Fingerprint, time: Timestamp) -> Used {
        let sparing = self.shortest() / SPARING;
        let Some(known) = self.uses.get_mut(&session) else { return Used::default() };
        if known.of.resumed == Some(by) {
            return Used { resumes: true, tell: false };
        }
        if time.0 <= known.of.seen {
            return Used::default();
        }
        let resumes = known.of.is_paused();
        known.of.seen = time.0;
        if resumes {
            known.of.resumed = Some(by);
        }
        let tell = resumes || time.0 - known.written >= sparing;
        if tell {
            known.written = time.0;
        }
        self.schedule(session);
        Used { resumes, tell }
    }

    /// What is known of the use of a session.
    pub(super) fn of(&self, session: Fingerprint) -> Option<Use> {
        self.uses.get(&session).map(|known| known.of)
    }

    /// A session was closed: it rests for ever.
    pub(super) fn closed(&mut self, session: Fingerprint) {
        self.uses.entry(session).or_default().closed = true;
        self.schedule(session);
    }

    /// A session is not remembered any more.
    pub(super) fn forget(&mut self, session: Fingerprint) {
        let Some(known) = self.uses.remove(&session) else { return };
        if let Some((home, due)) = known.due {
            self.due.remove(&(home, due, session));
        }
        for by in known.said_by {
            if let Some(sessions) = self.said.get_mut(&by) {
                sessions.retain(|other| *other != session);
                if sessions.is_empty() {
                    self.said.remove(&by);
                }
            }
        }
    }

    /// Takes over what the table says of the use of a session.
    pub(super) fn learn(&mut self, session: Fingerprint, of: Use) {
        let known = self.uses.entry(session).or_default();
        if (of.seen, of.pause, of.resumed) > (known.of.seen, known.of.pause, known.of.resumed) {
            known.of = of;
            known.written = of.seen;
        }
        if let Some((_, by)) = of.pause {
            self.says(by, session);
        }
        self.schedule(session);
    }

    /// The sessions that `by`, what stands for a record, has said to rest before.
    pub(super) fn said(&self, by: Fingerprint) -> Vec<Fingerprint> {
        self.said.get(&by).cloned().unwrap_or_default()
    }

    /// A record with an event at `time` was read: the sessions that have rested long enough now.
    pub(super) fn advance(&mut self, record: &Record, by: Fingerprint, time: Timestamp) -> Vec<Rested> {
        let mut rested = Vec::new();
        let Some(number) = self.numbers.get(&(Arc::clone(&record.topic), record.partition)).copied() else {
            return rested;
        };
        let home = &mut self.homes[number as usize];
        // One that is read again moves nothing: what it says may not be heard.
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

    /// Says that a session that is due rests.
    fn rest(&mut self, session: Fingerprint, by: Fingerprint) -> Option<Rested> {
        let known = self.uses.get_mut(&session)?;
        let (home, due) = known.due.take()?;
        self.due.remove(&(home, due, session));
        let pauses = self.pause_after.is_some() && !known.of.is_paused();
        if pauses {
            known.of.pause = Some((known.of.seen, by));
        } else {
            known.closed = true;
        }
        self.schedule(session);
        self.says(by, session);
        let rested = if pauses { Rested::Paused } else { Rested::TimedOut };
        Some(rested(session, Timestamp(due)))
    }

    /// When a session that paused when it had last been used at `seen` did so.
    pub(super) fn paused_at(&self, seen: i64) -> Timestamp {
        Timestamp(seen.saturating_add(self.pause_after.unwrap_or_default()))
    }

    fn schedule(&mut self, session: Fingerprint) {
        let (pause_after, timeout) = (self.pause_after, self.timeout);
        let Some(known) = self.uses.get_mut(&session) else { return };
        if let Some((home, due)) = known.due.take() {
            self.due.remove(&(home, due, session));
        }
        let limit = if known.of.is_paused() { timeout } else { pause_after.or(timeout) };
        let due = limit.filter(|_| !known.closed).map(|limit| known.of.seen.saturating_add(limit));
        known.due = known.home.zip(due);
        self.due.extend(known.due.map(|(home, due)| (home, due, session)));
    }

    /// Remembers that a record has said that a session rests.
    pub(super) fn says(&mut self, by: Fingerprint, session: Fingerprint) {
        let Some(known) = self.uses.get_mut(&session) else { return };
        if !known.said_by.contains(&by) {
            known.said_by.push(by);
            self.said.entry(by).or_default().push(session);
        }
    }

    fn home(&mut self, topic: &Arc<str>, partition: i32) -> u32 {
        let next = u32::try_from(self.homes.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry((Arc::clone(topic), partition)).or_insert(next);
        if number == next {
            self.homes.push(Home { time: i64::MIN, last: None });
        }
        number
    }

    fn shortest(&self) -> i64 {
        self.pause_after.into_iter().chain(self.timeout).min().unwrap_or(i64::MAX)
    }
}

impl Use {
    /// Whether it has not been used since it paused.
    fn is_paused(&self) -> bool {
        self.pause.is_some_and(|(seen, _)| seen == self.seen)
    }
}
