//! Tests of the pipeline's policy, one behaviour per test: the effects of answers, holds and circuit
//! breakers, and the content of requests. Refusals, failures, ownerships and the barrier have files of their
//! own. The simulation tests what must hold in every order of events.

use std::{num::NonZeroUsize, sync::Arc};

use super::*;
use crate::core::{
    code::Code,
    dead_letter::DeadLetter,
    destination::{
        Answer, Encoder, EndpointBatch, Order, Outcome, Request,
        tests::{Records, Whole},
    },
    event::{AppEvent, Attributes, Delivery, Endpoint, EndpointId, EventType, Refusal},
    pipeline::config::BatchConfig,
    record::Assignment,
    redrive::Selection,
    session_table::WriteId,
    source::Commit,
    time::Timestamp,
    units::Span,
    write_outcome::WriteOutcome,
};

mod denials;
mod destinations;
mod failures;
mod invariants;
mod ownership;
mod portions;
mod redriven;
mod refusals;
mod session_barrier;
mod throttling;

const BAD: Code = Code("bad_request");
const DOWN: Code = Code("http_503");

/// A pipeline that owns partitions 0 and 1 of topics `a` and `b`, and the actions that it has asked for.
pub(crate) struct Bench {
    now: Moment,
    pipeline: Pipeline,
    next_offset: i64,
    pub(crate) requests: Vec<Request>,
    pub(crate) letters: Vec<DeadLetter>,
    writes: Vec<(WriteId, Vec<Entry>)>,
    transitions: Vec<Transition>,
    commits: Vec<(Ownership, i64)>,
    released: Vec<(Ownership, Option<i64>)>,
    rewound: Vec<Ownership>,
    paused: Paused,
    stopped: bool,
}

pub(crate) const A: Ownership = Ownership(0);
pub(crate) const B: Ownership = Ownership(1);

