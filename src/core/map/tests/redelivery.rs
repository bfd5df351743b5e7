//! Invariant 11: a record always becomes the same events, in whatever order records are delivered and
//! redelivered.

use std::{collections::HashMap, time::Duration};

use proptest::{collection::vec, prelude::*};

use super::*;

/// Records of a few sessions: sign-ins, logouts, deletions and use, each with an id of its own.
fn records() -> impl Strategy<Value = Vec<Record>> {
    let kinds = prop_oneof![
        4 => Just("LOGIN"),
        3 => Just("LOGOUT"),
        1 => Just("USER_SESSION_DELETED"),
        1 => Just("REFRESH_TOKEN"),
    ];
    vec((kinds, 0..3_u8, -5..50_i64), 1..12).prop_map(|events| {
        let record = |(number, (kind, session, seconds)): (usize, (&str, u8, i64))| {
            let fields = format!(r#""userId":"u","sessionId":"s{session}""#);
            event(&format!("e{number}"), seconds, kind, &fields)
        };
        events.into_iter().enumerate().map(record).collect()
    })
}

/// Everything that a record becomes, including ids and timestamps.
fn content(mapped: &Mapped) -> String {
    let mut content = line(mapped);
    if let Mapped::Deliver(deliveries) = mapped {
        for Delivery { endpoint_id, event, .. } in deliveries {
            write!(content, "\n{} {} {:?}", endpoint_id.0, event.id, event.timestamp).unwrap();
            for (key, value) in &event.attributes {
                write!(content, " {key}={value}").unwrap();
            }
        }
    }
    content
}

fn ids(mapped: &Mapped) -> Vec<String> {
    match mapped {
        Mapped::Deliver(deliveries) => {
            deliveries.iter().map(|delivery| delivery.event.id.to_string()).collect()
        }
        _ => Vec::new(),
    }
}

/// Records of sessions that are idle, used and ended, by the person or by an administrator, in one partition.
/// The first three are the sign-ins.
fn resting_records() -> impl Strategy<Value = Vec<Record>> {
    let kinds = prop_oneof![
        4 => Just("REFRESH_TOKEN"),
        1 => Just("LOGOUT"),
        1 => Just("admin"),
    ];
    vec((kinds, 0..4_u8, 0..200_i64), 1..9).prop_map(|events| {
        let sign_ins = (0..3).map(|session| ("LOGIN", session, 0));
        let record = |(number, (kind, session, minutes)): (u8, (&str, u8, i64))| {
            let (id, time) = (format!("e{number}"), T + minutes * 60_000);
            let event = match kind {
                "admin" => record(format!(
                    r#"{{"id":"{id}","time":{time},"realmId":"r","operationType":"ACTION","resourceType":"USER","resourcePath":"users/u/logout"}}"#
                )),
                _ => event(&id, minutes * 60, kind, &format!(r#""userId":"u","sessionId":"s{session}""#)),
            };
            Record { offset: number.into(), timestamp: Some(Timestamp(time)), ..event }
        };
        (0..).zip(sign_ins.chain(events)).map(record).collect()
    })
}

/// The content in sorted order, so that the order of the events does not matter.
fn sorted(mapped: &Mapped) -> Vec<String> {
    let Mapped::Deliver(deliveries) = mapped else { return vec![line(mapped)] };
    let mut all: Vec<_> = deliveries
        .iter()
        .map(|delivery| {
            let event = &delivery.event;
            format!("{} {} {} {:?}", words(event), delivery.endpoint_id.0, event.id, event.timestamp)
        })
        .collect();
    all.sort_unstable();
    all
}

proptest! {
    #[test]
    fn invariant_11_holds_of_rests_and_of_sessions_that_an_administrator_ends(
        records in resting_records(),
        deliveries in vec(any::<prop::sample::Index>(), 1..60),
    ) {
        let span = |minutes| Some(Span(Duration::from_mins(minutes)));
        let config =
            SessionsConfig { pause_after: span(10), timeout: span(60), ..SessionsConfig::default() };
        let mut mapper = Mapper::new(Decoder::default(), &config);
        let mut first = HashMap::new();
        for which in (0..3).chain(deliveries.iter().map(|delivery| delivery.index(records.len()))) {
            let content = sorted(&mapper.map(&records[which], Moment::START).mapped);
            let before = first.entry(which).or_insert_with(|| content.clone());
            prop_assert_eq!(&content, before);
        }
    }

    #[test]
    fn invariant_11_a_record_becomes_the_same_on_every_delivery(
        records in records(),
        deliveries in vec(any::<prop::sample::Index>(), 1..60),
    ) {
        let mut mapper = mapper();
        let mut first = HashMap::new();
        for (number, delivery) in deliveries.iter().enumerate() {
            let which = delivery.index(records.len());
            let now = at(number as u64);
            let content = content(&mapper.map(&records[which], now).mapped);
            let before = first.entry(which).or_insert_with(|| content.clone());
            prop_assert_eq!(&content, before);
        }
    }

    #[test]
    fn invariant_11_ids_depend_on_the_record_alone(
        records in records(),
        deliveries in vec((any::<prop::sample::Index>(), 0..4_u64, prop::bool::weighted(0.1)), 1..60),
    ) {
        let config =
            SessionsConfig { max: NonZeroUsize::new(2).unwrap(), max_age: Span(Duration::from_secs(5)), ..SessionsConfig::default() };
        let mut mapper = Mapper::new(Decoder::default(), &config);
        let mut now = 0;
        for (delivery, wait, restart) in deliveries {
            if restart {
                mapper = Mapper::new(Decoder::default(), &config);
            }
            now += wait;
            let which = delivery.index(records.len());
            let mapped = mapper.map(&records[which], at(now)).mapped;
            let (sign_in, session) = (format!("e{which}:sign_in"), format!("e{which}:session"));
            match line(&mapped).split(' ').next() {
                Some("_userauth.sign_in") => prop_assert_eq!(ids(&mapped), [sign_in, session]),
                Some("_session.stop") => prop_assert_eq!(ids(&mapped), [session]),
                _ => prop_assert!(matches!(mapped, Mapped::Ignored(_))),
            }
            mapper.sessions.check_groups();
        }
    }
}
