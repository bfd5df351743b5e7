//! The rules: their names, the consequence of breaking each, and the message to the caller.
//!
//! Knows nothing of how a rule is checked.

/// A rule of `PutEvents`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::tools::emulator::services::pinpoint) enum Rule {
    /// The body takes 4 MB at most.
    BodySize,
    /// The body is JSON.
    Json,
    /// The body has the model's fields, of the model's types, and no others.
    Model,
    /// The body's root is `{"BatchItem": …}`; the SDKs' `EventsRequest` never appears on the wire.
    Wrapper,
    /// There is at least one event, and at least one for each endpoint.
    NoEvents,
    /// There are 100 events at most, over all endpoints.
    EventCount,
    /// No endpoint, and no event of an endpoint, is written twice.
    RepeatedKey,
    /// An endpoint's id is not empty and has none of `$ { }`.
    EndpointId,
    /// A user's id has none of `$ { }`.
    UserId,
    /// No text in an endpoint is empty.
    EndpointEmptyText,
    /// An endpoint takes 15 KB at most.
    EndpointSize,
    /// An endpoint's texts keep their lengths: attribute keys 50, values 100, model 100, city 75, ….
    EndpointTextLength,
    /// An attribute of an endpoint or a user has 50 values at most.
    EndpointValueCount,
    /// `ChannelType`, `OptOut` and `EndpointStatus` are one of the model's words.
    EndpointWord,
    /// `EffectiveDate` is a UTC time in milliseconds with a literal `Z`.
    EndpointTimestamp,
    /// Latitude (-90…90) and longitude (-180…180) come together and within their ranges.
    Coordinates,
    /// The country is a code of two or three capital letters (ISO 3166-1).
    Country,
    /// A user has at most 15 endpoints of the kinds that count.
    UserEndpoints,
    /// An event's id is not empty.
    EventId,
    /// An event has a type and a timestamp.
    EventRequired,
    /// No text in an event is empty.
    EventEmptyText,
    /// Timestamps are UTC, in milliseconds, with a literal `Z`. Pinpoint was observed to refuse an offset; a
    /// time without a zone, as `datetime.isoformat()` writes it in AWS's own example, is refused here too.
    EventTimestamp,
    /// A session has an id and a start.
    SessionRequired,
    /// A session that has a stop has a duration.
    SessionDuration,
    /// A session's duration is from 0 to 2147483647 milliseconds.
    SessionDurationRange,
    /// A session's duration is the time from its start to its stop.
    SessionDurationSum,
    /// An event has 40 attributes and metrics together, at most.
    EventKeyCount,
    /// The keys of an event's attributes and metrics have 50 characters at most.
    EventKeyLength,
    /// The values of an event's attributes have 200 characters at most.
    EventValueLength,
    /// An event takes 1,000 KB at most.
    EventSize,
    /// An event's type is one of the seven that an identity provider sends.
    EventTypeKnown,
    /// An event's type has 50 characters at most and none of `# : ? \ /`.
    EventTypeText,
}

/// The consequence of breaking a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::tools::emulator::services::pinpoint) enum Consequence {
    /// The violation is only counted: nobody would notice, but the item never reaches the charts.
    Counted,
    /// The item is answered as accepted and dropped.
    Dropped,
    /// The item (endpoint or event) is answered with 400.
    ItemRefused,
    /// The call is answered with an error.
    CallRefused,
}

impl Rule {
    pub(in crate::tools::emulator::services::pinpoint) const fn name(self) -> &'static str {
        self.text().0
    }

    /// The error text of a call that breaks the rule.
    pub(in crate::tools::emulator::services::pinpoint) const fn message(self) -> &'static str {
        self.text().1
    }

    pub(in crate::tools::emulator::services::pinpoint) const fn consequence(self) -> Consequence {
        match self {
            Self::BodySize
            | Self::Json
            | Self::Model
            | Self::Wrapper
            | Self::NoEvents
            | Self::EventCount
            | Self::RepeatedKey => Consequence::CallRefused,
            Self::EventValueLength => Consequence::Dropped,
            Self::SessionDurationSum | Self::EventTypeKnown | Self::EventTypeText => Consequence::Counted,
            _ => Consequence::ItemRefused,
        }
    }

    const fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::BodySize => ("pinpoint.body_size", "The request is larger than 4 MB."),
            Self::Json => ("pinpoint.json", "The request's body is not valid JSON."),
            Self::Model => ("pinpoint.model", "The request's body does not fit the model."),
            Self::Wrapper => ("pinpoint.wrapper", "The body's root is BatchItem, not EventsRequest."),
            Self::NoEvents => ("pinpoint.no_events", "The request or one of its endpoints holds no events."),
            Self::EventCount => ("pinpoint.event_count", "The request holds more than 100 events."),
            Self::RepeatedKey => ("pinpoint.repeated_key", "An endpoint id or event id is written twice."),
            Self::EndpointId => ("pinpoint.endpoint_id", "The endpoint id is empty or holds one of $ { }."),
            Self::UserId => ("pinpoint.user_id", "The user id holds one of $ { }."),
            Self::EndpointEmptyText => {
                ("pinpoint.endpoint_empty_text", "The endpoint holds an empty string.")
            }
            Self::EndpointSize => ("pinpoint.endpoint_size", "The endpoint is larger than 15 KB."),
            Self::EndpointTextLength => {
                ("pinpoint.endpoint_text_length", "A text of the endpoint is too long.")
            }
            Self::EndpointValueCount => {
                ("pinpoint.endpoint_value_count", "An attribute has more than 50 values.")
            }
            Self::EndpointWord => ("pinpoint.endpoint_word", "A word of the endpoint is not an allowed one."),
            Self::EndpointTimestamp => ("pinpoint.endpoint_timestamp", "EffectiveDate is not a UTC time."),
            Self::Coordinates => ("pinpoint.coordinates", "Latitude and longitude are not a valid pair."),
            Self::Country => ("pinpoint.country", "The country is not an ISO 3166-1 code."),
            Self::UserEndpoints => {
                ("pinpoint.user_endpoints", "The user has the maximum number of endpoints: 15.")
            }
            Self::EventId => ("pinpoint.event_id", "The event id is empty."),
            Self::EventRequired => ("pinpoint.event_required", "EventType and Timestamp are required."),
            Self::EventEmptyText => ("pinpoint.event_empty_text", "The event holds an empty string."),
            Self::EventTimestamp => {
                ("pinpoint.event_timestamp", "A timestamp is not a UTC time with milliseconds and Z.")
            }
            Self::SessionRequired => {
                ("pinpoint.session_required", "Session Id and StartTimestamp are required.")
            }
            Self::SessionDuration => ("pinpoint.session_duration", "A StopTimestamp requires a Duration."),
            Self::SessionDurationRange => {
                ("pinpoint.session_duration_range", "The session's Duration is out of range.")
            }
            Self::SessionDurationSum => {
                ("pinpoint.session_duration_sum", "The Duration is not stop less start.")
            }
            Self::EventKeyCount => {
                ("pinpoint.event_key_count", "The event has more than 40 attributes and metrics.")
            }
            Self::EventKeyLength => {
                ("pinpoint.event_key_length", "An attribute's or metric's key is too long.")
            }
            Self::EventValueLength => ("pinpoint.event_value_length", "An attribute's value is too long."),
            Self::EventSize => ("pinpoint.event_size", "The event is larger than 1,000 KB."),
            Self::EventTypeKnown => ("pinpoint.event_type_known", "The event type reaches no chart."),
            Self::EventTypeText => ("pinpoint.event_type_text", "The event type should not be written so."),
        }
    }
}
