//! Redriven records: they become what their original became, and the session index takes them for what they
//! are, which is old.

use super::*;
use crate::core::{
    map::config::value::Secret,
    redrive::{Redriven, Selection, config::RedriveConfig, seal::tests::sealed},
    units::Span,
};

const SECRET: &str = "0123456789abcdef";

/// The record as it is read after it was redriven, long after and elsewhere.
fn again(original: &Record, send: Vec<Selection>) -> Record {
    let Record { topic, partition, offset, timestamp, .. } = original.clone();
    let redriven = Redriven { topic, partition, offset, timestamp, attempts: 1, send };
    Record {
        topic: "redriven".into(),
        partition: 9,
        offset: 1_000,
        timestamp: Some(Timestamp(T + 7_200_000)),
        redriven: Some(Arc::new(redriven)),
        ..original.clone()
    }
}

/// The record, redriven for events that were refused.
fn named(original: &Record) -> Record {
    again(original, vec![Selection { destination: Some("shop".into()), events: Vec::new() }])
}

/// The record, redriven because it could not be read.
fn whole(original: &Record) -> Record {
    again(original, Vec::new())
}

fn admin_logout(id: &str, seconds: i64) -> Record {
    let time = T + seconds * 1000;
    record(format!(
        r#"{{"id":"{id}","time":{time},"realmId":"r","operationType":"ACTION","resourceType":"USER","resourcePath":"users/u/logout"}}"#
    ))
}

fn ids(mapped: &Mapped) -> Vec<(String, Timestamp)> {
    let Mapped::Deliver(deliveries) = mapped else { panic!("{}", line(mapped)) };
    deliveries.iter().map(|delivery| (delivery.event.id.to_string(), delivery.event.timestamp)).collect()
}