impl Bench {
    fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            quota: QuotaConfig::default(),
            batch: BatchConfig { linger: Span(Duration::ZERO), ..BatchConfig::default() },
            give_up: None,
            circuit_breaker: None,
            max_bytes: 1 << 20,
            letter_bytes: 1 << 20,
            encoder: Box::new(Whole(|_| 100)),
        };
        change(&mut config);
        Self::of(pipeline(config))
    }

    fn of(pipeline: Pipeline) -> Self {
        let mut bench = Self {
            now: Moment::START,
            pipeline,
            next_offset: 0,
            requests: Vec::new(),
            letters: Vec::new(),
            writes: Vec::new(),
            transitions: Vec::new(),
            commits: Vec::new(),
            released: Vec::new(),
            rewound: Vec::new(),
            paused: Paused::default(),
            stopped: false,
        };
        let assignment = |ownership, topic: &str| Assignment::new(ownership, topic.into(), 0);
        bench.handle(Input::Topics(vec![("a".into(), 1), ("b".into(), 1)]));
        bench.handle(Input::Assigned(vec![assignment(A, "a"), assignment(B, "b")]));
        // The former owner may have sent requests just now.
        bench.pass(Duration::from_secs(1));
        bench
    }

    pub(crate) fn handle(&mut self, input: Input) {
        self.pipeline.handle(self.now, input);
        for action in self.pipeline.actions() {
            match action {
                Action::Send(request) => self.requests.push(request),
                Action::WriteDeadLetter(letter) => self.letters.push(letter),
                Action::Commit(commits) => {
                    self.commits.extend(commits.iter().map(|it| (it.ownership, it.position)));
                }
                Action::Release { ownerships, commits } => {
                    let position = |id| commits.iter().find(|it| it.ownership == id).map(|it| it.position);
                    self.released.extend(ownerships.into_iter().map(|id| (id, position(id))));
                }
                Action::Rewind(ownership) => self.rewound.push(ownership),
                Action::Pause(paused) => self.paused = paused,
                Action::Transition(transition) => self.transitions.push(transition),
                Action::WriteEntries(id, entries) => self.writes.push((id, entries)),
                Action::Stopped => self.stopped = true,
            }
        }
    }

    /// Reads a record of `ownership` with one event for each of `endpoints`.
    fn read(&mut self, ownership: Ownership, endpoints: &[u8]) -> i64 {
        let offset = self.next_offset;
        let deliveries = endpoints.iter().enumerate();
        let deliveries =
            deliveries.map(|(index, endpoint)| delivery(*endpoint, &format!("{offset}:{index}")));
        self.read_as(ownership, Mapped::Deliver(deliveries.collect()))
    }

    pub(crate) fn read_as(&mut self, ownership: Ownership, mapped: Mapped) -> i64 {
        self.read_with(ownership, mapped, Vec::new())
    }

    fn read_with(&mut self, ownership: Ownership, mapped: Mapped, entries: Vec<Entry>) -> i64 {
        let offset = self.next_offset;
        self.next_offset += 1;
        self.handle(Input::Records(vec![(record(ownership, offset), mapped, entries)]));
        offset
    }

    fn garbage(&mut self, ownership: Ownership) -> i64 {
        self.read_as(ownership, Mapped::Refused(Refusal { code: Code("not_json"), message: String::new() }))
    }

    /// A pipeline that waits a second for events to share a request.
    fn patient() -> Self {
        Self::with(|config| config.batch.linger = Span(Duration::from_secs(1)))
    }

    /// Reads records with one event each, for as many endpoints. The events share one request.
    fn read_together(&mut self, records: u8) {
        for endpoint in 0..records {
            self.read(A, &[endpoint]);
        }
        self.pass(Duration::from_secs(1));
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.handle(Input::Tick);
    }

    /// Lets time pass until the pipeline's next wake-up, but no longer than `limit`. Returns how long it
    /// took.
    fn pass_to_wake(&mut self, limit: Duration) -> Duration {
        let wake = self.pipeline.next_wake().map_or(limit, |wake| wake.since(self.now)).min(limit);
        self.pass(wake);
        wake
    }

    /// Lets time pass until a request is sent. Returns how long it took.
    fn wait_for_request(&mut self) -> Duration {
        let started = self.now;
        while self.requests.is_empty() {
            assert!(self.now.since(started) < Duration::from_mins(5), "no request is sent");
            self.pass_to_wake(Duration::from_secs(5));
        }
        self.now.since(started)
    }

    /// Answers the oldest request.
    #[track_caller]
    pub(crate) fn answer(&mut self, answer: impl FnOnce(&Request) -> Answer) -> Request {
        assert!(!self.requests.is_empty(), "no request is in flight");
        let request = self.requests.remove(0);
        let answer = answer(&request);
        self.finish(&request, answer);
        request
    }

    pub(crate) fn finish(&mut self, request: &Request, answer: Answer) {
        let (destination, id) = (request.destination, request.id);
        self.handle(Input::SendFinished { destination, id, answer });
    }

    pub(crate) fn write_letters(&mut self, outcome: WriteOutcome) -> usize {
        let letters = std::mem::take(&mut self.letters);
        for letter in &letters {
            self.handle(Input::DeadLetterFinished(letter.id, outcome));
        }
        letters.len()
    }

    fn holds(&self) -> Vec<(&'static str, &'static str)> {
        self.pipeline.holds().iter().map(|hold| (hold.cause, hold.code.0)).collect()
    }

    /// Ends the oldest write in progress. Returns the number of its entries.
    #[track_caller]
    fn finish_write(&mut self, outcome: WriteOutcome) -> usize {
        assert!(!self.writes.is_empty(), "no write is under way");
        self.finish_nth_write(0, outcome)
    }

    fn finish_nth_write(&mut self, index: usize, outcome: WriteOutcome) -> usize {
        let (id, entries) = self.writes.remove(index);
        self.handle(Input::EntriesFinished(id, outcome));
        entries.len()
    }

    /// The ids of all events in flight, in the order in which they were sent.
    fn sent(&self) -> Vec<&str> {
        self.requests.iter().flat_map(ids).collect()
    }

    /// Accepts everything until nothing is outstanding. Returns the ids in the order in which they were sent.
    fn accept_all(&mut self) -> Vec<String> {
        let mut sent = Vec::new();
        while self.outstanding() > 0 {
            self.wait_for_request();
            let request = self.answer(accept);
            sent.extend(ids(&request).into_iter().map(str::to_owned));
        }
        sent
    }

    fn events(&self) -> usize {
        self.pipeline.snapshot().events_outstanding
    }

    pub(crate) fn outstanding(&self) -> usize {
        self.pipeline.snapshot().records_outstanding
    }
}

/// The settings that a test may change for a pipeline with one destination.
pub(crate) struct Config {
    quota: QuotaConfig,
    pub(crate) batch: BatchConfig,
    give_up: Option<Duration>,
    circuit_breaker: Option<CircuitBreakerConfig>,
    max_bytes: usize,
    letter_bytes: usize,
    pub(crate) encoder: Box<dyn Encoder>,
}

