//! Turns identity events into app events on endpoints: the second of two steps.
//!
//! Knows nothing of vendors, batches, offsets and destinations. Values are passed on as they are found, and
//! each destination truncates its own copy. A record always becomes the same events: their ids and endpoints
//! depend on the record alone, and their content depends only on the record and on what the session index
//! holds about the session (invariant 11).
//!
//! | what happened | becomes |
//! |---|---|
//! | sign-in | `_userauth.sign_in`, and with a session `_session.start` if it opened it, else `_session.resume` |
//! | sign-up | `_userauth.sign_up` |
//! | failed sign-in | `_userauth.auth_fail`, attribute `error` |
//! | session started | `_session.start` if it opened it, else `_session.resume` |
//! | session resumed, paused | `_session.resume`, `_session.pause` |
//! | session stopped | `_session.stop`, attribute `reason`; nothing if another event had stopped it |
//! | all sessions of a user stopped | `_session.stop` for each that is known to be open |
//! | activity | nothing, but the session stays remembered; `_session.resume` if it had been reported as paused |
//! | no activity for too long | `_session.pause`, `_session.stop`, if these are configured |
//!
//! An unknown start is never made up: the stop then has no session object, but has the attributes
//! `session_id` and `session_start_unknown`. If the source does not name the session, `session_id` is missing
//! too. A sign-in counts as the start of its session if the session began before this process did, or if this
//! process has forgotten it.

use std::{borrow::Cow, sync::Arc};

use crate::core::{
    decode::{self, Choice, Decoder, Format},
    event::{EventType, Mapped, Refusal},
    identity::{
        IdentityEvent, Kind,
        reason::{Ignored, Refused, Unmapped},
    },
    map::{
        config::{SessionsConfig, endpoint::FailedSignIn},
        doubtful_formats::DoubtfulFormats,
        endpoint::Additions,
        ids::{EndpointOwner, SourceKeys},
        mapped_record::{MappedEvent, MappedRecord},
        outputs::Outputs,
        session_event::{reason, session},
        sessions::Sessions,
    },
    record::Record,
    redrive::{
        config::RedriveConfig,
        seal::{Opened, Seal},
    },
    session_table::Entry,
    time::{Moment, Timestamp},
};

mod agent;
pub mod config;
mod doubtful_formats;
pub mod endpoint;
mod fields;
mod ids;
mod lifecycle;
mod mapped_record;
mod outputs;
mod session_event;
mod sessions;
mod shared_texts;

pub use doubtful_formats::DoubtfulFormat;

/// Maps records one by one, in the order in which they were read.
pub struct Mapper {
    decoder: Decoder,
    sessions: Sessions,
    additions: Arc<Additions>,
    session_start_unknown: u64,
    time_fallback: u64,
    recognised: [u64; Format::ALL.len()],
    doubtful_formats: DoubtfulFormats,
    seal: Option<Seal>,
    redriven: u64,
    redrives_forged: u64,
}

pub struct Mapping {
    /// The app events, or the reason why there are none.
    pub mapped: Mapped,
    /// The entries that the session table must hold before the events are sent.
    pub entries: Vec<Entry>,
}

/// The counts of the mapping. All counts but `sessions` only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MappingCounts {
    /// Sessions that are remembered now.
    pub sessions: u64,
    /// Sessions forgotten because there were too many.
    pub sessions_evicted_by_number: u64,
    /// Sessions forgotten because they had no event for too long.
    pub sessions_evicted_by_age: u64,
    /// Events of sessions whose start was not known.
    pub session_start_unknown: u64,
    /// Openings of sessions whose owner is too long to be remembered.
    pub owners_left_out: u64,
    /// Openings that were replaced by an earlier one from another replica: both were sent as starts.
    pub openings_replaced: u64,
    /// Closings that were replaced by an earlier one from another replica: both were sent as stops.
    pub closings_replaced: u64,
    /// Entries of the session table that this version cannot read.
    pub entries_unreadable: u64,
    /// Events without a readable time, for which the record's timestamp was used.
    pub time_fallback: u64,
    /// Records by the format in which they were read, in the order of [`Format::ALL`].
    pub recognised: [u64; Format::ALL.len()],
    /// Redriven records whose header counted.
    pub redriven: u64,
    /// Headers of redriven records that did not count.
    pub redrives_forged: u64,
}

