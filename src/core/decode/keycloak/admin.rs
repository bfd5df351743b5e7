//! Keycloak's admin events: what an administrator did. Two of them end a person's sessions without a
//! `LOGOUT`; the others are ignored.
//!
//! Knows nothing of user events. The user or session that an event is about is in its path and not in
//! `authDetails`, which name the administrator, his realm and his address: none of that is taken.
//!
//! | operation, resource and path | is |
//! |---|---|
//! | `ACTION`, `USER`, `users/{id}/logout` | the end of all sessions of the user, reason `admin_logout` |
//! | `DELETE`, `USER_SESSION`, `sessions/{id}` | the end of that session, reason `admin_logout`; the user is not said |
//! | all else, and what failed: it has an `error` | ignored |
//!
//! | what | names |
//! |---|---|
//! | operation | `operationType`, `operation_type`, the end of `type` (`admin.USER_SESSION-DELETE`) |
//! | resource | `resourceType`, `resourceTypeAsString`, `resource_type`, the middle of `type` |
//! | path | `resourcePath`, `resource_path` |
//! | time | `time`, `timestamp`, `dateTime`, `admin_event_time` |

use std::borrow::Cow;

use crate::core::{
    decode::{
        Item,
        json::first,
        keycloak::{
            PROVIDER,
            fields::{Fields, Rare},
        },
        time::time,
    },
    identity::{
        IdentityEvent, Kind,
        reason::{Ignored, Refused},
    },
};

/// Why the sessions ended, as it goes out.
const REASON: &str = "admin_logout";

/// An admin event has an operation and a resource, and most publishers give it no type.
pub(super) fn is_admin_event(fields: &Fields<'_>) -> bool {
    let operation = fields.rare.has(&[Rare::Operation, Rare::OperationColumn]);
    let resource = fields.rare.has(&[Rare::Resource, Rare::ResourceText, Rare::ResourceColumn]);
    (operation && resource) || fields.r#type.text().is_some_and(|text| text.starts_with("admin."))
}

/// What an admin event says.
pub(super) fn event_of<'a>(fields: &mut Fields<'a>) -> Item<'a> {
    if fields.error.text().is_some() {
        return Err(Ignored::AdminEvent.into());
    }
    let (operation, resource) = what(fields);
    let path = text_of(fields, &[Rare::Path, Rare::PathColumn]).unwrap_or_default();
    let mut about = |kind| Ok(event(fields, kind)?);
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
fn what<'a>(fields: &mut Fields<'a>) -> (Option<Cow<'a, str>>, Option<Cow<'a, str>>) {
    let operation = text_of(fields, &[Rare::Operation, Rare::OperationColumn]);
    let resource = text_of(fields, &[Rare::Resource, Rare::ResourceText, Rare::ResourceColumn]);
    let written = fields.r#type.take_text();
    let parts = written.as_deref().and_then(|text| text.strip_prefix("admin.")?.rsplit_once('-'));
    let owned = |text: &str| Cow::Owned(text.to_owned());
    match parts {
        Some((middle, end)) => {
            (operation.or_else(|| Some(owned(end))), resource.or_else(|| Some(owned(middle))))
        }
        None => (operation, resource),
    }
}

fn text_of<'a>(fields: &mut Fields<'a>, names: &[Rare]) -> Option<Cow<'a, str>> {
    names.iter().find_map(|name| fields.rare.take(*name).take_text())
}

/// The one segment of a path that `cut` leaves, borrowed where the path is.
fn part<'a>(path: &Cow<'a, str>, cut: fn(&str) -> Option<&str>) -> Option<Cow<'a, str>> {
    let segment = |text: &str| !text.is_empty() && !text.contains('/');
    match path {
        Cow::Borrowed(path) => cut(path).filter(|text| segment(text)).map(Cow::Borrowed),
        Cow::Owned(path) => cut(path).filter(|text| segment(text)).map(|text| Cow::Owned(text.to_owned())),
    }
}

/// The event, without the administrator.
fn event<'a>(fields: &mut Fields<'a>, kind: Kind) -> Result<IdentityEvent<'a>, Refused> {
    let rare = &mut fields.rare;
    Ok(IdentityEvent {
        id: first(&mut fields.id).or(|| rare.take(Rare::Uid)).or(|| rare.take(Rare::EventId)).id()?,
        time: time(&fields.time).or_else(|| rare.time(&[Rare::Timestamp, Rare::DateTime, Rare::AdminTime])),
        realm: first(&mut fields.realm).or(|| rare.take(Rare::RealmColumn)).id()?,
        realm_name: fields.realm_name.take_text(),
        reason: Some(REASON.into()),
        ..IdentityEvent::new(kind, PROVIDER)
    })
}
