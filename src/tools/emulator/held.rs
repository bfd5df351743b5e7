//! Which endpoints the requests in flight hold, to transition a client that sends one endpoint's events in
//! two requests at a time: nobody could say in which order they are taken.
//!
//! Knows endpoints by the hashes of their ids alone. A client that has given a request up may send again
//! before the server has noticed; that is counted too.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::tools::emulator::wire::{Entries, EventsRequest};

/// The endpoints in flight.
#[derive(Default)]
pub(super) struct Held {
    holders: HashMap<u64, u32>,
    /// How often a request held an endpoint that another one held too.
    pub(super) twice: u64,
}

impl Held {
    /// A request that was read begins to hold its endpoints. Answers their hashes, to let them go.
    pub(super) fn hold(&mut self, application: &str, request: &EventsRequest<'_>) -> Vec<u64> {
        let ids = request.batch_item.iter().flat_map(Entries::iter).map(|(id, _)| id);
        let endpoints: Vec<_> = ids.map(|id| hash(application, id)).collect();
        for endpoint in &endpoints {
            let holders = self.holders.entry(*endpoint).or_default();
            *holders += 1;
            self.twice += u64::from(*holders > 1);
        }
        endpoints
    }

    /// The request is answered, or its client is gone.
    pub(super) fn let_go(&mut self, endpoints: &[u64]) {
        for endpoint in endpoints {
            if let Some(holders) = self.holders.get_mut(endpoint) {
                *holders -= 1;
                if *holders == 0 {
                    self.holders.remove(endpoint);
                }
            }
        }
    }
}

fn hash(application: &str, endpoint_id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (application, endpoint_id).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_held_twice_is_noticed() {
        let request = |ids: &[&str]| {
            let batch = r#"{"Endpoint":{},"Events":{}}"#;
            let items: Vec<_> = ids.iter().map(|id| format!("{id:?}:{batch}")).collect();
            format!(r#"{{"BatchItem":{{{}}}}}"#, items.join(","))
        };
        let mut held = Held::default();
        let mut check = |application: &str, ids: &[&str], expected| {
            let body = request(ids);
            let endpoints = held.hold(application, &EventsRequest::parse(body.as_bytes()).unwrap());
            assert_eq!(held.twice, expected);
            endpoints
        };
        let first = check("a", &["1", "2"], 0);
        let other = check("b", &["1", "2"], 0);
        let second = check("a", &["2", "3"], 1);
        held.let_go(&first);
        held.let_go(&second);
        held.let_go(&other);
        assert!(held.holders.is_empty());
    }
}
