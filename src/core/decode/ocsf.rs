//! Authentication events of the Open Cybersecurity Schema Framework (OCSF), as written by security data lakes
//! and pipelines for many providers.
//!
//! Knows nothing of Pinpoint and of other records. It follows
//! <https://schema.ocsf.io/1.3.0/classes/authentication> and later versions, which only add to it. An event
//! of another class is ignored.
//!
//! | activity | status | meaning |
//! |---|---|---|
//! | 1, logon | 1, success | a sign-in with its session |
//! | 1, logon | 2, failure | a failed sign-in |
//! | 2, logoff | anything but 2, failure | the end of a session |
//! | anything else | | ignored |
//!
//! A user of type 3 (system) or 4 (service) is not a person. Events of such users are ignored too, and so are logons
//! of the system (1), of batch jobs (4) and of services (5), because exporters of Windows' events state only these.
//!
//! | value | field |
//! |---|---|
//! | id | `metadata.uid` |
//! | time | `time`, `time_dt` |
//! | realm | `metadata.tenant_uid`, `metadata.product.uid`, `metadata.product.name`: ids of users are unique within these |
//! | realm's name | `metadata.product.name` |
//! | user | `user.uid`; `actor.user.uid` if there is no `user` |
//! | user name | `user.name`, `user.email_addr` |
//! | session | `session.uid`; `actor.session.uid` if the actor is the user; its start is `created_time` |
//! | client | `service.uid`, `service.name`, `dst_endpoint.svc_name` |
//! | reason | of a failure `status_code`, otherwise `status_detail` if it is a code; of an end `logout` |
//! | address, place, device | `src_endpoint` |
//! | user agent | `http_request.user_agent` |
//! | person | `user.email_addr`, `user.name`, `user.full_name` |
//! | attributes | the fields in [`ATTRIBUTES`], `product` and `vendor` |

use std::borrow::Cow;

use smallvec::smallvec;

use crate::core::{
    decode::{
        EventResult, EventResults, gather,
        scalar::is_code,
        tree::{Node, first, first_id},
    },
    identity::{
        Device, GeoLocation, IdentityEvent, Kind,
        reason::{Ignored, Refused},
    },
};

/// The provider's name as part of endpoint ids. The product that wrote the event is in the realm.
const PROVIDER: &str = "ocsf";

/// The class of authentication events.
const AUTHENTICATION: &str = "3002";

/// The fields that become attributes, under OCSF's names.
const ATTRIBUTES: [&str; 5] = ["auth_protocol", "logon_type", "is_mfa", "is_remote", "is_new_logon"];

/// Recognises the format by the class and the metadata, which every event has.
pub(super) fn recognises(node: Node<'_, '_>) -> bool {
    node.get("class_uid").text().is_some() && node.at(&["metadata", "version"]).is_some()
}

pub(super) fn decode<'a>(node: Node<'_, 'a>) -> EventResults<'a> {
    if let Node::List(events) = node { gather::batch(events, read) } else { smallvec![read(node)] }
}

fn read<'a>(event: Node<'_, 'a>) -> EventResult<'a> {
    if !event.is_object() {
        return Err(Refused::NotAnEvent.into());
    }
    let class = event.get("class_uid").id()?.ok_or(Refused::NoType)?;
    let (user, is_own) = user(event);
    let is_person = !matches!(user.get("type_id").text().as_deref(), Some("3" | "4"))
        && !matches!(event.get("logon_type_id").text().as_deref(), Some("1" | "4" | "5"));
    if class != AUTHENTICATION || !is_person {
        return Err(Ignored::TypeNotMapped.into());
    }
    let kind = kind(event)?.ok_or(Ignored::TypeNotMapped)?;
    Ok(event_of(event, kind, user, is_own)?)
}

/// What happened; `None` if the event is to be ignored.
///
/// # Errors
///
/// If a logon does not state its outcome, or the event does not state its activity.
fn kind(event: Node<'_, '_>) -> Result<Option<Kind>, Refused> {
    let activity = event.get("activity_id").id()?.ok_or(Refused::NoType)?;
    let status = status(event)?;
    Ok(match (&*activity, status.as_deref()) {
        ("1", Some("1")) => Some(Kind::SignIn),
        ("1", Some("2")) => Some(Kind::SignInFailed),
        ("1", None) => return Err(Refused::NoType),
        ("2", status) if status != Some("2") => Some(Kind::SessionStopped),
        _ => None,
    })
}

