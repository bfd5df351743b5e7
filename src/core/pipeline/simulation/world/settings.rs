//! The settings of the pipelines of a schedule: destinations, their quota domains, and the routes.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use fastrand::Rng;

use super::{FETCH, content::size, seconds};
use crate::core::{
    backoff::Backoff,
    destination::{
        Encoder, Order,
        tests::{Records, Whole},
    },
    pipeline::{
        DispatcherConfig, Jitter, Pipeline, PipelineConfig,
        config::{BatchConfig, CircuitBreakerConfig, QuotaConfig, Share},
    },
    route::{
        Router,
        config::{RouteConfig, Unrouted},
    },
    units::{Size, Span, Switch, text::DestinationName},
};

/// Room for one dead letter at a time, for a few, or for all.
const LETTER_BYTES: [usize; 3] = [1, 8000, 10_000_000];

/// The smaller budget of several destinations, in bytes.
const SMALL: usize = 100_000;

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) max_events: usize,
    pub(super) max_bytes: usize,
    /// The maximum number of outstanding bytes.
    pub(super) budget: usize,
    /// The maximum number of bytes of dead letters in flight.
    pub(super) letter_bytes: usize,
    /// The maximum number of records in a fetch.
    pub(super) fetch: usize,
    pub(super) breaker: bool,
    pub(super) give_up: Option<Duration>,
    /// Whether commits have tails.
    pub(super) tails: bool,
    pub(super) domains: Vec<Domain>,
    pub(super) destinations: Vec<Target>,
    pub(super) unrouted: Unrouted,
}

#[derive(Clone, Copy)]
pub(super) struct Domain {
    pub(super) rate: u32,
    pub(super) in_flight: u32,
}

/// The settings of a destination.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) domain: usize,
    pub(super) spill: Option<Duration>,
    /// The limit of requests per second of the destination alone, within its domain's.
    pub(super) cap: Option<u32>,
}

impl Settings {
    /// A third of the schedules have one destination, which has a domain of its own.
    pub(super) fn new(rng: &mut Rng) -> Self {
        let breaker = rng.u8(..3) == 0;
        let count = if rng.u8(..3) == 0 { 1 } else { rng.usize(2..=5) };
        let domains = rng.usize(1..=count.min(3));
        let several = count > 1;
        let domain = |rng: &mut Rng| Domain {
            rate: if several { [15, 5][rng.usize(..2)] } else { 15 },
            in_flight: if several { [15, 4][rng.usize(..2)] } else { 15 },
        };
        let target = |rng: &mut Rng| Target {
            domain: rng.usize(..domains),
            spill: (several && rng.u8(..3) == 0).then_some(seconds(20)),
            cap: (several && rng.u8(..4) == 0).then_some(3),
        };
        Self {
            max_events: 1 + rng.usize(..8),
            max_bytes: [600, 4000, 100_000][rng.usize(..3)],
            budget: [if several { SMALL } else { 60_000 }, 10_000_000][rng.usize(..2)],
            letter_bytes: LETTER_BYTES[rng.usize(..3)],
            fetch: FETCH,
            breaker,
            // An event that a circuit breaker keeps already has its verdict, which the model cannot see.
            give_up: (!breaker && rng.bool()).then_some(seconds(20)),
            tails: rng.u8(..4) > 0,
            domains: (0..domains).map(|_| domain(rng)).collect(),
            destinations: (0..count).map(|_| target(rng)).collect(),
            unrouted: [Unrouted::DeadLetter, Unrouted::Ignore][rng.usize(..2)],
        }
    }

    /// Many tenants, each in a domain of its own.
    pub(super) fn tenants(rng: &mut Rng) -> Self {
        let count = rng.usize(20..=40);
        let spill = rng.bool().then_some(seconds(1));
        let domain =
            |rng: &mut Rng| Domain { rate: [15, 5][rng.usize(..2)], in_flight: [15, 4][rng.usize(..2)] };
        Self {
            max_events: 1 + rng.usize(..8),
            max_bytes: [600, 4000, 100_000][rng.usize(..3)],
            budget: [SMALL, 10_000_000][rng.usize(..2)],
            letter_bytes: LETTER_BYTES[rng.usize(..3)],
            fetch: FETCH,
            breaker: false,
            give_up: None,
            tails: rng.u8(..4) > 0,
            domains: (0..count).map(|_| domain(rng)).collect(),
            destinations: (0..count).map(|domain| Target { domain, spill, cap: None }).collect(),
            unrouted: Unrouted::DeadLetter,
        }
    }

