//! The endpoints of the requests in flight. Two requests with the same endpoint at the same time have no
//! order, so a client that sends them has a bug, and they are counted.
//!
//! Knows only hashes of endpoint ids. A client that gives up on a request may send it again before the server
//! notices; that is counted too.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

#[derive(Default)]
pub(super) struct InFlight {
    requests: HashMap<u64, u32>,
    /// How often a request shared an endpoint with another request in flight.
    pub(super) shared: u64,
}

impl InFlight {
    /// Adds the endpoints of a request, each once, by their [`hash`].
    pub(super) fn begin(&mut self, endpoints: &[u64]) {
        for endpoint in endpoints {
            let requests = self.requests.entry(*endpoint).or_default();
            *requests += 1;
            self.shared += u64::from(*requests > 1);
        }
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

/// The hash of an endpoint at a destination of a service.
pub(super) fn hash(service: &str, destination: &str, endpoint_id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (service, destination, endpoint_id).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_in_two_requests_is_counted() {
        let mut in_flight = InFlight::default();
        let mut check = |service: &str, destination: &str, ids: &[&str], expected| {
            let endpoints: Vec<_> = ids.iter().map(|id| hash(service, destination, id)).collect();
            in_flight.begin(&endpoints);
            assert_eq!(in_flight.shared, expected);
            endpoints
        };
        let first = check("pinpoint", "a", &["1", "2"], 0);
        let other = check("pinpoint", "b", &["1", "2"], 0);
        let service = check("kinesis", "a", &["1", "2"], 0);
        let second = check("pinpoint", "a", &["2", "3"], 1);
        for endpoints in [first, second, other, service] {
            in_flight.end(&endpoints);
        }
        assert!(in_flight.requests.is_empty());
    }
}