fn pipeline(config: Config) -> Pipeline {
    let backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
    let destination = DispatcherConfig {
        name: "default".into(),
        encoder: config.encoder,
        batch: config.batch,
        backoff: backoff.clone(),
        give_up: config.give_up,
        spill: None,
        cap: None,
    };
    Pipeline::new(PipelineConfig {
        domains: vec![config.quota],
        destinations: vec![(0, destination)],
        router: Router::to_the_only_one(),
        backoff,
        circuit_breaker: config.circuit_breaker,
        max_bytes: config.max_bytes,
        letter_bytes: config.letter_bytes,
        commit_interval: Duration::from_secs(2),
        revoke_timeout: Duration::from_secs(10),
        tails: Switch::On,
        jitter: Jitter::Longest,
    })
}

fn committed(ownership: Ownership, position: i64, acknowledged: bool) -> Input {
    Input::Committed { commits: vec![Commit::at(ownership, position)], acknowledged, tails_refused: false }
}

pub(crate) fn record(ownership: Ownership, offset: i64) -> Record {
    Record {
        ownership,
        topic: if ownership == A { "a".into() } else { "b".into() },
        partition: 0,
        offset,
        timestamp: None,
        key: None,
        value: None,
        headers: Vec::new(),
        redriven: None,
    }
}

pub(crate) fn delivery(endpoint: u8, id: &str) -> Delivery {
    Delivery {
        origin: None,
        endpoint_id: EndpointId::new(&endpoint.to_string()),
        endpoint: Arc::new(Endpoint { user_id: Some("user".into()), ..Endpoint::default() }),
        event: Arc::new(AppEvent {
            id: id.into(),
            event_type: EventType::SignIn,
            timestamp: Timestamp(0),
            session: None,
            attributes: Attributes::new(),
            metrics: Vec::new(),
            app: None,
        }),
    }
}

pub(crate) fn ids(request: &Request) -> Vec<&str> {
    request.endpoints.iter().flat_map(|batch| batch.events.iter().map(|event| &*event.id)).collect()
}

fn refusal() -> Refusal {
    Refusal { code: BAD, message: String::new() }
}

/// Answers every event with this outcome.
pub(crate) fn each(outcome: Outcome) -> impl FnOnce(&Request) -> Answer {
    move |request| Answer::Results {
        outcomes: vec![outcome; ids(request).len()],
        endpoints_refused: Vec::new(),
    }
}

pub(crate) fn accept(request: &Request) -> Answer {
    each(Outcome::Accepted)(request)
}

#[test]
fn where_a_request_has_no_order_an_endpoint_has_events_of_one_record_in_it() {
    let mut bench = Bench::with(|config| {
        config.encoder = Box::new(Records(Whole(|_| 100), Order::BetweenRequests));
        config.batch.linger = Span(Duration::from_secs(1));
    });
    bench.read(A, &[1, 1]);
    bench.read(A, &[1, 2, 1]);
    bench.read(A, &[2]);
    bench.pass(Duration::from_secs(1));
    let mut ids = Vec::new();
    while !bench.requests.is_empty() {
        let request = bench.answer(accept);
        let events = request.endpoints.iter().flat_map(|batch| &batch.events);
        ids.push(events.map(|event| event.id.to_string()).collect::<Vec<_>>().join(" "));
        bench.pass(Duration::from_secs(1));
    }
    assert_eq!(ids, ["0:0 0:1 1:1", "1:0 1:2 2:0"]);
}

#[test]
fn where_records_have_an_endpoint_each_an_event_keeps_that_of_its_own_record() {
    let mut bench = Bench::with(|config| {
        config.encoder = Box::new(Records(Whole(|_| 100), Order::WithinRequest));
        config.batch.linger = Span(Duration::from_secs(1));
    });
    for (number, user) in ["anna", "anna", "bert", "anna"].into_iter().enumerate() {
        let endpoint = Arc::new(Endpoint { user_id: Some(user.into()), ..Endpoint::default() });
        bench.read_as(A, Mapped::Deliver(vec![Delivery { endpoint, ..delivery(1, &number.to_string()) }]));
    }
    bench.pass(Duration::from_secs(1));
    let request = bench.answer(|_| Answer::unknown(DOWN));
    bench.wait_for_request();
    let again = bench.answer(accept);
    for request in [request, again] {
        let batch = |batch: &EndpointBatch| (batch.endpoint.user_id.clone().unwrap(), batch.events.len());
        let batches: Vec<_> = request.endpoints.iter().map(batch).collect();
        assert_eq!(batches, [("anna".into(), 2), ("bert".into(), 1), ("anna".into(), 1)]);
        assert_eq!(ids(&request), ["0", "1", "2", "3"]);
    }
    assert_eq!(bench.outstanding(), 0);
}

