//! WSO2 Identity Server and WSO2 Identity Platform (Asgardeo): the payloads of their webhooks, which are
//! security event tokens (RFC 8417) as plain JSON.
//!
//! Knows nothing of Pinpoint and of other records. It follows
//! <https://wso2.com/identity-platform/docs/guides/webhooks/webhook-events-and-payloads/> and, where that
//! page shows no such field, the publisher's source
//! (<https://github.com/wso2-extensions/identity-webhook-event-handlers>). `events` holds one or more events,
//! each under its URI `https://schemas.identity.wso2.org/events/CHANNEL/event-type/TYPE`; `jti` is the id
//! of each. Earlier builds wrote `event` for `events` and left `https://` out of the URI.
//!
//! | type | meaning |
//! |---|---|
//! | `loginSuccess` | a sign-in; the session is named only by `sessionEstablished` |
//! | `loginFailed` | a failed sign-in |
//! | `registrationSuccess`, `initiatorType` `USER` | a sign-up; ignored if an administrator or an application did it |
//! | `sessionEstablished` | a session started |
//! | `sessionPresented` | a session resumed |
//! | `sessionRevoked` | the end of each of `sessions` |
//! | anything else, including every URI that is not WSO2's | ignored |
//!
//! | value | field |
//! |---|---|
//! | id, time | `jti`; `iat`, which WSO2 writes in milliseconds |
//! | realm | `tenant.id`, `tenant.name`; `iss` if there is no tenant |
//! | user | `user.id`; absent if an unknown user failed to sign in |
//! | user name, person | `user.claims[]`: the claims of [`CLAIMS`] |
//! | session | `session.id`, `sessions[].id`, `sessionId` |
//! | session's start | `session.loginTime` of `sessionEstablished` only |
//! | client | `application.id`, or its `consumerKey` |
//! | reason | `reason.description` of a failure, `initiatorType` of the end of a session |
//! | address | `initiatorIpAddress`, unless an administrator or an application was the initiator |
//! | attributes | `rci`, `organization` (its id), `idp` and `authenticator` of the failed step, `authenticationMethods` |
//!
//! The page describes `loginTime` as the time at which the session started. But in its own examples, the time
//! is later in the first `sessionPresented`, and stays so in `sessionRevoked`. So only that of
//! `sessionEstablished` is used, which is the earliest of a session's.
//!
//! With the CAEP profile, WSO2 writes events under CAEP's own URIs, which the format `caep` reads.

use std::borrow::Cow;

use smallvec::smallvec;

use crate::core::{
    decode::{
        EventResult, EventResults,
        gather::{self, Copies, Person},
        tree::{Node, first},
    },
    identity::{
        IdentityEvent, Kind,
        reason::{Ignored, Refused},
    },
};

/// The provider's name as part of endpoint ids.
const PROVIDER: &str = "wso2";

/// The common part of all event types' URIs.
const EVENTS: &str = "schemas.identity.wso2.org/events/";

/// The common prefix of the claims' URIs.
const CLAIM: &str = "http://wso2.org/claims/";

/// WSO2's claims about the person's identity, and the corresponding standard claims.
const CLAIMS: [(&str, &str); 8] = [
    ("emailaddress", "email"),
    ("mobile", "phone_number"),
    ("givenname", "given_name"),
    ("lastname", "family_name"),
    ("fullname", "name"),
    ("nickname", "nickname"),
    ("locality", "locale"),
    ("timeZone", "zoneinfo"),
];

pub(super) fn recognises(node: Node<'_, '_>) -> bool {
    events(node).entries().any(|(uri, _)| type_of(uri.str()).is_some())
}

pub(super) fn decode<'a>(node: Node<'_, 'a>) -> EventResults<'a> {
    let set = match set(node) {
        Ok(set) => set,
        Err(reason) => return smallvec![Err(reason.into())],
    };
    let mut copies = Copies::new();
    let events = events(node).entries();
    let items: EventResults<'_> =
        events.flat_map(|(uri, event)| items(uri.str(), event, &set, &mut copies)).collect();
    if items.is_empty() { smallvec![Err(Ignored::Empty.into())] } else { items }
}

fn events<'n, 'a>(node: Node<'n, 'a>) -> Node<'n, 'a> {
    let events = node.get("events");
    if events.is_some() { events } else { node.get("event") }
}

/// The type in one of WSO2's URIs.
fn type_of(uri: &str) -> Option<&str> {
    let uri = uri.strip_prefix("https://").unwrap_or(uri);
    uri.strip_prefix(EVENTS)?.split_once("/event-type/").map(|(_, name)| name)
}