/// The status, from its number or its name. The number is only recommended, so some writers leave it out.
fn status<'a>(event: Node<'_, 'a>) -> Result<Option<Cow<'a, str>>, Refused> {
    let number = event.get("status_id").id()?;
    Ok(number.or_else(|| match event.get("status").str() {
        name if name.eq_ignore_ascii_case("success") => Some("1".into()),
        name if name.eq_ignore_ascii_case("failure") => Some("2".into()),
        _ => None,
    }))
}

/// The user who signed in or out, and whether the actor is the same user. The actor may be an administrator.
fn user<'n, 'a>(event: Node<'n, 'a>) -> (Node<'n, 'a>, bool) {
    let (user, actor) = (event.get("user"), event.at(&["actor", "user"]));
    if !user.is_object() {
        return (actor, true);
    }
    (user, !actor.is_object() || actor.get("uid").text() == user.get("uid").text())
}

fn event_of<'a>(
    event: Node<'_, 'a>,
    kind: Kind,
    user: Node<'_, 'a>,
    is_own: bool,
) -> Result<IdentityEvent<'a>, Refused> {
    let (metadata, source) = (event.get("metadata"), event.get("src_endpoint"));
    let (product, service) = (metadata.get("product"), event.get("service"));
    let session = session(event, is_own);
    let id = known_id(user.get("uid"))?;
    Ok(IdentityEvent {
        id: metadata.get("uid").id()?,
        time: [event.get("time"), event.get("time_dt")].into_iter().find_map(Node::time),
        realm: first_id([metadata.get("tenant_uid"), product.get("uid"), product.get("name")])?,
        realm_name: product.get("name").text(),
        person: if id.is_some() { person(user) } else { Vec::new() },
        user: id,
        user_name: [user.get("name"), user.get("email_addr")].into_iter().find_map(gather::known),
        session: known_id(session.get("uid"))?,
        session_start: [session.get("created_time"), session.get("created_time_dt")]
            .into_iter()
            .find_map(Node::time),
        client: first([service.get("uid"), service.get("name"), event.at(&["dst_endpoint", "svc_name"])]),
        reason: reason(event, kind),
        ip: source.get("ip").text(),
        user_agent: event.at(&["http_request", "user_agent"]).text(),
        device: gather::device(device(source)),
        place: gather::place(place(source.get("location"))),
        attributes: attributes(event, product),
        ..IdentityEvent::new(kind, PROVIDER)
    })
}

/// The id, unless it is nobody's or of no session: exporters copy what Okta and Windows write instead of null.
fn known_id<'a>(node: Node<'_, 'a>) -> Result<Option<Cow<'a, str>>, Refused> {
    node.id()?;
    let is_nil =
        |id: &str| id.contains('-') && id.bytes().all(|byte| matches!(byte, b'0' | b'-' | b'{' | b'}'));
    Ok(gather::known(node).filter(|id| !matches!(&**id, "S-1-0-0" | "NULL SID") && !is_nil(id)))
}

/// The session that started or ended.
fn session<'n, 'a>(event: Node<'n, 'a>, is_own: bool) -> Node<'n, 'a> {
    match event.get("session") {
        session if session.is_object() => session,
        _ if is_own => event.at(&["actor", "session"]),
        _ => Node::Null,
    }
}

fn reason<'a>(event: Node<'_, 'a>, kind: Kind) -> Option<Cow<'a, str>> {
    match kind {
        Kind::SignInFailed => {
            let codes = [event.get("status_code"), event.get("status_detail")];
            codes.into_iter().filter_map(Node::text).find(|text| is_code(text))
        }
        Kind::SessionStopped => Some("logout".into()),
        _ => None,
    }
}

fn device<'a>(source: Node<'_, 'a>) -> Device<'a> {
    Device {
        id: source.get("uid").text(),
        platform: gather::known(source.at(&["os", "name"])),
        platform_version: source.at(&["os", "version"]).text(),
        ..Device::default()
    }
}

fn place<'a>(location: Node<'_, 'a>) -> GeoLocation<'a> {
    // Before version 1.2 the coordinates were a list, with the longitude first.
    let listed = |index| location.get("coordinates").list().nth(index).unwrap_or_default();
    let degrees = |name, index| location.get(name).number().or_else(|| listed(index).number());
    GeoLocation {
        city: location.get("city").text(),
        country: location.get("country").text(),
        region: location.get("region").text(),
        postal_code: location.get("postal_code").text(),
        latitude: degrees("lat", 1),
        longitude: degrees("long", 0),
    }
}

fn person<'a>(user: Node<'_, 'a>) -> gather::Person<'a> {
    gather::person(&[
        ("email", user.get("email_addr")),
        ("preferred_username", user.get("name")),
        ("name", user.get("full_name")),
    ])
}