#[test]
fn an_accepted_event_settles_its_record_and_is_committed() {
    let mut bench = Bench::new();
    bench.read(A, &[1]);
    bench.answer(accept);
    assert_eq!(bench.outstanding(), 0);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.commits, [(A, 1)]);
}

#[test]
fn a_commit_that_failed_is_due_again() {
    let mut bench = Bench::new();
    bench.read(A, &[1]);
    bench.answer(accept);
    bench.pass(Duration::from_secs(2));
    bench.handle(committed(A, 1, false));
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.commits, [(A, 1), (A, 1)]);
}

#[test]
fn a_missing_answer_is_not_success() {
    let mut bench = Bench::new();
    bench.read(A, &[1]);
    bench.answer(|_| Answer::Results { outcomes: Vec::new(), endpoints_refused: Vec::new() });
    assert_eq!(bench.outstanding(), 1);
    bench.wait_for_request();
    assert_eq!(ids(&bench.answer(accept)), ["0:0"]);
    assert_eq!(bench.outstanding(), 0);
}

#[test]
fn an_event_that_was_taken_before_is_accepted_and_counted() {
    let mut bench = Bench::new();
    bench.read(A, &[1, 2]);
    bench.answer(|_| Answer::Results {
        outcomes: vec![Outcome::Accepted, Outcome::Deduplicated],
        endpoints_refused: Vec::new(),
    });
    assert_eq!(bench.outstanding(), 0);
    let snapshot = bench.pipeline.snapshot();
    assert_eq!((snapshot.sends.events_deduplicated, snapshot.sends.accepted.iter().sum::<u64>()), (1, 2));
}

#[test]
fn a_refused_event_settles_when_its_dead_letter_is_written() {
    let mut bench = Bench::new();
    bench.read(A, &[1, 2]);
    bench.answer(|_| Answer::Results {
        outcomes: vec![Outcome::Accepted, Outcome::Refused(refusal())],
        endpoints_refused: Vec::new(),
    });
    assert_eq!(
        bench.letters.iter().map(|letter| &letter.selection).collect::<Vec<_>>(),
        [&Selection::one("default".into(), "0:1".into())]
    );
    assert_eq!(bench.outstanding(), 1);
    assert_eq!(bench.write_letters(WriteOutcome::Written), 1);
    assert_eq!(bench.outstanding(), 0);
    assert_eq!(bench.pipeline.snapshot().records.dead_lettered.get(&BAD), Some(&1));
}

#[test]
fn an_endpoint_that_spoils_its_events_is_left_out_once() {
    let mut bench = Bench::new();
    bench.read(A, &[1]);
    bench.answer(each(Outcome::EndpointRefused(refusal())));
    bench.wait_for_request();
    let again = bench.answer(each(Outcome::EndpointRefused(refusal())));
    assert!(again.endpoints[0].endpoint.user_id.is_none());
    assert_eq!(bench.letters[0].refusal.code, BAD);
}

#[test]
fn a_wrong_set_up_holds_everything_and_probes_slower_and_slower() {
    let mut bench = Bench::new();
    bench.read(A, &[1]);
    bench.read(A, &[2]);
    while !bench.requests.is_empty() {
        bench.answer(|_| Answer::Hold(Code("forbidden")));
    }
    let mut waits = Vec::new();
    for _ in 0..8 {
        waits.push(bench.wait_for_request().as_millis());
        assert_eq!(bench.requests.len(), 1, "one probe at a time");
        bench.answer(|_| Answer::Hold(Code("forbidden")));
    }
    assert_eq!(waits[..3], [500, 1000, 2000]);
    assert_eq!(waits[7], 30_000);
    assert_eq!((bench.holds(), bench.letters.len()), (vec![("destination", "forbidden")], 0));
    bench.wait_for_request();
    bench.answer(accept);
    assert_eq!((bench.holds(), bench.outstanding()), (vec![], 1), "a probe is a single event");
    bench.wait_for_request();
    bench.answer(accept);
    assert_eq!(bench.outstanding(), 0);
}