    /// Makes fetches so small that the two that are on their way, one of each topic, fit into a small budget beside
    /// what a destination without room keeps.
    pub(super) fn fetch_little(&mut self) {
        if self.budget == SMALL {
            self.fetch = 3;
        }
    }

    pub(super) fn fetches_little(&self) -> bool {
        self.fetch < FETCH
    }

    pub(super) fn has_several(&self) -> bool {
        self.destinations.len() > 1
    }

    /// The destinations of events of the client `both`.
    pub(super) fn both(&self) -> Vec<usize> {
        vec![0, self.destinations.len() - 1]
    }

    pub(super) fn pipeline(&self, seed: u64) -> Pipeline {
        let backoff = Backoff::new(Duration::from_millis(500), seconds(30));
        let breaker = || CircuitBreakerConfig { share: 0.5, window: count(10) };
        let destinations = self.destinations.iter().enumerate();
        let destinations =
            destinations.map(|(index, target)| (target.domain, self.dispatcher(index, target)));
        Pipeline::new(PipelineConfig {
            domains: self.domains.iter().map(|domain| quota(domain.rate, domain.in_flight)).collect(),
            destinations: destinations.collect(),
            router: self.router(),
            backoff,
            circuit_breaker: self.breaker.then(breaker),
            max_bytes: self.budget,
            letter_bytes: self.letter_bytes,
            commit_interval: seconds(2),
            revoke_timeout: seconds(10),
            tails: if self.tails { Switch::On } else { Switch::Off },
            jitter: Jitter::seeded(seed),
        })
    }

    /// The order that a destination keeps: every third one keeps none within a request.
    pub(super) fn order(index: usize) -> Order {
        if index % 3 == 1 { Order::BetweenRequests } else { Order::WithinRequest }
    }

    /// Whether a destination's events are sent with the newest snapshot of their endpoint, and not with the
    /// data of their own records.
    pub(super) fn has_snapshots(index: usize) -> bool {
        index.is_multiple_of(3)
    }

    fn dispatcher(&self, index: usize, target: &Target) -> DispatcherConfig {
        let whole = Whole(|delivery| size(&delivery.event));
        let encoder: Box<dyn Encoder> = if Self::has_snapshots(index) {
            Box::new(whole)
        } else {
            Box::new(Records(whole, Self::order(index)))
        };
        DispatcherConfig {
            name: format!("d{index}").into(),
            encoder,
            batch: BatchConfig {
                max_events: count(self.max_events),
                max_bytes: Size(self.max_bytes as u64),
                linger: Span(seconds(1)),
            },
            backoff: Backoff::new(Duration::from_millis(500), seconds(30)),
            give_up: self.give_up,
            spill: target.spill,
            cap: target.cap.map(|cap| quota(cap, 15)),
        }
    }

    /// The client `d2` goes to the third destination, `both` to the first and the last, and others nowhere.
    fn router(&self) -> Router {
        if !self.has_several() {
            return Router::to_the_only_one();
        }
        let name = |index: usize| -> DestinationName { format!("d{index}").parse().expect("a name") };
        let route = |client: &str, to: Vec<usize>| RouteConfig {
            client: vec![Box::from(client)].into(),
            to: to.into_iter().map(name).collect::<Vec<_>>().into(),
            ..RouteConfig::default()
        };
        let names: Vec<_> = (0..self.destinations.len()).map(name).collect();
        let each = names.iter().enumerate().map(|(index, name)| route(name.as_str(), vec![index]));
        let routes: Vec<_> = each.chain([route("both", self.both())]).collect();
        Router::new(&names, &routes, Some(self.unrouted)).expect("valid routes")
    }
}

fn quota(rate: u32, in_flight: u32) -> QuotaConfig {
    QuotaConfig {
        requests_per_second: f64::from(rate),
        in_flight: NonZeroU32::new(in_flight).expect("not 0"),
        share: Share::Partitions,
    }
}

fn count(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).expect("not 0")
}
