//! Each kind of identity event, from any provider, and the app events that it becomes.

use arcstr::{ArcStr, Substr};

use super::*;

/// An event about the session `s` of user `u` at [`T`] plus `seconds`.
fn event(kind: Kind, id: &'static str, seconds: i64) -> IdentityEvent<'static> {
    IdentityEvent {
        id: Some(id.into()),
        time: Some(Timestamp(T + seconds * 1000)),
        realm: Some("r".into()),
        user: Some("u".into()),
        session: Some("s".into()),
        ..IdentityEvent::new(kind, "keycloak")
    }
}

/// Checks the results of several events in one mapper.
#[track_caller]
fn check_all(steps: &[(IdentityEvent<'_>, &str)]) {
    let mut mapper = mapper();
    for (number, (event, expected)) in steps.iter().enumerate() {
        assert_eq!(becomes(&mut mapper, event), *expected, "step {number}");
    }
}

fn becomes(mapper: &mut Mapper, event: &IdentityEvent<'_>) -> String {
    let record = record("");
    let key = SourceKeys::new(&record, 1).key(event).into_owned();
    match mapper.deliveries(event, key.into(), &record, Moment::START) {
        Ok(deliveries) => all_words(&deliveries),
        Err(Unmapped::Ignored(reason)) => format!("ignored: {}", reason.code()),
        Err(Unmapped::Refused(reason)) => format!("refused: {}", reason.code()),
    }
}

#[test]
fn a_session_whose_start_is_reported_starts_once() {
    check_all(&[
        (event(Kind::SessionStarted, "a", 0), "_session.start s 0"),
        (event(Kind::SignIn, "b", 1), "_userauth.sign_in + _session.resume s 0"),
        (event(Kind::SessionStarted, "c", 2), "_session.resume s 0"),
        (event(Kind::SessionStarted, "a", 0), "_session.start s 0"),
        (event(Kind::SessionStopped, "d", 5), "_session.stop s 0..5000 = 5000"),
    ]);
}

#[test]
fn a_reported_resumption_does_not_open_a_session() {
    let unknown = "_session.resume session_id=s session_start_unknown=true";
    check_all(&[
        (event(Kind::SessionResumed, "a", 0), unknown),
        (event(Kind::SignIn, "b", 1), "_userauth.sign_in + _session.start s 1000"),
        (event(Kind::SessionResumed, "c", 2), "_session.resume s 1000"),
    ]);
    let stated =
        IdentityEvent { session_start: Some(Timestamp(T - 9)), ..event(Kind::SessionResumed, "a", 0) };
    check_all(&[(stated, "_session.resume s -9")]);
}

#[test]
fn the_start_that_a_sign_in_states_counts_when_it_is_earlier() {
    let at = |start| IdentityEvent { session_start: Some(Timestamp(start)), ..event(Kind::SignIn, "a", 1) };
    check_all(&[(at(T), "_userauth.sign_in + _session.start s 0")]);
    check_all(&[(at(T + 5000), "_userauth.sign_in + _session.start s 1000")]);
}

#[test]
fn a_pause_has_a_duration() {
    check_all(&[
        (event(Kind::SessionPaused, "x", 1), "_session.pause session_id=s session_start_unknown=true"),
        (event(Kind::SignIn, "a", 0), "_userauth.sign_in + _session.start s 0"),
        (event(Kind::SessionPaused, "b", 3), "_session.pause s 0..3000 = 3000"),
        (event(Kind::SessionResumed, "c", 4), "_session.resume s 0"),
    ]);
}

#[test]
fn a_session_event_without_a_session_is_ignored() {
    let without = |kind| IdentityEvent { session: None, ..event(kind, "a", 0) };
    for kind in [Kind::SessionStarted, Kind::SessionResumed, Kind::SessionPaused] {
        check_all(&[(without(kind), "ignored: no_session")]);
    }
}

#[test]
fn the_end_of_a_session_that_does_not_say_whose_it_was() {
    let nobodys = |id, seconds| IdentityEvent {
        user: None,
        reason: Some("admin_logout".into()),
        ..event(Kind::SessionStopped, id, seconds)
    };
    check_all(&[
        (nobodys("x", 0), "ignored: session_not_known"),
        (event(Kind::SignIn, "a", 0), "_userauth.sign_in + _session.start s 0"),
        (nobodys("b", 5), "_session.stop s 0..5000 = 5000 reason=admin_logout"),
        (nobodys("c", 6), "ignored: session_already_closed"),
        (nobodys("b", 5), "_session.stop s 0..5000 = 5000 reason=admin_logout"),
    ]);
    let mut mapper = mapper();
    becomes(&mut mapper, &event(Kind::SignIn, "a", 0));
    let record = record("");
    let start = mapper.deliveries(&event(Kind::SignIn, "a", 0), "a".into(), &record, Moment::START);
    let stop = mapper.deliveries(&nobodys("b", 5), "b".into(), &record, Moment::START);
    let (start, stop) = (start.ok().unwrap(), stop.ok().unwrap());
    assert!(start[0].endpoint_id == stop[0].endpoint_id, "the stop is on the user's endpoint");
    assert_eq!(stop[0].endpoint.user_id.as_deref(), Some("u"));
}

#[test]
fn all_sessions_of_a_user_stop_each_with_an_id_of_its_own() {
    let of = |session: &'static str, id, seconds| IdentityEvent {
        session: Some(session.into()),
        ..event(Kind::SignIn, id, seconds)
    };
    let others = IdentityEvent { user: Some("v".into()), ..of("o", "o", 0) };
    let all = |id, seconds| IdentityEvent {
        session: None,
        reason: Some("admin_logout".into()),
        ..event(Kind::SessionsStopped, id, seconds)
    };
    let mut mapper = mapper();
    assert_eq!(becomes(&mut mapper, &all("x", 0)), "ignored: no_open_session");
    for event in [of("s1", "a", 0), of("s2", "b", 1), of("s3", "c", 2), others, of("late", "e", 9)] {
        becomes(&mut mapper, &event);
    }
    becomes(
        &mut mapper,
        &IdentityEvent { session: Some("s3".into()), ..event(Kind::SessionStopped, "d", 3) },
    );
    let sorted = |mapper: &mut Mapper| {
        let mut stops: Vec<_> = becomes(mapper, &all("y", 5)).split(" + ").map(str::to_owned).collect();
        stops.sort();
        stops
    };
    let expected = [
        "_session.stop s1 0..5000 = 5000 reason=admin_logout",
        "_session.stop s2 1000..5000 = 4000 reason=admin_logout",
    ];
    assert_eq!(sorted(&mut mapper), expected);
    assert_eq!(sorted(&mut mapper), expected, "the same when it is delivered again");
    assert_eq!(becomes(&mut mapper, &all("z", 6)), "ignored: no_open_session");
    let deliveries = mapper.deliveries(&all("y", 5), "y".into(), &record(""), Moment::START).ok().unwrap();
    let mut ids: Vec<_> = deliveries.iter().map(|delivery| &*delivery.event.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["y:session:s1", "y:session:s2"]);
    assert_eq!(becomes(&mut mapper, &IdentityEvent { user: None, ..all("q", 5) }), "ignored: no_user");
}

#[test]
fn a_session_that_was_opened_later_in_the_same_second_stays_open() {
    let at = |event: IdentityEvent<'static>, millis| IdentityEvent {
        time: event.time.map(|time| Timestamp(time.0 + millis)),
        ..event
    };
    let mut mapper = mapper();
    let sign_in = IdentityEvent { session: Some("s1".into()), ..event(Kind::SignIn, "a", 0) };
    becomes(&mut mapper, &at(sign_in, 900));
    let all = || IdentityEvent { session: None, ..event(Kind::SessionsStopped, "x", 0) };
    assert_eq!(becomes(&mut mapper, &at(all(), 400)), "ignored: no_open_session");
    assert!(becomes(&mut mapper, &at(all(), 900)).starts_with("_session.stop s1"));
}

#[test]
fn events_of_sessions_that_end_together_share_their_long_texts() {
    let reason = "r".repeat(100_000);
    let [first, second] = reasons_of_two_stops(&reason);
    assert!(*first == *reason && Substr::shallow_eq(&first, &second));
    let [first, second] = reasons_of_two_stops("logout");
    assert!(!ArcStr::ptr_eq(first.parent(), second.parent()), "it would hold the other texts of that event");
}

/// The reasons of the ends of two sessions of a user, for this reason.
fn reasons_of_two_stops(reason: &str) -> [Substr; 2] {
    let mut mapper = mapper();
    for session in ["s1", "s2"] {
        let event = IdentityEvent { session: Some(session.into()), ..event(Kind::SignIn, session, 0) };
        becomes(&mut mapper, &event);
    }
    let all =
        IdentityEvent { session: None, reason: Some(reason.into()), ..event(Kind::SessionsStopped, "x", 5) };
    let stops = mapper.deliveries(&all, "x".into(), &record(""), Moment::START).ok().unwrap();
    [0, 1].map(|number: usize| {
        let attributes = &stops[number].event.attributes;
        attributes.iter().find(|(key, _)| key == "reason").unwrap().1.clone()
    })
}