#[test]
fn throttling_slows_the_whole_quota_domain_down() {
    let mut bench = Bench::new();
    bench.read(A, &[1]);
    bench.answer(|_| Answer::Throttled { retry_after: Some(Duration::from_secs(3)) });
    assert!((bench.pipeline.snapshot().quota.speed - 0.5).abs() < 0.01);
    bench.read(A, &[2]);
    assert_eq!(bench.wait_for_request(), Duration::from_secs(3));
    assert_eq!(ids(&bench.requests[0]), ["0:0", "1:0"], "what was throttled is first");
}

#[test]
fn many_throttled_answers_of_one_congestion_slow_down_once() {
    let mut bench = Bench::new();
    for endpoint in 0..10 {
        bench.read(A, &[endpoint]);
        bench.pass(Duration::from_millis(67));
    }
    assert_eq!(bench.requests.len(), 10);
    let throttled = |retry_after| move |_: &Request| Answer::Throttled { retry_after };
    for _ in 0..9 {
        bench.answer(throttled(None));
    }
    assert!((bench.pipeline.snapshot().quota.speed - 0.5).abs() < 0.01);
    bench.answer(throttled(Some(Duration::from_millis(700))));
    assert_eq!(bench.wait_for_request(), Duration::from_millis(700), "the longest that was asked for");
    // A request that starts after that shows another congestion.
    bench.answer(throttled(None));
    assert!((bench.pipeline.snapshot().quota.speed - 0.25).abs() < 0.01);
    assert_eq!(bench.wait_for_request(), Duration::from_secs(1));
    assert_eq!(bench.transitions, [Transition::Throttled { destination: DestinationId(0) }]);
}

#[test]
fn a_busy_endpoint_fills_a_request_before_the_next_is_opened() {
    let mut bench = Bench::with(|config| {
        config.batch.max_events = NonZeroUsize::new(10).expect("not 0");
        config.quota.in_flight = std::num::NonZeroU32::new(1).expect("not 0");
    });
    bench.read(A, &[0]);
    for round in 0..20 {
        bench.read(A, &[1 + round % 2]);
    }
    bench.answer(accept);
    bench.wait_for_request();
    assert_eq!(bench.requests[0].endpoints.len(), 1, "ten of the first, none of the second");
    assert_eq!(ids(&bench.requests[0]).len(), 10);
}

#[test]
fn a_record_keeps_its_events_for_an_endpoint_together() {
    let mut bench = Bench::with(|config| {
        config.batch.max_events = NonZeroUsize::new(3).expect("not 0");
        config.quota.in_flight = std::num::NonZeroU32::new(1).expect("not 0");
    });
    bench.read(A, &[0]);
    bench.read(A, &[1, 1]);
    bench.read(A, &[1, 1]);
    bench.answer(accept);
    bench.wait_for_request();
    assert_eq!(ids(&bench.requests[0]), ["1:0", "1:1"]);
}

#[test]
fn the_same_event_twice_goes_one_after_the_other() {
    let mut bench = Bench::patient();
    let twice = || Mapped::Deliver(vec![delivery(1, "same")]);
    bench.read_as(A, twice());
    bench.read_as(A, twice());
    bench.wait_for_request();
    assert_eq!(ids(&bench.answer(accept)), ["same"]);
    bench.wait_for_request();
    assert_eq!(ids(&bench.answer(accept)), ["same"]);
    assert_eq!(bench.outstanding(), 0);
}

#[test]
fn the_same_event_twice_in_a_record_goes_one_after_the_other() {
    let mut bench = Bench::patient();
    let three = ["same", "other", "same"].map(|id| delivery(1, id));
    bench.read_as(A, Mapped::Deliver(three.into()));
    bench.wait_for_request();
    assert_eq!(ids(&bench.answer(accept)), ["same", "other"]);
    bench.wait_for_request();
    assert_eq!(ids(&bench.answer(accept)), ["same"]);
    assert_eq!(bench.outstanding(), 0);
}

#[test]
fn an_event_waits_for_others_as_long_as_linger_says() {
    let mut bench = Bench::with(|config| config.batch.linger = Span(Duration::from_secs(1)));
    bench.read(A, &[1]);
    bench.pass(Duration::from_millis(400));
    bench.read(A, &[2]);
    assert_eq!(bench.wait_for_request(), Duration::from_millis(600));
    assert_eq!(ids(&bench.requests[0]).len(), 2);
}

