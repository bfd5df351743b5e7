//! How events change sessions: they start, continue, pause and end.
//!
//! Knows nothing of how the index is kept. An unknown start is never invented.

use std::{borrow::Cow, sync::Arc};

use crate::core::{
    decode::EventResult,
    event::{Delivery, EventType},
    identity::{
        IdentityEvent, Kind,
        reason::{Ignored, Unmapped},
    },
    map::{
        Mapper, endpoint_owner,
        ids::{self, Fingerprint},
        mapped_record::Stops,
        outputs::{Outputs, StatedSession},
        session_event::{completed, push_end, push_without_start, reason, session, stated},
        sessions::{Cause, Opened, Rest, SessionEnd},
    },
    record::Record,
    time::{Moment, Timestamp},
};

impl Mapper {
    pub(super) fn start<'a>(
        &mut self,
        event: &'a IdentityEvent<'a>,
        key: Cow<'a, str>,
        record: &Record,
        now: Moment,
    ) -> Result<Outputs<'a>, Unmapped> {
        let mut outputs = self.outputs(event, key, record)?;
        if self.open(event, &mut outputs, record, now) { Ok(outputs) } else { Err(Ignored::NoSession.into()) }
    }

    /// Adds the start of the event's session, or its resumption if another event opened it. Returns whether
    /// the event has a session.
    pub(super) fn open<'a>(
        &mut self,
        event: &'a IdentityEvent<'a>,
        outputs: &mut Outputs<'a>,
        record: &Record,
        now: Moment,
    ) -> bool {
        let Some((id, session)) = session(event) else { return false };
        let by = cause(outputs);
        let learns = self.sessions.learns(record, session, by.time);
        let opened = if learns {
            self.sessions.open(session, event, opening(event, by), record, now)
        } else {
            self.sessions.opened_before(session, opening(event, by))
        };
        let (event_type, start) = match opened {
            Opened::Started(start) => (EventType::SessionStart, start),
            Opened::Resumed(start) => (EventType::SessionResume, start),
        };
        outputs.push(event_type, Some(StatedSession { id: &id, start, stop: None }), &[]);
        if learns {
            // The start or resumption that was just added also ends a pause.
            self.sessions.used(session, by);
        }
        true
    }

    /// Resumes a session without opening it: its start may be unknown.
    pub(super) fn go_on<'a>(
        &mut self,
        event: &'a IdentityEvent<'a>,
        key: Cow<'a, str>,
        record: &Record,
        now: Moment,
    ) -> Result<Outputs<'a>, Unmapped> {
        let mut outputs = self.outputs(event, key, record)?;
        let (id, fingerprint) = session(event).ok_or(Ignored::NoSession)?;
        let learns = self.sessions.learns(record, fingerprint, outputs.time());
        if let Some(start) = self.start_of(fingerprint, &outputs, learns, now).or(event.session_start) {
            let session = StatedSession { id: &id, start, stop: None };
            outputs.push(EventType::SessionResume, Some(session), &[]);
        } else {
            self.session_start_unknown += 1;
            push_without_start(EventType::SessionResume, &id, "", &mut outputs);
        }
        // Making a cause takes time, so it is made only if it is needed.
        if learns && self.sessions.may_rest() {
            self.sessions.used(fingerprint, cause(&outputs));
        }
        Ok(outputs)
    }

    pub(super) fn pause<'a>(
        &mut self,
        event: &'a IdentityEvent<'a>,
        key: Cow<'a, str>,
        record: &Record,
        now: Moment,
    ) -> Result<Outputs<'a>, Unmapped> {
        let mut outputs = self.outputs(event, key, record)?;
        let (id, session) = session(event).ok_or(Ignored::NoSession)?;
        let learns = self.sessions.learns(record, session, outputs.time());
        let start = self.start_of(session, &outputs, learns, now).or(event.session_start);
        self.end(EventType::SessionPause, &id, start, outputs.time(), reason(event), &mut outputs);
        Ok(outputs)
    }

    pub(super) fn stop<'a>(
        &mut self,
        event: &'a IdentityEvent<'a>,
        key: Cow<'a, str>,
        record: &Record,
        now: Moment,
    ) -> Result<Outputs<'a>, Unmapped> {
        let mut outputs = self.outputs(event, key, record)?;
        let (id, closed) = match session(event) {
            Some((id, session)) => {
                let by = cause(&outputs);
                let closed = if self.sessions.learns(record, session, by.time) {
                    self.sessions.close(session, by, now)
                } else {
                    Some(self.sessions.closed_before(session, by))
                };
                (id, closed.ok_or(Ignored::SessionAlreadyClosed)?)
            }
            None => (Cow::default(), SessionEnd { start: None, stop: outputs.time() }),
        };
        let start = closed.start.or(event.session_start);
        self.end(EventType::SessionStop, &id, start, closed.stop, reason(event), &mut outputs);
        Ok(outputs)
    }

    /// Ends all sessions that the user has open.
    pub(super) fn stop_all(
        &mut self,
        event: &IdentityEvent<'_>,
        key: Cow<'_, str>,
        record: &Record,
    ) -> Result<Arc<Stops>, Unmapped> {
        if event.user.is_none() {
            return Err(Ignored::NoUser.into());
        }
        let by = Cause { event: Fingerprint::of(&[&key]), time: self.time(event, record)? };
        let ended = match &record.redriven {
            Some(redriven) if record.was_mapped() => {
                let mut ended = self.sessions.all_closed_before(event, by);
                // Each of many redriven records names a part of the sessions.
                ended.retain(|ended| {
                    let session = ended.owner.session();
                    redriven.wants_event(&ids::event_id(&key, EventType::SessionStop, Some(&session)))
                });
                ended.shrink_to_fit();
                ended
            }
            _ => self.sessions.close_all(event, by),
        };
        if ended.is_empty() {
            return Err(Ignored::NoOpenSession.into());
        }
        let unknown = ended.iter().filter(|ended| ended.end.start.is_none()).count();
        self.session_start_unknown += unknown as u64;
        let event = stated(event, IdentityEvent::new(event.kind, event.provider.clone().into_owned()));
        let additions = Arc::clone(&self.additions);
        Ok(Arc::new(Stops { additions, event, key: key.into_owned(), by, ended }))
    }

    /// When a session started, as a record is told that the index learns from or not.
    fn start_of(
        &mut self,
        session: Fingerprint,
        outputs: &Outputs<'_>,
        learns: bool,
        now: Moment,
    ) -> Option<Timestamp> {
        if learns {
            self.sessions.start(session, now)
        } else {
            self.sessions.start_before(session, outputs.time())
        }
    }

    /// Completes the end of a session, whose event does not name the user, from the index.
    pub(super) fn completed(&self, event: &IdentityEvent<'_>) -> Result<IdentityEvent<'static>, Ignored> {
        let (_, session) = session(event).ok_or(Ignored::NoUser)?;
        let owner = self.sessions.owner(session).ok_or(Ignored::SessionNotKnown)?;
        Ok(completed(event, owner))
    }

    /// Adds the pause or the end of a session at `stop`.
    fn end(
        &mut self,
        event_type: EventType,
        id: &str,
        start: Option<Timestamp>,
        stop: Timestamp,
        reason: &str,
        outputs: &mut Outputs<'_>,
    ) {
        self.session_start_unknown += u64::from(start.is_none());
        push_end(event_type, id, start, stop, reason, outputs);
    }

    /// Notes that a session was used. This becomes an event only if the session had been reported as paused.
    pub(super) fn activity(
        &mut self,
        event: &IdentityEvent<'_>,
        key: &str,
        record: &Record,
        now: Moment,
    ) -> Result<Vec<Delivery>, Unmapped> {
        let (id, session) = session(event).ok_or(Ignored::Activity)?;
        let learns = self.sessions.learns(record, session, event.time.unwrap_or_default());
        if learns {
            self.sessions.touch(session, now);
        }
        if !self.sessions.may_rest() {
            return Err(Ignored::Activity.into());
        }
        let time = self.time(event, record)?;
        let by = Cause { event: Fingerprint::of(&[key]), time };
        let resumed = if learns {
            self.sessions.used(session, by)
        } else {
            self.sessions.resumed_before(session, by.event)
        };
        let start = resumed.ok_or(Ignored::Activity)?;
        let owner = self.sessions.owner(session).ok_or(Ignored::Activity)?;
        let resumed = completed(event, owner);
        let owner = endpoint_owner(&resumed)?;
        let mut outputs = Outputs::new(&resumed, key.into(), &owner, time, &self.additions);
        let session = StatedSession { id: &id, start, stop: None };
        outputs.push(EventType::SessionResume, Some(session), &[]);
        Ok(outputs.finish())
    }

    /// The pauses and ends of sessions that have been idle for too long, by the latest time that the
    /// record's events state. The record's own timestamp does not count, because a replayed or copied record
    /// has a new one. So has a redriven one, whose events have passed: it repeats only what it has reported.
    pub(super) fn rest(&mut self, record: &Record, events: &[EventResult<'_>]) -> Vec<Delivery> {
        if record.redriven.is_some() {
            let rests = self.sessions.rested_once(record);
            return rests.iter().flat_map(|rest| self.rested(rest)).collect();
        }
        let times = events.iter().flatten().filter_map(|event| event.time);
        let latest = times.max().filter(|_| self.sessions.may_rest());
        let rests = latest.map(|time| self.sessions.rest(record, time)).unwrap_or_default();
        rests.iter().flat_map(|rest| self.rested(rest)).collect()
    }

    fn rested(&mut self, rest: &Rest) -> Vec<Delivery> {
        let (event_type, word) = if rest.stopped {
            (EventType::SessionStop, "timeout")
        } else {
            (EventType::SessionPause, "idle")
        };
        let key = format!("{word}-{}-{}", rest.session.hex(), rest.at.0);
        let event = rest.owner.parts().event(Kind::SessionStopped);
        let (Ok(owner), Some((id, _))) = (endpoint_owner(&event), session(&event)) else { return Vec::new() };
        let mut outputs = Outputs::new(&event, key.into(), &owner, rest.at, &self.additions);
        self.end(event_type, &id, Some(rest.start), rest.at, word, &mut outputs);
        outputs.finish()
    }
}

fn cause(outputs: &Outputs<'_>) -> Cause {
    Cause { event: Fingerprint::of(&[outputs.source_key()]), time: outputs.time() }
}

/// The cause that opened the session: the event, at the start that it states or at its own time.
fn opening(event: &IdentityEvent<'_>, by: Cause) -> Cause {
    Cause { time: event.session_start.map_or(by.time, |start| start.min(by.time)), ..by }
}
