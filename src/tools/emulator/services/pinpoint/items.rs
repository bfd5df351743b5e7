//! The result of each endpoint and each event of a call.
//!
//! Knows nothing of the call as a whole. A broken rule takes precedence over a fault.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;

use super::{
    rules::{Consequence, Rule, check_endpoint, check_event},
    wire::{Endpoint, Entries, Event, EventsBatch, Item, ItemResponse, JsonText},
};
use crate::tools::emulator::{
    faults::Fate,
    journal::{Accepted, Names, Origin},
    state::ServerState,
};

const ACCEPTED: Item = Item { status_code: 202, message: "Accepted" };

/// The items of one call, as they are served.
pub(super) struct Items<'s> {
    pub(super) state: &'s mut ServerState,
    pub(super) origin: &'s Origin,
    /// The size of the call's body.
    pub(super) size: usize,
}

/// The endpoint of the events that are being served.
struct Addressee<'a> {
    id: &'a str,
    endpoint: &'a Endpoint<'a>,
    /// Copies that all its kept events share, made for the first of them.
    kept: Option<(Arc<str>, Arc<serde_json::Value>)>,
}

impl Items<'_> {
    /// Serves the events of one endpoint; `None` if the answer leaves it out.
    pub(super) fn serve_endpoint<'a>(
        &mut self,
        id: &'a str,
        batch: &'a EventsBatch<'a>,
    ) -> Option<ItemResponse<'a>> {
        let endpoint = &batch.endpoint;
        let refused = self.judge_endpoint(id, endpoint);
        let mut faults = self.state.faults.of(self.origin.call());
        let fate = faults.endpoint(*endpoint == Endpoint::default(), |text| in_endpoint(text, id, endpoint));
        let keeps_events = faults.faults.refused_endpoint_keeps_events;
        let item = match (refused, fate) {
            (Some(rule), _) => refused_item(rule.message()),
            (None, Some(Fate::Refused)) => refused_item("The endpoint is refused."),
            (None, Some(Fate::MissingLost)) => return None,
            _ => ACCEPTED,
        };
        let mut events = Vec::new();
        if item == ACCEPTED || keeps_events {
            let mut addressee = Addressee { id, endpoint, kept: None };
            for (event_id, event) in batch.events.iter() {
                let item = self.serve_event(&mut addressee, event_id, event);
                events.extend(item.map(|item| (JsonText::borrowed(event_id), item)));
            }
        }
        if fate == Some(Fate::MissingTaken) {
            return None;
        }
        tally(&mut self.state.journal.counts.endpoint_answers, item);
        Some(ItemResponse { endpoint_item_response: item, events_item_response: Entries(events) })
    }

    /// Serves one event; `None` if the answer leaves it out.
    fn serve_event(&mut self, addressee: &mut Addressee<'_>, id: &str, event: &Event<'_>) -> Option<Item> {
        let size = self.size;
        let broken = self.judge(|broken| check_event(id, event, size, broken));
        let contains = |text: &str| addressee.id.contains(text) || in_event(text, id, event);
        let fate = self.state.faults.of(self.origin.call()).event((addressee.id, id), contains);
        let item = match (broken, fate) {
            (Some((Consequence::ItemRefused, rule)), _) => Some(refused_item(rule.message())),
            (_, Some(Fate::Refused)) => Some(refused_item("ValidationException")),
            (_, Some(Fate::Throttled)) => Some(Item { status_code: 429, message: "Throttled" }),
            (_, Some(Fate::Failed)) => Some(Item { status_code: 500, message: "Internal error" }),
            (_, Some(Fate::MissingLost)) => None,
            (Some((Consequence::Dropped, _)), _) => {
                self.state.journal.counts.events_dropped += 1;
                Some(ACCEPTED)
            }
            (_, fate) => {
                self.accept(addressee, id, event);
                (fate != Some(Fate::MissingTaken)).then_some(ACCEPTED)
            }
        };
        item.inspect(|item| tally(&mut self.state.journal.counts.event_answers, *item))
    }

    fn accept(&mut self, addressee: &mut Addressee<'_>, id: &str, event: &Event<'_>) {
        let event_type = event.event_type.as_deref().unwrap_or_default();
        let names = Names { endpoint_id: addressee.id, event_id: id, event_type };
        self.state.journal.accept(self.origin, names, || accepted(addressee, id, event));
    }

    fn judge_endpoint(&mut self, id: &str, endpoint: &Endpoint<'_>) -> Option<Rule> {
        if let Some((_, rule)) = self.judge(|broken| check_endpoint(id, endpoint, broken)) {
            return Some(rule);
        }
        if self.state.user_endpoints.admit(&self.origin.destination, id, endpoint) {
            return None;
        }
        self.state.journal.counts.violation(Rule::UserEndpoints.name());
        Some(Rule::UserEndpoints)
    }

    /// Counts the rules that a check finds broken. Returns the one with the gravest consequence.
    fn judge(&mut self, check: impl FnOnce(&mut dyn FnMut(Rule))) -> Option<(Consequence, Rule)> {
        let counts = &mut self.state.journal.counts;
        let mut gravest: Option<(Consequence, Rule)> = None;
        check(&mut |rule| {
            counts.violation(rule.name());
            if gravest.is_none_or(|(consequence, _)| consequence < rule.consequence()) {
                gravest = Some((rule.consequence(), rule));
            }
        });
        gravest
    }
}

