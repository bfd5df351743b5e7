//! Writes the app events of one record: their ids, attributes and sessions.
//!
//! Knows nothing of the session index, vendors and destinations. Personal data (address, user name, e-mail,
//! user agent) is left out unless the configuration adds it. No attribute is empty.

use std::{borrow::Cow, sync::Arc};

use crate::core::{
    event::{AppEvent, Attributes, Delivery, Endpoint, EndpointId, EventType, Origin, Session},
    identity::IdentityEvent,
    map::{
        endpoint::{Additions, Common},
        ids::{self, EndpointOwner},
        shared_texts::share,
    },
    time::Timestamp,
};

/// The usual length of the texts of an event together, in bytes.
const TEXTS: usize = 256;

/// A session as an event states it.
pub(super) struct StatedSession<'a> {
    pub(super) id: &'a str,
    pub(super) start: Timestamp,
    /// When it ended or paused, and its duration until then in milliseconds.
    pub(super) stop: Option<(Timestamp, i64)>,
}

/// The app events of one record, all on one endpoint.
pub(super) struct Outputs<'a> {
    event: &'a IdentityEvent<'a>,
    source_key: Cow<'a, str>,
    time: Timestamp,
    endpoint_id: EndpointId,
    endpoint: Arc<Endpoint>,
    common: Common,
    origin: Option<Arc<Origin>>,
    deliveries: Vec<Delivery>,
    /// Where the texts of an event are put together.
    texts: String,
    /// Whether each event is about a different session.
    for_each_session: bool,
}

impl<'a> Outputs<'a> {
    /// Creates an empty list of events for what happened at `time` to the endpoint of `owner`. Their ids
    /// begin with `source_key`, and they carry what the configuration adds.
    pub(super) fn new(
        event: &'a IdentityEvent<'a>,
        source_key: Cow<'a, str>,
        owner: &EndpointOwner<'_>,
        time: Timestamp,
        additions: &Additions,
    ) -> Self {
        Self {
            event,
            source_key,
            time,
            endpoint_id: additions.endpoint_id(event, owner),
            endpoint: Arc::new(additions.endpoint(event, owner)),
            common: additions.common(event),
            origin: additions.origin(event),
            deliveries: Vec::with_capacity(2),
            texts: String::with_capacity(TEXTS),
            for_each_session: false,
        }
    }

    /// Puts the session into the ids of the events, because the source event is about several sessions.
    pub(super) fn for_each_session(self) -> Self {
        Self { for_each_session: true, ..self }
    }

    /// The origin of the events, if routes need it.
    pub(super) fn origin_mut(&mut self) -> Option<&mut Origin> {
        self.origin.as_mut().map(Arc::make_mut)
    }

    /// The key that distinguishes the source event from others.
    pub(super) fn source_key(&self) -> &str {
        &self.source_key
    }

    pub(super) fn time(&self) -> Timestamp {
        self.time
    }

    /// Adds an event with attributes of its own, in addition to those that all events have.
    pub(super) fn push(
        &mut self,
        event_type: EventType,
        session: Option<StatedSession<'_>>,
        own: &[(&'static str, &str)],
    ) {
        let of = self.event.session.as_deref().filter(|_| self.for_each_session);
        ids::write_event_id(&self.source_key, event_type, of, &mut self.texts);
        let text = |field: &'a Option<Cow<'a, str>>| field.as_deref().unwrap_or_default();
        let common = [
            ("source_event_id", text(&self.event.id)),
            ("realm", text(&self.event.realm)),
            ("client_id", text(&self.event.client)),
        ];
        let with_value = common.iter().chain(own).filter(|(_, value)| !value.is_empty());
        let values = with_value.clone().map(|(_, value)| *value);
        let (id, mut shared) =
            share(&mut self.texts, values.clone().chain(session.as_ref().map(|session| session.id)));
        // Many events may wait for a long time, so an allocation would have no spare room.
        let mut attributes = Attributes::with_capacity(1 + values.count() + self.common.attributes.len());
        // The event's id is an attribute too: the stream that people read downstream has no event ids, and its
        // readers can de-duplicate by this attribute.
        attributes.push(("event_id".into(), id.clone()));
        // The keys run out first, so the text after those of the attributes is the session's.
        attributes.extend(with_value.map(|(key, _)| (*key).into()).zip(shared.by_ref()));
        attributes.extend(self.common.attributes.iter().cloned());
        let session = session.zip(shared.next());
        let session = session.map(|(StatedSession { start, stop, .. }, id)| Session { id, start, stop });
        let event = AppEvent {
            id,
            event_type,
            timestamp: self.time,
            session,
            attributes,
            metrics: self.common.metrics.clone(),
            app: self.common.app.clone(),
        };
        self.deliveries.push(Delivery {
            origin: self.origin.clone(),
            endpoint_id: self.endpoint_id,
            endpoint: Arc::clone(&self.endpoint),
            event: Arc::new(event),
        });
    }

    pub(super) fn finish(self) -> Vec<Delivery> {
        self.deliveries
    }
}
