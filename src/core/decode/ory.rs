//! Ory Network's event streams, which carry the events of Ory Kratos.
//!
//! Knows nothing of Pinpoint and of other records. It follows <https://www.ory.com/docs/actions/live-events>:
//! `name`, `version`, `timestamp`, `projectId` and `eventAttributes`. Ory does not guarantee the keys of
//! `eventAttributes`; they are those of Kratos
//! (<https://github.com/ory/kratos/blob/master/x/events/events.go>) and of
//! <https://github.com/ory/x/blob/master/otelx/semconv/events.go>. `attributes` is read in place of
//! `eventAttributes` too. Ory Network publishes through Amazon SNS. The notification is opened as an
//! envelope, and its `MessageId` becomes the id of the event, which has no id of its own.
//!
//! | name | meaning |
//! |---|---|
//! | `LoginSucceeded` | a sign-in; its session is an attribute, because `SessionIssued` is sent too |
//! | `LoginSucceeded` with `LoginRequestedAAL` `aal2` | activity: a second factor in a session that is there already |
//! | `LoginFailed` | a failed sign-in; Kratos names neither user nor user name, so most of them are ignored |
//! | `RegistrationSucceeded` | a sign-up |
//! | `SessionIssued` | a session started |
//! | `SessionLifespanExtended` | a session resumed |
//! | `SessionRevoked` | the end of a session |
//! | `SessionChecked`, `SessionTokenizedAsJWT` | activity in a session |
//! | anything else | ignored |
//!
//! | value | field |
//! |---|---|
//! | time | `timestamp`; see below |
//! | realm | `projectId`, or the attribute `ProjectID` |
//! | user, session | the attributes `IdentityID`, `SessionID` |
//! | reason | the attribute `ErrorReason` or `Reason` |
//! | address, place | the attributes `ClientIP`; `GeoLocationCity`, `GeoLocationRegion`, `GeoLocationCountry` |
//! | attributes | the attributes in [`ATTRIBUTES`], under Ory's names |
//!
//! The page describes the time as ISO 8601 and shows one without an offset (`2025-05-16 11:18:56`), but does
//! not state its zone. It is read as UTC, the zone in which Ory's services run.

use crate::core::{
    decode::{
        EventResult, EventResults, gather, one, time,
        tree::{Node, first},
    },
    identity::{
        GeoLocation, IdentityEvent, Kind,
        reason::{Ignored, Refused},
    },
};

/// The provider's name as part of endpoint ids.
const PROVIDER: &str = "ory";

/// The attributes that are kept.
const ATTRIBUTES: [&str; 6] = [
    "SelfServiceFlowType",
    "SelfServiceMethodUsed",
    "SelfServiceSSOProviderUsed",
    "LoginRequestedAAL",
    "LoginRequestedPrivilegedSession",
    "SessionAAL",
];

pub(super) fn recognises(node: Node<'_, '_>) -> bool {
    !node.get("name").str().is_empty() && node.get("eventAttributes").is_object()
}

pub(super) fn decode<'a>(node: Node<'_, 'a>) -> EventResults<'a> {
    one(read(node))
}

fn read<'a>(node: Node<'_, 'a>) -> EventResult<'a> {
    if !node.is_object() {
        return Err(Refused::NotAnEvent.into());
    }
    let name = node.get("name").id()?.ok_or(Refused::NoType)?;
    let of = match node.get("eventAttributes") {
        Node::Null => node.get("attributes"),
        attributes => attributes,
    };
    // A second factor is asked for only in a session that is there already.
    let is_step_up = of.get("LoginRequestedAAL").str() == "aal2";
    let kind = match kind(&name)? {
        Kind::SignIn if is_step_up => Kind::Activity,
        kind => kind,
    };
    Ok(event(kind, node, of)?)
}

fn kind(name: &str) -> Result<Kind, Ignored> {
    match name {
        "LoginSucceeded" => Ok(Kind::SignIn),
        "LoginFailed" => Ok(Kind::SignInFailed),
        "RegistrationSucceeded" => Ok(Kind::SignUp),
        "SessionIssued" => Ok(Kind::SessionStarted),
        "SessionLifespanExtended" => Ok(Kind::SessionResumed),
        "SessionRevoked" => Ok(Kind::SessionStopped),
        "SessionChecked" | "SessionTokenizedAsJWT" => Ok(Kind::Activity),
        _ => Err(Ignored::TypeNotMapped),
    }
}

