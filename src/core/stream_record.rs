//! The stream record: one app event with its endpoint as a JSON object, as readers of Pinpoint's event stream
//! know it. Every destination that is not Pinpoint writes these records, so their readers can stay.
//!
//! A record is written once, straight into bytes. What is not known is left out. Knows nothing of
//! destinations and of the clock. What always holds: the record depends only on the event, its endpoint and
//! the configuration, except for `arrival_timestamp`. `schemas/stream-record.json` describes it.

use serde_json::Value;

use self::{config::RecordConfig, locale::Locale};
use crate::core::{
    destination::Request,
    event::{App, AppEvent, Demographic, Endpoint, EndpointId, Session},
    json::{Key, Length, Object, Sink},
    time::Timestamp,
    units::Switch,
};

pub mod config;
pub(crate) mod endpoint;
mod fit;
mod locale;
pub mod schema;

pub use fit::{FIELDS, fit};

/// The version of Pinpoint's event stream that the records have.
const VERSION: &str = "3.1";

/// The time whose text is longest.
const LONGEST: Timestamp = Timestamp(i64::MIN);

/// What a record states.
#[derive(Clone, Copy)]
pub struct StreamRecord<'a> {
    pub config: &'a RecordConfig,
    pub endpoint_id: &'a EndpointId,
    pub endpoint: &'a Endpoint,
    pub event: &'a AppEvent,
}

impl StreamRecord<'_> {
    /// Adds the record to `bytes`. It is sent at `arrival`.
    pub fn write(&self, arrival: Timestamp, bytes: &mut Vec<u8>) {
        Object::write(bytes, |fields| self.fields(fields, arrival));
    }

    /// The record for people to read. It is sent at `arrival`.
    #[must_use]
    pub fn value(&self, arrival: Timestamp) -> Value {
        let mut bytes = Vec::new();
        self.write(arrival, &mut bytes);
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// The maximum number of bytes that the record takes, whenever it is sent.
    #[must_use]
    pub fn max_bytes(&self) -> usize {
        let mut length = Length::default();
        Object::write(&mut length, |fields| self.fields(fields, LONGEST));
        length.len()
    }

    fn fields<S: Sink>(&self, fields: &mut Object<'_, S>, arrival: Timestamp) {
        let Self { config, endpoint_id, endpoint, event } = *self;
        fields.text("event_type", event.event_type.name());
        time(fields, "event_timestamp", event.timestamp);
        time(fields, "arrival_timestamp", arrival);
        fields.text("event_version", VERSION);
        fields.object("application", |fields| application(fields, config, event.app.as_deref()));
        fields.object("client", |fields| fields.text("client_id", &endpoint_id.0));
        if let Some(about) = &endpoint.demographic {
            fields.object_if_any("device", |fields| device(fields, about));
        }
        if let Some(its) = &event.session {
            fields.object("session", |fields| session(fields, its));
        }
        fields.object("attributes", |fields| attributes(fields, event));
        fields.object("metrics", |fields| metrics(fields, event));
        if config.client_context == Switch::On {
            fields.object("client_context", |fields| self.client_context(fields));
        }
        fields.object("endpoint", |fields| self.endpoint(fields));
        fields.text_if_any("awsAccountId", config.account_id.as_deref());
    }

    fn endpoint<S: Sink>(&self, fields: &mut Object<'_, S>) {
        fields.text("Id", &self.endpoint_id.0);
        fields.text("ApplicationId", &self.config.app_id);
        fields.text("EndpointStatus", "ACTIVE");
        endpoint::fields(fields, self.endpoint);
    }

    /// Writes the endpoint once more, as a text.
    fn client_context<S: Sink>(&self, fields: &mut Object<'_, S>) {
        let mut bytes = Vec::new();
        Object::write(&mut bytes, |fields| self.endpoint(fields));
        let text = str::from_utf8(&bytes).unwrap_or_default();
        fields.object("custom", |fields| fields.text("endpoint", text));
    }
}

/// The records of a request, in order.
pub fn of_request<'r>(
    config: &'r RecordConfig,
    request: &'r Request,
) -> impl Iterator<Item = StreamRecord<'r>> {
    request.endpoints.iter().flat_map(move |batch| {
        let (endpoint_id, endpoint) = (&batch.endpoint_id, &*batch.endpoint);
        batch.events.iter().map(move |event| StreamRecord { config, endpoint_id, endpoint, event })
    })
}

fn application<S: Sink>(fields: &mut Object<'_, S>, config: &RecordConfig, app: Option<&App>) {
    fields.text("app_id", &config.app_id);
    if let Some(app) = app {
        fields.text_if_any("package_name", app.package_name.as_deref());
        fields.text_if_any("title", app.title.as_deref());
        fields.text_if_any("version_code", app.version_code.as_deref());
    }
    fields.object("sdk", |_| {});
}

fn device<S: Sink>(fields: &mut Object<'_, S>, about: &Demographic) {
    if let Some(text) = about.locale.as_deref() {
        let locale = Locale::of(text);
        fields.object_if_any("locale", |fields| {
            fields.text("code", &locale.code);
            fields.text("language", locale.language);
            fields.text_if_any("country", locale.country);
        });
    }
    fields.text_if_any("make", about.make.as_deref());
    fields.text_if_any("model", about.model.as_deref());
    fields.object_if_any("platform", |fields| {
        fields.text_if_any("name", about.platform.as_deref());
        fields.text_if_any("version", about.platform_version.as_deref());
    });
}

fn session<S: Sink>(fields: &mut Object<'_, S>, session: &Session) {
    fields.text("session_id", &session.id);
    time(fields, "start_timestamp", session.start);
    if let Some((stop, _)) = session.stop {
        time(fields, "stop_timestamp", stop);
    }
}

fn attributes<S: Sink>(fields: &mut Object<'_, S>, event: &AppEvent) {
    for (key, value) in &event.attributes {
        fields.text(Key::of(key), value);
    }
}

fn metrics<S: Sink>(fields: &mut Object<'_, S>, event: &AppEvent) {
    // JSON has no other numbers.
    for (key, value) in event.metrics.iter().filter(|(_, value)| value.is_finite()) {
        fields.formatted(Key::of(key), format_args!("{value:?}"));
    }
}

/// Writes a time as a number of milliseconds since 1970.
fn time<S: Sink>(fields: &mut Object<'_, S>, key: &'static str, at: Timestamp) {
    fields.formatted(key, format_args!("{}", at.0));
}

#[cfg(test)]
mod tests;
