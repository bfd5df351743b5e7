//! The result of each endpoint and each event of a call.
//!
//! Knows nothing of the call as a whole. A broken rule takes precedence over a fault.

use std::collections::BTreeMap;

use super::ServerState;
use crate::tools::emulator::{
    faults::Fate,
    journal::{Addressee, RequestOrigin},
    rules::{Consequence, Rule, check_endpoint, check_event},
    wire::{Endpoint, Entries, Event, EventsBatch, Item, ItemResponse, JsonText},
};

const ACCEPTED: Item = Item { status_code: 202, message: "Accepted" };

impl ServerState {
    /// Serves the events of one endpoint; `None` if the answer leaves it out.
    pub(super) fn serve_endpoint<'a>(
        &mut self,
        origin: &RequestOrigin,
        id: &'a str,
        batch: &'a EventsBatch<'a>,
        size: usize,
    ) -> Option<ItemResponse<'a>> {
        let refused = self.judge_endpoint(origin, id, &batch.endpoint);
        let fate = self.faults.endpoint(id, &batch.endpoint);
        let item = match (refused, fate) {
            (Some(rule), _) => refused_item(rule.message()),
            (None, Some(Fate::Refused)) => refused_item("The endpoint is refused."),
            (None, Some(Fate::MissingLost)) => return None,
            _ => ACCEPTED,
        };
        let mut events = Vec::new();
        if item == ACCEPTED || self.faults.faults.refused_endpoint_keeps_events {
            let mut addressee = Addressee::new(id, &batch.endpoint);
            for (event_id, event) in batch.events.iter() {
                let item = self.serve_event(origin, &mut addressee, (event_id, event), size);
                events.extend(item.map(|item| (JsonText::borrowed(event_id), item)));
            }
        }
        if fate == Some(Fate::MissingTaken) {
            return None;
        }
        tally(&mut self.journal.counts.endpoint_answers, item);
        Some(ItemResponse { endpoint_item_response: item, events_item_response: Entries(events) })
    }

    /// Serves one event; `None` if the answer leaves it out.
    fn serve_event(
        &mut self,
        origin: &RequestOrigin,
        addressee: &mut Addressee<'_>,
        (id, event): (&str, &Event<'_>),
        size: usize,
    ) -> Option<Item> {
        let broken = self.judge(|broken| check_event(id, event, size, broken));
        let fate = self.faults.event(addressee.id, id, event);
        let item = match (broken, fate) {
            (Some((Consequence::ItemRefused, rule)), _) => Some(refused_item(rule.message())),
            (_, Some(Fate::Refused)) => Some(refused_item("ValidationException")),
            (_, Some(Fate::Throttled)) => Some(Item { status_code: 429, message: "Throttled" }),
            (_, Some(Fate::Failed)) => Some(Item { status_code: 500, message: "Internal error" }),
            (_, Some(Fate::MissingLost)) => None,
            (Some((Consequence::Dropped, _)), _) => {
                self.journal.counts.events_dropped += 1;
                Some(ACCEPTED)
            }
            (_, fate) => {
                self.journal.accept(origin, addressee, id, event);
                (fate != Some(Fate::MissingTaken)).then_some(ACCEPTED)
            }
        };
        item.inspect(|item| tally(&mut self.journal.counts.event_answers, *item))
    }

    fn judge_endpoint(&mut self, origin: &RequestOrigin, id: &str, endpoint: &Endpoint<'_>) -> Option<Rule> {
        if let Some((_, rule)) = self.judge(|broken| check_endpoint(id, endpoint, broken)) {
            return Some(rule);
        }
        if self.user_endpoints.admit(&origin.application, id, endpoint) {
            return None;
        }
        self.count(Rule::UserEndpoints);
        Some(Rule::UserEndpoints)
    }

    /// Counts the rules that a check finds broken. Returns the one with the gravest consequence.
    fn judge(&mut self, check: impl FnOnce(&mut dyn FnMut(Rule))) -> Option<(Consequence, Rule)> {
        let violations = &mut self.journal.counts.violations;
        let mut gravest: Option<(Consequence, Rule)> = None;
        check(&mut |rule| {
            *violations.entry(rule).or_default() += 1;
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
