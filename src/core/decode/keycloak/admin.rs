//! Keycloak's admin events, which record what an administrator did. Two of them end a person's sessions
//! without a `LOGOUT`; the others are ignored.
//!
//! Knows nothing of user events. The user or session of an event is in its path, not in `authDetails`, which
//! holds the administrator and their realm and address. None of these become part of the identity event.
//!
//! | operation, resource and path | meaning |
//! |---|---|
//! | `ACTION`, `USER`, `users/{id}/logout` | the end of all sessions of the user, reason `admin_logout` |
//! | `DELETE`, `USER_SESSION`, `sessions/{id}` | the end of that session, reason `admin_logout`; the event does not name the user |
//! | anything else, and failed operations, which have an `error` | ignored |
//!
//! | field | names |
//! |---|---|
//! | operation | `operationType`, `operation_type`, `type` or its end (`DELETE`, `USER_SESSION-DELETE`, `admin.USER_SESSION-DELETE`) |
//! | resource | `resourceType`, `resourceTypeAsString`, `resource_type`, the beginning of `type` |
//! | path | `resourcePath`, `resource_path` |
//! | time | `time`, `timestamp`, `dateTime`, `admin_event_time` |

use std::borrow::Cow;

use crate::core::{
    decode::{
        EventResult,
        keycloak::{
            PROVIDER,
            fields::{FieldName, Fields},
        },
        tree::{first, first_id},
    },
    identity::{
        IdentityEvent, Kind,
        reason::{Ignored, Refused},
    },
};

/// The reason for the end of the sessions, as it is delivered.
const REASON: &str = "admin_logout";

/// The operations. Some publishers write them as the type or at its end.
const OPERATIONS: [&str; 4] = ["CREATE", "UPDATE", "DELETE", "ACTION"];

/// The fields of an admin event other than its operation.
const FIELDS: [FieldName; 6] = [
    FieldName::Resource,
    FieldName::ResourceText,
    FieldName::ResourceColumn,
    FieldName::Path,
    FieldName::PathColumn,
    FieldName::AuthDetails,
];

/// Whether this is an admin event, which has an operation and a resource. Most publishers give it no type.
pub(super) fn is_admin_event(fields: &Fields<'_, '_>) -> bool {
    let has = |names: &[FieldName]| fields.word(names).is_some();
    let kind = fields.get(FieldName::Type).str();
    let has_operation =
        || has(&[FieldName::Operation, FieldName::OperationColumn]) || OPERATIONS.contains(&kind);
    let has_resource = || has(&[FieldName::Resource, FieldName::ResourceText, FieldName::ResourceColumn]);
    (fields.has_others && has_operation() && has_resource())
        || kind.starts_with("admin.")
        || ends_with_operation(kind)
}

/// Whether this is the type of an admin event. The types of user events have no hyphen.
fn ends_with_operation(kind: &str) -> bool {
    OPERATIONS.iter().any(|operation| kind.strip_suffix(operation).is_some_and(|rest| rest.ends_with('-')))
}

/// Whether an admin event has fields that only Keycloak writes. A type alone could be any provider's.
pub(super) fn has_fields(fields: &Fields<'_, '_>) -> bool {
    is_admin_event(fields) && fields.has(&FIELDS)
}

/// Splits a type into the resource and the operation, without `admin.`.
fn parts(kind: &str) -> Option<(&str, &str)> {
    kind.strip_prefix("admin.").unwrap_or(kind).rsplit_once('-')
}

/// Decodes an admin event.
pub(super) fn event_of<'a>(fields: &Fields<'_, 'a>) -> EventResult<'a> {
    if fields.get(FieldName::Error).word().is_some() {
        return Err(Ignored::AdminEvent.into());
    }
    let (operation, resource) = what(fields);
    let path = first(fields.each([FieldName::Path, FieldName::PathColumn])).unwrap_or_default();
    let about = |kind| Ok(event(fields, kind)?);
    match (operation.as_deref(), resource.as_deref()) {
        (Some("ACTION"), Some("USER")) => {
            let user = part(&path, |path| path.strip_prefix("users/")?.strip_suffix("/logout"));
            let user = user.ok_or(Ignored::AdminEvent)?;
            about(Kind::SessionsStopped).map(|event| IdentityEvent { user: Some(user), ..event })
        }
        (Some("DELETE"), Some("USER_SESSION")) => {
            let session = part(&path, |path| path.strip_prefix("sessions/"));
            let session = session.ok_or(Ignored::AdminEvent)?;
            about(Kind::SessionStopped).map(|event| IdentityEvent { session: Some(session), ..event })
        }
        _ => Err(Ignored::AdminEvent.into()),
    }
}

/// The operation and the resource.
fn what<'a>(fields: &Fields<'_, 'a>) -> (Option<Cow<'a, str>>, Option<Cow<'a, str>>) {
    let operation = first(fields.each([FieldName::Operation, FieldName::OperationColumn]));
    let resource =
        first(fields.each([FieldName::Resource, FieldName::ResourceText, FieldName::ResourceColumn]));
    let kind = fields.get(FieldName::Type).str();
    let owned = |text: &str| Cow::Owned(text.to_owned());
    if let Some((before, end)) = parts(kind) {
        return (operation.or_else(|| Some(owned(end))), resource.or_else(|| Some(owned(before))));
    }
    let kind = Some(kind).filter(|kind| OPERATIONS.contains(kind));
    (operation.or_else(|| kind.map(owned)), resource)
}

/// The single segment that `cut` leaves of a path, borrowed if the path is.
fn part<'a>(path: &Cow<'a, str>, cut: fn(&str) -> Option<&str>) -> Option<Cow<'a, str>> {
    let segment = |text: &str| !text.is_empty() && !text.contains('/');
    match path {
        Cow::Borrowed(path) => cut(path).filter(|text| segment(text)).map(Cow::Borrowed),
        Cow::Owned(path) => cut(path).filter(|text| segment(text)).map(|text| Cow::Owned(text.to_owned())),
    }
}

/// The event, without any data of the administrator.
fn event<'a>(fields: &Fields<'_, 'a>, kind: Kind) -> Result<IdentityEvent<'a>, Refused> {
    let times = [FieldName::Time, FieldName::Timestamp, FieldName::DateTime, FieldName::AdminTime];
    Ok(IdentityEvent {
        id: first_id(fields.each([FieldName::Id, FieldName::Uid, FieldName::EventId]))?,
        time: fields.time(&times),
        realm: fields.realm()?,
        realm_name: fields.realm_name(),
        reason: Some(REASON.into()),
        ..IdentityEvent::new(kind, PROVIDER)
    })
}