fn event<'a>(kind: Kind, node: Node<'_, 'a>, of: Node<'_, 'a>) -> Result<IdentityEvent<'a>, Refused> {
    let project = node.get("projectId").id()?;
    let session = of.get("SessionID").id()?;
    let place = GeoLocation {
        city: of.get("GeoLocationCity").text(),
        region: of.get("GeoLocationRegion").text(),
        country: of.get("GeoLocationCountry").text(),
        ..GeoLocation::default()
    };
    let mut attributes = gather::attributes(node, &ATTRIBUTES.map(|name| (name, of.get(name))));
    let (session, beside) = if kind == Kind::SignIn { (None, session) } else { (session, None) };
    attributes.extend(beside.map(|session| ("SessionID".into(), session)));
    Ok(IdentityEvent {
        time: node.get("timestamp").time().or_else(|| time::in_utc(node.get("timestamp").str())),
        realm: if project.is_some() { project } else { of.get("ProjectID").id()? },
        user: of.get("IdentityID").id()?,
        session,
        reason: first([of.get("ErrorReason"), of.get("Reason")]),
        ip: of.get("ClientIP").text(),
        place: gather::place(place),
        attributes,
        ..IdentityEvent::new(kind, PROVIDER)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::decode::{line::lines, tree::parse};

    #[track_caller]
    fn check(value: &str, expected: &str) {
        assert_eq!(lines(value, decode), expected);
    }

    fn event(name: &str, attributes: &str) -> String {
        format!(
            r#"{{"name":"{name}","version":"1","timestamp":"2026-11-22T21:20:28.244Z","projectId":"p",
                "eventAttributes":{{{attributes}}}}}"#
        )
    }

    const WHO: &str = r#""IdentityID":"u","SessionID":"s""#;
    const HEAD: &str = "time=1795382428244 realm=p user=u";

    #[test]
    fn each_name_becomes_its_kind() {
        check(&event("LoginSucceeded", WHO), &format!("SignIn {HEAD} SessionID:s"));
        check(&event("RegistrationSucceeded", r#""IdentityID":"u""#), &format!("SignUp {HEAD}"));
        check(&event("SessionIssued", WHO), &format!("SessionStarted {HEAD} session=s"));
        check(&event("SessionLifespanExtended", WHO), &format!("SessionResumed {HEAD} session=s"));
        check(&event("SessionRevoked", WHO), &format!("SessionStopped {HEAD} session=s"));
        check(&event("SessionChecked", WHO), &format!("Activity {HEAD} session=s"));
        check(&event("SessionTokenizedAsJWT", WHO), &format!("Activity {HEAD} session=s"));
        check(&event("SessionChanged", WHO), "ignored: type_not_mapped");
        let asked = |level: &str| format!(r#"{WHO},"LoginRequestedAAL":"{level}""#);
        let first = format!("SignIn {HEAD} LoginRequestedAAL:aal1 SessionID:s");
        check(&event("LoginSucceeded", &asked("aal1")), &first);
        let second = format!("Activity {HEAD} session=s LoginRequestedAAL:aal2");
        check(&event("LoginSucceeded", &asked("aal2")), &second);
        check(&event("WebhookSucceeded", ""), "ignored: type_not_mapped");
    }

    #[test]
    fn a_failure_has_a_reason_and_a_place() {
        check(
            &event(
                "LoginFailed",
                r#""Reason":"bad credentials","ClientIP":"192.0.2.1","GeoLocationCity":"Munich","GeoLocationRegion":"BY",
                    "GeoLocationCountry":"DE","SelfServiceMethodUsed":"password","LoginRequestedPrivilegedSession":false"#,
            ),
            "SignInFailed time=1795382428244 realm=p reason=bad credentials ip=192.0.2.1 city=Munich country=DE region=BY \
             SelfServiceMethodUsed:password LoginRequestedPrivilegedSession:false",
        );
        check(
            &event("LoginFailed", r#""Reason":"b","ErrorReason":"a""#),
            "SignInFailed time=1795382428244 realm=p reason=a",
        );
    }

    #[test]
    fn a_time_without_an_offset_is_read_as_utc() {
        let at =
            |time: &str| format!(r#"{{"name":"SessionIssued","timestamp":"{time}","eventAttributes":{{}}}}"#);
        check(&at("2026-11-22 21:20:28"), "SessionStarted time=1795382428000");
        check(&at("2026-11-22"), "SessionStarted");
        check(&at("2026-11-22 21:20:28Z"), "SessionStarted time=1795382428000");
        check(&at("2026-11-22T22:20:28+01:00"), "SessionStarted time=1795382428000");
    }

    #[test]
    fn attributes_have_two_names_and_the_project_two_places() {
        check(
            r#"{"name":"SessionIssued","attributes":{"IdentityID":"u","SessionID":"s","ProjectID":"q"}}"#,
            "SessionStarted realm=q user=u session=s",
        );
    }

    #[test]
    fn what_is_no_event_says_why() {
        check(r#"{"eventAttributes":{}}"#, "refused: no_type");
        check(r#"{"name":{}}"#, "refused: field_not_text");
        check("[]", "refused: not_an_event");
        check(&event("SessionIssued", r#""IdentityID":{}"#), "refused: field_not_text");
        check(&event("SessionIssued", r#""SessionID":1.5"#), "refused: field_not_text");
    }

    #[track_caller]
    fn recognised(value: &str, expected: bool) {
        assert_eq!(recognises(parse(value.as_bytes()).ok().unwrap().root()), expected);
    }

    #[test]
    fn its_shape_is_a_name_and_attributes() {
        recognised(&event("Anything", ""), true);
        recognised(r#"{"name":"LoginSucceeded","attributes":{}}"#, false);
        recognised(r#"{"eventAttributes":{}}"#, false);
        recognised("null", false);
    }
}
