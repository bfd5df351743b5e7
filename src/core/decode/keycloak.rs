//! Keycloak's user events, from any publisher, and those of its admin events that end sessions.
//!
//! Knows nothing of Pinpoint and of other records. It follows Keycloak's own classes:
//! <https://github.com/keycloak/keycloak/blob/main/server-spi-private/src/main/java/org/keycloak/events/Event.java>,
//! and `EventType.java` and `admin/AdminEvent.java` next to it. There are about seventy types, more may be
//! added, and each has an `_ERROR` twin. These are read:
//!
//! | type | meaning |
//! |---|---|
//! | `LOGIN` | a sign-in, with the session that it opened or joined |
//! | `REGISTER` | a sign-up; a `LOGIN` follows and has the session |
//! | `LOGIN_ERROR` | a failed sign-in; ignored if a client is at fault ([`CLIENT_FAILURES`]) |
//! | `LOGOUT` | the end of a session, reason `logout` |
//! | `USER_SESSION_DELETED` (26.5 and later) | the end of a session, reason `details.reason` |
//! | `REVOKE_GRANT` with a session | the end of that session, reason `revoked`: a refresh token was revoked |
//! | `REFRESH_TOKEN`, `CODE_TO_TOKEN`, `USER_INFO_REQUEST`, `INTROSPECT_TOKEN` | activity in a session |
//! | admin events | see `keycloak/admin.rs` |
//! | lines of Keycloak's own log | see `keycloak/log_line.rs` |
//! | anything else, including the other `_ERROR` twins | ignored |
//!
//! Keycloak's `TokenRevocationEndpoint` gives a `REVOKE_GRANT` a session only if it revokes a refresh token.
//! It then removes the client from the session, and removes the session with its last client, without a
//! `LOGOUT`. The event does not state whether other clients are left, so the session counts as ended. The
//! revocation of an access token, the withdrawal of a consent, and versions of Keycloak that write no session
//! end nothing.
//!
//! A field may have several names. The first one in this order with a value is used:
//!
//! | field | names |
//! |---|---|
//! | id | `id`, `uid`, `eventId` or `event_id` |
//! | time | `time`, `timestamp`, `dateTime`, `event_time` (a column, which may be a decimal), `eventTime`, `occurredAt` or `createdAt`: the first that can be read |
//! | type | `type`, `eventType` or `event_type`, without an `access.` prefix |
//! | user | `userId`, `authDetails.userId` (of `access.` types only), `user_id` |
//! | session | `sessionId`, `authDetails.sessionId`, `session_id`; for `LOGIN` and `CODE_TO_TOKEN` `details.code_id` |
//! | user name | `details.username`, `username`, `userName` or `user_name`, `authDetails.username` |
//! | realm | `realmId`, `realm_id`, `realm.id` |
//! | realm's name | `realmName` or `realm_name`, `realm.name` |
//! | client | `clientId`, `authDetails.clientId` (of `access.` types only), `client_id` |
//! | ip | `ipAddress`, `authDetails.ipAddress` (of `access.` types only), `ip_address` or `user_ip` |
//! | user agent | `userAgent` or `user_agent`, `details.user_agent`, `details.userAgent` |
//! | details | `details`, `details_json_long_value`, `details_json`; see `keycloak/details.rs` |
//!
//! The texts `"null"` and `""` count as null. `details` may be an object or a text that contains one. An id
//! that is a whole number is read as its digits. An id of any other type refuses the record, because
//! otherwise an event about nobody would go unnoticed. Optional fields of the wrong type count as absent.

use crate::core::{
    decode::{
        EventResult, EventResults, one,
        tree::{Node, Tree, first, first_id},
    },
    identity::{
        IdentityEvent, Kind,
        reason::{Ignored, Refused},
    },
};

mod admin;
mod details;
mod fields;
mod log_line;
mod shape;

pub(super) use log_line::log_line;

use details::Details;
use fields::{FieldName, Fields};

/// The provider's name as part of endpoint ids.
pub const PROVIDER: &str = "keycloak";

