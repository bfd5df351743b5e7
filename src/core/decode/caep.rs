//! CAEP and the Shared Signals Framework: decoded security event tokens (RFC 8417), as JSON.
//!
//! Knows nothing of Pinpoint and of other records. It follows CAEP 1.0
//! (<https://openid.net/specs/openid-caep-1_0.html>), the Shared Signals Framework 1.0
//! (<https://openid.net/specs/openid-sharedsignals-framework-1_0.html>) and its drafts, and RISC 1.0
//! (<https://openid.net/specs/openid-risc-1_0-final.html>). `events` holds one or more events, each under its
//! URI `https://schemas.openid.net/secevent/PROFILE/event-type/TYPE`; `jti` is the id of each. See
//! `caep/subject.rs` for how the subject is read, and why an e-mail address is never a user's id.
//!
//! | type | meaning |
//! |---|---|
//! | CAEP `session-established` | a session started |
//! | CAEP `session-presented` | a session resumed |
//! | CAEP `session-revoked` whose subject names a session | the end of that session |
//! | CAEP `session-revoked` whose subject names only a user | the end of all sessions of the user |
//! | CAEP `session-revoked` whose subject names a user and a device or application | the end of an unnamed session |
//! | RISC `sessions-revoked` (deprecated there) | the end of all sessions of the user |
//! | anything else, including the URIs of others | ignored |
//!
//! | value | field |
//! |---|---|
//! | id | `jti` |
//! | time | `event_timestamp` of the event, `toe`, `iat`, in seconds; WSO2 writes milliseconds |
//! | realm | `iss`, for every event, so that a user's endpoint does not depend on the form of the subject |
//! | user, session, device, client | `sub_id`; in earlier drafts `subject` of the event, or `sub` |
//! | reason of an end | `initiating_entity`: `admin`, `user`, `policy` or `system` |
//! | address | the first of `ips` (WSO2; in no specification) |
//! | attributes | `txn`, `tenant`, `initiating_entity`, `reason_admin` (the English text, if any), `acr`, `amr`, `ext_id`, `fp_ua` |
//!
//! `fp_ua` is a fingerprint of the user agent, not the user agent itself. Tokens are transmitted signed (RFC
//! 8935 and 8936). A compact JWS is not read here, because nothing here could verify it: the receiver must
//! verify it and write its claims.

use smallvec::smallvec;

use crate::core::{
    decode::{
        EventResult, EventResults,
        gather::{self, Copies},
        tree::Node,
    },
    identity::{
        Device, IdentityEvent, Kind,
        reason::{Ignored, Refused},
    },
};

mod subject;

use subject::{OpaqueId, Subject};

/// The provider's name as part of endpoint ids.
const PROVIDER: &str = "caep";

/// The common prefix of all event types' URIs.
const EVENTS: &str = "https://schemas.openid.net/secevent/";

pub(super) fn recognises(node: Node<'_, '_>) -> bool {
    node.get("events").entries().any(|(uri, _)| uri.str().starts_with(EVENTS))
}

pub(super) fn decode<'a>(node: Node<'_, 'a>) -> EventResults<'a> {
    let events = node.get("events");
    let Node::Object(object) = events else {
        let reason = if node.is_object() { Refused::NoType } else { Refused::NotAnEvent };
        return smallvec![Err(reason.into())];
    };
    if object.is_empty() {
        return smallvec![Err(Ignored::Empty.into())];
    }
    match Token::of(node) {
        Ok(mut token) => events.entries().map(|(uri, event)| token.item(uri.str(), event)).collect(),
        Err(reason) => smallvec![Err(reason.into())],
    }
}

/// The content that the events of one token share.
struct Token<'a> {
    shared: IdentityEvent<'a>,
    subject: Option<Subject<'a>>,
    copies: Copies,
}

impl<'a> Token<'a> {
    fn of(node: Node<'_, 'a>) -> Result<Self, Refused> {
        let (toe, iat) = (node.get("toe").time(), node.get("iat").time());
        let shared = IdentityEvent {
            id: node.get("jti").id()?,
            time: toe.or(iat),
            realm: node.get("iss").id()?,
            attributes: gather::attributes(node, &[("txn", node.get("txn"))]),
            ..IdentityEvent::new(Kind::Activity, PROVIDER)
        };
        Ok(Self { shared, subject: Subject::of_token(node)?, copies: Copies::new() })
    }

    fn item(&mut self, uri: &str, event: Node<'_, 'a>) -> EventResult<'a> {
        let (kind, alone) = kind(uri)?;
        let subject = match &self.subject {
            Some(subject) => subject.clone(),
            None => Subject::of(event.get("subject"))?,
        };
        let subject = subject.naming(alone);
        let kind = if kind == Kind::SessionStopped { end(&subject, alone) } else { kind };
        let read = read(kind, event, subject, self.shared.clone());
        self.copies.count(&read)?;
        Ok(read)
    }
}

/// What happened, and what an opaque id identifies if it is the whole subject.
fn kind(uri: &str) -> Result<(Kind, OpaqueId), Ignored> {
    match uri.strip_prefix(EVENTS).unwrap_or_default() {
        "caep/event-type/session-established" => Ok((Kind::SessionStarted, OpaqueId::Session)),
        "caep/event-type/session-presented" => Ok((Kind::SessionResumed, OpaqueId::Session)),
        "caep/event-type/session-revoked" => Ok((Kind::SessionStopped, OpaqueId::Session)),
        "risc/event-type/sessions-revoked" => Ok((Kind::SessionStopped, OpaqueId::User)),
        _ => Err(Ignored::TypeNotMapped),
    }
}

/// The end of one session or of all the user's sessions: a subject with more parts than the user means one.
fn end(subject: &Subject<'_>, alone: OpaqueId) -> Kind {
    match (alone, &subject.session) {
        (OpaqueId::User, _) => Kind::SessionsStopped,
        (OpaqueId::Session, None) if !subject.narrowed => Kind::SessionsStopped,
        (OpaqueId::Session, _) => Kind::SessionStopped,
    }
}

fn read<'a>(
    kind: Kind,
    event: Node<'_, 'a>,
    subject: Subject<'a>,
    shared: IdentityEvent<'a>,
) -> IdentityEvent<'a> {
    let initiator = event.get("initiating_entity");
    let ended = matches!(kind, Kind::SessionStopped | Kind::SessionsStopped);
    let mut attributes = shared.attributes;
    attributes.extend(subject.tenant.map(|tenant| ("tenant".into(), tenant)));
    attributes.extend(gather::attributes(
        event,
        &[
            ("initiating_entity", initiator),
            ("reason_admin", localised(event.get("reason_admin"))),
            ("acr", event.get("acr")),
            ("amr", event.get("amr")),
            ("ext_id", event.get("ext_id")),
            ("fp_ua", event.get("fp_ua")),
        ],
    ));
    IdentityEvent {
        kind,
        time: event.get("event_timestamp").time().or(shared.time),
        user: subject.user,
        user_name: subject.user_name,
        session: subject.session,
        client: subject.application,
        reason: if ended { initiator.text() } else { None },
        ip: event.get("ips").first().and_then(Node::text),
        device: gather::device(Device { id: subject.device, ..Device::default() }),
        person: subject.person,
        attributes,
        ..shared
    }
}

/// The text of a message. English is preferred if there are several languages; drafts had a single text.
fn localised<'n, 'a>(message: Node<'n, 'a>) -> Node<'n, 'a> {
    let english = message.get("en");
    if english.is_some() { english } else { message.entries().next().map_or(message, |(_, text)| text) }
}

#[cfg(test)]
mod tests;
