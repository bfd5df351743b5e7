//! Okta's log events, as written by its event hooks, its log streams and its System Log API.
//!
//! Knows nothing of Pinpoint and of other records. It follows
//! <https://developer.okta.com/docs/reference/api/system-log/> and
//! <https://developer.okta.com/docs/reference/api/event-types/>. A record is a log event, an array of them
//! (a page of the API), a hook's `{"data": {"events": […]}}`, or the `detail` of an Amazon `EventBridge`
//! event.
//!
//! | type | outcome | meaning |
//! |---|---|---|
//! | `user.session.start` | `SUCCESS`, `ALLOW` | a sign-in with its session |
//! | `user.session.start`, `user.authentication.auth_via_*` | `FAILURE`, `DENY` | a failed sign-in |
//! | `user.authentication.sso` | anything but `FAILURE`, `DENY` | a session resumed |
//! | `user.session.end`, `user.session.expire` | anything but `FAILURE`, `DENY` | the end of a session |
//! | `user.session.clear` | anything but `FAILURE`, `DENY` | the end of all sessions of a user |
//! | `user.lifecycle.create` | anything but `FAILURE`, `DENY` | a sign-up if the person did it, otherwise ignored |
//! | anything else | | ignored |
//!
//! A `user.session.clear` is written once, for an administrator's action, so the session that it names does
//! not count as one that ended. If Okta knows the ended sessions, each has a `user.session.end` of its own
//! (see the event types of Identity Threat Protection).
//!
//! | value | field |
//! |---|---|
//! | id, time | `uuid`, `published`, which is in UTC if it has no offset |
//! | realm | none: an event does not name its organisation, and user ids are unique across Okta |
//! | user | `actor.id` if the actor is a user; of the end of sessions and of a creation the `target[]` of type `User`, if there is one |
//! | user name | `actor.alternateId`, which is the text that was typed if no user has that name |
//! | session | `authenticationContext.externalSessionId` |
//! | client | the `target[]` of type `AppInstance`, `client.id` |
//! | reason | `outcome.reason` of a failure; `logout`, `expired` or `cleared` |
//! | address, user agent | `client.ipAddress`, `client.userAgent.rawUserAgent`; not an administrator's |
//! | device | `device.id`, `client.userAgent.os` and `.browser` |
//! | place | `client.geographicalContext`, whose country is a name |
//! | person | `alternateId` and `displayName` of the user |
//! | attributes | `credentialType`, `authenticationProvider`, `credentialProvider`, `appDisplayName`, `deviceType`, `zone` |
//!
//! Okta writes `unknown` as the id of a user that does not exist; it counts as null.

use std::borrow::Cow;

use smallvec::smallvec;

use crate::core::{
    decode::{EventResult, EventResults, gather, time, tree::Node},
    identity::{
        Device, GeoLocation, IdentityEvent, Kind,
        reason::{Ignored, Refused},
    },
};

/// The provider's name as part of endpoint ids.
const PROVIDER: &str = "okta";

/// The type of a hook's request, which contains the log events.
const HOOK: &str = "com.okta.event_hook";

pub(super) fn recognises(node: Node<'_, '_>) -> bool {
    let node = unwrapped(node);
    node.get("eventType").str() == HOOK
        || is_log(node.first().unwrap_or(node))
        || node.at(&["data", "events"]).first().is_some_and(is_log)
}

pub(super) fn decode<'a>(node: Node<'_, 'a>) -> EventResults<'a> {
    let node = unwrapped(node);
    match (node, node.at(&["data", "events"])) {
        (Node::List(logs), _) | (_, Node::List(logs)) => gather::batch(logs, read),
        _ if node.get("eventType").str() == HOOK => smallvec![Err(Ignored::Empty.into())],
        _ => smallvec![read(node)],
    }
}

fn unwrapped<'n, 'a>(node: Node<'n, 'a>) -> Node<'n, 'a> {
    let detail = node.get("detail");
    if detail.is_object() { detail } else { node }
}

fn is_log(node: Node<'_, '_>) -> bool {
    let texts = ["eventType", "uuid"].iter().all(|key| !node.get(key).str().is_empty());
    texts && (node.get("outcome").is_object() || node.get("actor").is_object())
}

fn read<'a>(log: Node<'_, 'a>) -> EventResult<'a> {
    if !log.is_object() {
        return Err(Refused::NotAnEvent.into());
    }
    let name = log.get("eventType").id()?.ok_or(Refused::NoType)?;
    let kind = kind(&name, log)?;
    Ok(event_of(log, kind, &name)?)
}

