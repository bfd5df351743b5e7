//! A pipeline in a steady state, of which one step of the cycle is measured at a time.
//!
//! An event waits on each endpoint. A cycle reads 100 records of one event each, puts the oldest 100 events
//! into a request, and has it answered. So the number of waiting events stays the same.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    sync::Arc,
    time::{Duration, Instant},
};

use pinpoint_sidecar::{
    core::{
        backoff::Backoff,
        destination::{Answer, DestinationId, EndpointBatch, Outcome, Request, RequestId},
        event::{AppEvent, Delivery, Endpoint, EndpointId, EventType, Mapped, Session},
        pipeline::{
            Action, DispatcherConfig, Input, Jitter, Pipeline, PipelineConfig,
            config::{BatchConfig, CircuitBreakerConfig, QuotaConfig, Share},
        },
        record::{Assignment, Ownership, Record},
        route::Router,
        session_table::Entry,
        time::{Moment, Timestamp},
        units::Switch,
    },
    edge::aws::pinpoint::PutEvents,
};

use crate::load::{id, sign_in};

/// Events in a request.
pub(crate) const FULL: usize = 100;

/// The time between two requests, set by the pace of the quota, so that answering one and composing the
/// next are separate steps.
const PAUSE: Duration = Duration::from_millis(100);

const COMMIT_INTERVAL: Duration = Duration::from_hours(1);

/// The pipeline, and what is needed to create its inputs.
pub(crate) struct Steps {
    pub(crate) pipeline: Pipeline,
    deliveries: Vec<Delivery>,
    partitions: usize,
    /// The number of the next record, over all partitions.
    next: usize,
    now: Moment,
    actions: Vec<Action>,
    in_flight: Option<RequestId>,
}

impl Steps {
    pub(crate) fn new(endpoints: usize, partitions: usize) -> Self {
        let mut steps = Self {
            pipeline: Pipeline::new(config()),
            deliveries: deliveries(endpoints),
            partitions,
            next: 0,
            now: Moment::START,
            actions: Vec::new(),
            in_flight: None,
        };
        let assigned = (0..partitions).map(assignment).collect();
        steps.handle(Input::Assigned(assigned));
        steps.handle(Input::Topics(vec![(assignment(0).topic, partitions)]));
        for _ in 0..endpoints.div_ceil(FULL) {
            steps.take_in();
        }
        steps.send();
        steps
    }

    /// The time that it takes to read this many events.
    pub(crate) fn read(&mut self, events: u64) -> Duration {
        self.cycles(events, |steps| {
            let took = steps.take_in();
            steps.answer();
            steps.send();
            took
        })
    }

    /// The time that it takes to put this many events into requests.
    pub(crate) fn batch(&mut self, events: u64) -> Duration {
        self.cycles(events, |steps| {
            steps.take_in();
            steps.answer();
            steps.send()
        })
    }

    /// The time that it takes to settle this many events.
    pub(crate) fn settle(&mut self, events: u64) -> Duration {
        self.cycles(events, |steps| {
            steps.take_in();
            let took = steps.answer();
            steps.send();
            took
        })
    }

    /// The time that it takes to commit the positions of this many partitions, all of which have moved.
    pub(crate) fn commit(&mut self, partitions: u64) -> Duration {
        let rounds = partitions.div_ceil(self.partitions as u64);
        let mut total = Duration::ZERO;
        for _ in 0..rounds {
            for _ in 0..self.partitions.div_ceil(FULL) {
                self.take_in();
                self.answer();
                self.send();
            }
            self.now = self.now + COMMIT_INTERVAL;
            self.note();
            let start = now();
            self.handle(Input::Tick);
            while let Some(action) = self.actions.pop() {
                if let Action::Commit(commits) = action {
                    self.handle(Input::Committed { commits, acknowledged: true, tails_refused: false });
                }
            }
            total += start.elapsed();
        }
        part(total, partitions, rounds * self.partitions as u64)
    }

    /// Measures a whole cycle, from records that were made before.
    pub(crate) fn cycle(&mut self, measure: impl FnOnce(&mut dyn FnMut()) -> u64) -> u64 {
        let mut inputs = self.inputs();
        measure(&mut || {
            self.handle(Input::Records(std::mem::take(&mut inputs)));
            self.note();
            self.answer();
            self.send();
        })
    }

    fn cycles(&mut self, events: u64, mut cycle: impl FnMut(&mut Self) -> Duration) -> Duration {
        let cycles = events.div_ceil(FULL as u64);
        let total = (0..cycles).map(|_| cycle(self)).sum();
        part(total, events, cycles * FULL as u64)
    }

    fn take_in(&mut self) -> Duration {
        let inputs = self.inputs();
        let start = now();
        self.handle(Input::Records(inputs));
        let took = start.elapsed();
        self.note();
        took
    }

    fn inputs(&mut self) -> Vec<(Record, Mapped, Vec<Entry>)> {
        let inputs = (self.next..self.next + FULL).map(|number| self.input(number)).collect();
        self.next += FULL;
        inputs
    }

