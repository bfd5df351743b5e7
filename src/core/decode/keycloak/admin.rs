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
//! | resource | `resourceType`, `resourceTypeAsString`, `resource_type`, the beginning of `type`; otherwise the one of the path |
//! | type | `type`, `eventType`, `event_type` |
//! | path | `resourcePath`, `resource_path` |
//! | time | `time`, `timestamp`, `dateTime`, `admin_event_time` |

use std::borrow::Cow;

use crate::core::{
    decode::{
        EventResult,
        keycloak::{
            PROVIDER,
            fields::{FieldName, Fields, without_access},
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

/// The names of its resource, without a type that begins with it.
const RESOURCES: [FieldName; 3] = [FieldName::Resource, FieldName::ResourceText, FieldName::ResourceColumn];

/// The names of its path.
const PATHS: [FieldName; 2] = [FieldName::Path, FieldName::PathColumn];

/// Whether this is an admin event, which has an operation and a resource. Most publishers give it no type, and
/// some give user events an operation and a resource, but no path.
pub(super) fn is_admin_event(fields: &Fields<'_, '_>) -> bool {
    let has = |names: &[FieldName]| fields.word(names).is_some();
    let kind = kind(fields);
    let has_operation =
        || has(&[FieldName::Operation, FieldName::OperationColumn]) || OPERATIONS.contains(&kind);
    let has_path = || fields.word(&PATHS).and_then(of_path).is_some();
    let is_admin = || has_operation() && (has(&RESOURCES) || has_path());
    let is_users = || super::kind(without_access(kind), None).is_ok() && !has(&PATHS);
    (fields.has_others && is_admin() && !is_users())
        || kind.starts_with("admin.")
        || ends_with_operation(kind)
}

fn kind<'t>(fields: &Fields<'t, '_>) -> &'t str {
    fields.type_name().unwrap_or_default()
}

/// Whether this is the type of an admin event. The types of user events have no hyphen.
fn ends_with_operation(kind: &str) -> bool {
    OPERATIONS.iter().any(|operation| kind.strip_suffix(operation).is_some_and(|rest| rest.ends_with('-')))
}

/// Whether an admin event has fields that only Keycloak writes. A type alone could be any provider's, and so could a
/// resource other than those that are read.
pub(super) fn has_fields(fields: &Fields<'_, '_>) -> bool {
    let has_mark = || fields.has(&PATHS) || fields.has(&[FieldName::AuthDetails, FieldName::ResourceText]);
    let is_known = || matches!(fields.word(&RESOURCES), Some("USER" | "USER_SESSION"));
    is_admin_event(fields) && (has_mark() || is_known())
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
    let path = first(fields.each(PATHS)).unwrap_or_default();
    let resource = resource.or_else(|| of_path(&path).map(Cow::Borrowed));
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

/// The resource that a path belongs to, if it is one of those that are read.
fn of_path(path: &str) -> Option<&'static str> {
    match path.split('/').next() {
        Some("users") => Some("USER"),
        Some("sessions") => Some("USER_SESSION"),
        _ => None,
    }
}

/// The operation and the resource that the event states.
fn what<'a>(fields: &Fields<'_, 'a>) -> (Option<Cow<'a, str>>, Option<Cow<'a, str>>) {
    let operation = first(fields.each([FieldName::Operation, FieldName::OperationColumn]));
    let resource = first(fields.each(RESOURCES));
    let kind = kind(fields);
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
        id: first_id(fields.each([
            FieldName::Id,
            FieldName::Uid,
            FieldName::EventId,
            FieldName::EventIdColumn,
        ]))?,
        time: fields.time(&times),
        realm: fields.realm()?,
        realm_name: fields.realm_name(),
        reason: Some(REASON.into()),
        ..IdentityEvent::new(kind, PROVIDER)
    })
}
