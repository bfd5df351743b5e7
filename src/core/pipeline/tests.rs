//! The pipeline's policy, one behaviour a test: what each answer does, what a hold and a breaker do, what goes
//! into a request; refusals, failures, ownerships and the barrier have files of their own. What must hold in
//! every order of events is the simulation's.

use std::num::NonZeroUsize;

use super::*;
use crate::{
    core::{
        dead_letter::DeadLetter,
        destination::{Answer, Outcome, Request},
        event::{AppEvent, Endpoint, EndpointId, EventType},
        record::Assignment,
        session_table::WriteId,
        time::Timestamp,
        units::{Size, Span},
        write_outcome::WriteOutcome,
    },
    edge::aws::pinpoint,
};

mod failures;
mod invariants;
mod ownership;
mod refusals;
mod session_barrier;

const BAD: Code = Code("bad_request");
const DOWN: Code = Code("http_503");

/// A pipeline that owns partitions 0 and 1 of topics `a` and `b`, and what it has asked for.
struct Bench {
    now: Moment,
    pipeline: Pipeline,
    next_offset: i64,
    requests: Vec<Request>,
    letters: Vec<DeadLetter>,
    writes: Vec<(WriteId, Vec<Entry>)>,
    transitions: Vec<Transition>,
    commits: Vec<(Ownership, i64)>,
    released: Vec<(Ownership, Option<i64>)>,
    paused: Paused,
    stopped: bool,
}

const A: Ownership = Ownership(0);
const B: Ownership = Ownership(1);