fn kind(name: &str, log: Node<'_, '_>) -> Result<Kind, Ignored> {
    let result = log.at(&["outcome", "result"]).str();
    let failed = matches!(result, "FAILURE" | "DENY");
    match name {
        "user.session.start" if matches!(result, "SUCCESS" | "ALLOW") => Ok(Kind::SignIn),
        "user.session.start" if failed => Ok(Kind::SignInFailed),
        name if failed && name.starts_with("user.authentication.auth_via_") => Ok(Kind::SignInFailed),
        _ if failed => Err(Ignored::TypeNotMapped),
        "user.authentication.sso" => Ok(Kind::SessionResumed),
        "user.session.end" | "user.session.expire" => Ok(Kind::SessionStopped),
        "user.session.clear" => Ok(Kind::SessionsStopped),
        "user.lifecycle.create" if did_it_themself(log) => Ok(Kind::SignUp),
        _ => Err(Ignored::TypeNotMapped),
    }
}

fn did_it_themself(log: Node<'_, '_>) -> bool {
    let (actor, target) = (log.get("actor"), target(log, "User"));
    is_user(actor) && actor.get("id").is_some() && actor.get("id").text() == target.get("id").text()
}

fn event_of<'a>(log: Node<'_, 'a>, kind: Kind, name: &str) -> Result<IdentityEvent<'a>, Refused> {
    let (client, actor) = (log.get("client"), log.get("actor"));
    let app = target(log, "AppInstance");
    let person = person(log, kind);
    let user = id(person.get("id"))?;
    // An administrator's action came from the administrator's address and device.
    let is_own = person.get("id").text() == actor.get("id").text();
    let (client, device) = if is_own { (client, log.get("device")) } else { (Node::Null, Node::Null) };
    let context = log.get("authenticationContext");
    Ok(IdentityEvent {
        id: log.get("uuid").id()?,
        time: log.get("published").time().or_else(|| time::in_utc(log.get("published").str())),
        user_name: gather::known(person.get("alternateId")),
        session: match kind {
            Kind::SessionsStopped => None,
            _ => id(context.get("externalSessionId"))?,
        },
        client: app.get("id").text().or_else(|| client.get("id").text()),
        reason: reason(log, kind, name),
        ip: client.get("ipAddress").text(),
        user_agent: gather::known(client.at(&["userAgent", "rawUserAgent"])),
        device: gather::device(of_device(device, client)),
        place: gather::place(place(client.get("geographicalContext"))),
        person: if user.is_some() { claims(person) } else { Vec::new() },
        user,
        attributes: gather::attributes(
            log,
            &[
                ("credentialType", context.get("credentialType")),
                ("authenticationProvider", context.get("authenticationProvider")),
                ("credentialProvider", context.get("credentialProvider")),
                ("appDisplayName", app.get("displayName")),
                ("deviceType", client.get("device")),
                ("zone", client.get("zone")),
            ],
        ),
        ..IdentityEvent::new(kind, PROVIDER)
    })
}

/// The person that the event is about.
fn person<'n, 'a>(log: Node<'n, 'a>, kind: Kind) -> Node<'n, 'a> {
    let actor = log.get("actor");
    let target = match kind {
        Kind::SessionStopped | Kind::SessionsStopped | Kind::SignUp => target(log, "User"),
        _ => Node::Null,
    };
    match target.is_some() {
        true => target,
        false if is_user(actor) => actor,
        false => Node::Null,
    }
}

fn is_user(actor: Node<'_, '_>) -> bool {
    matches!(actor.get("type").str(), "User" | "")
}

/// The first target of a type.
fn target<'n, 'a>(log: Node<'n, 'a>, r#type: &str) -> Node<'n, 'a> {
    log.get("target").list().find(|target| target.get("type").str() == r#type).unwrap_or_default()
}

/// An id, unless it is the word for an unknown one.
fn id<'a>(node: Node<'_, 'a>) -> Result<Option<Cow<'a, str>>, Refused> {
    node.id().map(|_| gather::known(node))
}

fn reason<'a>(log: Node<'_, 'a>, kind: Kind, name: &str) -> Option<Cow<'a, str>> {
    match (kind, name) {
        (Kind::SignInFailed, _) => log.at(&["outcome", "reason"]).text(),
        (_, "user.session.end") => Some("logout".into()),
        (_, "user.session.expire") => Some("expired".into()),
        (_, "user.session.clear") => Some("cleared".into()),
        _ => None,
    }
}

fn of_device<'a>(device: Node<'_, 'a>, client: Node<'_, 'a>) -> Device<'a> {
    let agent = client.get("userAgent");
    Device {
        id: gather::known(device.get("id")),
        platform: gather::known(agent.get("os")),
        browser: gather::known(agent.get("browser")),
        ..Device::default()
    }
}

fn place<'a>(context: Node<'_, 'a>) -> GeoLocation<'a> {
    GeoLocation {
        city: context.get("city").text(),
        country: context.get("country").text(),
        region: context.get("state").text(),
        postal_code: context.get("postalCode").text(),
        latitude: context.at(&["geolocation", "lat"]).number(),
        longitude: context.at(&["geolocation", "lon"]).number(),
    }
}

fn claims<'a>(person: Node<'_, 'a>) -> Vec<(Cow<'a, str>, Vec<Cow<'a, str>>)> {
    gather::person(&[("preferred_username", person.get("alternateId")), ("name", person.get("displayName"))])
}

#[cfg(test)]
mod tests;
