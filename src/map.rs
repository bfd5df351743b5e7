//! From what happened to app events on endpoints: the second of the two steps.
//!
//! Knows nothing of vendors, batches, offsets and the wire. Holds the rule that a record always becomes
//! the same events: their ids and endpoints depend on the record alone, and their content beside it only
//! on what the session index holds of the session (invariant 11).
//!
//! | what happened | becomes |
//! |---|---|
//! | sign-in | `_userauth.sign_in`, and with a session `_session.start` if it opened it, else `_session.resume` |
//! | sign-up | `_userauth.sign_up` |
//! | failed sign-in | `_userauth.auth_fail`, attribute `error` |
//! | session stopped | `_session.stop`, attribute `reason`; nothing if another event had stopped it |
//! | activity | nothing; the session stays remembered |
//!
//! Of a session whose start is not known none is invented: the stop has no session object, but the
//! attributes `session_id` and `session_start_unknown`. So has, without `session_id`, the end of a session
//! that the source does not name. A person signing in into a session that began before this process, or
//! that it has forgotten, is taken for its start.

use std::borrow::Cow;

use crate::{
    decode::{Decoder, Format, Item},
    event::{Delivery, EventType, Mapped, Refusal, Session},
    identity::{
        IdentityEvent, Kind, PLAUSIBLE_TIMES,
        reason::{Ignored, Refused, Unmapped},
    },
    map::{
        config::{SessionsConfig, endpoint::FailedSignIn},
        endpoint::Additions,
        ids::{Fingerprint, SourceKeys, Whose},
        limits::Limits,
        outputs::Outputs,
        sessions::{Cause, Closed, Opened, Owner, Rest, Sessions},
    },
    moment::{Moment, Timestamp},
    record::Record,
    table::Entry,
};

mod agent;
pub mod config;
pub mod endpoint;
mod fields;
mod ids;
pub mod limits;
mod outputs;
mod sessions;

/// Maps records one by one, in the order in which they were read.
pub struct Mapper {
    decoder: Decoder,
    sessions: Sessions,
    additions: Additions,
    session_start_unknown: u64,
    time_fallback: u64,
    recognised: [u64; Format::ALL.len()],
}

/// What a record becomes.
pub struct Mapping {
    /// What is to be delivered, or why nothing is.
    pub mapped: Mapped,
    /// What must be in the sessions' table before.
    pub entries: Vec<Entry>,
}

/// What the mapping counts; all but `sessions` only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MappingCounts {
    /// Sessions that are remembered now.
    pub sessions: u64,
    /// Sessions forgotten because there were too many.
    pub sessions_evicted_by_number: u64,
    /// Sessions forgotten because nothing was heard of them for too long.
    pub sessions_evicted_by_age: u64,
    /// Events of sessions whose start was not known.
    pub session_start_unknown: u64,
    /// Openings of sessions for which another replica's earlier one stands now: both went out as starts.
    pub openings_replaced: u64,
    /// Closings of sessions for which another replica's earlier one stands now: both went out as stops.
    pub closings_replaced: u64,
    /// Entries of the sessions' table that this version cannot read.
    pub entries_unreadable: u64,
    /// Records whose own time could not be read, so that the record's timestamp stands in for it.
    pub time_fallback: u64,
    /// What the limits of fields cost.
    pub limits: Limits,
    /// Records by what they were taken for, in the order of [`Format::ALL`].
    pub recognised: [u64; Format::ALL.len()],
}

impl MappingCounts {
    /// Records by the name of the format that they were taken for.
    pub fn formats(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Format::ALL.map(Format::name).into_iter().zip(self.recognised)
    }
}

impl Mapper {
    /// A mapper that knows of no session.
    #[must_use]
    pub fn new(decoder: Decoder, config: &SessionsConfig) -> Self {
        Self {
            decoder,
            sessions: Sessions::new(config),
            additions: Additions::default(),
            session_start_unknown: 0,
            time_fallback: 0,
            recognised: [0; Format::ALL.len()],
        }
    }

    /// The same, sharing its sessions with other replicas: what they must hear of comes with what a record
    /// becomes, and what they say goes to [`Mapper::learn`].
    #[must_use]
    pub fn sharing(mut self) -> Self {
        self.sessions.share();
        self
    }

    /// The same, with what the configuration adds to events and endpoints.
    #[must_use]
    pub fn with(self, additions: Additions) -> Self {
        Self { additions, ..self }
    }

    /// What `record` becomes. `now` must not go back from call to call.
    pub fn map(&mut self, record: &Record, now: Moment) -> Mapping {
        let mapped = self.mapped(record, now);
        Mapping { mapped, entries: self.sessions.take_unwritten() }
    }

