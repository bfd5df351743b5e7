//! Writes the app events of one record: their ids, attributes and sessions.
//!
//! Knows nothing of the session index, vendors and destinations. Personal data (address, user name, e-mail,
//! user agent) is left out unless the configuration adds it. No attribute is empty.

use std::{borrow::Cow, sync::Arc};

use crate::core::{
    event::{AppEvent, Attribute, Delivery, Endpoint, EndpointId, EventType, Origin, Session},
    identity::IdentityEvent,
    map::{
        endpoint::{Additions, Common},
        ids::{self, EndpointOwner},
    },
    time::Timestamp,
};

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
            for_each_session: false,
        }
    }

    /// Puts the session into the ids of the events, because the source event is about several sessions.
    pub(super) fn for_each_session(self) -> Self {
        Self { for_each_session: true, ..self }
    }

    /// Sets the client that the session was opened for, which routes select by.
    pub(super) fn opened_for(mut self, client: &str) -> Self {
        if let Some(origin) = &mut self.origin {
            Arc::make_mut(origin).client = Some(client.into());
        }
        self
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
        session: Option<Session>,
        own: &[(&'static str, &str)],
    ) {
        let of = self.event.session.as_deref().filter(|_| self.for_each_session);
        let id = ids::event_id(&self.source_key, event_type, of).into_boxed_str();
        let event = AppEvent {
            attributes: self.attributes(&id, own),
            id,
            event_type,
            timestamp: self.time,
            session,
            metrics: self.common.metrics.clone(),
            app: self.common.app.clone(),
        };
        self.deliveries.push(Delivery {
            origin: self.origin.clone(),
            endpoint_id: self.endpoint_id.clone(),
            endpoint: Arc::clone(&self.endpoint),
            event: Arc::new(event),
        });
    }

    pub(super) fn finish(self) -> Vec<Delivery> {
        self.deliveries
    }

    /// The event's id is an attribute too: the stream that people read downstream has no event ids, and its
    /// readers can de-duplicate by this attribute.
    fn attributes(&self, event_id: &str, own: &[(&'static str, &str)]) -> Vec<Attribute> {
        let event = self.event;
        let text = |field: &'a Option<Cow<'a, str>>| field.as_deref().unwrap_or_default();
        let common = [
            ("event_id", event_id),
            ("source_event_id", text(&event.id)),
            ("realm", text(&event.realm)),
            ("client_id", text(&event.client)),
        ];
        let with_value = common.iter().chain(own).filter(|(_, value)| !value.is_empty());
        // Many events may wait for a long time, so the vector has no spare room.
        let mut attributes = Vec::with_capacity(with_value.clone().count() + self.common.attributes.len());
        attributes.extend(with_value.map(|(key, value)| (Cow::Borrowed(*key), Arc::from(*value))));
        attributes.extend_from_slice(&self.common.attributes);
        attributes
    }
}