#[test]
fn ids_and_times_are_those_of_the_original() {
    let bare = record(r#"{"type":"LOGIN","realmId":"r","clientId":"c","userId":"u","sessionId":"s"}"#);
    let first = ids(&mapper().map(&bare, Moment::START).mapped);
    let place = format!("events-3-42-{}:sign_in", T + 1000);
    assert_eq!(first[0], (place, Timestamp(T + 1000)));
    for redriven in [named(&bare), whole(&bare)] {
        assert_eq!(ids(&mapper().map(&redriven, Moment::START).mapped), first);
    }
}

#[test]
fn the_format_is_that_of_the_original_topic() {
    let config = crate::core::decode::config::FormatsConfig {
        formats: [("events".to_owned(), "okta".parse().unwrap())].into(),
        ..Default::default()
    };
    let mut mapper = Mapper::new(Decoder::new(&config).unwrap(), &SessionsConfig::default());
    assert_eq!(map(&mut mapper, &named(&login("a", 0, "s"))), "refused: not_the_format");
}

#[test]
fn a_header_counts_if_the_secret_sealed_it_and_is_counted_if_not() {
    let stated = Redriven {
        topic: "theirs".into(),
        partition: 0,
        offset: 1,
        timestamp: Some(Timestamp(T)),
        attempts: 1,
        send: Vec::new(),
    };
    let config = RedriveConfig { secret: Some(Secret(SECRET.to_owned())), topic: None };
    let mut mapper = mapper().unsealing(&config);
    let mut read = |mut record: Record| {
        mapper.unseal(&mut record);
        (record.redriven.is_some(), mapper.counts().redriven, mapper.counts().redrives_forged)
    };
    let bare = record(r#"{"type":"LOGIN","realmId":"r","userId":"u","clientId":"c"}"#);
    assert_eq!(read(bare.clone()), (false, 0, 0));
    assert_eq!(read(sealed(bare.clone(), SECRET, &stated)), (true, 1, 0));
    assert_eq!(read(sealed(bare.clone(), "another secret of 16", &stated)), (false, 1, 1));
    let moved = sealed(bare.clone(), SECRET, &stated).headers;
    assert_eq!(read(Record { headers: moved, ..login("a", 0, "s") }), (false, 1, 2));
    let mut mapper = self::mapper();
    let mut forged = sealed(bare, SECRET, &stated);
    mapper.unseal(&mut forged);
    assert_eq!((forged.redriven.clone(), mapper.counts().redrives_forged), (None, 1), "without a secret");
    // The record itself is as good as any other, and has the ids of its own place.
    assert!(ids(&mapper.map(&forged, Moment::START).mapped)[0].0.starts_with("events-3-42-"));
}

#[test]
fn a_sign_in_that_was_refused_becomes_what_it_was_and_opens_nothing() {
    let mut mapper = mapper();
    let start = "_userauth.sign_in + _session.start s 0";
    assert_eq!(map(&mut mapper, &named(&login("a", 0, "s"))), start);
    assert_eq!(mapper.counts().sessions, 0, "the session may have ended and been forgotten");
    assert_eq!(map(&mut mapper, &login("a", 0, "s")), start);
    assert_eq!(map(&mut mapper, &login("b", 5, "s")), "_userauth.sign_in + _session.resume s 0");
    assert_eq!(map(&mut mapper, &named(&login("a", 0, "s"))), start);
    assert_eq!(map(&mut mapper, &named(&login("b", 5, "s"))), "_userauth.sign_in + _session.resume s 0");
    // An opening that is newer than the event says nothing about it.
    let mut mapper = self::mapper();
    map(&mut mapper, &login("b", 5, "s"));
    assert_eq!(map(&mut mapper, &named(&login("a", 0, "s"))), start);
    assert_eq!(map(&mut mapper, &logout("c", 9, "s")), "_session.stop s 5000..9000 = 4000 reason=logout");
}

#[test]
fn a_logout_that_was_refused_becomes_what_it_was_and_ends_nothing() {
    let mut mapper = mapper();
    map(&mut mapper, &login("a", 0, "s"));
    let stop = "_session.stop s 0..9000 = 9000 reason=logout";
    assert_eq!(map(&mut mapper, &named(&logout("c", 9, "s"))), stop);
    assert_eq!(map(&mut mapper, &logout("d", 12, "s")), "_session.stop s 0..12000 = 12000 reason=logout");
    assert_eq!(
        map(&mut mapper, &named(&logout("d", 12, "s"))),
        "_session.stop s 0..12000 = 12000 reason=logout"
    );
    // It was an event once, whoever ended the session first.
    assert_eq!(map(&mut mapper, &named(&logout("c", 9, "s"))), stop);
    let unknown = "_session.stop reason=logout session_id=t session_start_unknown=true";
    assert_eq!(map(&mut mapper, &named(&logout("e", 12, "t"))), unknown);
    assert_eq!(mapper.counts().sessions, 1);
}

#[test]
fn a_logout_never_ends_a_session_that_began_after_it() {
    for redriven in [named, whole] {
        let mut mapper = mapper();
        map(&mut mapper, &login("a", 100, "s"));
        let unknown = "_session.stop reason=logout session_id=s session_start_unknown=true";
        assert_eq!(map(&mut mapper, &redriven(&logout("c", 50, "s"))), unknown);
        let stop = "_session.stop s 100000..200000 = 100000 reason=logout";
        assert_eq!(map(&mut mapper, &logout("d", 200, "s")), stop);
    }
}

#[test]
fn an_administrators_logout_ends_only_what_it_ended_before() {
    let mut mapper = mapper();
    map(&mut mapper, &login("a", 0, "s"));
    assert_eq!(map(&mut mapper, &named(&admin_logout("x", 50))), "ignored: no_open_session");
    let stop = "_session.stop s 0..60000 = 60000 reason=admin_logout";
    assert_eq!(map(&mut mapper, &admin_logout("y", 60)), stop);
    map(&mut mapper, &login("b", 55, "t"));
    assert_eq!(map(&mut mapper, &named(&admin_logout("y", 60))), stop);
    // One that could not be read ends what was open at its time.
    map(&mut mapper, &login("c", 200, "v"));
    let stop = "_session.stop t 55000..100000 = 45000 reason=admin_logout";
    assert_eq!(map(&mut mapper, &whole(&admin_logout("z", 100))), stop);
    assert_eq!(
        map(&mut mapper, &logout("d", 300, "v")),
        "_session.stop v 200000..300000 = 100000 reason=logout"
    );
}

#[test]
fn a_record_that_could_not_be_read_teaches_the_index_what_happened_then() {
    let mut mapper = mapper();
    mapper.set_wall_clock(Timestamp(T + 7_200_000));
    let start = "_userauth.sign_in + _session.start s 0";
    assert_eq!(map(&mut mapper, &whole(&login("a", 0, "s"))), start);
    assert_eq!(map(&mut mapper, &logout("c", 9, "s")), "_session.stop s 0..9000 = 9000 reason=logout");
}

#[test]
fn a_record_that_is_older_than_what_is_remembered_teaches_nothing() {
    let config = SessionsConfig { max_age: Span(Duration::from_hours(1)), ..SessionsConfig::default() };
    let mut mapper = Mapper::new(Decoder::default(), &config);
    mapper.set_wall_clock(Timestamp(T + 7_200_000));
    let start = "_userauth.sign_in + _session.start s 0";
    assert_eq!(map(&mut mapper, &whole(&login("a", 0, "s"))), start);
    assert_eq!(mapper.counts().sessions, 0);
}

#[test]
fn a_redriven_record_writes_nothing_to_the_table_that_it_does_not_teach() {
    let mut mapper = mapper().sharing();
    assert_eq!(mapper.map(&named(&login("a", 0, "s")), Moment::START).entries.len(), 0);
    assert_eq!(mapper.map(&named(&logout("c", 9, "s")), Moment::START).entries.len(), 0);
    assert_eq!(mapper.map(&whole(&login("a", 0, "s")), Moment::START).entries.len(), 1);
}

#[test]
fn a_redriven_record_reports_no_idle_session_but_those_that_it_has_reported() {
    let span = |seconds: u64| Some(Span(Duration::from_secs(seconds)));
    let config = SessionsConfig { pause_after: span(600), timeout: span(3600), ..SessionsConfig::default() };
    let mut mapper = Mapper::new(Decoder::default(), &config);
    let at_offset = |offset, seconds: i64, record: Record| Record {
        offset,
        timestamp: Some(Timestamp(T + seconds * 1000)),
        ..record
    };
    let refresh = |offset, seconds, session: &str| {
        let fields = format!(r#""userId":"u","sessionId":"{session}""#);
        at_offset(offset, seconds, event(&format!("r{offset}"), seconds, "REFRESH_TOKEN", &fields))
    };
    map(&mut mapper, &at_offset(1, 0, login("a", 0, "s")));
    let late = refresh(2, 700, "other");
    for redriven in [named(&late), whole(&late)] {
        assert_eq!(map(&mut mapper, &redriven), "ignored: activity", "its time has passed");
    }
    let paused = "_session.pause s 0..600000 = 600000 reason=idle";
    assert_eq!(map(&mut mapper, &late), paused);
    assert_eq!(map(&mut mapper, &named(&late)), paused);
    // An old use does not end the pause, and the use that did has ended it once.
    assert_eq!(map(&mut mapper, &named(&refresh(3, 650, "s"))), "ignored: activity");
    let resumed = refresh(4, 800, "s");
    assert_eq!(map(&mut mapper, &resumed), "_session.resume s 0");
    assert_eq!(map(&mut mapper, &named(&resumed)), "_session.resume s 0");
    assert_eq!(map(&mut mapper, &named(&late)), paused);
}