fn attributes<'a>(event: Node<'_, 'a>, product: Node<'_, 'a>) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
    let mut named = ATTRIBUTES.map(|name| (name, event.get(name))).to_vec();
    named.extend([("product", product.get("name")), ("vendor", product.get("vendor_name"))]);
    gather::attributes(event, &named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::decode::{line::lines, tree::parse};

    #[track_caller]
    fn check(value: &str, expected: &str) {
        assert_eq!(lines(value, decode), expected);
    }

    /// Checks an authentication event of this activity with `fields`.
    #[track_caller]
    fn event(activity: u8, fields: &str, expected: &str) {
        check(&format!(r#"{{"class_uid":3002,"activity_id":{activity},{fields}}}"#), expected);
    }

    #[test]
    fn a_whole_logon() {
        check(
            r#"{"class_uid":3002,"category_uid":3,"activity_id":1,"type_uid":300201,"severity_id":1,
                "time":1795382428244,"status_id":1,"status":"Success","auth_protocol":"OpenID","is_mfa":true,
                "metadata":{"version":"1.3.0","uid":"e1","tenant_uid":"t1",
                    "product":{"name":"Example","uid":"p1","vendor_name":"Example Inc."}},
                "user":{"uid":"u1","name":"anna","email_addr":"anna@example.com","full_name":"Anna Berg","type_id":1},
                "session":{"uid":"s1","created_time":1795382420000},"service":{"uid":"c1","name":"Wiki"},
                "src_endpoint":{"ip":"192.0.2.7","uid":"d1","os":{"name":"Windows","version":"11"},
                    "location":{"city":"Bellevue","country":"US","region":"US-WA","postal_code":"98004","lat":47.5,
                    "long":-122.25}},"http_request":{"user_agent":"Mozilla/5.0"}}"#,
            "SignIn id=e1 time=1795382428244 realm=t1 realm_name=Example user=u1 name=anna session=s1 \
             start=1795382420000 client=c1 ip=192.0.2.7 agent=Mozilla/5.0 device.id=d1 device.platform=Windows \
             device.platform_version=11 city=Bellevue country=US region=US-WA postal_code=98004 lat=47.5 long=-122.25 \
             person.email=anna@example.com person.preferred_username=anna person.name=Anna Berg \
             auth_protocol:OpenID is_mfa:true product:Example vendor:Example Inc.",
        );
    }

    #[test]
    fn each_activity_and_status() {
        let user = r#""user":{"uid":"u"},"session":{"uid":"s"}"#;
        let status = |activity, status: &str, expected: &str| {
            event(activity, &format!("{user}{status}"), expected);
        };
        status(1, r#","status_id":1"#, "SignIn user=u session=s");
        status(1, r#","status_id":"1""#, "SignIn user=u session=s");
        status(1, r#","status":"success""#, "SignIn user=u session=s");
        status(1, r#","status_id":2"#, "SignInFailed user=u session=s");
        status(1, r#","status":"Failure""#, "SignInFailed user=u session=s");
        status(1, r#","status_id":0"#, "ignored: type_not_mapped");
        status(1, r#","status_id":99"#, "ignored: type_not_mapped");
        status(1, "", "refused: no_type");
        status(2, r#","status_id":1"#, "SessionStopped user=u session=s reason=logout");
        status(2, "", "SessionStopped user=u session=s reason=logout");
        status(2, r#","status_id":2"#, "ignored: type_not_mapped");
        for activity in [0, 3, 4, 5, 6, 7, 99] {
            status(activity, r#","status_id":1"#, "ignored: type_not_mapped");
        }
        check(r#"{"class_uid":3001,"activity_id":1,"status_id":1}"#, "ignored: type_not_mapped");
        check(r#"{"class_uid":3002,"status_id":1}"#, "refused: no_type");
        check(r#"{"activity_id":1,"status_id":1}"#, "refused: no_type");
        check(r#"{"class_uid":3002,"activity_id":1,"status_id":{}}"#, "refused: field_not_text");
        check("5", "refused: not_an_event");
    }

    #[test]
    fn systems_and_services_are_no_persons() {
        let kind = |number: u8, expected: &str| {
            event(1, &format!(r#""status_id":1,"user":{{"uid":"u","type_id":{number}}}"#), expected);
        };
        kind(1, "SignIn user=u");
        kind(2, "SignIn user=u");
        kind(3, "ignored: type_not_mapped");
        kind(4, "ignored: type_not_mapped");
    }

    #[test]
    fn the_actor_counts_where_it_is_the_user() {
        let of =
            |user: &str, expected: &str| event(2, user, &format!("SessionStopped{expected} reason=logout"));
        of(r#""actor":{"user":{"uid":"a"},"session":{"uid":"s"}}"#, " user=a session=s");
        of(r#""user":{"uid":"u"},"actor":{"user":{"uid":"admin"},"session":{"uid":"s"}}"#, " user=u");
        of(r#""user":{"uid":"u"},"actor":{"user":{"uid":"u"},"session":{"uid":"s"}}"#, " user=u session=s");
        of(r#""user":{"uid":"u"},"actor":{"session":{"uid":"s"}}"#, " user=u session=s");
    }

    #[test]
    fn unknown_is_nobody() {
        let nobody = r#"{"uid":"unknown","name":"Unknown","email_addr":"bob"}"#;
        event(
            1,
            &format!(
                r#""status_id":2,"user":{nobody},"actor":{{"user":{nobody},"session":{{"uid":"unknown"}}}}"#
            ),
            "SignInFailed name=bob",
        );
    }

    #[test]
    fn what_windows_writes_of_nobody_is_nobody() {
        let of = |fields: &str, expected: &str| event(1, &format!(r#""status_id":1,{fields}"#), expected);
        let session = r#""session":{"uid":"{00000000-0000-0000-0000-000000000000}","uid_alt":"0xA1"}"#;
        of(
            &format!(r#""user":{{"uid":"S-1-5-21-1-2-3-1104"}},{session}"#),
            "SignIn user=S-1-5-21-1-2-3-1104",
        );
        for nobody in ["S-1-0-0", "NULL SID", "00000000-0000-0000-0000-000000000000"] {
            of(&format!(r#""user":{{"uid":"{nobody}","name":"anna"}}"#), "SignIn name=anna");
        }
        for (logon, expected) in
            [(1, ""), (2, "SignIn user=u"), (3, "SignIn user=u"), (4, ""), (5, ""), (10, "SignIn user=u")]
        {
            let expected = if expected.is_empty() { "ignored: type_not_mapped" } else { expected };
            of(&format!(r#""user":{{"uid":"u"}},"logon_type_id":{logon}"#), expected);
        }
    }

    #[test]
    fn a_reason_is_a_code() {
        let of = |fields: &str, expected: &str| {
            event(1, &format!(r#""status_id":2,{fields}"#), &format!("SignInFailed{expected}"));
        };
        of(r#""status_code":"0xC000006D","status_detail":"INVALID_CREDENTIALS""#, " reason=0xC000006D");
        of(r#""status_code":50126"#, " reason=50126");
        of(r#""status_detail":"INVALID_CREDENTIALS""#, " reason=INVALID_CREDENTIALS");
        of(r#""status_detail":"anna@example.com has no account""#, "");
        of(r#""user":{"name":"anna"}"#, " name=anna");
    }

    #[test]
    fn the_realm_is_the_tenant_or_the_product() {
        let of = |metadata: &str, expected: &str| {
            event(
                2,
                &format!(r#""metadata":{{{metadata}}}"#),
                &format!("SessionStopped{expected} reason=logout"),
            );
        };
        of(r#""tenant_uid":"t","product":{"uid":"p"}"#, " realm=t");
        of(r#""product":{"uid":"p"}"#, " realm=p");
        of(r#""version":"1.3.0""#, "");
        event(
            2,
            r#""metadata":{"product":{"name":"P"}}"#,
            "SessionStopped realm=P realm_name=P reason=logout product:P",
        );
    }

    #[test]
    fn times_and_coordinates_have_two_forms() {
        event(2, r#""time":1795382428244"#, "SessionStopped time=1795382428244 reason=logout");
        event(
            2,
            r#""time_dt":"2026-11-22T21:20:28.244Z""#,
            "SessionStopped time=1795382428244 reason=logout",
        );
        event(
            2,
            r#""src_endpoint":{"location":{"coordinates":[-122.25,47.5]}}"#,
            "SessionStopped reason=logout lat=47.5 long=-122.25",
        );
    }

    #[test]
    fn its_own_records_are_recognised() {
        let check = |value: &str, expected| {
            assert_eq!(recognises(parse(value.as_bytes()).ok().unwrap().root()), expected, "{value}");
        };
        check(r#"{"class_uid":3002,"metadata":{"version":"1.3.0"}}"#, true);
        check(r#"{"class_uid":"4001","metadata":{"version":"1.1.0"}}"#, true);
        check(r#"{"class_uid":3002}"#, false);
        check(r#"{"metadata":{"version":"1.3.0"}}"#, false);
        check(r#"[{"class_uid":3002,"metadata":{"version":"1.3.0"}}]"#, false);
    }
}
