//! Tests of the mapping as a whole, which show the result of each record as a line of text.

use std::{fmt::Write, num::NonZeroUsize, time::Duration};

use super::*;
use crate::core::{
    event::{AppEvent, Delivery},
    record::Ownership,
    units::Span,
};

mod cases;
mod doubtful_formats;
pub(crate) mod hostile;
mod idle;
mod kinds;
mod origin;
mod portions;
mod redelivery;
mod redriven;
pub(crate) mod samples;
mod shared;

pub(crate) const T: i64 = 1_795_382_428_000;

/// A record with `value`, whose own timestamp is one second after [`T`].
pub(crate) fn record(value: impl AsRef<[u8]>) -> Record {
    Record {
        ownership: Ownership(1),
        topic: "events".into(),
        partition: 3,
        offset: 42,
        timestamp: Some(Timestamp(T + 1000)),
        key: None,
        value: Some(value.as_ref().into()),
        headers: Vec::new(),
        redriven: None,
    }
}

/// A user event as Keycloak writes it, at [`T`] plus `seconds`, with further `fields`.
pub(crate) fn event(id: &str, seconds: i64, kind: &str, fields: &str) -> Record {
    let time = T + seconds * 1000;
    record(format!(
        r#"{{"id":"{id}","time":{time},"type":"{kind}","realmId":"r","clientId":"web",{fields}}}"#
    ))
}