impl MappingCounts {
    /// Records by the name of the format in which they were read.
    pub fn formats(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Format::ALL.map(Format::name).into_iter().zip(self.recognised)
    }
}

impl Mapper {
    /// Creates a mapper that remembers no sessions.
    #[must_use]
    pub fn new(decoder: Decoder, config: &SessionsConfig) -> Self {
        Self {
            decoder,
            sessions: Sessions::new(config),
            additions: Arc::default(),
            session_start_unknown: 0,
            time_fallback: 0,
            recognised: [0; Format::ALL.len()],
            doubtful_formats: DoubtfulFormats::default(),
            seal: None,
            redriven: 0,
            redrives_forged: 0,
        }
    }

    /// Sets the secret that opens the headers of redriven records. Without it no such header counts.
    #[must_use]
    pub fn unsealing(self, config: &RedriveConfig) -> Self {
        Self { seal: config.secret.as_ref().map(Seal::new), ..self }
    }

    /// Shares the mapper's sessions with other replicas. The caller sends them [`Mapping::entries`], and
    /// passes their entries to [`Mapper::learn`].
    #[must_use]
    pub fn sharing(mut self) -> Self {
        self.sessions.share();
        self
    }

    /// Sets the additions to events and endpoints that the configuration asks for.
    #[must_use]
    pub fn with(self, additions: Additions) -> Self {
        Self { additions: Arc::new(additions), ..self }
    }

    /// Sets the current time of the process's wall clock. It never changes the time of an event; it only
    /// prevents sessions from counting as idle because another clock is ahead.
    pub fn set_wall_clock(&mut self, now: Timestamp) {
        self.sessions.set_wall_clock(now);
    }

    /// Opens the header of a record that may have been redriven. Must be called before the record is mapped.
    pub fn unseal(&mut self, record: &mut Record) {
        match Seal::open(self.seal.as_ref(), record) {
            Opened::Absent => {}
            Opened::Authentic(redriven) => {
                self.redriven += 1;
                record.redriven = Some(Arc::new(redriven));
            }
            Opened::Forged => self.redrives_forged += 1,
        }
    }

    /// Maps `record`. `now` must not go back from call to call.
    pub fn map(&mut self, record: &Record, now: Moment) -> Mapping {
        let mut mapped = self.mapped(record, now);
        let mut entries = self.sessions.take_unwritten();
        // The first entries make the record wait at the session barrier, which asks for the others.
        if let Mapped::InPortions(portions) = &mut mapped
            && entries.is_empty()
        {
            entries = portions.next_entries().unwrap_or_default();
        }
        Mapping { mapped, entries }
    }

    fn mapped(&mut self, record: &Record, now: Moment) -> Mapped {
        self.sessions.forget_aged(now);
        let decoded = self.decoder.decode(record);
        if let Some(format) = decoded.format {
            self.recognised[format.index()] += 1;
        }
        let mut keys = SourceKeys::new(record, decoded.events.len());
        let (mut whole, mut ignored, mut refused) = (MappedRecord::default(), None, None);
        for item in &decoded.events {
            let mapped = item.as_ref().map_err(|reason| *reason);
            match mapped.and_then(|event| self.map_event(event, keys.key(event), record, now)) {
                Ok(mapped) => whole.push(mapped, |stops| self.sessions.write(stops.entries())),
                Err(Unmapped::Ignored(reason)) => ignored = ignored.or(Some(reason)),
                Err(Unmapped::Refused(reason)) => refused = refused.or(Some(reason)),
            }
        }
        let rest = self.rest(record, &decoded.events);
        if !rest.is_empty() {
            whole.push(MappedEvent::Events(rest), |_| {});
        }
        let mapped = whole.finish(refused.map(Refusal::from), ignored.unwrap_or(Ignored::Empty).code());
        // Redriven records were refused once, and are no sample of their topic.
        if record.redriven.is_none() && self.decoder.choice(&record.topic) == Choice::Auto {
            let ignored = ignored.filter(|_| matches!(mapped, Mapped::Ignored(_)));
            self.doubtful_formats.observe(&record.topic, decoded.format, ignored);
        }
        mapped
    }

    /// Merges an entry of the session table into the session index. Returns the merged entry if it differs
    /// from the table's.
    pub fn learn(&mut self, entry: &Entry, now: Moment) -> Option<Entry> {
        self.sessions.forget_aged(now);
        self.sessions.learn(entry, now)
    }