/// The content that the events of one token share.
fn set<'a>(node: Node<'_, 'a>) -> Result<IdentityEvent<'a>, Refused> {
    if !node.is_object() {
        return Err(Refused::NotAnEvent);
    }
    if !events(node).is_object() {
        return Err(Refused::NoType);
    }
    Ok(IdentityEvent {
        id: node.get("jti").id()?,
        time: node.get("iat").time(),
        realm: node.get("iss").text(),
        attributes: gather::attributes(node, &[("rci", node.get("rci"))]),
        ..IdentityEvent::new(Kind::Activity, PROVIDER)
    })
}

fn items<'a>(
    uri: &str,
    event: Node<'_, 'a>,
    set: &IdentityEvent<'a>,
    copies: &mut Copies,
) -> EventResults<'a> {
    let read = kind(uri, event).map_err(Into::into).and_then(|kind| {
        let shared = copies.of(set)?;
        Ok(read(kind, event, shared)?)
    });
    match read {
        Ok(read) if read.kind == Kind::SessionStopped => ends(event, read, copies),
        read => smallvec![read],
    }
}

fn kind(uri: &str, event: Node<'_, '_>) -> Result<Kind, Ignored> {
    match type_of(uri).unwrap_or_default() {
        "loginSuccess" => Ok(Kind::SignIn),
        "loginFailed" => Ok(Kind::SignInFailed),
        "registrationSuccess" if event.get("initiatorType").str() == "USER" => Ok(Kind::SignUp),
        "sessionEstablished" => Ok(Kind::SessionStarted),
        "sessionPresented" => Ok(Kind::SessionResumed),
        "sessionRevoked" => Ok(Kind::SessionStopped),
        _ => Err(Ignored::TypeNotMapped),
    }
}

fn read<'a>(
    kind: Kind,
    event: Node<'_, 'a>,
    shared: IdentityEvent<'a>,
) -> Result<IdentityEvent<'a>, Refused> {
    let (user_name, person) = claims(event.at(&["user", "claims"]));
    let application = event.get("application");
    let initiator = event.get("initiatorType");
    let start = event.at(&["session", "loginTime"]).time();
    let by_the_user = matches!(initiator.str(), "" | "USER");
    let address = if by_the_user { event.get("initiatorIpAddress").text() } else { None };
    let mut attributes = shared.attributes;
    attributes.extend(gather::attributes(
        event,
        &[
            ("organization", event.at(&["organization", "id"])),
            ("idp", event.at(&["reason", "context", "failedStep", "idp"])),
            ("authenticator", event.at(&["reason", "context", "failedStep", "authenticator"])),
            ("authenticationMethods", event.get("authenticationMethods")),
        ],
    ));
    Ok(IdentityEvent {
        kind,
        realm: event.at(&["tenant", "id"]).id()?.or(shared.realm),
        realm_name: event.at(&["tenant", "name"]).text(),
        user: event.at(&["user", "id"]).id()?,
        user_name,
        session: session(event)?,
        session_start: start.filter(|_| kind == Kind::SessionStarted),
        client: first([application.get("id"), application.get("consumerKey")]),
        reason: match kind {
            Kind::SignInFailed => event.at(&["reason", "description"]).text(),
            Kind::SessionStopped => initiator.text(),
            _ => None,
        },
        ip: address,
        person,
        attributes,
        ..shared
    })
}

fn session<'a>(event: Node<'_, 'a>) -> Result<Option<Cow<'a, str>>, Refused> {
    let id = event.at(&["session", "id"]).id()?;
    Ok(if id.is_some() { id } else { event.get("sessionId").id()? })
}

/// The end of each session that was revoked, or of a single session if there is no list.
fn ends<'a>(event: Node<'_, 'a>, read: IdentityEvent<'a>, copies: &mut Copies) -> EventResults<'a> {
    if let Node::List(sessions) = event.get("sessions") {
        return sessions.iter().map(|session| end(session, &read, copies)).collect();
    }
    smallvec![Ok(read)]
}

fn end<'a>(session: Node<'_, 'a>, read: &IdentityEvent<'a>, copies: &mut Copies) -> EventResult<'a> {
    let session = session.get("id").id()?;
    Ok(IdentityEvent { session, ..copies.of(read)? })
}

/// The user name, and the person's other claims.
fn claims<'a>(claims: Node<'_, 'a>) -> (Option<Cow<'a, str>>, Person<'a>) {
    let mut user_name = Node::Null;
    let mut person = CLAIMS.map(|(_, name)| (name, Node::Null));
    for claim in claims.list() {
        let name = claim.get("uri").str().strip_prefix(CLAIM).unwrap_or_default();
        if name == "username" {
            user_name = claim.get("value");
        } else if let Some(index) = CLAIMS.iter().position(|(theirs, _)| *theirs == name) {
            person[index].1 = claim.get("value");
        }
    }
    (user_name.text(), gather::person(&person))
}

#[cfg(test)]
mod tests;
