//! The pipeline's policy, one behaviour a test: what each answer does, what a hold, a brake, a revocation
//! and a drain do. What must hold in every order of events is the simulation's.

use std::num::NonZeroUsize;

use super::*;
use crate::{
    dead_letter::{DeadLetter, LetterOutcome},
    destination::{Answer, Outcome, Request, pinpoint},
    event::{AppEvent, Endpoint, EndpointId, EventType},
    moment::Timestamp,
    record::Assignment,
    setting::{Size, Span},
    table::WriteId,
};

mod gate;
mod invariants;

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
    notices: Vec<Notice>,
    commits: Vec<(Ownership, i64)>,
    released: Vec<(Ownership, Option<i64>)>,
    intake: Intake,
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
            schedule: Schedule::new(Duration::from_millis(500), Duration::from_secs(30)),
            give_up: None,
            brake: None,
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
            notices: Vec::new(),
            commits: Vec::new(),
            released: Vec::new(),
            intake: Intake::default(),
            stopped: false,
        };
        let assignment = |ownership, topic: &str| Assignment { ownership, topic: topic.into(), partition: 0 };
        bench.handle(Input::Total(2));
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
                Action::Write(letter) => self.letters.push(letter),
                Action::Commit(positions) => self.commits.extend(positions),
                Action::Release(released) => self.released.extend(released),
                Action::Intake(intake) => self.intake = intake,
                Action::Notice(notice) => self.notices.push(notice),
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

    fn write_letters(&mut self, outcome: LetterOutcome) -> usize {
        let letters = std::mem::take(&mut self.letters);
        for letter in &letters {
            self.handle(Input::LetterFinished(letter.id, outcome, 1.0));
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

/// Refuses the request if it holds the event.
fn refuse_with(culprit: &str) -> impl Fn(&Request) -> Answer {
    move |request| if ids(request).contains(&culprit) { Answer::Refused(refusal()) } else { accept(request) }
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
    assert_eq!(bench.write_letters(LetterOutcome::Written), 1);
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
fn a_refused_request_is_split_until_the_culprit_stands_alone() {
    let mut bench = Bench::patient();
    bench.read_together(16);
    let mut requests = 0;
    while bench.outstanding() > 0 {
        bench.write_letters(LetterOutcome::Written);
        if bench.outstanding() > 0 {
            bench.wait_for_request();
            bench.answer(refuse_with("11:0"));
            requests += 1;
        }
    }
    assert_eq!(bench.pipeline.snapshot().records.dead_lettered.get(&BAD), Some(&1));
    assert_eq!(bench.pipeline.snapshot().records.accepted, 15);
    assert!(requests <= 9, "{requests} requests for one culprit of sixteen");
}

#[test]
fn a_single_refused_event_is_dead_lettered() {
    let mut bench = Bench::new();
    bench.read(A, &[1]);
    bench.answer(|_| Answer::Refused(refusal()));
    assert_eq!(bench.letters.len(), 1);
    assert_eq!(bench.holds(), []);
}

#[test]
fn all_refused_with_one_code_is_a_hold_and_no_dead_letters() {
    let mut bench = Bench::patient();
    bench.read_together(4);
    while bench.holds().is_empty() {
        bench.wait_for_request();
        bench.answer(|_| Answer::Refused(refusal()));
    }
    assert_eq!(bench.holds(), [("destination", "bad_request")]);
    // It was the set-up: everything is delivered.
    while bench.outstanding() > 0 {
        bench.wait_for_request();
        bench.answer(accept);
    }
    assert_eq!((bench.letters.len(), bench.holds().len()), (0, 0));
}

#[test]
fn another_event_that_is_taken_during_the_hold_convicts_the_refused_ones() {
    let mut bench = Bench::patient();
    bench.read_together(2);
    let guilty = |request: &Request| {
        if ids(request).iter().any(|id| ["0:0", "1:0"].contains(id)) {
            Answer::Refused(refusal())
        } else {
            accept(request)
        }
    };
    while bench.holds().is_empty() {
        bench.wait_for_request();
        bench.answer(guilty);
    }
    bench.read(A, &[7]);
    while bench.outstanding() > 0 {
        bench.write_letters(LetterOutcome::Written);
        if bench.outstanding() > 0 {
            bench.wait_for_request();
            bench.answer(guilty);
        }
    }
    let records = bench.pipeline.snapshot().records;
    assert_eq!((records.accepted, records.dead_lettered.get(&BAD)), (1, Some(&2)));
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
    assert_eq!(bench.notices, [Notice::Throttled]);
}

#[test]
fn what_nobody_knows_of_is_sent_again_without_end_and_ever_later() {
    let mut bench = Bench::new();
    bench.read(A, &[1]);
    let mut waits = Vec::new();
    for _ in 0..12 {
        bench.answer(|_| Answer::Unknown(DOWN));
        waits.push(bench.wait_for_request().as_secs());
    }
    assert_eq!(waits, [0, 1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30]);
    bench.answer(accept);
    assert_eq!(bench.outstanding(), 0);
}

#[test]
fn what_asks_to_be_sent_later_is_not_sent_before() {
    for (asked, waited) in [(3, 3), (86_400, 30)] {
        let mut bench = Bench::new();
        bench.read(A, &[1]);
        let retry_after = Duration::from_secs(asked);
        bench.answer(|_| Answer::Unavailable { code: DOWN, retry_after });
        assert_eq!(bench.wait_for_request(), Duration::from_secs(waited));
        bench.answer(accept);
        assert_eq!(bench.outstanding(), 0);
    }
}

/// For ten minutes, fails each request that holds one of the events and takes the others; new events keep
/// coming.
fn fail_alone(bench: &mut Bench, culprits: &[&str]) {
    for round in 0..20 {
        bench.read(B, &[100 + round]);
        let until = bench.now + Duration::from_secs(30);
        while bench.now < until {
            bench.pass_to_wake(until.since(bench.now));
            while !bench.requests.is_empty() {
                bench.answer(|request| {
                    let fails = ids(request).iter().any(|id| culprits.contains(id));
                    if fails { Answer::Unknown(DOWN) } else { accept(request) }
                });
            }
        }
    }
}

#[test]
fn a_request_that_fails_while_others_succeed_is_halved_to_the_culprit() {
    let mut bench = Bench::patient();
    bench.read_together(8);
    fail_alone(&mut bench, &["5:0"]);
    assert_eq!(bench.outstanding(), 1);
    assert_eq!(bench.holds(), [("event", "keeps_failing")]);
}

#[test]
fn a_culprit_is_given_up_only_where_that_is_set() {
    let mut bench = Bench::with(|config| {
        config.give_up = Some(Duration::from_mins(2));
        config.batch.linger = Span(Duration::from_secs(1));
    });
    bench.read_together(2);
    fail_alone(&mut bench, &["1:0"]);
    assert_eq!(bench.letters.iter().map(|letter| letter.refusal.code.0).collect::<Vec<_>>(), ["given_up"]);
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
fn a_revoked_partition_is_released_when_it_is_settled() {
    let mut bench = Bench::with(|config| config.batch.linger = Span(Duration::from_mins(1)));
    bench.read(A, &[1]);
    bench.read(B, &[2]);
    bench.handle(Input::Revoking(vec![A]));
    assert_eq!(ids(&bench.requests[0])[0], "0:0", "it does not wait for others, and goes first");
    assert_eq!(bench.released, []);
    bench.answer(accept);
    assert_eq!(bench.released, [(A, Some(1))]);
}

#[test]
fn events_of_revoked_partitions_go_first_lowest_offsets_first_whatever_their_age() {
    let mut bench = Bench::with(|config| {
        config.batch.max_events = NonZeroUsize::MIN;
        config.quota.in_flight = std::num::NonZeroU32::MIN;
    });
    bench.read(B, &[0]);
    // By age: 1:0 of B, then its lane's 4:0 of A; 2:0 of B; 3:0 of A.
    bench.read(B, &[1]);
    bench.read(B, &[2]);
    bench.read(A, &[3]);
    bench.read(A, &[1]);
    bench.handle(Input::Revoking(vec![A]));
    let mut sent = Vec::new();
    while bench.outstanding() > 0 {
        bench.wait_for_request();
        sent.extend(ids(&bench.answer(accept)).into_iter().map(str::to_owned));
    }
    assert_eq!(sent, ["0:0", "3:0", "1:0", "4:0", "2:0"]);
}

#[test]
fn partitions_that_are_revoked_together_keep_their_part_of_the_quota_until_all_are_drained() {
    let mut bench = Bench::new();
    bench.read(B, &[2]);
    bench.handle(Input::Revoking(vec![A, B]));
    assert_eq!(bench.released, [], "one is settled, the other is not");
    assert!((bench.pipeline.snapshot().quota.share - 1.0).abs() < 0.01);
    bench.answer(accept);
    assert_eq!(bench.released, [(A, None), (B, Some(1))]);
}

#[test]
fn a_revoked_partition_is_released_unsettled_after_the_timeout() {
    let mut bench = Bench::new();
    bench.read(A, &[1]);
    bench.handle(Input::Revoking(vec![A]));
    bench.pass(Duration::from_millis(9_999));
    assert_eq!(bench.released, []);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.released, [(A, None)]);
    assert_eq!(bench.pipeline.snapshot().records.released, 1);
    // The late answer changes nothing but what it says was accepted.
    bench.answer(accept);
    assert_eq!(bench.pipeline.snapshot().records.accepted, 0);
}

#[test]
fn during_a_hold_a_revoked_partition_is_released_at_once() {
    let mut bench = Bench::new();
    bench.read(A, &[1]);
    bench.answer(|_| Answer::Hold(Code("forbidden")));
    bench.handle(Input::Revoking(vec![A]));
    assert_eq!(bench.released, [(A, None)]);
}

#[test]
fn a_lost_partition_is_not_committed() {
    let mut bench = Bench::new();
    bench.read(A, &[1]);
    bench.answer(accept);
    bench.read(A, &[1]);
    bench.wait_for_request();
    bench.answer(accept);
    bench.handle(Input::Lost(vec![A]));
    bench.pass(Duration::from_secs(10));
    assert_eq!((bench.commits, bench.released), (vec![(A, 1)], vec![]), "the second record is not committed");
}

#[test]
fn a_partition_assigned_anew_ends_its_earlier_ownership() {
    let mut bench = Bench::new();
    bench.read(A, &[1]);
    let again = Assignment { ownership: Ownership(7), topic: "a".into(), partition: 0 };
    bench.handle(Input::Assigned(vec![again]));
    bench.answer(accept);
    bench.pass(Duration::from_secs(10));
    assert_eq!(bench.commits, [], "a completion of the earlier ownership changes nothing");
    bench.handle(Input::Record(record(A, 5), Mapped::Ignored(Code("x")), Vec::new()));
    assert_eq!(bench.pipeline.snapshot().records.stale, 1);
}

#[test]
fn a_drain_ends_when_all_is_settled() {
    let mut bench = Bench::with(|config| config.batch.linger = Span(Duration::from_mins(1)));
    bench.read(A, &[1]);
    bench.handle(Input::Drain);
    assert!(bench.intake.paused && !bench.stopped);
    bench.answer(accept);
    assert!(bench.stopped);
    assert_eq!(bench.pipeline.finish(), Summary { positions: vec![(A, 1)], unsettled: 0 });
}

#[test]
fn a_drain_during_a_hold_ends_when_nothing_is_in_flight() {
    let mut bench = Bench::new();
    bench.read(A, &[1]);
    bench.read(A, &[2]);
    bench.pass(Duration::from_millis(67));
    bench.answer(|_| Answer::Hold(Code("forbidden")));
    bench.handle(Input::Drain);
    assert!(!bench.stopped, "one request is in flight");
    bench.answer(|_| Answer::Hold(Code("forbidden")));
    assert!(bench.stopped);
    assert_eq!(bench.pipeline.finish().unsettled, 2);
}

#[test]
fn after_the_end_nothing_is_sent_and_written() {
    let mut bench = Bench::patient();
    bench.garbage(A);
    bench.write_letters(LetterOutcome::Again(Code("timeout")));
    bench.read(A, &[1]);
    bench.pass(Duration::from_secs(1));
    bench.read(A, &[2, 3]);
    bench.write_letters(LetterOutcome::Again(Code("timeout")));
    assert_eq!(bench.pipeline.finish().unsettled, 3);
    bench.answer(|_| Answer::Unknown(DOWN));
    bench.pass(Duration::from_mins(1));
    bench.read(A, &[4]);
    assert_eq!((bench.requests.len(), bench.letters.len(), bench.commits.len()), (0, 0, 0));
    assert_eq!((bench.pipeline.next_wake(), bench.pipeline.snapshot().events_outstanding), (None, 0));
}

#[test]
fn what_was_in_flight_at_the_end_is_counted() {
    let mut bench = Bench::new();
    bench.read(A, &[1]);
    assert_eq!(bench.pipeline.finish().unsettled, 1);
    bench.answer(accept);
    assert_eq!(bench.pipeline.snapshot().sends.accepted.iter().sum::<u64>(), 1);
    assert_eq!(bench.pipeline.snapshot().records.accepted, 0, "it was given up");
}

#[test]
fn a_dead_letter_that_the_broker_refuses_holds_its_partition_alone() {
    let mut bench = Bench::new();
    bench.garbage(A);
    bench.write_letters(LetterOutcome::Refused(Code("unknown_topic")));
    assert_eq!(bench.holds(), [("dead_letter", "unknown_topic")]);
    assert_eq!(bench.intake, Intake { paused: false, held: vec![A] });
    bench.pass(Duration::from_secs(30));
    assert_eq!(bench.write_letters(LetterOutcome::Written), 1);
    assert_eq!((bench.holds(), bench.intake.held.len(), bench.outstanding()), (vec![], 0, 0));
}

#[test]
fn the_brake_stops_a_topic_of_garbage_and_no_other() {
    let brake = BrakeConfig { share: 0.5, window: NonZeroUsize::new(10).expect("not 0") };
    let mut bench = Bench::with(|config| config.brake = Some(brake));
    for _ in 0..20 {
        bench.garbage(A);
    }
    assert_eq!(bench.write_letters(LetterOutcome::Written), 6, "one more than half the window");
    assert_eq!(bench.holds(), [("brake", "mostly_refused")]);
    assert_eq!(bench.intake.held, [A]);
    bench.read(B, &[1]);
    bench.answer(accept);
    // One refusal is let through in each of the longest pauses.
    bench.pass(Duration::from_secs(29));
    assert_eq!(bench.letters.len(), 0);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.write_letters(LetterOutcome::Written), 1);
}

#[test]
fn the_brake_opens_when_records_are_taken_again() {
    let brake = BrakeConfig { share: 0.5, window: NonZeroUsize::new(4).expect("not 0") };
    let mut bench = Bench::with(|config| config.brake = Some(brake));
    for _ in 0..5 {
        bench.garbage(A);
    }
    bench.write_letters(LetterOutcome::Written);
    for _ in 0..2 {
        bench.read_as(A, Mapped::Ignored(Code("activity")));
    }
    assert_eq!(bench.write_letters(LetterOutcome::Written), 2, "what waited goes through");
    assert_eq!((bench.outstanding(), bench.intake.held.len()), (0, 0));
}

#[test]
fn what_is_outstanding_is_what_half_the_revoke_timeout_can_send() {
    let mut bench = Bench::with(|config| config.max_bytes = usize::MAX);
    for read in 0..10_000 {
        if !bench.intake.paused {
            bench.read(A, &[u8::try_from(read % 200).expect("small")]);
        }
    }
    assert_eq!(bench.pipeline.snapshot().events_outstanding, 15 * 5 * 100);
    // Hysteresis: a pause discards what was fetched ahead.
    while bench.intake.paused {
        bench.wait_for_request();
        bench.answer(accept);
    }
    assert!(bench.pipeline.snapshot().events_outstanding < 15 * 5 * 75);
}

#[test]
fn bytes_outstanding_pause_intake() {
    let mut bench = Bench::with(|config| config.max_bytes = 10_000);
    for _ in 0..100 {
        if !bench.intake.paused {
            bench.read(A, &[1]);
        }
    }
    let bytes = bench.pipeline.snapshot().bytes_outstanding;
    assert!((10_000..11_000).contains(&bytes), "{bytes}");
}

#[test]
fn an_outage_does_not_count_against_an_event_that_is_missing_once() {
    let mut bench = Bench::new();
    bench.read(A, &[1, 2]);
    for _ in 0..8 {
        bench.answer(|_| Answer::Unknown(DOWN));
        bench.wait_for_request();
    }
    bench.answer(|_| Answer::Results { outcomes: vec![Outcome::Accepted], endpoints_refused: Vec::new() });
    assert_eq!(bench.holds(), []);
    assert!(bench.wait_for_request() <= Duration::from_millis(500), "as after a first failure");
}

/// Fails every event of each request for so many minutes, though the requests are answered.
fn fail_each(bench: &mut Bench, minutes: u64, failed: &Answer) {
    let until = bench.now + Duration::from_mins(minutes);
    while bench.now < until {
        bench.pass_to_wake(until.since(bench.now));
        while !bench.requests.is_empty() {
            bench.answer(|_| failed.clone());
        }
    }
}

#[test]
fn answers_that_take_nothing_for_long_give_no_event_up_and_hold_none() {
    for outcomes in [vec![Outcome::Again(DOWN); 4], Vec::new()] {
        let mut bench = Bench::with(|config| config.give_up = Some(Duration::from_mins(2)));
        for endpoint in 0..4 {
            bench.read(A, &[endpoint, endpoint + 10, endpoint + 20, endpoint + 30]);
        }
        let failed = Answer::Results { outcomes, endpoints_refused: Vec::new() };
        fail_each(&mut bench, 10, &failed);
        assert_eq!((bench.letters.len(), bench.holds()), (0, vec![]));
        while bench.outstanding() > 0 {
            bench.wait_for_request();
            bench.answer(accept);
        }
        assert_eq!(bench.holds(), []);
    }
}

#[test]
fn an_outage_between_its_failures_is_not_a_row_of_failures_of_one_event() {
    let mut bench = Bench::patient();
    bench.read(A, &[1]);
    for round in 0..8 {
        // Others of its request are taken four times in a row, and then all fails.
        bench.read(A, &[10 + round]);
        bench.pass(Duration::from_secs(30));
        let alone = round % 5 != 4;
        while !bench.requests.is_empty() {
            bench.answer(|request| {
                let outcome = |id: &&str| match *id {
                    "0:0" => Outcome::Again(DOWN),
                    _ => Outcome::Accepted,
                };
                let outcomes = ids(request).iter().map(outcome).collect();
                if alone {
                    Answer::Results { outcomes, endpoints_refused: Vec::new() }
                } else {
                    Answer::Unknown(DOWN)
                }
            });
        }
    }
    assert_eq!(bench.holds(), []);
}

#[test]
fn an_event_that_kept_failing_and_was_then_refused_leaves_no_hold_when_its_partition_goes() {
    let mut bench = Bench::patient();
    bench.read_together(2);
    bench.answer(|_| Answer::Refused(refusal()));
    fail_alone(&mut bench, &["0:0", "1:0"]);
    assert_eq!(bench.holds(), [("event", "keeps_failing")]);
    bench.wait_for_request();
    bench.answer(|_| Answer::Refused(refusal()));
    bench.handle(Input::Lost(vec![A]));
    assert_eq!((bench.outstanding(), bench.holds()), (0, vec![]));
}

#[test]
fn one_refusal_of_a_request_whose_other_events_went_unanswered_is_no_hold() {
    let mut bench = Bench::patient();
    bench.read(A, &[1]);
    bench.read(B, &[2]);
    bench.wait_for_request();
    bench.answer(|_| Answer::Refused(refusal()));
    bench.wait_for_request();
    assert_eq!(ids(&bench.requests[0]), ["0:0"]);
    bench.answer(|_| Answer::Refused(refusal()));
    bench.handle(Input::Lost(vec![B]));
    assert_eq!(bench.holds(), []);
    bench.wait_for_request();
    assert_eq!(ids(&bench.answer(accept)), ["0:0"]);
    assert_eq!((bench.letters.len(), bench.outstanding()), (0, 0));
}

#[test]
fn all_refused_with_one_code_during_a_hold_for_the_set_up_become_no_dead_letters() {
    let mut bench = Bench::patient();
    bench.read_together(2);
    bench.answer(|_| Answer::Refused(refusal()));
    bench.pass(Duration::from_millis(100));
    bench.read(A, &[7]);
    bench.pass(Duration::from_secs(1));
    bench.pass(Duration::from_millis(100));
    assert_eq!(bench.requests.len(), 3);
    // The last one tells of the set-up, and then the two halves are refused.
    bench.requests.rotate_right(1);
    bench.answer(|_| Answer::Hold(Code("forbidden")));
    bench.answer(|_| Answer::Refused(refusal()));
    bench.answer(|_| Answer::Refused(refusal()));
    assert_eq!(bench.holds(), [("destination", "forbidden")]);
    for _ in 0..20 {
        bench.wait_for_request();
        bench.answer(|request| {
            let other = ids(request).contains(&"2:0");
            if other { Answer::Unknown(DOWN) } else { Answer::Refused(refusal()) }
        });
    }
    assert_eq!((bench.letters.len(), bench.holds()), (0, vec![("destination", "bad_request")]));
    while bench.outstanding() > 0 {
        bench.wait_for_request();
        bench.answer(accept);
    }
    assert_eq!((bench.letters.len(), bench.holds().len()), (0, 0));
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
