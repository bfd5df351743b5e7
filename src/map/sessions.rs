//! The index of open and lately closed sessions: what a session event says of its session's start.
//!
//! Knows nothing of records and of what becomes of the answers. A logout does not carry the start of its
//! session, so the start is remembered; and so is which source event opened and which one closed a
//! session, and what was said of the start then, so that an event that is delivered again is answered as
//! it was the first time (invariant 11), in whatever order events come and come again. An opening, once
//! recorded, is never replaced, and a closing is final. Bounded by number and by age: what was evicted is
//! as good as never seen.

use std::time::Duration;

use crate::{
    map::{config::SessionsConfig, ids::Fingerprint},
    moment::{Moment, Timestamp},
};

mod recent;

use recent::Recent;

/// The index.
pub(super) struct Sessions {
    sessions: Recent<Session>,
    counts: SessionCounts,
}

/// What the index lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SessionCounts {
    /// Sessions that had to go because there were too many.
    pub(super) evicted_by_number: u64,
    /// Sessions that nothing was heard of for too long.
    pub(super) evicted_by_age: u64,
}

/// A source event, as the index sees it.
#[derive(Clone, Copy)]
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
    opening: Option<Cause>,
    closing: Option<Closing>,
}

struct Closing {
    event: Fingerprint,
    closed: Closed,
}

impl Sessions {
    /// An empty index.
    pub(super) fn new(config: &SessionsConfig) -> Self {
        let max_age: Duration = config.max_age.0;
        Self { sessions: Recent::new(config.max, max_age), counts: SessionCounts::default() }
    }

    /// A sign-in into a session. It opens the session unless another event did, also when the session was
    /// closed meanwhile by an event that did not know of an opening: it stays closed.
    pub(super) fn open(&mut self, session: Fingerprint, by: Cause, now: Moment) -> Opened {
        let session = self.sessions.touch_or_insert(session, now, &mut self.counts.evicted_by_number);
        let opening = session.opening.get_or_insert(by);
        if opening.event == by.event { Opened::Started(opening.time) } else { Opened::Resumed(opening.time) }
    }

    /// The end of a session, known or not; none when another event has closed it before.
    pub(super) fn close(&mut self, session: Fingerprint, by: Cause, now: Moment) -> Option<Closed> {
        let session = self.sessions.touch_or_insert(session, now, &mut self.counts.evicted_by_number);
        let start = session.opening.map(|opening| opening.time);
        let closed = Closed { start, stop: by.time };
        let closing = session.closing.get_or_insert(Closing { event: by.event, closed });
        (closing.event == by.event).then_some(closing.closed)
    }

    /// A session was used, which keeps it from being forgotten if it is known.
    pub(super) fn touch(&mut self, session: Fingerprint, now: Moment) {
        self.sessions.touch(session, now);
    }

    /// Forgets the sessions that nothing was heard of for too long.
    pub(super) fn forget_aged(&mut self, now: Moment) {
        self.counts.evicted_by_age += self.sessions.remove_aged(now);
    }

    /// How many sessions are remembered.
    pub(super) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// What was lost until now.
    pub(super) fn counts(&self) -> SessionCounts {
        self.counts
    }
}
