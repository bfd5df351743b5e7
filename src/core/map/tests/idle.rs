//! Idle sessions are paused and stopped by the time of the events of the partition that opened them.

use super::*;
use crate::core::map::ids::Fingerprint;

const PAUSE: i64 = 600;
const STOP: i64 = 3600;

fn resting(pause: Option<i64>, stop: Option<i64>) -> Mapper {
    let span = |seconds: i64| Span(Duration::from_secs(seconds.unsigned_abs()));
    let config =
        SessionsConfig { pause_after: pause.map(span), timeout: stop.map(span), ..SessionsConfig::default() };
    Mapper::new(Decoder::default(), &config)
}

/// A record at an offset of a partition, with a matching timestamp.
fn at_offset(offset: i64, seconds: i64, record: Record) -> Record {
    Record { offset, timestamp: Some(Timestamp(T + seconds * 1000)), ..record }
}

fn other(offset: i64, seconds: i64) -> Record {
    at_offset(offset, seconds, event(&format!("o{offset}"), seconds, "REFRESH_TOKEN", r#""userId":"x""#))
}

fn refresh(offset: i64, seconds: i64) -> Record {
    let fields = r#""userId":"u","sessionId":"s""#;
    at_offset(offset, seconds, event(&format!("r{offset}"), seconds, "REFRESH_TOKEN", fields))
}

#[track_caller]
fn check_all(mut mapper: Mapper, steps: &[(Record, &str)]) {
    for (number, (record, expected)) in steps.iter().enumerate() {
        assert_eq!(map(&mut mapper, record), *expected, "step {number}");
    }
}

const STARTED: &str = "_userauth.sign_in + _session.start s 0";
const PAUSED: &str = "_session.pause s 0..600000 = 600000 reason=idle";
const STOPPED: &str = "_session.stop s 0..3600000 = 3600000 reason=timeout";
const NOTHING: &str = "ignored: activity";

#[test]
fn a_session_pauses_and_stops_in_the_time_of_its_partition() {
    check_all(
        resting(Some(PAUSE), Some(STOP)),
        &[
            (at_offset(1, 0, login("a", 0, "s")), STARTED),
            (other(2, PAUSE - 1), NOTHING),
            (other(3, PAUSE), PAUSED),
            (other(4, STOP - 1), NOTHING),
            (other(5, STOP), STOPPED),
            (other(6, STOP * 2), NOTHING),
            (at_offset(7, STOP, logout("b", STOP, "s")), "ignored: session_already_closed"),
        ],
    );
}

#[test]
fn a_long_silence_is_a_pause_and_a_stop() {
    let both = format!("{PAUSED} + {STOPPED}");
    check_all(
        resting(Some(PAUSE), Some(STOP)),
        &[(at_offset(1, 0, login("a", 0, "s")), STARTED), (other(2, STOP * 2), &both)],
    );
    check_all(
        resting(None, Some(STOP)),
        &[(at_offset(1, 0, login("a", 0, "s")), STARTED), (other(2, STOP * 2), STOPPED)],
    );
}

#[test]
fn use_puts_the_pause_off_and_ends_it() {
    check_all(
        resting(Some(PAUSE), None),
        &[
            (at_offset(1, 0, login("a", 0, "s")), STARTED),
            (refresh(2, 500), "ignored: activity"),
            (other(3, 1000), NOTHING),
            (other(4, 1100), "_session.pause s 0..1100000 = 1100000 reason=idle"),
            (refresh(5, 1200), "_session.resume s 0"),
            (refresh(6, 1201), "ignored: activity"),
            (refresh(5, 1200), "_session.resume s 0"),
        ],
    );
}

#[test]
fn without_limits_sessions_rest_for_ever() {
    check_all(mapper(), &[(at_offset(1, 0, login("a", 0, "s")), STARTED), (other(2, 1_000_000), NOTHING)]);
}

#[test]
fn a_record_that_is_read_again_reports_the_same_and_nothing_new() {
    let mut mapper = resting(Some(PAUSE), Some(STOP));
    map(&mut mapper, &at_offset(1, 0, login("a", 0, "s")));
    let anew = |record: Record| Record { ownership: Ownership(2), ..record };
    assert_eq!(map(&mut mapper, &other(2, PAUSE)), PAUSED);
    assert_eq!(map(&mut mapper, &other(3, STOP)), STOPPED);
    for again in [other(2, PAUSE), anew(other(2, PAUSE))] {
        assert_eq!(map(&mut mapper, &again), PAUSED);
    }
    for again in [other(3, STOP), anew(other(3, STOP))] {
        assert_eq!(map(&mut mapper, &again), STOPPED);
    }
    assert_eq!(map(&mut mapper, &anew(other(4, STOP))), NOTHING);
}

#[test]
fn a_partition_that_is_not_the_sessions_moves_nothing() {
    let elsewhere = |record: Record| Record { partition: 9, ..record };
    check_all(
        resting(Some(PAUSE), None),
        &[
            (at_offset(1, 0, login("a", 0, "s")), STARTED),
            (elsewhere(other(7, STOP)), NOTHING),
            (other(2, PAUSE), PAUSED),
        ],
    );
}

#[test]
fn a_clock_that_is_ahead_ends_no_session() {
    let wrong = Record { timestamp: Some(Timestamp(T + 1000)), ..other(2, 1_000_000) };
    check_all(
        resting(Some(PAUSE), None),
        &[(at_offset(1, 0, login("a", 0, "s")), STARTED), (wrong, NOTHING), (other(3, PAUSE), PAUSED)],
    );
}

#[test]
fn a_clock_that_is_ahead_and_stamps_its_records_ends_no_session() {
    let mut mapper = resting(Some(PAUSE), Some(STOP));
    map(&mut mapper, &at_offset(1, 0, login("a", 0, "s")));
    mapper.set_wall_clock(Timestamp(T + 1000));
    let unstamped = Record { timestamp: None, ..other(3, 2 * STOP) };
    assert_eq!([other(2, 2 * STOP), unstamped].map(|record| map(&mut mapper, &record)), [NOTHING; 2]);
    // Nor has it advanced the time.
    mapper.set_wall_clock(Timestamp(T + 1000 * PAUSE));
    assert_eq!(map(&mut mapper, &other(4, PAUSE - 1)), NOTHING);
    assert_eq!(map(&mut mapper, &other(5, PAUSE)), PAUSED);
}

#[test]
fn a_record_without_the_time_of_an_event_advances_nothing() {
    let unstated = record(r#"{"id":"v","type":"REFRESH_TOKEN","realmId":"r","userId":"x"}"#);
    let ignored = event("v", STOP, "VIEW_CONSENT", r#""userId":"x""#);
    check_all(
        resting(Some(PAUSE), None),
        &[
            (at_offset(1, 0, login("a", 0, "s")), STARTED),
            (at_offset(2, STOP, unstated), NOTHING),
            (at_offset(3, STOP, ignored), "ignored: type_not_mapped"),
            (other(4, PAUSE), PAUSED),
        ],
    );
}

#[test]
fn remembered_pauses_and_resumptions_are_reported_again() {
    let mut mapper = resting(Some(PAUSE), None);
    map(&mut mapper, &at_offset(1, 0, login("a", 0, "s")));
    let mut steps = Vec::new();
    for round in 0..4 {
        let seconds = 1000 * round;
        steps.push(other(2 + 2 * round, seconds + PAUSE));
        steps.push(refresh(3 + 2 * round, seconds + 1000));
    }
    let reported: Vec<_> = steps.iter().map(|record| map(&mut mapper, record)).collect();
    assert_eq!(reported[6..], ["_session.pause s 0..3600000 = 3600000 reason=idle", "_session.resume s 0"]);
    map(&mut mapper, &at_offset(20, 4100, logout("b", 4100, "s")));
    for (record, reported) in steps.iter().zip(&reported) {
        assert_eq!(map(&mut mapper, record), *reported);
    }
}

#[test]
fn many_idle_sessions_are_reported_by_several_records() {
    let mut mapper = resting(None, Some(STOP));
    for number in 0..250 {
        map(&mut mapper, &at_offset(number, 0, login(&format!("e{number}"), 0, &format!("s{number}"))));
    }
    let mut stops = |offset| map(&mut mapper, &other(offset, STOP)).matches("_session.stop").count();
    assert_eq!([stops(300), stops(301), stops(302), stops(303)], [100, 100, 50, 0]);
}

#[test]
fn the_events_of_a_rest_are_on_the_users_endpoint_and_have_ids_that_depend_on_the_session_alone() {
    let mut mapper = resting(Some(PAUSE), Some(STOP));
    let Mapped::Deliver(start) = mapper.map(&at_offset(1, 0, login("a", 0, "s")), Moment::START).mapped
    else {
        panic!("a sign-in is delivered");
    };
    let Mapped::Deliver(rest) = mapper.map(&other(2, STOP), Moment::START).mapped else {
        panic!("a rest is delivered");
    };
    assert_eq!(rest.len(), 2);
    let fingerprint = Fingerprint::of(&["keycloak", "r", "s"]).hex();
    let expected = [("idle", T + PAUSE * 1000), ("timeout", T + STOP * 1000)];
    for (delivery, (word, time)) in rest.iter().zip(expected) {
        assert!(delivery.endpoint_id == start[0].endpoint_id);
        assert_eq!(*delivery.event.id, format!("{word}-{fingerprint}-{time}:session"));
        assert_eq!(delivery.event.timestamp, Timestamp(time));
    }
}

#[test]
fn replicas_share_the_use_of_sessions() {
    let mut first = resting(Some(PAUSE), Some(STOP)).sharing();
    let mut second = resting(Some(PAUSE), Some(STOP)).sharing();
    let share = |from: &mut Mapper, to: &mut Mapper, record: &Record| {
        let Mapping { mapped, entries } = from.map(record, Moment::START);
        for entry in &entries {
            assert!(to.learn(entry, Moment::START).is_none());
        }
        line(&mapped)
    };
    let login = at_offset(1, 0, login("a", 0, "s"));
    let refresh = |offset, seconds| Record { partition: 9, ..refresh(offset, seconds) };
    assert_eq!(share(&mut first, &mut second, &login), STARTED);
    assert_eq!(share(&mut second, &mut first, &refresh(8, 500)), "ignored: activity");
    let paused = "_session.pause s 0..1100000 = 1100000 reason=idle";
    assert_eq!(share(&mut first, &mut second, &other(2, PAUSE)), NOTHING);
    assert_eq!(share(&mut first, &mut second, &other(3, 1250)), paused);
    // The next owner of the partition reports again whatever was not settled.
    assert_eq!(share(&mut second, &mut first, &other(3, 1250)), paused);
    assert_eq!(share(&mut second, &mut first, &refresh(9, 1300)), "_session.resume s 0");
    assert_eq!(share(&mut first, &mut second, &refresh(9, 1300)), "_session.resume s 0");
    assert_eq!(share(&mut first, &mut second, &other(3, 1250)), paused);
    let stopped = "_session.stop s 0..4900000 = 4900000 reason=timeout";
    let both = format!("_session.pause s 0..1900000 = 1900000 reason=idle + {stopped}");
    assert_eq!(share(&mut second, &mut first, &other(4, 1450 + STOP)), both);
    let again = share(&mut first, &mut second, &other(4, 1450 + STOP));
    assert_eq!(again, both);
}

/// Lets each replica read the log, and whatever is written again because of it.
fn exchange(replicas: &mut [Mapper], mut log: Vec<Entry>) {
    for _ in 0..10 {
        let learned = log.iter().flat_map(|entry| {
            replicas.iter_mut().filter_map(|replica| replica.learn(entry, Moment::START)).collect::<Vec<_>>()
        });
        log = learned.collect();
        if log.is_empty() {
            return;
        }
    }
    panic!("the replicas write to each other without end");
}

#[test]
fn a_pause_is_followed_by_its_resumption_also_where_another_replica_knows_a_later_use() {
    let mut replicas = [(); 2].map(|()| resting(Some(PAUSE), Some(STOP)).sharing());
    let opened = replicas[0].map(&at_offset(1, 0, login("a", 0, "s")), Moment::START).entries;
    exchange(&mut replicas, opened);
    // Neither hears of the other before both have reported.
    let paused = replicas[0].map(&other(2, PAUSE + 150), Moment::START);
    let elsewhere = |record: Record| Record { partition: 9, ..record };
    let used = replicas[1].map(&elsewhere(refresh(8, 700)), Moment::START);
    assert_eq!([line(&paused.mapped), line(&used.mapped)], [PAUSED, NOTHING]);
    exchange(&mut replicas, [used.entries, paused.entries].concat());
    assert_eq!(map(&mut replicas[0], &other(2, PAUSE + 150)), PAUSED, "it was reported");
    assert_eq!(map(&mut replicas[1], &elsewhere(refresh(9, 800))), "_session.resume s 0");
}

#[test]
fn a_session_within_its_limit_is_not_stopped_although_its_use_is_shared_sparingly() {
    let mut replicas = [(); 2].map(|()| resting(None, Some(STOP)).sharing());
    let opened = replicas[0].map(&at_offset(1, 0, login("a", 0, "s")), Moment::START).entries;
    exchange(&mut replicas, opened);
    let elsewhere = |record: Record| Record { partition: 9, ..record };
    let used = replicas[1].map(&elsewhere(refresh(8, STOP / 4 - 1)), Moment::START);
    assert!(used.entries.is_empty(), "it is shared sparingly");
    assert_eq!(map(&mut replicas[0], &other(2, STOP)), NOTHING);
    assert_eq!(map(&mut replicas[0], &other(3, STOP + STOP / 4)), STOPPED);
}

#[test]
fn idle_sessions_are_written_again_when_their_record_is_read_again() {
    let mut mapper = resting(Some(PAUSE), Some(STOP)).sharing();
    let mut written = |record: &Record| {
        let entries = mapper.map(record, Moment::START).entries;
        entries.iter().map(|entry| entry.key[..2].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(written(&at_offset(1, 0, login("a", 0, "s"))), ["o:"]);
    for _ in 0..2 {
        assert_eq!(written(&other(2, PAUSE + 150)), ["u:"], "a pause");
    }
    for _ in 0..2 {
        assert_eq!(written(&refresh(3, 800)), ["u:"], "a resumption");
    }
    let both = written(&other(4, 2 * STOP));
    assert_eq!(written(&other(4, 2 * STOP)), both);
    assert!(both.contains(&"c:".to_owned()) && both.contains(&"u:".to_owned()));
}
