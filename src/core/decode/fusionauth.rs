//! FusionAuth's events, as its own Kafka integration writes them.
//!
//! Knows nothing of Pinpoint and of other records. It follows
//! <https://fusionauth.io/docs/extend/events-and-webhooks/kafka> and the page of each event below
//! <https://fusionauth.io/docs/extend/events-and-webhooks/events/>. An event is within `event`, except the
//! test event of the set-up page.
//!
//! | type | meaning |
//! |---|---|
//! | `user.login.success` | a sign-in, which names no session |
//! | `user.login.failed` | a failed sign-in; FusionAuth writes none for a user that does not exist |
//! | `user.create.complete`, `user.registration.create.complete` | a sign-up |
//! | `jwt.refresh-token.revoke` with `refreshToken` | the end of a session |
//! | `jwt.refresh-token.revoke` with a user and `applicationId` | the end of an unnamed session |
//! | `jwt.refresh-token.revoke` with only a user | the end of all sessions of the user |
//! | `jwt.refresh-token.revoke` with neither | ignored: the tokens of an application, of no particular user |
//! | anything else | ignored |
//!
//! This ignores the twins without `.complete`, which are sent before the transaction is done even if it then
//! fails; `user.login.new-device` and `user.login.suspicious`, which are sent in addition to a success; and
//! `jwt.refresh`, which has a token instead of a token's id. A person who registers on their own is both
//! created and registered: a tenant that enables both events counts that person twice.
//!
//! | value | field |
//! |---|---|
//! | id, time | `id`, `createInstant` |
//! | realm | `tenantId` |
//! | user | `user.id`, `userId` |
//! | user name | `user.username`, `user.email` |
//! | session, its start | `refreshToken.id`; the smaller of `refreshToken.insertInstant` and `.startInstant`, because a sliding window moves the latter |
//! | client | `applicationId`, `refreshToken.applicationId` |
//! | reason | `reason.code` of a failure, `revoked` of an end |
//! | address, user agent | `info.ipAddress`, before 1.30 `ipAddress`; `info.userAgent` |
//! | device, place | `info.os`; `info.location` |
//! | person | `user`: the names of [`CLAIMS`], `preferredLanguages[0]` |
//! | attributes | `authenticationType`, `connectorId`, `identityProviderName`, `info.deviceName`, `info.deviceType` |

use std::borrow::Cow;

use smallvec::smallvec;

use crate::core::{
    decode::{
        EventResult, EventResults, gather,
        tree::{Node, first, first_id},
    },
    identity::{
        Device, GeoLocation, IdentityEvent, Kind,
        reason::{Ignored, Refused},
    },
    time::Timestamp,
};

/// The provider's name as part of endpoint ids.
const PROVIDER: &str = "fusionauth";

/// The standard claims of a user, with FusionAuth's names.
const CLAIMS: [(&str, &str); 9] = [
    ("email", "email"),
    ("phone_number", "mobilePhone"),
    ("preferred_username", "username"),
    ("name", "fullName"),
    ("given_name", "firstName"),
    ("middle_name", "middleName"),
    ("family_name", "lastName"),
    ("birthdate", "birthDate"),
    ("zoneinfo", "timezone"),
];

/// Recognises the format by the name of the time, which no other provider uses.
pub(super) fn recognises(node: Node<'_, '_>) -> bool {
    let event = unwrapped(node);
    matches!(event.get("createInstant"), Node::Integer(_)) && !event.get("type").str().is_empty()
}

pub(super) fn decode<'a>(node: Node<'_, 'a>) -> EventResults<'a> {
    smallvec![read(unwrapped(node))]
}

fn unwrapped<'n, 'a>(node: Node<'n, 'a>) -> Node<'n, 'a> {
    let event = node.get("event");
    if event.is_object() { event } else { node }
}

fn read<'a>(event: Node<'_, 'a>) -> EventResult<'a> {
    if !event.is_object() {
        return Err(Refused::NotAnEvent.into());
    }
    let name = event.get("type").id()?.ok_or(Refused::NoType)?;
    let user = first_id([event.at(&["user", "id"]), event.get("userId")])?;
    let kind = match &*name {
        "user.login.success" => Kind::SignIn,
        "user.login.failed" => Kind::SignInFailed,
        "user.create.complete" | "user.registration.create.complete" => Kind::SignUp,
        "jwt.refresh-token.revoke" => revoked(event, user.is_some())?,
        _ => return Err(Ignored::TypeNotMapped.into()),
    };
    Ok(event_of(event, kind, user)?)
}