pub(crate) fn login(id: &str, seconds: i64, session: &str) -> Record {
    event(id, seconds, "LOGIN", &format!(r#""userId":"u","sessionId":"{session}""#))
}

fn logout(id: &str, seconds: i64, session: &str) -> Record {
    event(id, seconds, "LOGOUT", &format!(r#""userId":"u","sessionId":"{session}""#))
}

pub(crate) fn mapper() -> Mapper {
    Mapper::new(Decoder::default(), &SessionsConfig::default())
}

pub(crate) fn at(seconds: u64) -> Moment {
    Moment::after_start(Duration::from_secs(seconds))
}

pub(crate) fn map(mapper: &mut Mapper, record: &Record) -> String {
    let outcome = mapper.map(record, Moment::START).mapped;
    mapper.sessions.check_groups();
    line(&outcome)
}

/// The result of a record, without the parts that all events have. Times of sessions count from [`T`].
pub(crate) fn line(mapped: &Mapped) -> String {
    match mapped {
        Mapped::Deliver(deliveries) => all_words(deliveries),
        Mapped::Partly(deliveries, refusal) => {
            format!("{}; refused: {}", all_words(deliveries), refusal.code)
        }
        Mapped::InPortions(portions) => format!("{} events in portions", portions.events()),
        Mapped::Ignored(code) => format!("ignored: {code}"),
        Mapped::Refused(refusal) => format!("refused: {}", refusal.code),
    }
}

fn all_words(deliveries: &[Delivery]) -> String {
    let events: Vec<_> = deliveries.iter().map(|delivery| words(&delivery.event)).collect();
    events.join(" + ")
}

fn words(event: &AppEvent) -> String {
    let mut words = event.event_type.name().to_owned();
    if let Some(session) = &event.session {
        write!(words, " {} {}", session.id, session.start.0 - T).unwrap();
        if let Some((stop, duration)) = session.stop {
            write!(words, "..{} = {duration}", stop.0 - T).unwrap();
        }
    }
    for (key, value) in &event.attributes {
        if !matches!(&**key, "event_id" | "source_event_id" | "realm" | "client_id") {
            write!(words, " {key}={value}").unwrap();
        }
    }
    words
}

impl Mapper {
    /// The app events of an identity event, all at once.
    fn deliveries(
        &mut self,
        event: &IdentityEvent<'_>,
        key: Cow<'_, str>,
        record: &Record,
        now: Moment,
    ) -> Result<Vec<Delivery>, Unmapped> {
        Ok(match self.map_event(event, key, record, now)? {
            MappedEvent::Events(events) => events,
            MappedEvent::Stops(stops) => stops.into_deliveries().collect(),
        })
    }
}

/// The app events of an identity event, if there are any.
pub(crate) fn deliveries(mapper: &mut Mapper, event: &IdentityEvent<'_>) -> Option<Vec<Delivery>> {
    mapper.deliveries(event, "e".into(), &record(""), Moment::START).ok()
}

/// Checks the result of one record in an empty mapper.
#[track_caller]
fn check(record: &Record, expected: &str) {
    assert_eq!(map(&mut mapper(), record), expected);
}

/// Checks the results of several records in one mapper.
#[track_caller]
fn check_all(steps: &[(Record, &str)]) {
    let mut mapper = mapper();
    for (number, (record, expected)) in steps.iter().enumerate() {
        assert_eq!(map(&mut mapper, record), *expected, "step {number}");
    }
}

/// The deliveries of a record that an empty mapper delivers.
#[track_caller]
fn deliver(record: &Record) -> Vec<Delivery> {
    match mapper().map(record, Moment::START).mapped {
        Mapped::Deliver(deliveries) => deliveries,
        other => panic!("{}", line(&other)),
    }
}

#[test]
fn each_row_of_the_keycloak_table() {
    let user = r#""userId":"u""#;
    let session = r#""userId":"u","sessionId":"s""#;
    check(&event("e", 0, "LOGIN", session), "_userauth.sign_in + _session.start s 0");
    check(&event("e", 0, "LOGIN", user), "_userauth.sign_in");
    check(&event("e", 0, "REGISTER", user), "_userauth.sign_up");
    check(&event("e", 0, "REGISTER", r#""userId":"u","details":{"code_id":"s"}"#), "_userauth.sign_up");
    check(
        &event("e", 0, "LOGOUT", session),
        "_session.stop reason=logout session_id=s session_start_unknown=true",
    );
    check(&event("e", 0, "LOGOUT", user), "_session.stop reason=logout session_start_unknown=true");
    for kind in ["REFRESH_TOKEN", "CODE_TO_TOKEN", "USER_INFO_REQUEST", "INTROSPECT_TOKEN"] {
        check(&event("e", 0, kind, session), "ignored: activity");
        check(&event("e", 0, &format!("{kind}_ERROR"), session), "ignored: type_not_mapped");
    }
    for kind in ["CLIENT_LOGIN", "IMPERSONATE", "TOKEN_EXCHANGE", "IDENTITY_PROVIDER_LOGIN", "LOGOUT_ERROR"] {
        check(&event("e", 0, kind, session), "ignored: type_not_mapped");
    }
    for kind in ["LOGIN", "REGISTER"] {
        check(&event("e", 0, kind, r#""sessionId":"s""#), "ignored: no_user");
    }
    for kind in ["LOGOUT", "USER_SESSION_DELETED"] {
        check(&event("e", 0, kind, r#""sessionId":"s""#), "ignored: session_not_known");
        check(&event("e", 0, kind, r#""error":null"#), "ignored: no_user");
    }
}

#[test]
fn each_failure_is_a_persons_or_a_clients() {
    let failed = |error: &str| event("e", 0, "LOGIN_ERROR", &format!(r#""userId":"u","error":"{error}""#));
    for error in [
        "invalid_user_credentials",
        "user_not_found",
        "user_disabled",
        "user_temporarily_disabled",
        "rejected_by_user",
        "access_denied",
        "identity_provider_login_failure",
        "an_error_of_tomorrow",
    ] {
        check(&failed(error), &format!("_userauth.auth_fail error={error}"));
    }
    for error in crate::core::decode::keycloak::CLIENT_FAILURES {
        check(&failed(error), "ignored: client_failure");
    }
    check(&event("e", 0, "LOGIN_ERROR", r#""userId":"u","error":null"#), "_userauth.auth_fail");
    check(&event("e", 0, "LOGIN_ERROR", r#""userId":null,"error":"user_not_found""#), "ignored: no_user");
    check(&event("e", 0, "LOGIN_ERROR", r#""details":{"username":" \t"}"#), "ignored: no_user");
}

#[test]
fn a_session_that_expires_stops_with_the_providers_reason() {
    let expired = r#""clientId":null,"userId":"u","sessionId":"s","ipAddress":null,"error":null,
        "details":{"reason":"user_session_expired"}"#;
    check_all(&[
        (login("a", 0, "s"), "_userauth.sign_in + _session.start s 0"),
        (
            event("b", 1800, "USER_SESSION_DELETED", expired),
            "_session.stop s 0..1800000 = 1800000 reason=user_session_expired",
        ),
        (logout("c", 1801, "s"), "ignored: session_already_closed"),
    ]);
    check(
        &event("b", 0, "USER_SESSION_DELETED", r#""userId":"u","sessionId":"s""#),
        "_session.stop session_id=s session_start_unknown=true",
    );
}

#[test]
fn a_second_sign_in_resumes_the_session_and_a_redelivered_first_one_starts_it_again() {
    check_all(&[
        (login("a", 0, "s"), "_userauth.sign_in + _session.start s 0"),
        (login("b", 9, "s"), "_userauth.sign_in + _session.resume s 0"),
        (login("a", 0, "s"), "_userauth.sign_in + _session.start s 0"),
        (login("c", 9, "t"), "_userauth.sign_in + _session.start t 9000"),
        (logout("d", 10, "s"), "_session.stop s 0..10000 = 10000 reason=logout"),
        (logout("e", 11, "s"), "ignored: session_already_closed"),
        (logout("d", 10, "s"), "_session.stop s 0..10000 = 10000 reason=logout"),
        (login("b", 9, "s"), "_userauth.sign_in + _session.resume s 0"),
        (login("a", 0, "s"), "_userauth.sign_in + _session.start s 0"),
        (logout("e", 11, "s"), "ignored: session_already_closed"),
    ]);
}

#[test]
fn a_sign_in_after_its_sessions_logout_sends_its_start_and_leaves_it_closed() {
    let unknown = "_session.stop reason=logout session_id=s session_start_unknown=true";
    check_all(&[
        (logout("d", 10, "s"), unknown),
        (login("a", 0, "s"), "_userauth.sign_in + _session.start s 0"),
        (login("b", 5, "s"), "_userauth.sign_in + _session.resume s 0"),
        (logout("d", 10, "s"), unknown),
        (logout("e", 11, "s"), "ignored: session_already_closed"),
    ]);
}

#[test]
fn late_activity_does_not_open_a_closed_session() {
    check_all(&[
        (login("a", 0, "s"), "_userauth.sign_in + _session.start s 0"),
        (logout("b", 1, "s"), "_session.stop s 0..1000 = 1000 reason=logout"),
        (event("c", 2, "REFRESH_TOKEN", r#""userId":"u","sessionId":"s""#), "ignored: activity"),
        (logout("d", 3, "s"), "ignored: session_already_closed"),
    ]);
}

#[test]
fn sessions_of_two_realms_with_one_id_are_two() {
    let other =
        record(format!(r#"{{"time":{T},"type":"LOGOUT","realmId":"q","userId":"u","sessionId":"s"}}"#));
    check_all(&[
        (login("a", 0, "s"), "_userauth.sign_in + _session.start s 0"),
        (other, "_session.stop reason=logout session_id=s session_start_unknown=true"),
    ]);
}

#[test]
fn durations_are_never_negative() {
    #[track_caller]
    fn check(stop: i64, expected: &str) {
        let mut mapper = mapper();
        mapper.map(&login("a", 0, "s"), Moment::START);
        assert_eq!(map(&mut mapper, &logout("b", stop, "s")), expected);
    }
    check(-5, "_session.stop s 0..-5000 = 0 reason=logout");
    check(0, "_session.stop s 0..0 = 0 reason=logout");
    check(2_147_483, "_session.stop s 0..2147483000 = 2147483000 reason=logout");
    check(2_147_484, "_session.stop s 0..2147484000 = 2147484000 reason=logout");
}

#[test]
fn sessions_are_bounded_by_number_and_by_age() {
    let config = SessionsConfig {
        max: NonZeroUsize::new(2).unwrap(),
        max_age: Span(Duration::from_secs(10)),
        ..SessionsConfig::default()
    };
    let mut mapper = Mapper::new(Decoder::default(), &config);
    let mut map = |record, now| line(&mapper.map(&record, at(now)).mapped);
    for (number, session) in ["s", "t", "v"].into_iter().enumerate() {
        map(login(session, 0, session), number as u64);
    }
    // The first session was evicted when the third came.
    assert_eq!(map(logout("x", 1, "t"), 3), "_session.stop t 0..1000 = 1000 reason=logout");
    map(event("y", 2, "REFRESH_TOKEN", r#""sessionId":"v""#), 9);
    assert_eq!(map(logout("z", 9, "v"), 19), "_session.stop v 0..9000 = 9000 reason=logout");
    assert_eq!(
        map(logout("s2", 9, "s"), 20),
        "_session.stop reason=logout session_id=s session_start_unknown=true"
    );
    let expected = MappingCounts {
        sessions: 2,
        sessions_evicted_by_number: 1,
        sessions_evicted_by_age: 1,
        session_start_unknown: 1,
        recognised: std::array::from_fn(|format| if format == 0 { 7 } else { 0 }),
        ..MappingCounts::default()
    };
    assert_eq!(mapper.counts(), expected);
}

#[test]
fn the_records_timestamp_stands_in_for_a_time_that_cannot_be_read() {
    let mut mapper = mapper();
    let mut value =
        record(r#"{"id":"a","time":"soon","type":"LOGIN","clientId":"c","userId":"u","sessionId":"s"}"#);
    assert_eq!(map(&mut mapper, &value), "_userauth.sign_in + _session.start s 1000");
    value.timestamp = Some(Timestamp(T / 1000 + 2));
    assert_eq!(map(&mut mapper, &value), "_userauth.sign_in + _session.start s 1000", "in seconds");
    for implausible in
        [None, Some(Timestamp(-1)), Some(Timestamp(0)), Some(Timestamp(i64::MAX)), Some(Timestamp(i64::MIN))]
    {
        value.timestamp = implausible;
        assert_eq!(map(&mut mapper, &value), "refused: no_time");
    }
    assert_eq!(mapper.counts().time_fallback, 2);
}

#[test]
fn a_record_without_a_value_is_a_tombstone() {
    check(&Record { value: None, ..record("") }, "ignored: tombstone");
    check(&record(""), "ignored: tombstone");
}

#[test]
fn the_events_of_a_sign_in_share_one_endpoint_and_have_their_ids_as_attributes() {
    let deliveries = deliver(&login("a", 0, "s"));
    let [sign_in, start] = &*deliveries else { panic!("{}", deliveries.len()) };
    assert!(std::sync::Arc::ptr_eq(&sign_in.endpoint, &start.endpoint));
    assert!(sign_in.endpoint_id == start.endpoint_id);
    assert_eq!(sign_in.endpoint.user_id.as_deref(), Some("u"));
    for (delivery, id) in [(sign_in, "a:sign_in"), (start, "a:session")] {
        let expected = [("event_id", id), ("source_event_id", "a"), ("realm", "r"), ("client_id", "web")];
        let found: Vec<_> = delivery.event.attributes.iter().map(|(key, value)| (&**key, &**value)).collect();
        assert_eq!(found, expected);
        assert_eq!(&*delivery.event.id, id);
        assert_eq!(delivery.event.timestamp, Timestamp(T));
    }
}

#[test]
fn a_failure_of_an_unknown_user_goes_to_an_endpoint_without_a_user() {
    let failed = |name: &str| {
        let fields = format!(r#""error":"user_not_found","details":{{"username":"{name}"}}"#);
        let [delivery] = deliver(&event("e", 0, "LOGIN_ERROR", &fields)).try_into().ok().unwrap();
        assert_eq!(delivery.endpoint.user_id, None);
        delivery.endpoint_id
    };
    assert!(failed("anna") == failed(" Anna "));
    assert!(failed("anna") != failed("ben"));
    assert!(failed("anna") != deliver(&login("a", 0, "anna"))[0].endpoint_id);
}

#[test]
fn a_source_id_that_is_missing_or_odd_is_replaced_in_event_ids() {
    #[track_caller]
    fn check(id: &str, key: &str) {
        let deliveries = deliver(&record(format!(
            r#"{{"id":{id},"time":{T},"type":"REGISTER","realmId":"r","userId":"u"}}"#
        )));
        assert_eq!(*deliveries[0].event.id, format!("{key}:sign_up"));
    }
    check("null", &format!("events-3-42-{}", T + 1000));
    check(r#""x-1_2.3:4""#, "x-1_2.3:4");
    check("17", "17");
    check(r#""a b""#, "5661c0af306771b3d7e57296576b10396de97a3095b7552cb101971e818126ba");
    let long = "x".repeat(101);
    check(&format!(r#""{long}""#), "d26ebb673a61791407269586d5133b39025a13cdf546f385b500872da2737752");
}

#[test]
fn long_values_stay_whole_and_long_session_ids_are_replaced() {
    let mut mapper = mapper();
    let long = "ü".repeat(201);
    let failed = event("e", 0, "LOGIN_ERROR", &format!(r#""userId":"u","error":"{long}""#));
    assert_eq!(map(&mut mapper, &failed), format!("_userauth.auth_fail error={long}"));
    let session = "s".repeat(201);
    let digest = "f9fd4b4e1ff9af261ccb4fc047ed17bfedd1129b0f97e832e7cc80b30be798ca";
    check_all(&[
        (login("a", 0, &session), &format!("_userauth.sign_in + _session.start {digest} 0")),
        (logout("b", 1, &session), &format!("_session.stop {digest} 0..1000 = 1000 reason=logout")),
    ]);
}

#[test]
fn a_failed_sign_in_of_an_unknown_user_can_be_dropped() {
    let endpoint = config::endpoint::EndpointConfig {
        failed_sign_in: FailedSignIn::Drop,
        ..config::endpoint::EndpointConfig::default()
    };
    let additions = Additions::new(endpoint, config::event::EventConfig::default(), Box::new(|_| None));
    let mut mapper = mapper().with(additions);
    let failed = |user| event("e", 0, "LOGIN_ERROR", &format!(r#""userId":{user},"username":"anna""#));
    assert!(
        matches!(mapper.map(&failed("null"), Moment::START).mapped, Mapped::Ignored(code) if code.0 == "unknown_user")
    );
    assert!(matches!(mapper.map(&failed(r#""u""#), Moment::START).mapped, Mapped::Deliver(_)));
}