    /// The doubts about formats that have arisen since the last call; each arises once.
    pub fn take_new_doubts(&mut self) -> Vec<DoubtfulFormat> {
        self.doubtful_formats.take_new()
    }

    /// The topics whose format was recognised, probably wrongly, because most of their records are ignored.
    #[must_use]
    pub fn doubtful_formats(&self) -> Vec<DoubtfulFormat> {
        self.doubtful_formats.current()
    }

    #[must_use]
    pub fn counts(&self) -> MappingCounts {
        let lost = self.sessions.counts();
        MappingCounts {
            sessions: self.sessions.len() as u64,
            sessions_evicted_by_number: lost.evicted_by_number,
            sessions_evicted_by_age: lost.evicted_by_age,
            session_start_unknown: self.session_start_unknown,
            owners_left_out: lost.unowned,
            openings_replaced: lost.openings_replaced,
            closings_replaced: lost.closings_replaced,
            entries_unreadable: lost.unreadable,
            time_fallback: self.time_fallback,
            recognised: self.recognised,
            redriven: self.redriven,
            redrives_forged: self.redrives_forged,
        }
    }

    fn map_event(
        &mut self,
        event: &IdentityEvent<'_>,
        key: Cow<'_, str>,
        record: &Record,
        now: Moment,
    ) -> Result<MappedEvent, Unmapped> {
        let outputs = match event.kind {
            Kind::SignIn => self.sign_in(event, key, record, now)?,
            Kind::SignUp => self.userauth(event, key, record, EventType::SignUp)?,
            Kind::SignInFailed => self.userauth(event, key, record, EventType::AuthFail)?,
            Kind::SessionStarted => self.start(event, key, record, now)?,
            Kind::SessionResumed => self.go_on(event, key, record, now)?,
            Kind::SessionPaused => self.pause(event, key, record, now)?,
            Kind::SessionStopped if event.user.is_none() => {
                let whole = self.completed(event)?;
                return Ok(MappedEvent::Events(self.stop(&whole, key, record, now)?.finish()));
            }
            Kind::SessionStopped => self.stop(event, key, record, now)?,
            Kind::SessionsStopped => return self.stop_all(event, key, record).map(MappedEvent::Stops),
            Kind::Activity => return self.activity(event, &key, record, now).map(MappedEvent::Events),
        };
        Ok(MappedEvent::Events(outputs.finish()))
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

    fn outputs<'a>(
        &mut self,
        event: &'a IdentityEvent<'a>,
        key: Cow<'a, str>,
        record: &Record,
    ) -> Result<Outputs<'a>, Unmapped> {
        let owner = endpoint_owner(event)?;
        if matches!(owner, EndpointOwner::UnknownUser(_))
            && self.additions.failed_sign_in() == FailedSignIn::Drop
        {
            return Err(Ignored::UnknownUser.into());
        }
        let time = self.time(event, record)?;
        let mut outputs = Outputs::new(event, key, &owner, time, &self.additions);
        if let Some(origin) = outputs.origin_mut()
            && let Some((_, session)) = session(event)
            && let Some(client) = self.sessions.client(session)
        {
            // Routes select by the client that the session was opened for.
            origin.client = Some(client.into());
        }
        Ok(outputs)
    }

    /// The time of the event, or the record's timestamp if the event has no readable time.
    fn time(&mut self, event: &IdentityEvent<'_>, record: &Record) -> Result<Timestamp, Refused> {
        if let Some(time) = event.time {
            return Ok(time);
        }
        let time = record.original().timestamp.and_then(decode::time::of_record);
        self.time_fallback += u64::from(time.is_some());
        time.ok_or(Refused::NoTime)
    }
}

/// The owner of the endpoint that the event goes to. The user may be unknown only if the sign-in failed.
fn endpoint_owner<'a>(event: &'a IdentityEvent<'_>) -> Result<EndpointOwner<'a>, Ignored> {
    match (&event.user, event.user_name.as_deref()) {
        (Some(user), _) => Ok(EndpointOwner::User(user)),
        (None, Some(name)) if event.kind == Kind::SignInFailed && !name.trim().is_empty() => {
            Ok(EndpointOwner::UnknownUser(name))
        }
        _ => Err(Ignored::NoUser),
    }
}

#[cfg(test)]
pub(crate) mod tests;
