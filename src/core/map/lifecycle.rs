//! What events say of sessions: that they begin, go on, rest and end.
//!
//! Knows nothing of how the index is kept. Of a session whose start is not known none is invented.

use std::borrow::Cow;

use crate::core::{
    decode::Item,
    event::{Delivery, EventType, Session},
    identity::{
        IdentityEvent, Kind,
        reason::{Ignored, Unmapped},
    },
    map::{
        Mapper,
        ids::{self, Fingerprint},
        outputs::Outputs,
        sessions::{Cause, Closed, Opened, Owner, Rest},
        whose,
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

    /// Says that the session of the event began, or goes on where another event opened it; says whether
    /// the event has one.
    pub(super) fn open<'a>(
        &mut self,
        event: &'a IdentityEvent<'a>,
        outputs: &mut Outputs<'a>,
        record: &Record,
        now: Moment,
    ) -> bool {
        let Some((id, session)) = session(event) else { return false };
        let by = cause(outputs);
        let (event_type, start) = match self.sessions.open(session, event, opening(event, by), record, now) {
            Opened::Started(start) => (EventType::SessionStart, start),
            Opened::Resumed(start) => (EventType::SessionResume, start),
        };
        outputs.push(event_type, Some(Session { id: id.into(), start, stop: None }), &[]);
        // What is said already ends a pause too.
        self.sessions.used(session, by);
        true
    }

    /// A session goes on, which does not open it: its start is known or is not.
    pub(super) fn go_on<'a>(
        &mut self,
        event: &'a IdentityEvent<'a>,
        key: Cow<'a, str>,
        record: &Record,
        now: Moment,
    ) -> Result<Outputs<'a>, Unmapped> {
        let mut outputs = self.outputs(event, key, record)?;
        let (id, fingerprint) = session(event).ok_or(Ignored::NoSession)?;
        match self.sessions.start(fingerprint, now).or(event.session_start) {
            Some(start) => {
                let session = Session { id: id.into(), start, stop: None };
                outputs.push(EventType::SessionResume, Some(session), &[]);
            }
            None => self.without_start(EventType::SessionResume, &id, "", &mut outputs),
        }
        // A cause takes time to be made.
        if self.sessions.may_rest() {
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
        let start = self.sessions.start(session, now).or(event.session_start);
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
                let closed = self.sessions.close(session, cause(&outputs), now);
                (id, closed.ok_or(Ignored::SessionAlreadyClosed)?)
            }
            None => (Cow::default(), Closed { start: None, stop: outputs.time() }),
        };
        let start = closed.start.or(event.session_start);
        self.end(EventType::SessionStop, &id, start, closed.stop, reason(event), &mut outputs);
        Ok(outputs)
    }

    /// The end of each session that the user has open.
    pub(super) fn stop_all(
        &mut self,
        event: &IdentityEvent<'_>,
        key: &str,
        record: &Record,
    ) -> Result<Vec<Delivery>, Unmapped> {
        if event.user.is_none() {
            return Err(Ignored::NoUser.into());
        }
        let time = self.time(event, record)?;
        let mut deliveries = Vec::new();
        for (owner, closed) in self.sessions.close_all(event, Cause { event: Fingerprint::of(&[key]), time })
        {
            let stopped = completed(event, &owner);
            let mut outputs =
                Outputs::new(&stopped, key.into(), &whose(&stopped)?, time, &mut self.additions)
                    .for_each_session();
            if let Some((id, _)) = session(&stopped) {
                let reason = reason(&stopped);
                self.end(EventType::SessionStop, &id, closed.start, closed.stop, reason, &mut outputs);
            }
            deliveries.extend(self.finish(outputs));
        }
        if deliveries.is_empty() { Err(Ignored::NoOpenSession.into()) } else { Ok(deliveries) }
    }

    /// The end of a session that does not say whose it was, with what is remembered of that.
    pub(super) fn completed(&self, event: &IdentityEvent<'_>) -> Result<IdentityEvent<'static>, Ignored> {
        let (_, session) = session(event).ok_or(Ignored::NoUser)?;
        let owner = self.sessions.owner(session).ok_or(Ignored::SessionNotKnown)?;
        Ok(completed(event, owner))
    }

    /// The rest or the end of a session at `stop`.
    fn end(
        &mut self,
        event_type: EventType,
        id: &str,
        start: Option<Timestamp>,
        stop: Timestamp,
        reason: &str,
        outputs: &mut Outputs<'_>,
    ) {
        let Some(start) = start else { return self.without_start(event_type, id, reason, outputs) };
        let stop = duration(start, stop).map(|duration| (stop, duration));
        outputs.push(event_type, Some(Session { id: id.into(), start, stop }), &[("reason", reason)]);
    }

    /// An event of a session whose start is not known: none is invented.
    fn without_start(&mut self, event_type: EventType, id: &str, reason: &str, outputs: &mut Outputs<'_>) {
        self.session_start_unknown += 1;
        let unknown = [("reason", reason), ("session_id", id), ("session_start_unknown", "true")];
        outputs.push(event_type, None, &unknown);
    }

    /// A session was used: nothing is said of that, unless it had been said to pause.
    pub(super) fn activity(
        &mut self,
        event: &IdentityEvent<'_>,
        key: &str,
        record: &Record,
        now: Moment,
    ) -> Result<Vec<Delivery>, Unmapped> {
        let (id, session) = session(event).ok_or(Ignored::Activity)?;
        self.sessions.touch(session, now);
        if !self.sessions.may_rest() {
            return Err(Ignored::Activity.into());
        }
        let time = self.time(event, record)?;
        let by = Cause { event: Fingerprint::of(&[key]), time };
        let start = self.sessions.used(session, by).ok_or(Ignored::Activity)?;
        let owner = self.sessions.owner(session).ok_or(Ignored::Activity)?;
        let resumed = completed(event, owner);
        let whose = whose(&resumed)?;
        let mut outputs = Outputs::new(&resumed, key.into(), &whose, time, &mut self.additions);
        let session = Session { id: id.into(), start, stop: None };
        outputs.push(EventType::SessionResume, Some(session), &[]);
        Ok(self.finish(outputs))
    }

    /// What the record says of sessions that have rested for too long, by the latest time that its events
    /// state. Its own timestamp says nothing: what is replayed, or copied from a database, is stamped anew.
    pub(super) fn rest(&mut self, record: &Record, events: &[Item<'_>]) -> Vec<Delivery> {
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
        let event = rest.owner.whose().event(Kind::SessionStopped);
        let (Ok(whose), Some((id, _))) = (whose(&event), session(&event)) else { return Vec::new() };
        let mut outputs = Outputs::new(&event, key.into(), &whose, rest.at, &mut self.additions);
        self.end(event_type, &id, Some(rest.start), rest.at, word, &mut outputs);
        self.finish(outputs)
    }
}

/// The session's id as it is delivered, and what it is remembered under.
pub(super) fn session<'a>(event: &'a IdentityEvent<'_>) -> Option<(Cow<'a, str>, Fingerprint)> {
    let id = event.session.as_deref()?;
    let realm = event.realm.as_deref().unwrap_or_default();
    Some((ids::session_id(id), Fingerprint::of(&[&event.provider, realm, id])))
}

