//! Redriven records: only what their header names is sent, and nothing of it is lost silently.

use std::sync::Arc;

use super::*;
use crate::core::{
    event::Portions,
    redrive::{
        Redriven, Selection,
        tests::{redriven, selection},
    },
};

impl Bench {
    /// Reads a record that was redriven for these events, with an event for each endpoint.
    fn redrive(&mut self, send: Vec<Selection>, endpoints: &[u8]) {
        let deliveries = endpoints.iter().map(|endpoint| delivery(*endpoint, &format!("e:{endpoint}")));
        let mapped = Mapped::Deliver(deliveries.collect());
        self.redrive_as(redriven(send), mapped);
    }

    fn redrive_as(&mut self, redriven: Redriven, mapped: Mapped) {
        let record = Record { redriven: Some(Arc::new(redriven)), ..record(A, self.next_offset) };
        self.next_offset += 1;
        self.handle(Input::Records(vec![(record, mapped, Vec::new())]));
    }

    fn about(&self) -> Vec<(&'static str, Selection)> {
        self.letters.iter().map(|letter| (letter.refusal.code.0, letter.selection.clone())).collect()
    }
}

fn of_default(events: &[&str]) -> Selection {
    selection(Some("default"), events)
}

#[test]
fn only_the_named_events_are_sent() {
    let mut bench = Bench::new();
    bench.redrive(vec![of_default(&["e:2", "e:3"])], &[1, 2, 3, 4]);
    assert_eq!(bench.accept_all(), ["e:2", "e:3"]);
    bench.redrive(vec![of_default(&[])], &[1, 2]);
    assert_eq!(bench.accept_all(), ["e:1", "e:2"]);
    bench.redrive(vec![], &[1, 2]);
    assert_eq!(bench.accept_all(), ["e:1", "e:2"]);
    assert_eq!(bench.about(), []);
    assert_eq!(bench.pipeline.snapshot().records.accepted, 3);
    assert_eq!(bench.pipeline.snapshot().bytes_outstanding, 0);
}

#[test]
fn what_the_record_does_not_become_any_more_is_a_dead_letter_again() {
    let mut bench = Bench::new();
    bench.redrive(vec![of_default(&["e:1", "e:9"]), selection(Some("gone"), &["e:1"])], &[1]);
    assert_eq!(bench.sent(), ["e:1"]);
    let missing = [of_default(&["e:9"]), selection(Some("gone"), &["e:1"])];
    assert_eq!(bench.about(), missing.map(|selection| ("not_redriven", selection)));
    bench.answer(accept);
    assert_eq!(bench.outstanding(), 1, "it waits for the letters");
    bench.write_letters(WriteOutcome::Written);
    assert_eq!(bench.outstanding(), 0);
}

#[test]
fn a_record_that_is_ignored_or_refused_now_keeps_the_names_of_its_events() {
    let mut bench = Bench::new();
    bench.redrive_as(redriven(vec![of_default(&["e:1"])]), Mapped::Ignored(Code("no_open_session")));
    assert_eq!(bench.about(), [("not_redriven", of_default(&["e:1"]))]);
    bench.write_letters(WriteOutcome::Written);
    let refusal = || Refusal { code: Code("not_json"), message: String::new() };
    bench.redrive_as(redriven(vec![of_default(&["e:1"])]), Mapped::Refused(refusal()));
    assert_eq!(bench.about(), [("not_json", of_default(&["e:1"]))]);
    bench.write_letters(WriteOutcome::Written);
    let partly = Mapped::Partly(vec![delivery(1, "e:1")], refusal());
    bench.redrive_as(redriven(vec![of_default(&["e:1"])]), partly);
    assert_eq!(bench.accept_all(), ["e:1"]);
    assert_eq!(bench.about(), [], "the part that cannot be read has a letter of its own");
    bench.redrive_as(redriven(vec![]), Mapped::Ignored(Code("empty")));
    bench.redrive_as(redriven(vec![]), Mapped::Refused(refusal()));
    assert_eq!(bench.about(), [("not_json", Selection::WHOLE)]);
    bench.write_letters(WriteOutcome::Written);
    assert_eq!(bench.outstanding(), 0);
    assert_eq!(bench.pipeline.snapshot().records.ignored.get(&Code("empty")), Some(&1));
}

#[test]
fn a_record_in_portions_is_narrowed_too() {
    let mut bench = Bench::new();
    let events: Vec<_> = (1..=7).map(|endpoint| delivery(endpoint, &format!("e:{endpoint}"))).collect();
    let portions = Portions::new(2, (7, 50), std::iter::empty(), events.into_iter(), None);
    bench.redrive_as(redriven(vec![of_default(&["e:2", "e:7", "e:9"])]), Mapped::InPortions(portions));
    assert_eq!(bench.about(), [("not_redriven", of_default(&["e:9"]))]);
    bench.write_letters(WriteOutcome::Written);
    assert_eq!(bench.accept_all(), ["e:2", "e:7"]);
    assert_eq!(bench.pipeline.snapshot().bytes_outstanding, 0);
}

#[test]
fn a_redriven_event_states_nothing_of_its_endpoint_but_the_user() {
    let mut bench = Bench::new();
    let mut telling = delivery(1, "e:1");
    let mut endpoint = (*telling.endpoint).clone();
    endpoint.attributes.insert("plan".into(), vec!["old".into()]);
    endpoint.address = Some("old@example.com".into());
    telling.endpoint = Arc::new(endpoint);
    bench.redrive_as(redriven(vec![]), Mapped::Deliver(vec![telling]));
    let endpoint = &bench.requests[0].endpoints[0].endpoint;
    assert!(**endpoint == Endpoint { user_id: Some("user".into()), ..Endpoint::default() });
}

#[test]
fn refusals_of_redriven_records_do_not_open_the_circuit_breaker() {
    let breaker = CircuitBreakerConfig { share: 0.1, window: NonZeroUsize::new(2).unwrap() };
    let mut bench = Bench::with(|config| config.circuit_breaker = Some(breaker));
    for _ in 0..10 {
        let refusal = Refusal { code: Code("not_json"), message: String::new() };
        bench.redrive_as(redriven(vec![]), Mapped::Refused(refusal));
    }
    assert_eq!((bench.letters.len(), bench.holds()), (10, vec![]));
}

#[test]
fn a_letter_names_its_destination_and_events() {
    let mut bench = Bench::new();
    bench.read(A, &[1, 2]);
    bench.answer(each(Outcome::Refused(refusal())));
    assert_eq!(bench.about(), [("bad_request", of_default(&["0:0", "0:1"]))]);
    assert_eq!(bench.outstanding(), 1);
    bench.write_letters(WriteOutcome::Written);
    assert_eq!((bench.outstanding(), bench.pipeline.snapshot().bytes_outstanding), (0, 0));
}

#[test]
fn events_that_were_refused_with_other_words_have_a_letter_of_their_own() {
    let mut bench = Bench::new();
    bench.read(A, &[1, 2, 3]);
    let worse = Refusal { message: "other words".into(), ..refusal() };
    bench.answer(|_| Answer::Results {
        outcomes: [refusal(), worse, refusal()].map(Outcome::Refused).into(),
        endpoints_refused: Vec::new(),
    });
    let expected = [of_default(&["0:0", "0:2"]), of_default(&["0:1"])];
    assert_eq!(bench.about(), expected.map(|selection| ("bad_request", selection)));
    bench.write_letters(WriteOutcome::Written);
    assert_eq!(bench.outstanding(), 0);
}
