//! The server's state: the faults, the quotas, the journal, and what the services remember.
//!
//! Knows nothing of connections and waits, and reads no clock. What becomes of a call is the services'
//! business.

use std::collections::BTreeMap;

use crate::{
    core::time::Moment,
    tools::emulator::{
        Options,
        credentials::Credentials,
        faults::Armed,
        in_flight::InFlight,
        journal::{Counts, Journal, Origin},
        limit::{Limit, Quota},
        protocol::Problem,
        services::{
            custom_bus::published::Published, kinesis::shards::Shards, pinpoint::rules::UserEndpoints,
        },
    },
};

pub(super) struct ServerState {
    pub(super) faults: Armed,
    /// Pinpoint's quota; `None` if it is off.
    pub(super) quota: Option<Quota>,
    pub(super) journal: Journal,
    pub(super) in_flight: InFlight,
    pub(super) credentials: Credentials,
    pub(super) user_endpoints: UserEndpoints,
    pub(super) published: Published,
    pub(super) shards: Shards,
    /// By service and account.
    limits: BTreeMap<(&'static str, String), Limit>,
}

impl ServerState {
    pub(super) fn new(options: Options) -> Self {
        Self {
            faults: Armed::new(options.faults, options.seed, Moment::START),
            quota: options.quota,
            journal: Journal::new(options.keep_events, options.find_duplicates),
            in_flight: InFlight::default(),
            credentials: Credentials::default(),
            user_endpoints: UserEndpoints::default(),
            published: Published::default(),
            shards: Shards::new(options.streams),
            limits: BTreeMap::new(),
        }
    }

    /// What is counted against the quota of a service in an account.
    pub(super) fn limit(&mut self, service: &'static str, account: &str) -> &mut Limit {
        self.limits.entry((service, account.to_owned())).or_default()
    }

    pub(super) fn counts(&self) -> Counts {
        let mut counts = self.journal.counts.clone();
        let most = |count: fn(&Limit) -> usize| self.limits.values().map(count).max().unwrap_or_default();
        counts.max_per_second = most(|limit| limit.max_per_second);
        counts.max_in_flight = most(|limit| limit.max_in_flight);
        counts.endpoints_in_two_requests = self.in_flight.shared;
        counts
    }

    /// Forgets counts, events, and what services remember of them; faults, quota, credentials and requests in
    /// flight stay.
    pub(super) fn reset(&mut self) {
        self.journal.reset();
        self.limits.values_mut().for_each(Limit::reset);
        self.in_flight.shared = 0;
        self.user_endpoints.clear();
        self.published.clear();
    }

    /// Counts a problem of one entry of a call.
    pub(super) fn refuse_entry(&mut self, origin: &Origin, problem: &Problem) {
        if let Some(rule) = problem.rule {
            self.journal.counts.violation(rule);
        }
        self.journal.counts.error(&origin.place, problem.code);
    }
}