/// The errors of a `LOGIN_ERROR` that mean that a client is broken or a page was outdated, rather than that a
/// person failed. Any other error counts as a person's failure.
pub const CLIENT_FAILURES: [&str; 10] = [
    "invalid_redirect_uri",
    "client_not_found",
    "client_disabled",
    "invalid_client",
    "invalid_client_credentials",
    "unauthorized_client",
    "expired_code",
    "cookie_not_found",
    "session_expired",
    "not_allowed",
];

pub(super) fn recognises(node: Node<'_, '_>) -> bool {
    shape::recognises(node) || log_line::recognises(node)
}

pub(super) fn decode<'a>(node: Node<'_, 'a>) -> EventResults<'a> {
    one(log_line::decode(node).unwrap_or_else(|| event_of(&Fields::of(node))))
}

/// Decodes a value that is clearly a Keycloak event, as most records are, in one pass over its keys. The
/// result is that of [`decode`]. Returns `None` for other values, and for events without a type, which may be
/// in an envelope.
pub(super) fn decode_likely<'a>(node: Node<'_, 'a>) -> Option<EventResult<'a>> {
    let fields = Fields::of_likely(node).filter(|fields| {
        let says_what = fields.has(&[FieldName::Type, FieldName::EventType]) || admin::is_admin_event(fields);
        says_what && !fields.has(&[FieldName::TypeColumn]) && shape::fits(node, fields)
    })?;
    Some(event_of(&fields))
}

/// Whether the type of a value has a name that others often give to the type of what surrounds an event.
pub(super) fn may_surround(node: Node<'_, '_>) -> bool {
    let fields = Fields::of(node);
    let has = |name| fields.word(&[name]).is_some();
    has(FieldName::TypeColumn)
        && !has(FieldName::Type)
        && !has(FieldName::EventType)
        && !log_line::recognises(node)
}

fn event_of<'a>(fields: &Fields<'_, 'a>) -> EventResult<'a> {
    if admin::is_admin_event(fields) { admin::event_of(fields) } else { user_event(fields) }
}

/// Reads each field from the first of its names that has a value.
fn user_event<'a>(fields: &Fields<'_, 'a>) -> EventResult<'a> {
    let other = |field| fields.get(field);
    let written = fields
        .id(fields.get(FieldName::Type), || [other(FieldName::EventType), other(FieldName::TypeColumn)])?;
    let written = written.ok_or(Refused::NoType)?;
    let (name, is_access) = match written.strip_prefix("access.") {
        Some(name) => (name, true),
        None => (&*written, false),
    };
    let kind = kind(name, fields.get(FieldName::Error).text().as_deref())?;
    let mut held = Tree::default();
    let details = Details::of(fields.details(&mut held));
    let reason = match name {
        "LOGIN_ERROR" => fields.get(FieldName::Error).text(),
        "LOGOUT" => Some("logout".into()),
        "REVOKE_GRANT" => Some("revoked".into()),
        "USER_SESSION_DELETED" => details.reason.text(),
        _ => None,
    };
    let code_id = match name {
        "LOGIN" | "CODE_TO_TOKEN" if details.code_id.is_stated() => details.code_id,
        "LOGIN" | "CODE_TO_TOKEN" => fields.get(FieldName::CodeId),
        _ => Node::Null,
    };
    let mut held = Tree::default();
    let auth = fields.get(FieldName::AuthDetails).object(&mut held);
    // The case of these names is folded together with that of the others.
    let of_auth = |key: &str| match auth.get(key) {
        Node::Null => auth.get_by(|name| name.eq_ignore_ascii_case(key)),
        exact => exact,
    };
    // In other events than those of `access`, `authDetails` may be another person's.
    let of_access = |key| if is_access { of_auth(key) } else { Node::Null };
    let session = first_id([
        fields.get(FieldName::Session),
        of_auth("sessionId"),
        fields.get(FieldName::SessionColumn),
        code_id,
    ])?;
    if session.is_none() && name == "REVOKE_GRANT" {
        return Err(Ignored::TypeNotMapped.into());
    }
    // Lists all fields, because filling in defaults and then replacing them takes time.
    Ok(IdentityEvent {
        kind,
        provider: PROVIDER.into(),
        id: fields.id(fields.get(FieldName::Id), || {
            [other(FieldName::Uid), other(FieldName::EventId), other(FieldName::EventIdColumn)]
        })?,
        time: fields.time(&TIMES),
        realm: fields.realm()?,
        realm_name: fields.realm_name(),
        user: fields
            .id(fields.get(FieldName::User), || [of_access("userId"), other(FieldName::UserColumn)])?,
        user_name: fields.text(details.username, || {
            [other(FieldName::Username), other(FieldName::UserName), of_auth("username")]
        }),
        session,
        client: fields
            .text(fields.get(FieldName::Client), || [of_access("clientId"), other(FieldName::ClientColumn)]),
        reason,
        ip: fields.text(fields.get(FieldName::Ip), || [of_access("ipAddress"), other(FieldName::IpColumn)]),
        user_agent: first([fields.get(FieldName::UserAgent), details.user_agent]),
        device: details.device(),
        place: details.place(),
        person: details.person(),
        attributes: details.attributes,
        session_start: None,
    })
}