const fn refused_item(message: &'static str) -> Item {
    Item { status_code: 400, message }
}

fn tally(counts: &mut BTreeMap<u16, u64>, item: Item) {
    *counts.entry(item.status_code).or_default() += 1;
}

/// The event as it is written in the request.
fn accepted(addressee: &mut Addressee<'_>, id: &str, event: &Event<'_>) -> Accepted {
    let (endpoint_id, endpoint) = addressee
        .kept
        .get_or_insert_with(|| (addressee.id.into(), Arc::new(as_written(addressee.endpoint))))
        .clone();
    let attributes = event.attributes.iter().flat_map(Entries::iter);
    let metrics = event.metrics.iter().flat_map(Entries::iter);
    Accepted {
        endpoint_id,
        event_id: id.to_owned(),
        event_type: event.event_type.as_deref().unwrap_or_default().to_owned(),
        timestamp: event.timestamp.as_deref().unwrap_or_default().to_owned(),
        attributes: attributes.map(|(key, value)| (key.to_string(), value.to_string())).collect(),
        metrics: metrics.map(|(key, value)| (key.to_string(), *value)).collect(),
        session: event.session.as_ref().map(as_written),
        endpoint,
        ..Accepted::default()
    }
}

/// The value as JSON. Fields that were left out stay out.
fn as_written(value: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}

pub(super) fn in_endpoint(text: &str, id: &str, endpoint: &Endpoint<'_>) -> bool {
    let user_id = endpoint.user.as_ref().and_then(|user| user.user_id.as_ref());
    id.contains(text) || user_id.is_some_and(|id| id.contains(text))
}

pub(super) fn in_event(text: &str, id: &str, event: &Event<'_>) -> bool {
    let mut values = event.attributes.iter().flat_map(Entries::iter);
    id.contains(text) || values.any(|(_, value)| value.contains(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_kept_as_it_was_written() {
        let event = r#"{"EventType":"_session.start","Timestamp":"2026-11-22T10:00:00.000Z",
            "Attributes":{"a":"v"},"Session":{"Id":"s","StartTimestamp":"2026-11-22T10:00:00.000Z"}}"#;
        let event = serde_json::from_str(event).unwrap();
        let endpoint = serde_json::from_str(r#"{"User":{"UserId":"u"}}"#).unwrap();
        let mut addressee = Addressee { id: "e", endpoint: &endpoint, kept: None };
        let written = serde_json::to_value(accepted(&mut addressee, "1", &event)).unwrap();
        let expected = serde_json::json!({
            "sequence": 0, "request": 0, "destination": "", "endpoint_id": "e", "event_id": "1",
            "event_type": "_session.start", "timestamp": "2026-11-22T10:00:00.000Z",
            "attributes": {"a": "v"}, "metrics": {},
            "session": {"Id": "s", "StartTimestamp": "2026-11-22T10:00:00.000Z"},
            "endpoint": {"User": {"UserId": "u"}},
        });
        assert_eq!(written, expected);
    }

    #[test]
    fn a_text_is_found_in_ids_and_values() {
        let endpoint: Endpoint<'_> = serde_json::from_str(r#"{"User":{"UserId":"user-1"}}"#).unwrap();
        let event = serde_json::from_str(r#"{"Attributes":{"key":"value-1"}}"#).unwrap();
        let check = |text, endpoint_has, event_has| {
            assert_eq!(in_endpoint(text, "endpoint-1", &endpoint), endpoint_has, "{text}");
            assert_eq!(in_event(text, "id-1", &event), event_has, "{text}");
        };
        check("endpoint-1", true, false);
        check("user-1", true, false);
        check("id-1", false, true);
        check("value-1", false, true);
        check("key", false, false);
    }
}
