//! Reads the `Results` of an answer: the outcome of each event of a request.
//!
//! Every field of `Results` is optional. An event that is not mentioned was not accepted. Knows nothing of
//! HTTP.

use std::collections::HashMap;

use aws_sdk_pinpoint::types::{EndpointItemResponse, EventItemResponse, ItemResponse};

use super::code;
use crate::{
    core::{
        code::Code,
        destination::{Answer, Outcome, Request},
        event::Refusal,
    },
    edge::aws::code::MISSING,
};

/// The outcome of each event of `request`, in its order, and the codes of endpoints whose update was refused
/// although their events were accepted.
pub(super) fn read(request: &Request, results: &HashMap<String, ItemResponse>) -> Answer {
    let events = request.endpoints.iter().map(|batch| batch.events.len()).sum();
    let mut outcomes = Vec::with_capacity(events);
    let mut endpoints_refused = Vec::new();
    for batch in &request.endpoints {
        let item = results.get(&*batch.endpoint_id.0);
        let endpoint = item.and_then(|item| item.endpoint_item_response.as_ref());
        let by_id = item.and_then(|item| item.events_item_response.as_ref());
        let first = outcomes.len();
        outcomes.extend(batch.events.iter().map(|event| {
            let of_event = by_id.and_then(|by_id| by_id.get(&*event.id));
            of_event.map_or_else(|| unmentioned(endpoint), mentioned)
        }));
        if outcomes[first..].contains(&Outcome::Accepted) {
            endpoints_refused.extend(endpoint.and_then(refusal_of));
        }
    }
    Answer::Results { outcomes, endpoints_refused }
}

/// The outcome of an event that has an item.
fn mentioned(event: &EventItemResponse) -> Outcome {
    let code = code::of_event(event.status_code);
    match event.status_code {
        Some(200..=299) => Outcome::Accepted,
        Some(429) => Outcome::Throttled,
        Some(400..=499) => Outcome::Refused(refusal(code, event.message.as_deref())),
        // A 5xx, no status, or a status without a meaning here.
        _ => Outcome::Again(code),
    }
}

/// The outcome of an event that has no item, which depends on the item of its endpoint.
fn unmentioned(endpoint: Option<&EndpointItemResponse>) -> Outcome {
    let status = endpoint.and_then(|endpoint| endpoint.status_code);
    let message = endpoint.and_then(|endpoint| endpoint.message.as_deref());
    match status {
        Some(429) => Outcome::Throttled,
        Some(status @ 400..=499) => Outcome::EndpointRefused(refusal(code::of_endpoint(status), message)),
        Some(status @ 500..=599) => Outcome::Again(code::of_endpoint(status)),
        _ => Outcome::Again(MISSING),
    }
}

/// The code of an endpoint whose update was refused.
fn refusal_of(endpoint: &EndpointItemResponse) -> Option<Code> {
    let status = endpoint.status_code.filter(|status| !(200..=299).contains(status));
    status.map(code::of_endpoint)
}

