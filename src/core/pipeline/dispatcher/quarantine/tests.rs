//! Which part of the quarantine is sent next.

use super::*;
use crate::core::{
    pipeline::{dispatcher::endpoint_queue::Past, ledger::RecordId, tests::delivery},
    record::Ownership,
};

const NOW: Moment = Moment::START;

/// A request with one event for each of these endpoints.
fn part(cause: Cause, endpoints: impl IntoIterator<Item = usize>) -> Part {
    let events = endpoints.into_iter().map(|number| {
        let id = EndpointId::new(&number.to_string());
        (id, vec![item(number)])
    });
    Part { events: Events(events.collect()), cause, not_before: NOW }
}

fn item(number: usize) -> Item {
    Item {
        order: number as u64,
        record: RecordId(number as u64),
        ownership: Ownership(0),
        event: delivery(0, "event").event,
        endpoint: None,
        bytes: 1,
        held_bytes: 1,
        arrived: NOW,
        past: Past::default(),
    }
}

fn sent(quarantine: &mut Quarantine, flying: &[&str]) -> Option<Vec<String>> {
    let flying: Vec<_> = flying.iter().map(|id| EndpointId::new(id)).collect();
    let (Next::Half(part) | Next::Whole(part)) = quarantine.next(NOW, &flying.iter().collect())?;
    Some(part.events.endpoints().map(|id| id.0.to_string()).collect())
}

const FAILING: Cause = Cause::Failing { halve: false };

#[test]
fn invariant_4_the_events_of_an_endpoint_are_sent_one_after_the_other() {
    let mut quarantine = Quarantine::default();
    quarantine.admit(part(FAILING, [1, 2]));
    quarantine.admit(part(Cause::Stuck, [2]));
    quarantine.admit(part(FAILING, [3]));
    assert_eq!(sent(&mut quarantine, &["1"]), Some(vec!["3".to_owned()]), "the second waits for the first");
    assert_eq!(sent(&mut quarantine, &["1"]), None);
    assert_eq!(quarantine.next_wake(&HashSet::new()), Some(NOW));
    assert_eq!(sent(&mut quarantine, &[]), Some(vec!["1".to_owned(), "2".to_owned()]));
    assert_eq!(sent(&mut quarantine, &["1", "2"]), None);
    assert_eq!(quarantine.next_wake(&HashSet::from_iter([&EndpointId::new("2")])), None);
    assert_eq!(sent(&mut quarantine, &[]), Some(vec!["2".to_owned()]));
}

#[test]
fn a_request_that_waits_for_its_halves_is_passed_by_others() {
    let mut quarantine = Quarantine::default();
    quarantine.admit(part(Cause::Failing { halve: true }, [1, 2]));
    quarantine.admit(part(Cause::Failing { halve: true }, [3, 4]));
    quarantine.admit(part(FAILING, [2]));
    quarantine.admit(part(FAILING, [5]));
    assert_eq!(sent(&mut quarantine, &[]), Some(vec!["1".to_owned()]));
    assert_eq!(sent(&mut quarantine, &["1", "2"]), Some(vec!["5".to_owned()]));
    assert_eq!(sent(&mut quarantine, &["1"]), Some(vec!["2".to_owned()]));
    assert_eq!(sent(&mut quarantine, &["1"]), Some(vec!["2".to_owned()]));
}