fn revoked(event: Node<'_, '_>, has_user: bool) -> Result<Kind, Ignored> {
    let one = event.get("refreshToken").is_object();
    match has_user {
        _ if one => Ok(Kind::SessionStopped),
        true if event.get("applicationId").is_some() => Ok(Kind::SessionStopped),
        true => Ok(Kind::SessionsStopped),
        false => Err(Ignored::TypeNotMapped),
    }
}

fn event_of<'a>(
    event: Node<'_, 'a>,
    kind: Kind,
    user: Option<Cow<'a, str>>,
) -> Result<IdentityEvent<'a>, Refused> {
    let (info, person, token) = (event.get("info"), event.get("user"), event.get("refreshToken"));
    Ok(IdentityEvent {
        id: event.get("id").id()?,
        time: event.get("createInstant").time(),
        realm: event.get("tenantId").id()?,
        user: match user {
            None => token.get("userId").id()?,
            user => user,
        },
        user_name: first([person.get("username"), person.get("email")]),
        session: token.get("id").id()?,
        session_start: start(token),
        client: first([event.get("applicationId"), token.get("applicationId")]),
        reason: match kind {
            Kind::SignInFailed => event.at(&["reason", "code"]).text(),
            Kind::SessionStopped | Kind::SessionsStopped => Some("revoked".into()),
            _ => None,
        },
        ip: first([info.get("ipAddress"), event.get("ipAddress")]),
        user_agent: info.get("userAgent").text(),
        device: gather::device(Device { platform: info.get("os").text(), ..Device::default() }),
        place: gather::place(place(info.get("location"))),
        person: claims(person),
        attributes: gather::attributes(
            event,
            &[
                ("authenticationType", event.get("authenticationType")),
                ("connectorId", event.get("connectorId")),
                ("identityProviderName", event.get("identityProviderName")),
                ("deviceName", info.get("deviceName")),
                ("deviceType", info.get("deviceType")),
            ],
        ),
        ..IdentityEvent::new(kind, PROVIDER)
    })
}

fn start(token: Node<'_, '_>) -> Option<Timestamp> {
    let instants = [token.get("insertInstant").time(), token.get("startInstant").time()];
    instants.into_iter().flatten().min_by_key(|instant| instant.0)
}

fn place<'a>(location: Node<'_, 'a>) -> GeoLocation<'a> {
    GeoLocation {
        city: location.get("city").text(),
        country: location.get("country").text(),
        region: location.get("region").text(),
        postal_code: location.get("zipcode").text(),
        latitude: location.get("latitude").number(),
        longitude: location.get("longitude").number(),
    }
}