fn refusal(code: Code, message: Option<&str>) -> Refusal {
    Refusal { code, message: message.unwrap_or_default().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::destination::sample;

    /// The content of `Results` for one endpoint: the status of its own item, and those of its events.
    type Item = (Option<i32>, &'static [(&'static str, i32)]);

    /// Checks the outcomes of events `a` and `b` of endpoint `e`, and of `c` of endpoint `f`.
    #[track_caller]
    fn check(e: Item, f: Item, expected: [Outcome; 3], endpoints_refused: &[&'static str]) {
        let request = sample::request(&[("e", &["a", "b"]), ("f", &["c"])]);
        let results = [("e", e), ("f", f)].map(|(id, of)| (id.to_owned(), item(of))).into();
        let endpoints_refused = endpoints_refused.iter().map(|code| Code(code)).collect();
        let expected = Answer::Results { outcomes: expected.into(), endpoints_refused };
        assert_eq!(read(&request, &results), expected);
    }

    fn item((endpoint, events): Item) -> ItemResponse {
        let endpoint = endpoint
            .map(|status| EndpointItemResponse::builder().status_code(status).message("of endpoint").build());
        let event = |status| EventItemResponse::builder().status_code(status).message("of event").build();
        let events = events.iter().map(|(id, status)| ((*id).to_owned(), event(*status))).collect();
        ItemResponse::builder()
            .set_endpoint_item_response(endpoint)
            .set_events_item_response(Some(events))
            .build()
    }

    const TAKEN: Item = (Some(202), &[("c", 202)]);

    fn again(code: &'static str) -> Outcome {
        Outcome::Again(Code(code))
    }

    fn refused(code: &'static str) -> Outcome {
        Outcome::Refused(refusal(Code(code), Some("of event")))
    }

    fn spoiled(code: &'static str) -> Outcome {
        Outcome::EndpointRefused(refusal(Code(code), Some("of endpoint")))
    }

    use Outcome::{Accepted, Throttled};

    #[test]
    fn an_event_is_accepted_if_its_item_says_so() {
        check((Some(202), &[("a", 202), ("b", 202)]), TAKEN, [Accepted, Accepted, Accepted], &[]);
        check((None, &[("a", 202), ("b", 202)]), TAKEN, [Accepted, Accepted, Accepted], &[]);
        check((Some(200), &[("a", 200), ("b", 202)]), TAKEN, [Accepted, Accepted, Accepted], &[]);
    }

    #[test]
    fn an_event_that_was_not_taken_is_sent_again() {
        check((Some(202), &[("a", 429), ("b", 503)]), TAKEN, [Throttled, again("event_5xx"), Accepted], &[]);
        check(
            (Some(202), &[("a", 500), ("b", 599)]),
            TAKEN,
            [again("event_5xx"), again("event_5xx"), Accepted],
            &[],
        );
        let unclear = again("event_not_understood");
        check((Some(202), &[("a", 302), ("b", 0)]), TAKEN, [unclear.clone(), unclear, Accepted], &[]);
    }

    #[test]
    fn an_event_that_is_not_mentioned_is_sent_again() {
        check((Some(202), &[("a", 202)]), TAKEN, [Accepted, again("missing"), Accepted], &[]);
        check(
            (Some(202), &[("A", 202), ("c", 202)]),
            (None, &[]),
            [again("missing"), again("missing"), again("missing")],
            &[],
        );
        check((Some(503), &[]), TAKEN, [again("endpoint_5xx"), again("endpoint_5xx"), Accepted], &[]);
        check((Some(429), &[]), TAKEN, [Throttled, Throttled, Accepted], &[]);
        check((Some(302), &[]), TAKEN, [again("missing"), again("missing"), Accepted], &[]);
    }

    #[test]
    fn an_event_that_is_not_valid_is_refused() {
        check((Some(202), &[("a", 400), ("b", 202)]), TAKEN, [refused("event_400"), Accepted, Accepted], &[]);
        check(
            (Some(202), &[("a", 404), ("b", 499)]),
            TAKEN,
            [refused("event_4xx"), refused("event_4xx"), Accepted],
            &[],
        );
    }

    #[test]
    fn an_endpoint_that_is_refused_spoils_its_missing_events() {
        check((Some(400), &[]), TAKEN, [spoiled("endpoint_400"), spoiled("endpoint_400"), Accepted], &[]);
        check((Some(403), &[]), TAKEN, [spoiled("endpoint_4xx"), spoiled("endpoint_4xx"), Accepted], &[]);
        check(
            (Some(400), &[("a", 400), ("b", 429)]),
            TAKEN,
            [refused("event_400"), Throttled, Accepted],
            &[],
        );
    }

    #[test]
    fn an_endpoint_that_is_refused_while_its_events_are_accepted_is_reported() {
        let taken: &[_] = &[("a", 202), ("b", 202)];
        check((Some(400), taken), TAKEN, [Accepted, Accepted, Accepted], &["endpoint_400"]);
        check((Some(429), taken), TAKEN, [Accepted, Accepted, Accepted], &["endpoint_429"]);
        check(
            (Some(500), taken),
            (Some(403), &[("c", 202)]),
            [Accepted, Accepted, Accepted],
            &["endpoint_5xx", "endpoint_4xx"],
        );
        check(
            (Some(400), &[("a", 202)]),
            TAKEN,
            [Accepted, spoiled("endpoint_400"), Accepted],
            &["endpoint_400"],
        );
    }
}