#[test]
fn an_event_too_large_for_any_request_is_dead_lettered() {
    let mut bench = Bench::with(|config| config.encoder = Box::new(Whole(|_| 5_000_000)));
    bench.read(A, &[1]);
    assert_eq!(bench.letters[0].refusal.code, Code("event_too_large"));
}

#[test]
fn a_dead_letter_that_the_broker_refuses_holds_its_partition_alone() {
    let mut bench = Bench::new();
    bench.garbage(A);
    bench.write_letters(WriteOutcome::Refused(Code("unknown_topic")));
    assert_eq!(bench.holds(), [("dead_letter", "unknown_topic")]);
    assert_eq!(bench.paused, Paused { everything: false, partitions: vec![A] });
    bench.pass(Duration::from_secs(30));
    assert_eq!(bench.write_letters(WriteOutcome::Written), 1);
    assert_eq!((bench.holds(), bench.paused.partitions.len(), bench.outstanding()), (vec![], 0, 0));
}

#[test]
fn the_brake_stops_a_topic_of_garbage_and_no_other() {
    let breaker = CircuitBreakerConfig { share: 0.5, window: NonZeroUsize::new(10).expect("not 0") };
    let mut bench = Bench::with(|config| config.circuit_breaker = Some(breaker));
    for _ in 0..20 {
        bench.garbage(A);
    }
    assert_eq!(bench.write_letters(WriteOutcome::Written), 6, "one more than half the window");
    assert_eq!(bench.holds(), [("circuit_breaker", "mostly_refused")]);
    assert_eq!(bench.paused.partitions, [A]);
    bench.read(B, &[1]);
    bench.answer(accept);
    // One refusal is let through in each pause, which lasts as long as the longest retry delay.
    bench.pass(Duration::from_secs(29));
    assert_eq!(bench.letters.len(), 0);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.write_letters(WriteOutcome::Written), 1);
}

#[test]
fn the_brake_opens_when_records_are_taken_again() {
    let breaker = CircuitBreakerConfig { share: 0.5, window: NonZeroUsize::new(4).expect("not 0") };
    let mut bench = Bench::with(|config| config.circuit_breaker = Some(breaker));
    for _ in 0..5 {
        bench.garbage(A);
    }
    bench.write_letters(WriteOutcome::Written);
    for _ in 0..2 {
        bench.read_as(A, Mapped::Ignored(Code("activity")));
    }
    assert_eq!(bench.write_letters(WriteOutcome::Written), 2, "what waited goes through");
    assert_eq!((bench.outstanding(), bench.paused.partitions.len()), (0, 0));
}

#[test]
fn what_is_outstanding_is_what_half_the_revoke_timeout_can_send() {
    let mut bench = Bench::with(|config| config.max_bytes = usize::MAX);
    for read in 0..10_000 {
        if !bench.paused.everything {
            bench.read(A, &[u8::try_from(read % 200).expect("small")]);
        }
    }
    assert_eq!(bench.pipeline.snapshot().events_outstanding, 15 * 5 * 100);
    // Reading resumes with hysteresis, because a pause discards prefetched records.
    while bench.paused.everything {
        bench.wait_for_request();
        bench.answer(accept);
    }
    assert!(bench.pipeline.snapshot().events_outstanding < 15 * 5 * 75);
}

#[test]
fn bytes_outstanding_pause_intake() {
    let mut bench = Bench::with(|config| config.max_bytes = 10_000);
    for _ in 0..100 {
        if !bench.paused.everything {
            bench.read(A, &[1]);
        }
    }
    let bytes = bench.pipeline.snapshot().bytes_outstanding;
    assert!((10_000..11_000).contains(&bytes), "{bytes}");
}

#[test]
fn a_wait_that_an_answer_asks_for_is_bounded() {
    let day = Some(Duration::from_hours(24));
    let mut bench = Bench::new();
    bench.read(A, &[1]);
    bench.answer(|_| Answer::Throttled { retry_after: day });
    assert_eq!(bench.wait_for_request(), Duration::from_secs(30), "retry.max");
    bench.answer(|_| Answer::Unknown { code: DOWN, retry_after: day });
    assert_eq!(bench.wait_for_request(), Duration::from_secs(30));
}
