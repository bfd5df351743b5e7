//! What the index says to a record that is redriven long after it was first read.
//!
//! A record that is redriven for some of its events was mapped before, and the index learned from it then.
//! Now the index is only asked: what it would have answered, as far as it still knows. A record that could
//! not be read before teaches the index like any other, as what happened at its own time, unless it is so old
//! that the index would have forgotten it, or older than the opening of the session as it is known. So a
//! redriven record neither ends nor opens a session that began after it.

use super::{Cause, EndedSession, Opened, OwnerParts, Rest, SessionEnd, Sessions};
use crate::core::{
    identity::IdentityEvent,
    map::{ids::Fingerprint, sessions::groups::Group},
    record::Record,
    time::Timestamp,
};

impl Sessions {
    /// Whether the index learns from an event of a record about a session.
    pub(in crate::core::map) fn learns(
        &self,
        record: &Record,
        session: Fingerprint,
        time: Timestamp,
    ) -> bool {
        if record.redriven.is_none() {
            return true;
        }
        let max_age = self.renewal.saturating_mul(2);
        let is_aged = self.wall.is_some_and(|wall| wall.0.saturating_sub(time.0) > max_age);
        let is_newer = self.opened_at(session).is_some_and(|opened| opened > time);
        !(record.was_mapped() || is_aged || is_newer)
    }

    /// When a session was opened, if that is known and was before `time`. Does not count as a use.
    pub(in crate::core::map) fn start_before(
        &self,
        session: Fingerprint,
        time: Timestamp,
    ) -> Option<Timestamp> {
        self.opened_at(session).filter(|opened| *opened <= time)
    }

    /// Whether an event opened a session or resumed it. It opened it if nothing earlier is known.
    pub(in crate::core::map) fn opened_before(&self, session: Fingerprint, by: Cause) -> Opened {
        let opening = self.known.peek(session).and_then(|known| known.opening.as_ref());
        match opening.map(|opening| opening.cause) {
            Some(cause) if cause.event == by.event => Opened::Started(cause.time),
            Some(cause) if cause.time <= by.time => Opened::Resumed(cause.time),
            _ => Opened::Started(by.time),
        }
    }

    /// The end of a session by an event that ended it before.
    pub(in crate::core::map) fn closed_before(&self, session: Fingerprint, by: Cause) -> SessionEnd {
        let closing = self.known.peek(session).and_then(|known| known.closing.as_ref());
        match closing.filter(|closing| closing.cause.event == by.event) {
            Some(closing) => SessionEnd { start: closing.what.start, stop: closing.cause.time },
            None => SessionEnd { start: self.start_before(session, by.time), stop: by.time },
        }
    }

    /// The sessions of a user that an event ended before.
    pub(in crate::core::map) fn all_closed_before(
        &self,
        event: &IdentityEvent<'_>,
        by: Cause,
    ) -> Vec<EndedSession> {
        let user = OwnerParts::of(event);
        let ended = self.in_order(self.groups.of(Group::EndedBy(by.event))).into_iter();
        let ended = ended.filter_map(|session| {
            let owner = self.owner(session).filter(|owner| owner.parts().has_user_of(&user))?;
            let closing = self.known.peek(session)?.closing.as_ref();
            let closing = closing.filter(|closing| closing.cause.event == by.event)?;
            let end = SessionEnd { start: closing.what.start, stop: closing.cause.time };
            Some(EndedSession { session, owner: owner.clone(), end, unwritten: false })
        });
        ended.collect()
    }

    /// The start of a session whose pause an event ended before.
    pub(in crate::core::map) fn resumed_before(
        &self,
        session: Fingerprint,
        by: Fingerprint,
    ) -> Option<Timestamp> {
        self.idle.as_ref()?.of(session).filter(|of| of.was_resumed_by(by))?;
        self.opened_at(session)
    }

    /// The sessions that a record has reported as idle before.
    pub(in crate::core::map) fn rested_once(&self, record: &Record) -> Vec<Rest> {
        let by = Self::reporter(record);
        let Some(idle) = &self.idle else { return Vec::new() };
        let mut all = Vec::new();
        for session in idle.reported(by) {
            let pauses = idle.pauses_by(session, by);
            all.extend(pauses.into_iter().filter_map(|at| self.rest_of(session, at, false)));
            let closing = self.known.peek(session).and_then(|known| known.closing.as_ref());
            if let Some(closing) = closing.filter(|closing| closing.what.idle && closing.cause.event == by) {
                all.extend(self.rest_of(session, closing.cause.time, true));
            }
        }
        all
    }

    fn opened_at(&self, session: Fingerprint) -> Option<Timestamp> {
        self.known.peek(session)?.opening.as_ref().map(|opening| opening.cause.time)
    }
}
