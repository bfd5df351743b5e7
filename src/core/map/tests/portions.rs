//! The end of very many sessions by one record: which ones end is decided at once, and their events and
//! entries are made a portion at a time.

use std::collections::BTreeSet;

use super::*;
use crate::core::event::{PORTION, Portions};

/// More sessions than two portions hold.
const SESSIONS: usize = 2 * PORTION + 500;

fn admin_logout(id: &str, seconds: i64) -> Record {
    let time = T + seconds * 1000;
    record(format!(
        r#"{{"id":"{id}","time":{time},"realmId":"r","operationType":"ACTION","resourceType":"USER","resourcePath":"users/u/logout"}}"#
    ))
}

fn with_sessions(mut mapper: Mapper) -> Mapper {
    for session in 0..SESSIONS {
        mapper.map(&login(&format!("e{session}"), 0, &format!("s{session}")), Moment::START);
    }
    mapper
}

#[track_caller]
fn portions(mapping: Mapping) -> Portions {
    let Mapped::InPortions(portions) = mapping.mapped else { panic!("{}", line(&mapping.mapped)) };
    portions
}

fn all(mut portions: Portions) -> (Vec<usize>, Vec<String>) {
    let parts: Vec<_> = std::iter::from_fn(|| portions.next_deliveries()).collect();
    let ids = parts.iter().flatten().map(|delivery| delivery.event.id.to_string());
    (parts.iter().map(Vec::len).collect(), ids.collect())
}

#[test]
fn the_sessions_that_a_record_ends_are_fixed_when_it_is_read() {
    let mut mapper = with_sessions(mapper());
    let ends = portions(mapper.map(&admin_logout("x", 5), Moment::START));
    assert_eq!(ends.events(), SESSIONS);
    // It has the time of an older session, but it is read later.
    assert_eq!(map(&mut mapper, &login("late", 0, "late")), "_userauth.sign_in + _session.start late 0");
    assert_eq!(map(&mut mapper, &logout("y", 6, "s7")), "ignored: session_already_closed");
    let (sizes, ids) = all(ends);
    assert_eq!(sizes, [PORTION, PORTION, 500]);
    let expected: BTreeSet<_> = (0..SESSIONS).map(|session| format!("x:session:s{session}")).collect();
    assert_eq!(ids.iter().cloned().collect::<BTreeSet<_>>(), expected);
    assert_eq!(map(&mut mapper, &logout("z", 6, "late")), "_session.stop late 0..6000 = 6000 reason=logout");
}

#[test]
fn a_record_that_is_read_again_ends_the_same_sessions_in_the_same_order() {
    let mut mapper = with_sessions(mapper());
    let first = all(portions(mapper.map(&admin_logout("x", 5), Moment::START)));
    assert_eq!(map(&mut mapper, &admin_logout("y", 6)), "ignored: no_open_session");
    assert!(first == all(portions(mapper.map(&admin_logout("x", 5), Moment::START))));
}

#[test]
fn sessions_that_are_forgotten_before_their_portion_is_made_still_end() {
    let max = NonZeroUsize::new(SESSIONS).unwrap();
    let config = SessionsConfig { max, ..SessionsConfig::default() };
    let mut mapper = with_sessions(Mapper::new(Decoder::default(), &config));
    let ends = portions(mapper.map(&admin_logout("x", 5), Moment::START));
    for other in 0..SESSIONS {
        let fields = format!(r#""userId":"v","sessionId":"o{other}""#);
        mapper.map(&event(&format!("o{other}"), 6, "LOGIN", &fields), Moment::START);
    }
    assert_eq!(mapper.counts().sessions_evicted_by_number, SESSIONS as u64);
    assert_eq!(all(ends).1.len(), SESSIONS);
}

#[test]
fn the_entries_of_a_record_are_made_in_portions_too() {
    let mut mapper = with_sessions(mapper().sharing());
    let mut mapping = mapper.map(&admin_logout("x", 5), Moment::START);
    let mut entries = std::mem::take(&mut mapping.entries);
    assert_eq!(entries.len(), PORTION);
    let mut rest = portions(mapping);
    let parts: Vec<_> = std::iter::from_fn(|| rest.next_entries()).collect();
    assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [PORTION, 500]);
    entries.extend(parts.into_iter().flatten());
    let mut other = with_sessions(self::mapper().sharing());
    for entry in entries {
        other.learn(&entry, Moment::START);
    }
    assert_eq!(map(&mut other, &admin_logout("y", 6)), "ignored: no_open_session");
    assert!(all(rest) == all(portions(other.map(&admin_logout("x", 5), Moment::START))));
}

#[test]
fn small_ends_in_one_record_add_up_to_portions() {
    const USERS: usize = 30;
    let mut mapper = mapper();
    for session in 0..USERS * 100 {
        let fields = format!(r#""userId":"u{}","sessionId":"s{session}""#, session % USERS);
        mapper.map(&event(&format!("e{session}"), 0, "LOGIN", &fields), Moment::START);
    }
    let ends = (0..USERS).map(|user| {
        let time = T + 5000;
        format!(
            r#"{{"id":"x{user}","time":{time},"realmId":"r","operationType":"ACTION","resourceType":"USER","resourcePath":"users/u{user}/logout"}}"#
        )
    });
    let refresh = r#"{"id":"l","type":"REGISTER","realmId":"r","userId":"u"}"#.to_owned();
    let values: Vec<_> = ends.chain([refresh]).collect();
    let (sizes, ids) = all(portions(mapper.map(&record(format!("[{}]", values.join(","))), Moment::START)));
    assert_eq!(sizes, [PORTION, PORTION, PORTION, 1]);
    assert_eq!(ids.last().unwrap(), "l:sign_up");
}
