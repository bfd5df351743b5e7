//! Why a record becomes no app event: a closed set of codes, each with its meaning.
//!
//! The codes are labels of metrics and headers of dead letters, so they are a public contract. The messages
//! are this program's own and never quote a record.

use thiserror::Error;

use crate::core::{code::Code, event::Refusal};

/// Why a record becomes no app event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmapped {
    /// The record was ignored on purpose, because there is nothing to deliver.
    Ignored(Ignored),
    /// The record cannot be read, and goes to the dead letters.
    Refused(Refused),
}

/// Why there is nothing to deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// `tombstone`: the record has no value, or an empty one.
    Tombstone,
    /// `admin_event`: an administrator did this, not the person.
    AdminEvent,
    /// `type_not_mapped`: events of this type are not mapped.
    TypeNotMapped,
    /// `client_failure`: a sign-in failed because of a broken client or an outdated page.
    ClientFailure,
    /// `activity`: a session was used, which is remembered but not sent.
    Activity,
    /// `no_user`: an event about a user does not name the user; for a failed sign-in, not even by user name.
    NoUser,
    /// `unknown_user`: a failed sign-in of an unknown user, which the configuration drops.
    UnknownUser,
    /// `session_already_closed`: another event stopped the session before.
    SessionAlreadyClosed,
    /// `session_not_known`: the end of a session names no user, and the session is not remembered.
    SessionNotKnown,
    /// `no_open_session`: all sessions of a user ended, but no open session of the user is known.
    NoOpenSession,
    /// `no_session`: a session started, paused or resumed, but the event does not name it.
    NoSession,
    /// `deleted_row`: a row of a table was deleted, which is not an event.
    DeletedRow,
    /// `empty`: a record that may contain many events contains none.
    Empty,
}

/// Why a record cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    #[error("the value is not JSON in UTF-8, or holds a text or number that cannot be read")]
    NotJson,
    #[error("the value is several JSON values, one after the other: each needs a record of its own")]
    SeveralValues,
    /// The payload follows the id of a schema, as Confluent's serializers write it.
    #[error("the value is Avro, Protobuf or another binary format behind the id of a schema: write JSON")]
    NotJsonInSchema,
    /// The runtime marks each part but the last, which looks like a line of its own.
    #[error(
        "the value is part of a line that the container runtime split: the log shipper must join the parts"
    )]
    PartialLine,
    #[error("the value is JSON, but not an object")]
    NotAnEvent,
    #[error("the value has more parts, is nested deeper, or gives its events longer ids than any provider")]
    TooLarge,
    #[error("the value has the shape of no format that is known; see source.format")]
    Unrecognised,
    #[error("the value has not the shape of the format that source.format or source.formats names")]
    NotTheFormat,
    #[error("the event does not say of what type it is")]
    NoType,
    #[error("an id or the type is neither text nor a whole number")]
    FieldNotText,
    /// The field is one of our own format, which knows what it expects, or of a filter's output.
    #[error("the field `{field}` must be {expected}")]
    FieldInvalid {
        /// The field's name, preceded by the name of the object that contains it.
        field: &'static str,
        /// The values that are allowed.
        expected: &'static str,
    },
    #[error("the filter of source.custom failed on the record, or did not yield identity events")]
    FilterFailed,
    #[error("the record becomes more events than one record may")]
    TooManyEvents,
    #[error("neither the event nor the record says when it happened")]
    NoTime,
}

impl Ignored {
    pub const ALL: [Self; 13] = [
        Self::Tombstone,
        Self::AdminEvent,
        Self::TypeNotMapped,
        Self::ClientFailure,
        Self::Activity,
        Self::NoUser,
        Self::UnknownUser,
        Self::SessionAlreadyClosed,
        Self::SessionNotKnown,
        Self::NoOpenSession,
        Self::NoSession,
        Self::DeletedRow,
        Self::Empty,
    ];

    /// The code for labels and logs.
    #[must_use]
    pub const fn code(self) -> Code {
        Code(match self {
            Self::Tombstone => "tombstone",
            Self::AdminEvent => "admin_event",
            Self::TypeNotMapped => "type_not_mapped",
            Self::ClientFailure => "client_failure",
            Self::Activity => "activity",
            Self::NoUser => "no_user",
            Self::UnknownUser => "unknown_user",
            Self::SessionAlreadyClosed => "session_already_closed",
            Self::SessionNotKnown => "session_not_known",
            Self::NoOpenSession => "no_open_session",
            Self::NoSession => "no_session",
            Self::DeletedRow => "deleted_row",
            Self::Empty => "empty",
        })
    }
}

impl Refused {
    /// One value of each kind.
    pub const ALL: [Self; 14] = [
        Self::NotJson,
        Self::SeveralValues,
        Self::NotJsonInSchema,
        Self::PartialLine,
        Self::NotAnEvent,
        Self::TooLarge,
        Self::Unrecognised,
        Self::NotTheFormat,
        Self::NoType,
        Self::FieldNotText,
        Self::FieldInvalid { field: "", expected: "" },
        Self::FilterFailed,
        Self::TooManyEvents,
        Self::NoTime,
    ];

    /// The code for labels, logs and dead letters.
    #[must_use]
    pub const fn code(self) -> Code {
        Code(match self {
            Self::NotJson => "not_json",
            Self::SeveralValues => "several_values",
            Self::NotJsonInSchema => "not_json_in_schema",
            Self::PartialLine => "partial_line",
            Self::NotAnEvent => "not_an_event",
            Self::TooLarge => "too_large",
            Self::Unrecognised => "unrecognised",
            Self::NotTheFormat => "not_the_format",
            Self::NoType => "no_type",
            Self::FieldNotText => "field_not_text",
            Self::FieldInvalid { .. } => "field_invalid",
            Self::FilterFailed => "filter_failed",
            Self::TooManyEvents => "too_many_events",
            Self::NoTime => "no_time",
        })
    }
}

impl From<Ignored> for Unmapped {
    fn from(reason: Ignored) -> Self {
        Self::Ignored(reason)
    }
}

impl From<Refused> for Unmapped {
    fn from(reason: Refused) -> Self {
        Self::Refused(reason)
    }
}

impl From<Refused> for Refusal {
    fn from(reason: Refused) -> Self {
        Self { code: reason.code(), message: reason.to_string() }
    }
}