impl Bench {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut PipelineConfig)) -> Self {
        let mut config = PipelineConfig {
            quota: QuotaConfig::default(),
            batch: BatchConfig { linger: Span(Duration::ZERO), ..BatchConfig::default() },
            envelope: 0,
            backoff: Backoff::new(Duration::from_millis(500), Duration::from_secs(30)),
            give_up: None,
            breaker: None,
            max_bytes: 1 << 20,
            commit_interval: Duration::from_secs(2),
            revoke_timeout: Duration::from_secs(10),
            measure: Box::new(|_| 100),
        };
        change(&mut config);
        let mut bench = Self {
            now: Moment::START,
            pipeline: Pipeline::new(config),
            next_offset: 0,
            requests: Vec::new(),
            letters: Vec::new(),
            writes: Vec::new(),
            transitions: Vec::new(),
            commits: Vec::new(),
            released: Vec::new(),
            paused: Paused::default(),
            stopped: false,
        };
        let assignment = |ownership, topic: &str| Assignment::new(ownership, topic.into(), 0);
        bench.handle(Input::Topics(vec![("a".into(), 1), ("b".into(), 1)]));
        bench.handle(Input::Assigned(vec![assignment(A, "a"), assignment(B, "b")]));
        // Whoever owned them before may have sent just now.
        bench.pass(Duration::from_secs(1));
        bench
    }

    fn handle(&mut self, input: Input) {
        let mut actions = Vec::new();
        self.pipeline.handle(self.now, input, &mut actions);
        for action in actions {
            match action {
                Action::Send(request) => self.requests.push(request),
                Action::WriteDeadLetter(letter) => self.letters.push(letter),
                Action::Commit(positions) => self.commits.extend(positions),
                Action::Release(released) => self.released.extend(released),
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

    fn read_as(&mut self, ownership: Ownership, mapped: Mapped) -> i64 {
        self.read_with(ownership, mapped, Vec::new())
    }

    fn read_with(&mut self, ownership: Ownership, mapped: Mapped, entries: Vec<Entry>) -> i64 {
        let offset = self.next_offset;
        self.next_offset += 1;
        self.handle(Input::Record(record(ownership, offset), mapped, entries));
        offset
    }

    fn garbage(&mut self, ownership: Ownership) -> i64 {
        self.read_as(ownership, Mapped::Refused(Refusal { code: Code("not_json"), message: String::new() }))
    }

    /// A pipeline that waits a second for events to share a request.
    fn patient() -> Self {
        Self::with(|config| config.batch.linger = Span(Duration::from_secs(1)))
    }

    /// Reads records with one event each, of as many endpoints, that share one request.
    fn read_together(&mut self, records: u8) {
        for endpoint in 0..records {
            self.read(A, &[endpoint]);
        }
        self.pass(Duration::from_secs(1));
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.handle(Input::Tick);
    }

    /// Lets time pass until the pipeline wants to be woken, and no longer than `limit`; returns how long.
    fn pass_to_wake(&mut self, limit: Duration) -> Duration {
        let wake = self.pipeline.next_wake().map_or(limit, |wake| wake.since(self.now)).min(limit);
        self.pass(wake);
        wake
    }

    /// Lets time pass until a request is sent; returns how long it took.
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
    fn answer(&mut self, answer: impl FnOnce(&Request) -> Answer) -> Request {
        assert!(!self.requests.is_empty(), "no request is in flight");
        let request = self.requests.remove(0);
        let answer = answer(&request);
        self.handle(Input::SendFinished(request.id, answer, 1.0));
        request
    }

    fn write_letters(&mut self, outcome: WriteOutcome) -> usize {
        let letters = std::mem::take(&mut self.letters);
        for letter in &letters {
            self.handle(Input::DeadLetterFinished(letter.id, outcome, 1.0));
        }
        letters.len()
    }

    fn holds(&self) -> Vec<(&'static str, &'static str)> {
        self.pipeline.holds().iter().map(|hold| (hold.cause, hold.code.0)).collect()
    }

    fn outstanding(&self) -> usize {
        self.pipeline.snapshot().records_outstanding
    }
}

fn record(ownership: Ownership, offset: i64) -> Record {
    Record {
        ownership,
        topic: if ownership == A { "a".into() } else { "b".into() },
        partition: 0,
        offset,
        timestamp: None,
        key: None,
        value: None,
        headers: Vec::new(),
    }
}

fn delivery(endpoint: u8, id: &str) -> Delivery {
    Delivery {
        origin: None,
        endpoint_id: EndpointId(endpoint.to_string().into()),
        endpoint: Arc::new(Endpoint { user_id: Some("user".into()), ..Endpoint::default() }),
        event: Arc::new(AppEvent {
            id: id.into(),
            event_type: EventType::SignIn,
            timestamp: Timestamp(0),
            session: None,
            attributes: Vec::new(),
            metrics: Vec::new(),
            app: None,
        }),
    }
}

fn ids(request: &Request) -> Vec<&str> {
    request.endpoints.iter().flat_map(|batch| batch.events.iter().map(|event| &*event.id)).collect()
}

fn refusal() -> Refusal {
    Refusal { code: BAD, message: String::new() }
}

/// Every event gets this outcome.
fn each(outcome: Outcome) -> impl FnOnce(&Request) -> Answer {
    move |request| Answer::Results {
        outcomes: vec![outcome; ids(request).len()],
        endpoints_refused: Vec::new(),
    }
}

fn accept(request: &Request) -> Answer {
    each(Outcome::Accepted)(request)
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
    bench.handle(Input::Committed(vec![(A, 1)], false));
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
fn a_refused_event_settles_when_its_dead_letter_is_written() {
    let mut bench = Bench::new();
    bench.read(A, &[1, 2]);
    bench.answer(|_| Answer::Results {
        outcomes: vec![Outcome::Accepted, Outcome::Refused(refusal())],
        endpoints_refused: Vec::new(),
    });
    assert_eq!(
        bench.letters.iter().map(|letter| letter.event_id.as_deref()).collect::<Vec<_>>(),
        [Some("0:1")]
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
    assert_eq!((bench.holds(), bench.outstanding()), (vec![], 0));
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
    // What starts after that tells of another congestion.
    bench.answer(throttled(None));
    assert!((bench.pipeline.snapshot().quota.speed - 0.25).abs() < 0.01);
    assert_eq!(bench.wait_for_request(), Duration::from_secs(1));
    assert_eq!(bench.transitions, [Transition::Throttled]);
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
    let mut bench = Bench::with(|config| config.measure = Box::new(|_| 5_000_000));
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
    let mut bench = Bench::with(|config| config.breaker = Some(breaker));
    for _ in 0..20 {
        bench.garbage(A);
    }
    assert_eq!(bench.write_letters(WriteOutcome::Written), 6, "one more than half the window");
    assert_eq!(bench.holds(), [("circuit_breaker", "mostly_refused")]);
    assert_eq!(bench.paused.partitions, [A]);
    bench.read(B, &[1]);
    bench.answer(accept);
    // One refusal is let through in each of the longest pauses.
    bench.pass(Duration::from_secs(29));
    assert_eq!(bench.letters.len(), 0);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.write_letters(WriteOutcome::Written), 1);
}

#[test]
fn the_brake_opens_when_records_are_taken_again() {
    let breaker = CircuitBreakerConfig { share: 0.5, window: NonZeroUsize::new(4).expect("not 0") };
    let mut bench = Bench::with(|config| config.breaker = Some(breaker));
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
    // Hysteresis: a pause discards what was fetched ahead.
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

/// A delivery whose record says so many attributes of 100 characters of its endpoint.
fn telling(endpoint: u8, id: &str, attributes: usize) -> Delivery {
    let attribute = |number| (format!("{id}-{number}").into(), vec!["v".repeat(100).into()]);
    let known = Endpoint { attributes: (0..attributes).map(attribute).collect(), ..Endpoint::default() };
    Delivery { endpoint: Arc::new(known), ..delivery(endpoint, id) }
}

fn measured(max_bytes: u64) -> Bench {
    Bench::with(|config| {
        config.batch = BatchConfig { max_bytes: Size(max_bytes), ..BatchConfig::default() };
        config.measure = Box::new(pinpoint::measure);
        config.envelope = pinpoint::ENVELOPE;
    })
}

#[test]
fn invariant_5_an_endpoint_that_grew_since_its_events_were_measured_has_its_place() {
    for attributes in [0, 1, 60, 105] {
        let mut bench = measured(20_000);
        for endpoint in 0..9 {
            bench.read_as(A, Mapped::Deliver(vec![telling(endpoint, &format!("{endpoint}a"), 0)]));
            bench.read_as(A, Mapped::Deliver(vec![telling(endpoint, &format!("{endpoint}b"), attributes)]));
            bench.read_as(A, Mapped::Deliver(vec![telling(endpoint, &format!("{endpoint}c"), 1)]));
        }
        let mut sent = 0;
        for _ in 0..60 {
            bench.pass(Duration::from_secs(1));
            for request in std::mem::take(&mut bench.requests) {
                let body = pinpoint::write_body(&request);
                assert!(body.len() <= 20_000, "{attributes} attributes: {} bytes", body.len());
                sent += ids(&request).len();
                bench.handle(Input::SendFinished(request.id, each(Outcome::Accepted)(&request), 0.5));
            }
        }
        assert_eq!(sent, 27, "{attributes} attributes");
    }
}

#[test]
fn what_is_known_of_an_endpoint_never_outgrows_it() {
    let mut bench = Bench::patient();
    bench.read_as(A, Mapped::Deliver(vec![telling(1, "a", 80)]));
    bench.read_as(A, Mapped::Deliver(vec![telling(1, "b", 80)]));
    bench.pass(Duration::from_secs(1));
    let endpoint = &bench.requests[0].endpoints[0].endpoint;
    assert!(endpoint.size() <= Endpoint::LARGEST);
    assert!(endpoint.attributes.keys().all(|key| key.starts_with('b')), "the newest counts");
}

#[test]
fn an_event_that_fills_a_request_alone_is_sent_all_the_same() {
    let mut bench = measured(20_000);
    let large = |id: &str| {
        let mut delivery = telling(1, id, 0);
        Arc::make_mut(&mut delivery.event).attributes.push(("a".into(), "v".repeat(15_000).into()));
        Mapped::Deliver(vec![delivery])
    };
    bench.read_as(A, large("a"));
    bench.read_as(A, Mapped::Deliver(vec![telling(1, "b", 60)]));
    for _ in 0..20 {
        bench.pass(Duration::from_secs(1));
    }
    let sent: Vec<_> = bench.requests.iter().flat_map(ids).collect();
    assert!(sent.contains(&"a"), "{sent:?}");
    assert!(bench.requests.iter().all(|request| pinpoint::write_body(request).len() <= 20_000));
}