    fn mapped(&mut self, record: &Record, now: Moment) -> Mapped {
        self.sessions.forget_aged(now);
        let decoded = self.decoder.decode(record);
        self.count(decoded.format);
        let mut keys = SourceKeys::new(record, decoded.events.len());
        let (mut deliveries, mut ignored, mut refused) = (Vec::new(), None, None);
        for item in &decoded.events {
            let mapped = item.as_ref().map_err(|reason| *reason).and_then(|event| {
                let key = keys.key(event);
                self.deliveries(event, key, record, now)
            });
            match mapped {
                Ok(events) if deliveries.is_empty() => deliveries = events,
                Ok(events) => deliveries.extend(events),
                Err(Unmapped::Ignored(reason)) => ignored = ignored.or(Some(reason)),
                Err(Unmapped::Refused(reason)) => refused = refused.or(Some(reason)),
            }
        }
        deliveries.extend(self.rest(record, &decoded.events));
        match refused.map(Refusal::from) {
            None if deliveries.is_empty() => Mapped::Ignored(ignored.unwrap_or(Ignored::Empty).code()),
            None => Mapped::Deliver(deliveries),
            Some(refusal) if deliveries.is_empty() => Mapped::Refused(refusal),
            Some(refusal) => Mapped::Partly(deliveries, refusal),
        }
    }

    /// Takes over what an entry of the sessions' table says; returns the joined value where it must be
    /// written again, because the table has another one.
    pub fn learn(&mut self, entry: &Entry, now: Moment) -> Option<Entry> {
        self.sessions.forget_aged(now);
        self.sessions.learn(entry, now)
    }

    /// What was counted until now.
    #[must_use]
    pub fn counts(&self) -> MappingCounts {
        let lost = self.sessions.counts();
        MappingCounts {
            sessions: self.sessions.len() as u64,
            sessions_evicted_by_number: lost.evicted_by_number,
            sessions_evicted_by_age: lost.evicted_by_age,
            session_start_unknown: self.session_start_unknown,
            openings_replaced: lost.openings_replaced,
            closings_replaced: lost.closings_replaced,
            entries_unreadable: lost.unreadable,
            time_fallback: self.time_fallback,
            limits: self.additions.limits,
            recognised: self.recognised,
        }
    }

    fn count(&mut self, format: Option<Format>) {
        for (count, each) in self.recognised.iter_mut().zip(Format::ALL) {
            *count += u64::from(format == Some(each));
        }
    }

    fn deliveries(
        &mut self,
        event: &IdentityEvent<'_>,
        key: Cow<'_, str>,
        record: &Record,
        now: Moment,
    ) -> Result<Vec<Delivery>, Unmapped> {
        let outputs = match event.kind {
            Kind::SignIn => self.sign_in(event, key, record, now)?,
            Kind::SignUp => self.userauth(event, key, record, EventType::SignUp)?,
            Kind::SignInFailed => self.userauth(event, key, record, EventType::AuthFail)?,
            Kind::SessionStarted => self.start(event, key, record, now)?,
            Kind::SessionResumed => self.go_on(event, key, record, now)?,
            Kind::SessionPaused => self.pause(event, key, record, now)?,
            Kind::SessionStopped if event.user.is_none() => {
                let whole = self.completed(event)?;
                let outputs = self.stop(&whole, key, record, now)?;
                return Ok(self.finish(outputs));
            }
            Kind::SessionStopped => self.stop(event, key, record, now)?,
            Kind::SessionsStopped => return self.stop_all(event, &key, record),
            Kind::Activity => return self.activity(event, &key, record, now),
        };
        Ok(self.finish(outputs))
    }

    fn finish(&mut self, outputs: Outputs<'_>) -> Vec<Delivery> {
        let (deliveries, limits) = outputs.finish();
        self.additions.limits.add(&limits);
        deliveries
    }