fn cause(outputs: &Outputs<'_>) -> Cause {
    Cause { event: Fingerprint::of(&[outputs.source_key()]), time: outputs.time() }
}

/// What opened the session: the event, at the time that it states for that or at its own.
fn opening(event: &IdentityEvent<'_>, by: Cause) -> Cause {
    Cause { time: event.session_start.map_or(by.time, |start| start.min(by.time)), ..by }
}

/// An event about a session, with what is remembered of whose the session is.
fn completed(event: &IdentityEvent<'_>, owner: &Owner) -> IdentityEvent<'static> {
    let own = |text: &Cow<'_, str>| Cow::Owned(text.clone().into_owned());
    IdentityEvent {
        id: event.id.as_ref().map(own),
        reason: event.reason.as_ref().map(own),
        time: event.time,
        ..owner.whose().event(Kind::SessionStopped)
    }
}

pub(super) fn reason<'a>(event: &'a IdentityEvent<'_>) -> &'a str {
    event.reason.as_deref().unwrap_or_default()
}

/// How long a session lasted, in milliseconds. Clocks that disagree make it no less than nothing; none
/// over the 24.8 days that the wire's 32 bits hold.
fn duration(start: Timestamp, stop: Timestamp) -> Option<i32> {
    i32::try_from((stop.0 - start.0).max(0)).ok()
}