/// The names under which a user event may have its time.
const TIMES: [FieldName; 7] = [
    FieldName::Time,
    FieldName::Timestamp,
    FieldName::DateTime,
    FieldName::TimeColumn,
    FieldName::EventTime,
    FieldName::OccurredAt,
    FieldName::CreatedAt,
];

fn kind(name: &str, error: Option<&str>) -> Result<Kind, Ignored> {
    match name {
        "LOGIN" => Ok(Kind::SignIn),
        "REGISTER" => Ok(Kind::SignUp),
        "LOGIN_ERROR" if error.is_some_and(|error| CLIENT_FAILURES.contains(&error)) => {
            Err(Ignored::ClientFailure)
        }
        "LOGIN_ERROR" => Ok(Kind::SignInFailed),
        "LOGOUT" | "USER_SESSION_DELETED" | "REVOKE_GRANT" => Ok(Kind::SessionStopped),
        "REFRESH_TOKEN" | "CODE_TO_TOKEN" | "USER_INFO_REQUEST" | "INTROSPECT_TOKEN" => Ok(Kind::Activity),
        _ => Err(Ignored::TypeNotMapped),
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::core::{
        decode::{Wanted, tree::parse_record},
        identity::reason::Unmapped,
        time::Timestamp,
    };

    fn read(value: &[u8], wanted: Wanted) -> EventResult<'_> {
        let mut tree = parse_record(value)?;
        tree.wanted = wanted;
        event_of(&Fields::of(tree.root()))
    }

    const T: i64 = 1_795_382_428_244;

    /// Decodes `value` and shows its fields as `field=value` in the order of their declaration, or the
    /// reason.
    fn read_line(value: &str) -> String {
        let event = match read(value.as_bytes(), Wanted::default()) {
            Ok(event) => event,
            Err(Unmapped::Ignored(reason)) => return format!("ignored: {}", reason.code()),
            Err(Unmapped::Refused(reason)) => return format!("refused: {}", reason.code()),
        };
        let mut words = vec![format!("{:?}", event.kind)];
        let mut add = |name: &str, text: &Option<Cow<'_, str>>| {
            words.extend(text.as_deref().map(|text| format!("{name}={text}")));
        };
        add("id", &event.id);
        add("realm", &event.realm);
        add("user", &event.user);
        add("name", &event.user_name);
        add("session", &event.session);
        add("client", &event.client);
        add("reason", &event.reason);
        words.extend(event.time.map(|time| format!("time={}", time.0)));
        words.join(" ")
    }

    #[track_caller]
    fn check(value: &str, expected: &str) {
        assert_eq!(read_line(value), expected);
    }

    /// Checks a `LOGIN` with `fields`.
    #[track_caller]
    fn login(fields: &str, expected: &str) {
        check(&format!(r#"{{"type":"LOGIN",{fields}}}"#), &format!("SignIn{expected}"));
    }

    #[test]
    fn a_user_event_with_an_operation_is_no_admin_event() {
        let of = r#""realmId":"r","userId":"u","resourceType":"USER_SESSION","operationType":"ACTION""#;
        check(&format!(r#"{{"type":"LOGIN",{of}}}"#), "SignIn realm=r user=u");
        check(&format!(r#"{{"type":"access.LOGIN",{of}}}"#), "SignIn realm=r user=u");
        check(&format!(r#"{{"type":"LOGOUT",{of}}}"#), "SessionStopped realm=r user=u reason=logout");
        check(&format!(r#"{{"type":"LOGIN_ERROR",{of}}}"#), "SignInFailed realm=r user=u");
        check(&format!(r#"{{"type":"REGISTER",{of}}}"#), "SignUp realm=r user=u");
        check(
            r#"{"type":"LOGOUT","resourceType":"USER","operationType":"ACTION","resourcePath":"users/v/logout"}"#,
            "SessionsStopped user=v reason=admin_logout",
        );
    }

    #[test]
    fn times_and_types_have_the_names_that_publishers_use() {
        for name in ["occurredAt", "createdAt", "eventTime"] {
            login(
                &format!(r#""realmId":"r","{name}":"2026-11-22T21:20:28.244Z""#),
                &format!(" realm=r time={T}"),
            );
            login(&format!(r#""realmId":"r","time":{T},"{name}":1"#), &format!(" realm=r time={T}"));
        }
        login(
            &format!(
                r#""realmId":"r","createdAt":1,"eventTime":{T},"event_type":"USER","event_id":null,"eventId":"i""#
            ),
            &format!(" id=i realm=r time={T}"),
        );
        check(
            r#"{"event_id":"i","event_type":"LOGIN","realm_id":"r","realm_name":"shop","user_id":"u","username":"anna",
                "client_id":"web","code_id":"s","timestamp":1795382428,"short_message":"LOGIN"}"#,
            "SignIn id=i realm=r user=u name=anna session=s client=web time=1795382428000",
        );
    }

    #[test]
    fn keycloaks_own_json() {
        check(
            r#"{"id":"i","time":1795382428244,"type":"LOGIN","realmId":"r","realmName":"shop","clientId":"web",
                "userId":"u","sessionId":"s","ipAddress":"127.0.0.1","error":null,
                "details":{"auth_method":"openid-connect","code_id":"s","username":"anna"}}"#,
            &format!("SignIn id=i realm=r user=u name=anna session=s client=web time={T}"),
        );
    }

    #[test]
    fn each_alias_in_its_order() {
        login(r#""eventId":"c","uid":"b","id":"a""#, " id=a");
        login(r#""eventId":"c","uid":"b""#, " id=b");
        login(r#""eventId":"c""#, " id=c");
        login(r#""session_id":"b","sessionId":"a""#, " session=a");
        login(r#""details":{"code_id":"d"},"session_id":"c","authDetails":{"sessionId":"b"}"#, " session=b");
        login(r#""details":{"code_id":"d"},"session_id":"c""#, " session=c");
        login(r#""details":{"code_id":"d"}"#, " session=d");
        login(r#""user_id":"b","userId":"a""#, " user=a");
        login(r#""realm_id":"b","realmId":"a""#, " realm=a");
        login(r#""client_id":"b""#, " client=b");
        login(r#""authDetails":{"username":"d"},"userName":"c","username":"b""#, " name=b");
        login(r#""username":"b","details":{"username":"a"}"#, " name=a");
        login(r#""authDetails":{"username":"d"},"userName":"c""#, " name=c");
        login(r#""authDetails":{"username":"d"}"#, " name=d");
        login(&format!(r#""event_time":1,"timestamp":{T}"#), &format!(" time={T}"));
        login(&format!(r#""time":"soon","dateTime":{T}"#), &format!(" time={T}"));
        login(r#""timestamp":"2026-11-22T21:20:28.244Z""#, &format!(" time={T}"));
        login(r#""event_time":"AaIFIcJU""#, &format!(" time={T}"));
        login(r#""event_time":{"scale":0,"value":"AaIFIcJU"}"#, &format!(" time={T}"));
        login(r#""time":{"scale":0,"value":"AaIFIcJU"}"#, &format!(" time={T}"));
        login(r#""time":"AaIFIcJU""#, "");
        login(r#""event_time":"Mittag""#, "");
        check(r#"{"eventType":"LOGIN"}"#, "SignIn");
        check(r#"{"eventType":"LOGIN","type":"LOGOUT"}"#, "SessionStopped reason=logout");
    }

    #[test]
    fn the_users_own_auth_details_count_in_access_events_only() {
        let auth = r#""authDetails":{"userId":"a","clientId":"c"}"#;
        check(&format!(r#"{{"type":"access.LOGIN",{auth},"user_id":"b"}}"#), "SignIn user=a client=c");
        check(&format!(r#"{{"type":"LOGIN",{auth},"user_id":"b"}}"#), "SignIn user=b");
    }

    #[test]
    fn the_code_id_is_a_session_in_two_types_only() {
        check(r#"{"type":"CODE_TO_TOKEN","details":{"code_id":"s"}}"#, "Activity session=s");
        check(r#"{"type":"REGISTER","details":{"code_id":"s"}}"#, "SignUp");
        check(r#"{"type":"LOGIN_ERROR","details":{"code_id":"s"}}"#, "SignInFailed");
    }

    #[test]
    fn a_revoked_refresh_token_ends_its_session() {
        let of = |fields: &str| format!(r#"{{"type":"REVOKE_GRANT","userId":"u"{fields}}}"#);
        check(
            &of(r#","sessionId":"s","details":{"refresh_token_type":"Refresh","revoked_client":"web"}"#),
            "SessionStopped user=u session=s reason=revoked",
        );
        check(&of(r#","details":{"token_id":"t"}"#), "ignored: type_not_mapped");
        check(&of(r#","details":{"code_id":"s","revoked_client":"web"}"#), "ignored: type_not_mapped");
        check(r#"{"type":"REVOKE_GRANT_ERROR","sessionId":"s"}"#, "ignored: type_not_mapped");
    }

    #[test]
    fn details_are_an_object_or_a_text_that_holds_one() {
        login(r#""details":null"#, "");
        login(r#""details":"null""#, "");
        login(r#""details":"""#, "");
        login(r#""details":"{\"username\":\"a\",\"code_id\":\"s\"}""#, " name=a session=s");
        login(r#""details":"{\"username\":\"a\"""#, "");
        login(r#""details":"[{\"username\":\"a\"}]""#, "");
        login(r#""details":[{"username":"a"}]"#, "");
        login(r#""details":17"#, "");
        login(r#""details":{"username":["a"],"reason":{}}"#, "");
    }

    #[test]
    fn of_a_key_that_occurs_twice_the_last_value_counts() {
        login(r#""userId":"a","userId":"b""#, " user=b");
        login(r#""userId":"a","userId":null"#, "");
        login(r#""details":{"username":"a","code_id":"s"},"details":{"username":"b"}"#, " name=b");
        login(r#""details":{"username":"a"},"details":null"#, "");
    }

    #[test]
    fn null_is_written_in_three_ways() {
        login(r#""userId":null,"user_id":"b""#, " user=b");
        login(r#""userId":"null","user_id":"b""#, " user=b");
        login(r#""userId":"","user_id":"b""#, " user=b");
        login(r#""userId":"\u006eull","user_id":"b""#, " user=b");
    }

    #[test]
    fn escapes_are_read_in_keys_and_values() {
        login(r#""user\u0049d":"\u00fc\ud83d\ude00""#, " user=ü😀");
    }

    #[test]
    fn a_whole_number_is_an_id_and_another_type_is_not() {
        login(r#""userId":42"#, " user=42");
        login(r#""userId":[],"user_id":"b""#, " user=b");
        check(r#"{"type":"LOGIN","userId":[]}"#, "refused: field_not_text");
        check(r#"{"type":"LOGIN","userId":1.5}"#, "refused: field_not_text");
        check(r#"{"type":"LOGIN","sessionId":{}}"#, "refused: field_not_text");
        check(r#"{"type":"LOGIN","details":{"code_id":[]}}"#, "refused: field_not_text");
        check(r#"{"type":"LOGIN","sessionId":18446744073709551615}"#, "refused: field_not_text");
        check(r#"{"type":"VIEW","userId":[]}"#, "ignored: type_not_mapped");
        login(r#""clientId":false,"username":{"a":[1]}"#, "");
    }

    /// Shows the fields that only some configurations use.
    fn rest_line(value: &str) -> String {
        let event = read(value.as_bytes(), Wanted { attributes: true }).ok().unwrap();
        let place = event.place.unwrap_or_default();
        let device = event.device.unwrap_or_default();
        let mut words = Vec::new();
        let mut add =
            |name: &str, text: Option<&str>| words.extend(text.map(|text| format!("{name}={text}")));
        add("realm", event.realm_name.as_deref());
        add("ip", event.ip.as_deref());
        add("agent", event.user_agent.as_deref());
        add("city", place.city.as_deref());
        add("country", place.country.as_deref());
        add("region", place.region.as_deref());
        add("latitude", place.latitude.map(|it| it.to_string()).as_deref());
        add("longitude", place.longitude.map(|it| it.to_string()).as_deref());
        add("browser", device.browser.as_deref());
        add("platform", device.platform.as_deref());
        add("model", device.model.as_deref());
        event.person.iter().for_each(|(name, values)| add(name, Some(&values.join("+"))));
        event.attributes.iter().for_each(|(name, value)| add(&format!("@{name}"), Some(value)));
        words.join(" ")
    }

    #[track_caller]
    fn rest(fields: &str, expected: &str) {
        assert_eq!(rest_line(&format!(r#"{{"type":"LOGIN",{fields}}}"#)), expected);
    }

    #[test]
    fn the_address_and_the_realms_name_are_read() {
        rest(
            r#""realmName":"shop","ipAddress":"192.0.2.1","ip_address":"192.0.2.2""#,
            "realm=shop ip=192.0.2.1",
        );
        rest(r#""ip_address":"192.0.2.2","ipAddress":null"#, "ip=192.0.2.2");
        let auth = r#""authDetails":{"ipAddress":"192.0.2.3"},"ip_address":"192.0.2.2""#;
        rest(auth, "ip=192.0.2.2");
        assert_eq!(rest_line(&format!(r#"{{"type":"access.LOGIN",{auth}}}"#)), "ip=192.0.2.3");
        rest(r#""ipAddress":["x"]"#, "");
    }

    #[test]
    fn what_an_enricher_wrote_is_place_and_device() {
        rest(
            r#""details":{"geo_country":"DE","geo_region":"BE","geo_city":"Berlin","geo_lat":"52.52","geo_lon":13.4,
                "ua_browser":"Firefox","ua_os":"Linux","ua_device_type":"desktop","user_agent":"a"}"#,
            "agent=a city=Berlin country=DE region=BE latitude=52.52 longitude=13.4 browser=Firefox \
             platform=Linux model=desktop",
        );
        rest(r#""details":{"geo_lat":"north","geo_lon":"NaN"}"#, "");
        rest(r#""userAgent":"a","details":{"userAgent":"b"}"#, "agent=a");
    }

    #[test]
    fn the_person_is_read_from_a_registration() {
        rest(
            r#""details":{"email":"anna@example.com","first_name":"Anna","last_name":"A"}"#,
            "email=anna@example.com given_name=Anna family_name=A",
        );
        rest(r#""details":{"updated_email":"b@example.com","email":"a@example.com"}"#, "email=b@example.com");
        rest(r#""details":{"email":"a@example.com","email":null}"#, "");
    }

    #[test]
    fn other_details_are_attributes_when_they_are_wanted() {
        rest(
            r#""details":{"auth_method":"x","username":"a","n":17,"none":null,"list":[]}"#,
            "@auth_method=x @n=17",
        );
        rest(r#""details":"{\"auth_method\":\"x\"}""#, "@auth_method=x");
        rest(r#""details_json":"{\"auth_method\":\"x\"}""#, "@auth_method=x");
        let event =
            read(br#"{"type":"LOGIN","details":{"auth_method":"x"}}"#, Wanted::default()).ok().unwrap();
        assert!(event.attributes.is_empty());
    }

    #[test]
    fn field_names_are_read_in_any_case() {
        let expected = " realm=r user=u name=a session=s client=c";
        login(
            r#""realmid":"r","userid":"u","sessionid":"s","clientid":"c","detailsjson":"{\"username\":\"a\"}""#,
            expected,
        );
        login(r#""realmId":"r","userId":"u","code_id":"s","clientId":"c","userName":"a""#, expected);
        check(
            r#"{"ID":"i","TIME":1795382428244,"TYPE":"LOGIN_ERROR","REALMID":"r","ERROR":"user_not_found","DETAILS":{"username":"a"}}"#,
            &format!("SignInFailed id=i realm=r name=a reason=user_not_found time={T}"),
        );
        check(
            r#"{"Uid":"i","Type":"access.LOGIN","realmid":"r","authdetails":{"realmid":"r","clientid":"c","userid":"u","sessionid":"s","USERNAME":"a"}}"#,
            &format!("SignIn id=i{expected}"),
        );
        check(
            r#"{"id":"i","TIME":"x","time":1795382428244,"type":"LOGIN","Type":"keycloak","ID":17}"#,
            &format!("SignIn id=i time={T}"),
        );
    }

    #[test]
    fn a_webhooks_realm_is_an_object() {
        login(
            r#""user_id":"u","user_name":"a","created_timestamp":1621459200000,"realm":{"id":"r","name":"shop"}"#,
            " realm=r user=u name=a",
        );
        login(r#""realm":{"id":"a"},"realm_id":"b""#, " realm=b");
        login(r#""realm":{"name":"shop"}"#, "");
        login(r#""realm":"shop""#, "");
        check(r#"{"type":"LOGIN","realm":{"id":[]}}"#, "refused: field_not_text");
        rest(
            r#""realm":{"id":"r","name":"shop"},"user_ip":"192.0.2.7","user_agent":"a""#,
            "realm=shop ip=192.0.2.7 agent=a",
        );
        rest(r#""realm":{"name":"a"},"realmName":"b""#, "realm=b");
        let recognised = |value: &str| recognises(parse_record(value.as_bytes()).ok().unwrap().root());
        assert!(recognised(r#"{"type":"VIEW","realm":{"id":"r"}}"#));
        assert!(!recognised(r#"{"type":"VIEW","realm":"r"}"#));
        assert!(!recognised(r#"{"realm":{"id":"r"}}"#));
    }

    #[test]
    fn details_of_a_table_are_in_one_of_two_columns() {
        login(r#""details_json":"{\"code_id\":\"s\"}","details_json_long_value":null"#, " session=s");
        login(r#""details_json_long_value":"{\"code_id\":\"s\"}","details_json":null"#, " session=s");
        login(
            r#""details_json":"{\"code_id\":\"a\"}","details_json_long_value":"{\"code_id\":\"b\"}""#,
            " session=b",
        );
    }

    /// Checks an admin event in realm `r` whose administrator is in another realm.
    #[track_caller]
    fn admin(operation: &str, resource: &str, path: &str, expected: &str) {
        let auth = r#""authDetails":{"realmId":"master","userId":"boss","clientId":"console"}"#;
        let what = format!(r#""operationType":"{operation}","resourceType":"{resource}""#);
        let value = format!(r#"{{"id":"i","realmId":"r",{auth},{what},"resourcePath":"{path}"}}"#);
        check(&value, expected);
    }

    #[test]
    fn an_administrator_ends_the_sessions_of_a_user() {
        admin("ACTION", "USER", "users/u/logout", "SessionsStopped id=i realm=r user=u reason=admin_logout");
        admin("ACTION", "USER", "users/u/logout/x", "ignored: admin_event");
        admin("ACTION", "USER", "users//logout", "ignored: admin_event");
        admin("ACTION", "USER", "users/u/x/logout", "ignored: admin_event");
        admin("ACTION", "USER", "users/u/reset-password", "ignored: admin_event");
        admin("UPDATE", "USER", "users/u/logout", "ignored: admin_event");
        admin("ACTION", "USER", "", "ignored: admin_event");
        let of_type = |kind: &str, resource: &str| {
            let path = "users/u/logout";
            let fields = format!(r#""realmId":"r","userId":"admin","resourcePath":"{path}"{resource}"#);
            read_line(&format!(r#"{{"id":"i","type":"{kind}",{fields}}}"#))
        };
        let stopped = "SessionsStopped id=i realm=r user=u reason=admin_logout";
        for (kind, resource) in
            [("ACTION", r#","resourceType":"USER""#), ("USER-ACTION", ""), ("admin.USER-ACTION", "")]
        {
            assert_eq!(of_type(kind, resource), stopped, "{kind}");
        }
        assert_eq!(of_type("USER-UPDATE", ""), "ignored: admin_event");
        assert_eq!(of_type("ACTION", ""), stopped, "the resource is that of the path");
    }

    #[test]
    fn an_administrator_ends_a_session() {
        let stopped = "SessionStopped id=i realm=r session=s reason=admin_logout";
        admin("DELETE", "USER_SESSION", "sessions/s", stopped);
        admin("DELETE", "USER_SESSION", "sessions/", "ignored: admin_event");
        admin("CREATE", "USER_SESSION", "sessions/s", "ignored: admin_event");
        admin("DELETE", "USER", "sessions/s", "ignored: admin_event");
    }

    #[test]
    fn what_an_administrator_failed_to_do_ends_nothing() {
        let of = |error: &str| {
            format!(
                r#"{{"operationType":"DELETE","resourceType":"USER_SESSION","resourcePath":"sessions/s","error":{error}}}"#
            )
        };
        check(&of("null"), "SessionStopped session=s reason=admin_logout");
        check(&of(r#""""#), "SessionStopped session=s reason=admin_logout");
        check(&of(r#""user_not_found""#), "ignored: admin_event");
    }

    #[test]
    fn admin_events_are_read_in_every_spelling() {
        let expected = "SessionStopped session=s reason=admin_logout";
        let path = r#""resourcePath":"sessions/s""#;
        let of = |what: &str| format!("{{{what},{path}}}");
        check(&of(r#""operationType":"DELETE","resourceTypeAsString":"USER_SESSION""#), expected);
        check(
            &of(r#""operationType":"DELETE","resourceType":null,"resourceTypeAsString":"USER_SESSION""#),
            expected,
        );
        check(&of(r#""type":"admin.USER_SESSION-DELETE""#), expected);
        check(&of(r#""type":"admin.USER_SESSION-DELETE","operationType":"DELETE""#), expected);
        check(&of(r#""type":"admin.REALM""#), "ignored: admin_event");
        check(&of(r#""eventType":"DELETE","resourceType":"USER_SESSION""#), expected);
        check(&of(r#""eventType":"USER_SESSION-DELETE""#), expected);
        check(&of(r#""operationType":"DELETE""#), expected);
        check(&of(r#""type":"ADMIN_EVENT","operationType":"DELETE""#), expected);
        check(r#"{"operation_type":"DELETE","resource_path":"sessions/s"}"#, expected);
        check(r#"{"operationType":"DELETE","resourcePath":"clients/c"}"#, "refused: no_type");
        check(
            r#"{"id":"i","admin_event_time":1795382428244,"realm_id":"r","operation_type":"ACTION",
                "auth_realm_id":"master","auth_user_id":"boss","resource_path":"users/u/logout","resource_type":"USER"}"#,
            &format!("SessionsStopped id=i realm=r user=u reason=admin_logout time={T}"),
        );
    }

    #[test]
    fn admin_events_of_every_publisher_are_recognised() {
        let operation = r#""operationType":"UPDATE","resourceType":"USER""#;
        check(&format!(r#"{{{operation},"time":1596951200408,"error":null}}"#), "ignored: admin_event");
        check(&format!(r#"{{{operation},"type":"admin.USER-UPDATE"}}"#), "ignored: admin_event");
        check(r#"{"operationType":null,"resourceType":null,"type":"access.LOGIN"}"#, "SignIn");
        check(r#"{"operationType":"UPDATE"}"#, "refused: no_type");
    }

    #[test]
    fn ids_and_texts_are_borrowed_from_the_record() {
        let value = br#"{"type":"LOGIN","id":"i","time":1795382428244,"userId":"u"}"#;
        let event = read(value, Wanted::default()).ok().unwrap();
        assert!(matches!(event.id, Some(Cow::Borrowed("i"))));
        assert!(matches!(event.user, Some(Cow::Borrowed("u"))));
        assert_eq!(event.time, Some(Timestamp(T)));
    }
}