    fn sign_in<'a>(
        &mut self,
        event: &'a IdentityEvent<'a>,
        key: Cow<'a, str>,
        record: &Record,
        now: Moment,
    ) -> Result<Outputs<'a>, Unmapped> {
        let mut outputs = self.outputs(event, key, record)?;
        outputs.push(EventType::SignIn, None, &[]);
        self.open(event, &mut outputs, record, now);
        Ok(outputs)
    }

    fn start<'a>(
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
    fn open<'a>(
        &mut self,
        event: &'a IdentityEvent<'a>,
        outputs: &mut Outputs<'a>,
        record: &Record,
        now: Moment,
    ) -> bool {
        let Some((id, session)) = session(event) else { return false };
        let (event_type, start) =
            match self.sessions.open(session, event, opening(event, outputs), record, now) {
                Opened::Started(start) => (EventType::SessionStart, start),
                Opened::Resumed(start) => (EventType::SessionResume, start),
            };
        outputs.push(event_type, Some(Session { id: id.into(), start, stop: None }), &[]);
        // What is said already ends a pause too.
        self.sessions.used(session, cause(outputs));
        true
    }

    /// A session goes on, which does not open it: its start is known or is not.
    fn go_on<'a>(
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
        self.sessions.used(fingerprint, cause(&outputs));
        Ok(outputs)
    }

    fn pause<'a>(
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

    fn userauth<'a>(
        &mut self,
        event: &'a IdentityEvent<'a>,
        key: Cow<'a, str>,
        record: &Record,
        event_type: EventType,
    ) -> Result<Outputs<'a>, Unmapped> {
        let mut outputs = self.outputs(event, key, record)?;
        outputs.push(event_type, None, &[("error", reason(event))]);
        Ok(outputs)
    }

    fn stop<'a>(
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
    fn stop_all(
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
    fn completed(&self, event: &IdentityEvent<'_>) -> Result<IdentityEvent<'static>, Ignored> {
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
    fn activity(
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

    /// What the record says of sessions that have rested for too long, by the latest time that it states
    /// or, where it states none, by its own.
    fn rest(&mut self, record: &Record, events: &[Item<'_>]) -> Vec<Delivery> {
        let times = events.iter().flatten().filter_map(|event| event.time);
        let latest = times.max().or(record.timestamp).filter(|_| self.sessions.may_rest());
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

    fn outputs<'a>(
        &mut self,
        event: &'a IdentityEvent<'a>,
        key: Cow<'a, str>,
        record: &Record,
    ) -> Result<Outputs<'a>, Unmapped> {
        let whose = whose(event)?;
        if matches!(whose, Whose::Failed(_)) && self.additions.failed_sign_in() == FailedSignIn::Drop {
            return Err(Ignored::UnknownUser.into());
        }
        let time = self.time(event, record)?;
        Ok(Outputs::new(event, key, &whose, time, &mut self.additions))
    }

    /// When it happened; the record's timestamp where the event does not say so readably.
    fn time(&mut self, event: &IdentityEvent<'_>, record: &Record) -> Result<Timestamp, Refused> {
        if let Some(time) = event.time {
            return Ok(time);
        }
        let time = record.timestamp.filter(|time| PLAUSIBLE_TIMES.contains(&time.0));
        self.time_fallback += u64::from(time.is_some());
        time.ok_or(Refused::NoTime)
    }
}

/// Whose endpoint the event goes to. Only of a failed sign-in may the user be unknown.
fn whose<'a>(event: &'a IdentityEvent<'_>) -> Result<Whose<'a>, Unmapped> {
    if let Some(user) = &event.user {
        return Ok(Whose::User(ids::user_id(user)?));
    }
    match event.user_name.as_deref() {
        Some(name) if event.kind == Kind::SignInFailed && !name.trim().is_empty() => Ok(Whose::Failed(name)),
        _ => Err(Ignored::NoUser.into()),
    }
}

/// The session's id as it is delivered, and what it is remembered under.
fn session<'a>(event: &'a IdentityEvent<'_>) -> Option<(Cow<'a, str>, Fingerprint)> {
    let id = event.session.as_deref()?;
    let realm = event.realm.as_deref().unwrap_or_default();
    Some((ids::session_id(id), Fingerprint::of(&[&event.provider, realm, id])))
}

fn cause(outputs: &Outputs<'_>) -> Cause {
    Cause { event: Fingerprint::of(&[outputs.source_key()]), time: outputs.time() }
}

/// What opened the session: the event, at the time that it states for that or at its own.
fn opening(event: &IdentityEvent<'_>, outputs: &Outputs<'_>) -> Cause {
    let cause = cause(outputs);
    Cause { time: event.session_start.map_or(cause.time, |start| start.min(cause.time)), ..cause }
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

fn reason<'a>(event: &'a IdentityEvent<'_>) -> &'a str {
    event.reason.as_deref().unwrap_or_default()
}

/// How long a session lasted, in milliseconds. Clocks that disagree make it no less than nothing; none
/// over the 24.8 days that the wire's 32 bits hold.
fn duration(start: Timestamp, stop: Timestamp) -> Option<i32> {
    i32::try_from((stop.0 - start.0).max(0)).ok()
}

#[cfg(test)]
mod tests;