fn claims<'a>(person: Node<'_, 'a>) -> Vec<(Cow<'a, str>, Vec<Cow<'a, str>>)> {
    let language = person.get("preferredLanguages").first().unwrap_or_default();
    let mut claims = CLAIMS.map(|(claim, field)| (claim, person.get(field))).to_vec();
    claims.push(("locale", language));
    gather::person(&claims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::decode::{line::lines, tree::parse};

    #[track_caller]
    fn check(value: &str, expected: &str) {
        assert_eq!(lines(value, decode), expected);
    }

    /// Checks an event of `name` with `fields`.
    #[track_caller]
    fn event(name: &str, fields: &str, expected: &str) {
        check(&format!(r#"{{"event":{{"type":"{name}"{fields}}}}}"#), expected);
    }

    #[test]
    fn a_whole_sign_in() {
        event(
            "user.login.success",
            r#","id":"e1","createInstant":1795382428244,"tenantId":"t1","applicationId":"a1",
                "authenticationType":"PASSWORD","connectorId":"c1","identityProviderName":"Google",
                "info":{"ipAddress":"192.0.2.7","userAgent":"Mozilla/5.0","os":"macOS","deviceName":"Safari",
                    "deviceType":"BROWSER","location":{"city":"Denver","country":"US","region":"CO",
                    "zipcode":"80202","latitude":39.5,"longitude":-104.25,"displayString":"Denver, CO"}},
                "user":{"id":"u1","email":"anna@example.com","username":"anna","firstName":"Anna",
                    "middleName":"M","lastName":"Berg","fullName":"Anna Berg","birthDate":"1990-05-04",
                    "mobilePhone":"+15550100","timezone":"Europe/Berlin","preferredLanguages":["de","en"],
                    "verified":true}"#,
            "SignIn id=e1 time=1795382428244 realm=t1 user=u1 name=anna client=a1 ip=192.0.2.7 \
             agent=Mozilla/5.0 device.platform=macOS city=Denver country=US region=CO postal_code=80202 \
             lat=39.5 long=-104.25 person.email=anna@example.com person.phone_number=+15550100 \
             person.preferred_username=anna person.name=Anna Berg person.given_name=Anna person.middle_name=M \
             person.family_name=Berg person.birthdate=1990-05-04 person.zoneinfo=Europe/Berlin \
             person.locale=de authenticationType:PASSWORD connectorId:c1 identityProviderName:Google \
             deviceName:Safari deviceType:BROWSER",
        );
    }

    #[test]
    fn each_type() {
        let user = r#","user":{"id":"u"}"#;
        event("user.login.success", user, "SignIn user=u");
        event("user.login.failed", user, "SignInFailed user=u");
        event("user.create.complete", user, "SignUp user=u");
        event("user.registration.create.complete", user, "SignUp user=u");
        event(
            "user.login.failed",
            r#","reason":{"code":"credentials"},"userId":"u""#,
            "SignInFailed user=u reason=credentials",
        );
    }

    #[test]
    fn what_comes_beside_another_event_is_ignored() {
        for name in [
            "user.create",
            "user.registration.create",
            "user.login.new-device",
            "user.login.suspicious",
            "user.bulk.create",
            "user.update.complete",
            "jwt.refresh",
            "audit-log.create",
            "event-log.create",
        ] {
            event(name, r#","user":{"id":"u"}"#, "ignored: type_not_mapped");
        }
        check(
            r#"{"createInstant":1795382428244,"id":"i","message":"You have configured it","type":"test"}"#,
            "ignored: type_not_mapped",
        );
    }

    #[test]
    fn a_revoked_token_ends_as_much_as_it_names() {
        let revoke = "jwt.refresh-token.revoke";
        event(
            revoke,
            r#","userId":"u","applicationId":"a","refreshToken":{"id":"s","insertInstant":1795382000000,
                "startInstant":1795382400000}"#,
            "SessionStopped user=u session=s start=1795382000000 client=a reason=revoked",
        );
        event(
            revoke,
            r#","refreshToken":{"id":"s","startInstant":1795382400000,"userId":"u","applicationId":"a"}"#,
            "SessionStopped user=u session=s start=1795382400000 client=a reason=revoked",
        );
        event(
            revoke,
            r#","userId":"u","applicationId":"a""#,
            "SessionStopped user=u client=a reason=revoked",
        );
        event(revoke, r#","userId":"u""#, "SessionsStopped user=u reason=revoked");
        event(revoke, r#","applicationId":"a""#, "ignored: type_not_mapped");
    }

    #[test]
    fn a_type_and_ids_must_be_there_and_texts() {
        check(r#"{"event":{"createInstant":1795382428244}}"#, "refused: no_type");
        check("{}", "refused: no_type");
        check("[]", "refused: not_an_event");
        check("17", "refused: not_an_event");
        check(r#"{"event":{"type":["user.login.success"]}}"#, "refused: field_not_text");
        event("user.login.success", r#","user":{"id":{}}"#, "refused: field_not_text");
        event("user.login.success", r#","user":{"id":[]},"userId":"u""#, "SignIn user=u");
        event("user.login.success", r#","id":true"#, "refused: field_not_text");
        event("user.login.success", r#","tenantId":1.5"#, "refused: field_not_text");
        event("jwt.refresh-token.revoke", r#","refreshToken":{"id":[]}"#, "refused: field_not_text");
        event("user.login.success", r#","ipAddress":"192.0.2.7","info":null"#, "SignIn ip=192.0.2.7");
        event("user.login.success", r#","info":[],"user":"u","createInstant":"soon""#, "SignIn");
    }

    #[test]
    fn its_own_records_are_recognised() {
        let check = |value: &str, expected| {
            assert_eq!(recognises(parse(value.as_bytes()).ok().unwrap().root()), expected, "{value}");
        };
        check(r#"{"event":{"type":"user.create","createInstant":1795382428244}}"#, true);
        check(r#"{"type":"test","createInstant":1795382428244,"message":"m"}"#, true);
        check(r#"{"type":"LOGIN","time":1795382428244}"#, false);
        check(r#"{"event":{"type":"user.create"}}"#, false);
        check(r#"{"event":{"action":"login"},"type":"x"}"#, false);
        check("[]", false);
    }
}
