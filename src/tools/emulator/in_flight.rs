//! The endpoints of the requests in flight. Two requests with the same endpoint at the same time have no
//! order, so a client that sends them has a bug, and they are counted.
//!
//! Knows only hashes of endpoint ids. A client that gives up on a request may send it again before the server
//! notices; that is counted too.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::tools::emulator::wire::{Entries, EventsRequest};

#[derive(Default)]
pub(super) struct InFlight {
    requests: HashMap<u64, u32>,
    /// How often a request shared an endpoint with another request in flight.
    pub(super) shared: u64,
}

impl InFlight {
    /// Adds the endpoints of a request. Returns their hashes, for [`Self::end`].
    pub(super) fn begin(&mut self, application: &str, request: &EventsRequest<'_>) -> Vec<u64> {
        let ids = request.batch_item.iter().flat_map(Entries::iter).map(|(id, _)| id);
        let endpoints: Vec<_> = ids.map(|id| hash(application, id)).collect();
        for endpoint in &endpoints {
            let requests = self.requests.entry(*endpoint).or_default();
            *requests += 1;
            self.shared += u64::from(*requests > 1);
        }
        endpoints
    }

    /// Removes the endpoints of a request that is answered or whose client is gone.
    pub(super) fn end(&mut self, endpoints: &[u64]) {
        for endpoint in endpoints {
            if let Some(requests) = self.requests.get_mut(endpoint) {
                *requests -= 1;
                if *requests == 0 {
                    self.requests.remove(endpoint);
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
    fn an_endpoint_in_two_requests_is_counted() {
        let request = |ids: &[&str]| {
            let batch = r#"{"Endpoint":{},"Events":{}}"#;
            let items: Vec<_> = ids.iter().map(|id| format!("{id:?}:{batch}")).collect();
            format!(r#"{{"BatchItem":{{{}}}}}"#, items.join(","))
        };
        let mut in_flight = InFlight::default();
        let mut check = |application: &str, ids: &[&str], expected| {
            let body = request(ids);
            let endpoints = in_flight.begin(application, &EventsRequest::parse(body.as_bytes()).unwrap());
            assert_eq!(in_flight.shared, expected);
            endpoints
        };
        let first = check("a", &["1", "2"], 0);
        let other = check("b", &["1", "2"], 0);
        let second = check("a", &["2", "3"], 1);
        in_flight.end(&first);
        in_flight.end(&second);
        in_flight.end(&other);
        assert!(in_flight.requests.is_empty());
    }
}