    /// Answers the request in flight; the pace holds back the next one.
    fn answer(&mut self) -> Duration {
        let Some(id) = self.in_flight.take() else { return Duration::ZERO };
        let outcomes = vec![Outcome::Accepted; FULL];
        let answer = Answer::Results { outcomes, endpoints_refused: Vec::new() };
        let start = now();
        self.handle(Input::SendFinished { destination: DestinationId::default(), id, answer });
        start.elapsed()
    }

    fn send(&mut self) -> Duration {
        self.now = self.now + PAUSE;
        let start = now();
        self.handle(Input::Tick);
        let took = start.elapsed();
        self.note();
        assert!(self.in_flight.is_some(), "the steady state is lost");
        took
    }

    fn note(&mut self) {
        for action in self.actions.drain(..) {
            if let Action::Send(request) = action {
                self.in_flight = Some(request.id);
            }
        }
    }

    fn handle(&mut self, input: Input) {
        self.pipeline.handle(self.now, input);
        self.actions.extend(self.pipeline.actions());
    }

    fn input(&self, number: usize) -> (Record, Mapped, Vec<Entry>) {
        let Assignment { ownership, topic, partition, .. } = assignment(number % self.partitions);
        let record = Record {
            ownership,
            topic,
            partition,
            offset: i64::try_from(number).unwrap(),
            timestamp: None,
            key: None,
            value: Some([0; 600].into()),
            headers: Vec::new(),
            redriven: None,
        };
        let delivery = self.deliveries[number % self.deliveries.len()].clone();
        (record, Mapped::Deliver(vec![delivery]), Vec::new())
    }
}

/// The record of the sign-in number `number`, by the user number `user`.
pub(crate) fn record(number: usize, user: usize) -> Record {
    Record {
        ownership: Ownership(0),
        topic: "keycloak-events".into(),
        partition: 0,
        offset: i64::try_from(number).unwrap(),
        timestamp: Some(Timestamp(1_795_382_400_000)),
        key: None,
        value: Some(sign_in(number, user).into()),
        headers: Vec::new(),
        redriven: None,
    }
}

/// A request of 100 events on 100 endpoints.
pub(crate) fn request() -> Request {
    let batch = |delivery: Delivery| {
        let Delivery { endpoint_id, endpoint, event, .. } = delivery;
        EndpointBatch { endpoint_id, endpoint, events: [event].into_iter().collect() }
    };
    Request {
        destination: DestinationId::default(),
        id: RequestId(0),
        endpoints: deliveries(FULL).into_iter().map(batch).collect(),
    }
}

/// An event for each of this many endpoints, with what the mapping gives it.
pub(crate) fn deliveries(endpoints: usize) -> Vec<Delivery> {
    (0..endpoints).map(delivery).collect()
}

fn delivery(number: usize) -> Delivery {
    let attributes = [
        ("event_id", id(1, number) + ":session"),
        ("source_event_id", id(1, number)),
        ("realm", id(2, 0)),
        ("client_id", "web".to_owned()),
    ];
    let event = AppEvent {
        id: (id(1, number) + ":session").into(),
        event_type: EventType::SessionStart,
        timestamp: Timestamp(1_795_382_400_000),
        session: Some(Session { id: id(4, number).into(), start: Timestamp(1_795_382_400_000), stop: None }),
        attributes: attributes.into_iter().map(|(key, value)| (key.into(), value.into())).collect(),
        metrics: Vec::new(),
        app: None,
    };
    let endpoint = Endpoint { user_id: Some(id(3, number).into()), ..Endpoint::default() };
    let endpoint_id = EndpointId::new(&id(5, number).replace('-', ""));
    Delivery { origin: None, endpoint_id, endpoint: Arc::new(endpoint), event: Arc::new(event) }
}

fn assignment(number: usize) -> Assignment {
    let partition = i32::try_from(number).unwrap();
    Assignment::new(Ownership(number as u64), "keycloak-events".into(), partition)
}

/// One request in flight, enough memory, and nothing that waits for anything except the pace.
fn config() -> PipelineConfig {
    let quota = QuotaConfig {
        requests_per_second: 1.0 / PAUSE.as_secs_f64(),
        in_flight: NonZeroU32::MIN,
        share: Share::Fixed(1.0),
    };
    let backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
    let destination = DispatcherConfig {
        name: "default".into(),
        encoder: Box::new(PutEvents),
        batch: BatchConfig { max_events: NonZeroUsize::new(FULL).unwrap(), ..BatchConfig::default() },
        backoff: backoff.clone(),
        give_up: None,
        spill: None,
        cap: None,
    };
    PipelineConfig {
        domains: vec![quota],
        destinations: vec![(0, destination)],
        router: Router::to_the_only_one(),
        backoff,
        circuit_breaker: Some(CircuitBreakerConfig::default()),
        tails: Switch::On,
        max_bytes: usize::MAX,
        letter_bytes: usize::MAX,
        commit_interval: COMMIT_INTERVAL,
        revoke_timeout: Duration::from_secs(10),
        jitter: Jitter::seeded(1),
    }
}

/// The share of `total`, which was spent on `done`, that `asked` would have taken.
fn part(total: Duration, asked: u64, done: u64) -> Duration {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    total.mul_f64(asked as f64 / done as f64)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark looks at the clock")]
fn now() -> Instant {
    Instant::now()
}
