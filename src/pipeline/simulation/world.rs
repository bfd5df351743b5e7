//! The world around one pipeline, and what must hold in it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
};

use fastrand::Rng;

use super::seconds;
use crate::{
    dead_letter::{DeadLetter, LetterOutcome},
    destination::{Answer, Outcome, Request, RequestId},
    event::{AppEvent, Code, Delivery, Endpoint, EndpointId, EventType, Mapped, Refusal},
    moment::{Moment, Timestamp},
    pipeline::{
        Action, Input, Pipeline, PipelineConfig,
        config::{BatchConfig, BrakeConfig, QuotaConfig, Share},
    },
    record::{Assignment, Ownership, Record},
    schedule::Schedule,
    setting::{Size, Span},
    source::Intake,
};

/// What an event does to the requests that hold it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nature {
    Good,
    /// The whole request is refused.
    Poison,
    /// The event is refused.
    Bad,
    /// Its endpoint spoils it, unless it comes with an empty one.
    Spoiled,
}

/// An event of a record in a log.
#[derive(Clone)]
struct Event {
    endpoint: u64,
    id: String,
    /// Names the record and the event's place in it; travels in an attribute.
    tag: String,
    version: u64,
    nature: Nature,
}

#[derive(Clone)]
enum Content {
    Ignored,
    Garbage,
    Events(Vec<Event>),
}

struct LogRecord {
    offset: i64,
    content: Content,
    /// Tags that are not settled yet; `""` stands for the record as a whole.
    open: BTreeSet<String>,
}

/// A partition of a topic, as the broker has it.
struct Log {
    topic: Arc<str>,
    partition: i32,
    records: Vec<LogRecord>,
    committed: i64,
}

/// A partition that the pipeline owns.
struct Owned {
    log: usize,
    /// The index of the next record to read.
    next: usize,
    committed: Option<i64>,
    revoking: bool,
}

/// What the destination does at present.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well,
    Down,
    WrongRole,
    Throttling,
    RefusingAll,
}

/// How likely what is.
#[derive(Clone, Copy)]
struct Faults {
    partial: f64,
    moods: bool,
    rebalances: bool,
    letters: f64,
    natures: f64,
}

pub(super) struct World {
    rng: Rng,
    faults: Faults,
    now: Moment,
    pipeline: Pipeline,
    logs: Vec<Log>,
    owned: BTreeMap<Ownership, Owned>,
    ended: HashSet<Ownership>,
    next_ownership: u64,
    next_id: u64,
    flights: BTreeMap<RequestId, Request>,
    letters: VecDeque<DeadLetter>,
    commits: VecDeque<Vec<(Ownership, i64)>>,
    intake: Intake,
    mood: Mood,
    starts: VecDeque<Moment>,
    /// Per endpoint, the tags of events that came in and have no verdict, in their order.
    lanes: HashMap<u64, Vec<String>>,
    /// Per endpoint, the version that came in last.
    newest: HashMap<u64, u64>,
    /// Tags that were sent at least once by this pipeline.
    sent: HashSet<String>,
    /// Tags that were refused with their request while alone: their verdict may be pending.
    refused_alone: HashSet<String>,
    sent_again: usize,
    max_events: usize,
    max_bytes: usize,
    stopped: bool,
    brake: bool,
    /// A person has mended the destination: it takes everything.
    lenient: bool,
}

const FETCH: usize = 8;
const RATE: f64 = 15.0;

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let faults = Faults {
            partial: if rng.bool() { 0.3 } else { 0.02 },
            moods: rng.bool(),
            rebalances: rng.bool(),
            letters: if rng.bool() { 0.4 } else { 0.0 },
            natures: [0.0, 0.05, 0.3][rng.usize(..3)],
        };
        Self::with(rng, faults)
    }

    pub(super) fn calm(seed: u64) -> Self {
        let faults = Faults { partial: 0.0, moods: false, rebalances: false, letters: 0.0, natures: 0.0 };
        Self::with(Rng::with_seed(seed), faults)
    }

    fn with(mut rng: Rng, faults: Faults) -> Self {
        let max_events = 1 + rng.usize(..8);
        let max_bytes = [600, 4000, 100_000][rng.usize(..3)];
        let brake = rng.u8(..3) == 0;
        let topics: [Arc<str>; 2] = ["a".into(), "b".into()];
        let logs = (0..rng.i32(1..5)).map(|number| Log {
            topic: Arc::clone(&topics[usize::from(number % 2 == 1)]),
            partition: number,
            records: Vec::new(),
            committed: 0,
        });
        let logs = logs.collect();
        let pipeline = pipeline(max_events, max_bytes, brake);
        let mut world = Self {
            rng,
            faults,
            now: Moment::START,
            pipeline,
            logs,
            owned: BTreeMap::new(),
            ended: HashSet::new(),
            next_ownership: 0,
            next_id: 0,
            flights: BTreeMap::new(),
            letters: VecDeque::new(),
            commits: VecDeque::new(),
            intake: Intake::default(),
            mood: Mood::Well,
            starts: VecDeque::new(),
            lanes: HashMap::new(),
            newest: HashMap::new(),
            sent: HashSet::new(),
            refused_alone: HashSet::new(),
            sent_again: 0,
            max_events,
            max_bytes,
            stopped: false,
            brake,
            lenient: false,
        };
        for log in 0..world.logs.len() {
            for _ in 0..world.rng.usize(..30) {
                world.produce(log, world.faults.natures);
            }
        }
        world.assign_all();
        world
    }

    /// How many steps the schedule has.
    pub(super) fn length(&mut self) -> usize {
        self.rng.usize(20..150)
    }

    /// How many events were sent more than once by one pipeline.
    pub(super) fn sent_again(&self) -> usize {
        self.sent_again
    }

    /// One random thing happens.
    pub(super) fn step(&mut self) {
        match self.rng.u32(..100) {
            0..30 => self.fetch(),
            30..60 => self.answer(),
            60..70 => self.acknowledge_letter(),
            70..78 => self.acknowledge_commit(),
            78..90 => self.pass_time(),
            90 => self.produce_somewhere(),
            91..93 if self.faults.moods => self.change_mood(),
            93..95 if self.faults.rebalances => self.revoke(),
            95 if self.faults.rebalances => self.lose(),
            96 if self.faults.rebalances => self.restart(),
            97..99 if self.faults.rebalances => self.assign_all(),
            99 if self.faults.rebalances => self.redeliver(),
            _ => self.handle(Input::Tick),
        }
    }

    /// Faults end, and everything must settle.
    pub(super) fn heal(&mut self) {
        self.faults = Faults { partial: 0.0, moods: false, rebalances: false, letters: 0.0, natures: 0.0 };
        self.mood = Mood::Well;
        let mut rounds = 0;
        while !self.is_done() {
            rounds += 1;
            let snapshot = || self.pipeline.snapshot();
            assert!(rounds < 20_000, "invariant 7: something is never settled: {:?}", snapshot());
            self.assign_all();
            self.fetch();
            self.answer();
            self.acknowledge_letter();
            self.acknowledge_commit();
            if self.flights.is_empty() && self.letters.is_empty() {
                // Others that are taken prove that it is not the set-up that is wrong.
                // Where nothing more fits in, a hold asks for a person.
                self.lenient |= self.is_held() && self.intake.paused;
                if self.is_held() {
                    (0..self.logs.len()).for_each(|log| self.produce(log, 0.0));
                }
                self.pass_time_to_wake();
            }
        }
    }

    /// After a drain with a destination that answers, nothing is left unsettled.
    pub(super) fn drain(&mut self) {
        (0..self.logs.len()).for_each(|log| self.produce(log, 0.0));
        self.fetch();
        let deadline = self.now + seconds(25);
        self.handle(Input::Drain);
        while !self.stopped {
            assert!(self.now < deadline, "invariant 8: the drain takes longer than its deadline");
            self.answer();
            self.acknowledge_letter();
            self.acknowledge_commit();
            if self.flights.is_empty() && self.letters.is_empty() && !self.stopped {
                self.pass_time_to_wake();
            }
        }
        let before = self.pipeline.snapshot();
        let summary = self.pipeline.finish();
        assert_eq!(
            summary.unsettled, 0,
            "invariant 8: a drain without faults leaves nothing unsettled: {before:?}"
        );
        for (ownership, position) in summary.positions {
            self.check_commit(ownership, position);
        }
    }

    fn is_done(&mut self) -> bool {
        let settled = self.logs.iter().all(|log| log.records.iter().all(|record| record.open.is_empty()));
        settled && self.pipeline.snapshot().records_outstanding == 0 && !self.is_held()
    }

    fn is_held(&self) -> bool {
        self.pipeline.holds().iter().any(|hold| hold.cause == "destination")
    }

    // What happens.

    fn produce_somewhere(&mut self) {
        let log = self.rng.usize(..self.logs.len());
        self.produce(log, self.faults.natures);
    }

    fn produce(&mut self, log: usize, natures: f64) {
        let last = self.logs[log].records.last().map_or(-1, |record| record.offset);
        let offset = last + 1 + i64::from(self.rng.u8(..8) == 0);
        self.next_id += 1;
        let content = match self.rng.u32(..10) {
            0 => Content::Ignored,
            1 if natures > 0.0 => Content::Garbage,
            _ => Content::Events(self.events(log, offset, natures)),
        };
        let open = match &content {
            Content::Ignored => BTreeSet::new(),
            Content::Garbage => BTreeSet::from([String::new()]),
            Content::Events(events) => events.iter().map(|event| event.tag.clone()).collect(),
        };
        self.logs[log].records.push(LogRecord { offset, content, open });
    }

    fn events(&mut self, log: usize, offset: i64, natures: f64) -> Vec<Event> {
        // Now and then the same source event again, as publishers do.
        let source = if self.rng.u8(..10) == 0 { self.next_id / 2 } else { self.next_id };
        let endpoint = self.rng.u64(..5);
        let number = 1 + self.rng.usize(..3);
        let mut event = |index: usize| Event {
            endpoint: if self.rng.u8(..10) == 0 { self.rng.u64(..5) } else { endpoint },
            id: format!("{source}:{index}"),
            tag: format!("{log}-{offset}-{index}"),
            version: self.next_id,
            nature: if self.rng.f64() < natures {
                [Nature::Poison, Nature::Bad, Nature::Spoiled][self.rng.usize(..3)]
            } else {
                Nature::Good
            },
        };
        (0..number).map(&mut event).collect()
    }

    fn assign_all(&mut self) {
        let taken: HashSet<usize> = self.owned.values().map(|owned| owned.log).collect();
        let mut assignments = Vec::new();
        for log in (0..self.logs.len()).filter(|log| !taken.contains(log)) {
            let ownership = Ownership(self.next_ownership);
            self.next_ownership += 1;
            let Log { topic, partition, records, committed } = &self.logs[log];
            let next = records.partition_point(|record| record.offset < *committed);
            self.owned.insert(ownership, Owned { log, next, committed: None, revoking: false });
            assignments.push(Assignment { ownership, topic: Arc::clone(topic), partition: *partition });
        }
        if !assignments.is_empty() {
            self.handle(Input::Total(self.logs.len()));
            self.handle(Input::Assigned(assignments));
        }
    }

    /// One fetch of one partition arrives, unless the pipeline wants none.
    fn fetch(&mut self) {
        let readable = |(id, owned): (&Ownership, &Owned)| {
            (!owned.revoking && !self.intake.held.contains(id)).then_some(*id)
        };
        let readable: Vec<Ownership> = self.owned.iter().filter_map(readable).collect();
        if self.intake.paused || readable.is_empty() || self.owned.values().any(|owned| owned.revoking) {
            return;
        }
        let ownership = readable[self.rng.usize(..readable.len())];
        for _ in 0..self.rng.usize(1..=FETCH) {
            let Some(owned) = self.owned.get_mut(&ownership) else { return };
            let Some(record) = self.logs[owned.log].records.get(owned.next) else { return };
            owned.next += 1;
            let (offset, content, log) = (record.offset, record.content.clone(), owned.log);
            if let Content::Events(events) = &content {
                for event in events {
                    let lane = self.lanes.entry(event.endpoint).or_default();
                    lane.push(owned_tag(event, ownership));
                    self.newest.insert(event.endpoint, event.version);
                }
            }
            let record = record_of(&self.logs[log], ownership, offset);
            self.handle(Input::Record(record, mapped(&content, ownership), Vec::new()));
        }
    }

    /// The broker hands out a record for the second time within one ownership.
    fn redeliver(&mut self) {
        let Some((ownership, owned)) = self.owned.iter().find(|(_, owned)| owned.next > 0) else { return };
        let (ownership, log) = (*ownership, owned.log);
        let first = self.logs[log].records.partition_point(|record| record.offset < self.logs[log].committed);
        if first < owned.next {
            let record = &self.logs[log].records[first];
            let before = self.pipeline.snapshot().records;
            let input = Input::Record(
                record_of(&self.logs[log], ownership, record.offset),
                mapped(&record.content, ownership),
                Vec::new(),
            );
            self.handle(input);
            let after = self.pipeline.snapshot().records;
            assert_eq!(after.consumed, before.consumed, "invariant 10: a re-delivery is not consumed again");
        }
    }

    fn answer(&mut self) {
        if self.flights.is_empty() {
            return;
        }
        let index = self.rng.usize(..self.flights.len());
        let Some(id) = self.flights.keys().nth(index).copied() else { return };
        let Some(request) = self.flights.remove(&id) else { return };
        self.now = self.now + std::time::Duration::from_millis(self.rng.u64(..80));
        let answer = self.answer_to(&request);
        self.note(&request, &answer);
        let jitter = self.rng.f64();
        self.handle(Input::SendFinished(id, answer, jitter));
    }

    fn answer_to(&mut self, request: &Request) -> Answer {
        let refusal = || Refusal { code: Code("bad_request"), message: String::new() };
        match self.mood {
            Mood::Down => return Answer::Unknown(Code("http_503")),
            Mood::WrongRole => return Answer::Hold(Code("forbidden")),
            Mood::Throttling => return Answer::Throttled { retry_after: None },
            Mood::RefusingAll => return Answer::Refused(refusal()),
            Mood::Well => {}
        }
        let natures: Vec<Nature> =
            request.endpoints.iter().flat_map(|batch| &batch.events).map(nature).collect();
        if natures.contains(&Nature::Poison) && !self.lenient {
            return Answer::Refused(refusal());
        }
        if self.rng.f64() < self.faults.partial / 2.0 {
            let unclear =
                [Answer::Unknown(Code("timeout")), Answer::Throttled { retry_after: Some(seconds(2)) }];
            return unclear[self.rng.usize(..2)].clone();
        }
        let mut outcomes = Vec::new();
        for batch in &request.endpoints {
            for event in &batch.events {
                let outcome = match nature(event) {
                    _ if self.rng.f64() < self.faults.partial => {
                        [Outcome::Again(Code("missing")), Outcome::Throttled][self.rng.usize(..2)].clone()
                    }
                    Nature::Bad => Outcome::Refused(refusal()),
                    Nature::Spoiled if batch.endpoint.user_id.is_some() => {
                        Outcome::EndpointRefused(refusal())
                    }
                    _ => Outcome::Accepted,
                };
                outcomes.push(outcome);
            }
        }
        Answer::Results { outcomes, endpoints_refused: Vec::new() }
    }

    /// Keeps the model of lanes and of what is settled up to date with an answer.
    fn note(&mut self, request: &Request, answer: &Answer) {
        let tags = request.endpoints.iter().flat_map(|batch| {
            batch.events.iter().map(move |event| (number(&batch.endpoint_id), tag(event).to_owned()))
        });
        let tags: Vec<(u64, String)> = tags.collect();
        match answer {
            Answer::Results { outcomes, .. } => {
                for ((endpoint, tag), outcome) in tags.iter().zip(outcomes) {
                    match outcome {
                        Outcome::Accepted => {
                            self.leave(*endpoint, tag);
                            self.settle(tag);
                        }
                        Outcome::Refused(_) => self.leave(*endpoint, tag),
                        _ => {}
                    }
                }
            }
            Answer::Refused(_) if tags.len() == 1 => {
                self.refused_alone.insert(tags[0].1.clone());
            }
            _ => {}
        }
    }

    fn leave(&mut self, endpoint: u64, tag: &str) {
        if let Some(lane) = self.lanes.get_mut(&endpoint) {
            lane.retain(|other| other != tag);
        }
    }

    fn settle(&mut self, tag: &str) {
        let (log, offset) = place(tag);
        let records = &mut self.logs[log].records;
        if let Ok(index) = records.binary_search_by_key(&offset, |record| record.offset) {
            records[index].open.remove(base(tag));
        }
    }

    fn acknowledge_letter(&mut self) {
        let Some(letter) = self.letters.pop_front() else { return };
        let outcome = if self.rng.f64() < self.faults.letters {
            [LetterOutcome::Again(Code("timeout")), LetterOutcome::Refused(Code("too_large"))]
                [self.rng.usize(..2)]
        } else {
            LetterOutcome::Written
        };
        if outcome == LetterOutcome::Written {
            let log = self.logs.iter().position(|log| log.partition == letter.record.partition);
            let log = log.expect("the partition exists");
            let records = &mut self.logs[log].records;
            let index = records.binary_search_by_key(&letter.record.offset, |record| record.offset);
            let record = &mut records[index.expect("the record exists")];
            match &letter.event_id {
                None => record.open.clear(),
                Some(id) => {
                    let Content::Events(events) = &record.content else { panic!("no events in the record") };
                    let tags = events.iter().filter(|event| *event.id == **id).map(|event| event.tag.clone());
                    for tag in tags.collect::<Vec<_>>() {
                        record.open.remove(&tag);
                    }
                }
            }
        }
        let jitter = self.rng.f64();
        self.handle(Input::LetterFinished(letter.id, outcome, jitter));
    }

    fn acknowledge_commit(&mut self) {
        let Some(positions) = self.commits.pop_front() else { return };
        let acknowledged = self.rng.f64() >= self.faults.letters;
        if acknowledged {
            for (ownership, position) in &positions {
                // The broker refuses the commit of a member that has lost the partition.
                if let Some(owned) = self.owned.get(ownership) {
                    let log = &mut self.logs[owned.log];
                    log.committed = log.committed.max(*position);
                }
            }
        }
        self.handle(Input::Committed(positions, acknowledged));
    }

    fn pass_time(&mut self) {
        self.now = self.now + std::time::Duration::from_millis(self.rng.u64(..3000));
        self.handle(Input::Tick);
    }

    fn pass_time_to_wake(&mut self) {
        let wake = self.pipeline.next_wake().unwrap_or(self.now + seconds(1));
        self.now = self.now.max(wake);
        self.handle(Input::Tick);
    }

    fn change_mood(&mut self) {
        let moods =
            [Mood::Well, Mood::Well, Mood::Down, Mood::WrongRole, Mood::Throttling, Mood::RefusingAll];
        self.mood = moods[self.rng.usize(..moods.len())];
    }

    fn some_owned(&mut self) -> Vec<Ownership> {
        let ids: Vec<_> = self.owned.iter().filter(|(_, owned)| !owned.revoking).map(|(id, _)| *id).collect();
        ids.into_iter().filter(|_| self.rng.bool()).collect()
    }

    fn revoke(&mut self) {
        let some = self.some_owned();
        for ownership in &some {
            self.owned.entry(*ownership).and_modify(|owned| owned.revoking = true);
        }
        self.handle(Input::Revoking(some));
    }

    fn lose(&mut self) {
        let some = self.some_owned();
        for ownership in &some {
            self.end(*ownership);
        }
        self.handle(Input::Lost(some));
    }

    fn end(&mut self, ownership: Ownership) {
        let Some(owned) = self.owned.remove(&ownership) else { return };
        self.ended.insert(ownership);
        for lane in self.lanes.values_mut() {
            lane.retain(|tag| place(tag).0 != owned.log);
        }
        // Whoever reads them again sends them for the first time.
        self.sent.retain(|tag| place(tag).0 != owned.log);
    }

    /// The process is killed, and another one starts.
    fn restart(&mut self) {
        let owned: Vec<_> = self.owned.keys().copied().collect();
        for ownership in owned {
            self.end(ownership);
        }
        self.pipeline = pipeline(self.max_events, self.max_bytes, self.brake);
        self.flights.clear();
        self.letters.clear();
        self.commits.clear();
        self.intake = Intake::default();
        self.starts.clear();
        self.lanes.clear();
        self.sent.clear();
        self.assign_all();
    }

    // What the pipeline does, and what must hold.

    fn handle(&mut self, input: Input) {
        let mut actions = Vec::new();
        self.pipeline.handle(self.now, input, &mut actions);
        for action in actions {
            match action {
                Action::Send(request) => self.check_request(request),
                Action::Write(letter) => self.letters.push_back(letter),
                Action::Commit(positions) => {
                    for (ownership, position) in &positions {
                        self.check_commit(*ownership, *position);
                    }
                    self.commits.push_back(positions);
                }
                Action::Release(released) => self.release(released),
                Action::Intake(intake) => self.intake = intake,
                Action::Notice(_) => {}
                Action::WriteEntries(..) => {}
                Action::Stopped => self.stopped = true,
            }
        }
        self.check_counts();
    }

    fn release(&mut self, released: Vec<(Ownership, Option<i64>)>) {
        for (ownership, position) in released {
            if let Some(position) = position {
                self.check_commit(ownership, position);
                let log = &mut self.logs[self.owned[&ownership].log];
                log.committed = log.committed.max(position);
            }
            self.end(ownership);
        }
    }

    fn check_commit(&mut self, ownership: Ownership, position: i64) {
        assert!(!self.ended.contains(&ownership), "invariant 2: a commit for a partition that is not owned");
        let Some(owned) = self.owned.get_mut(&ownership) else { panic!("invariant 2: never owned") };
        assert!(Some(position) >= owned.committed, "invariant 2: the position went back");
        owned.committed = Some(position);
        let open = self.logs[owned.log].records.iter().find(|record| !record.open.is_empty());
        assert!(
            open.is_none_or(|open| position <= open.offset),
            "invariant 1: a commit past an unsettled record"
        );
    }

    fn check_request(&mut self, request: Request) {
        let events: usize = request.endpoints.iter().map(|batch| batch.events.len()).sum();
        let bytes: usize =
            request.endpoints.iter().flat_map(|batch| &batch.events).map(|event| size(event)).sum();
        assert!((1..=self.max_events).contains(&events), "invariant 5: {events} events");
        assert!(bytes <= self.max_bytes, "invariant 5: {bytes} bytes");
        while self.starts.pop_front_if(|start| self.now.since(*start) >= seconds(1)).is_some() {}
        self.starts.push_back(self.now);
        assert!(self.starts.len() <= 15, "invariant 5: {} requests in a second", self.starts.len());
        assert!(self.flights.len() < 15, "invariant 5: too many in flight");
        for batch in &request.endpoints {
            let flying = |request: &Request| {
                request.endpoints.iter().any(|other| other.endpoint_id == batch.endpoint_id)
            };
            assert!(!self.flights.values().any(flying), "invariant 4: an endpoint is in two requests");
            let ids: HashSet<_> = batch.events.iter().map(|event| &event.id).collect();
            assert_eq!(ids.len(), batch.events.len(), "an event id is twice in an endpoint of a request");
            self.check_order(number(&batch.endpoint_id), batch);
        }
        self.flights.insert(request.id, request);
    }

    /// The events are the oldest of their endpoint that have no verdict, in their order, and come with the
    /// newest snapshot.
    fn check_order(&mut self, endpoint: u64, batch: &crate::destination::EndpointBatch) {
        let lane = self.lanes.get(&endpoint).map(Vec::as_slice).unwrap_or_default();
        let waits = |tag: &&String| !self.refused_alone.contains(*tag);
        let tags: Vec<&str> = batch.events.iter().map(|event| tag(event)).collect();
        let place = |tag: &str| lane.iter().position(|other| other == tag);
        let places: Vec<Option<usize>> = tags.iter().map(|tag| place(tag)).collect();
        assert!(places.iter().all(Option::is_some), "an event was sent after its verdict");
        assert!(places.is_sorted(), "invariant 4: events out of order");
        let last = places.last().copied().flatten().unwrap_or_default();
        let passed = lane[..last].iter().filter(waits).filter(|tag| !tags.contains(&tag.as_str())).count();
        assert_eq!(passed, 0, "invariant 4: an event was sent before an earlier one of its endpoint");
        if batch.endpoint.user_id.is_some() {
            let newest = self.newest.get(&endpoint).copied();
            let said =
                batch.endpoint.user_attributes.get("version").and_then(|values| values.first()?.parse().ok());
            assert_eq!(said, newest, "invariant 4: an older snapshot of the endpoint");
        }
        for tag in tags {
            if !self.sent.insert(tag.to_owned()) {
                self.sent_again += 1;
            }
        }
    }

    fn check_counts(&self) {
        let snapshot = self.pipeline.snapshot();
        let records = &snapshot.records;
        let sum = records.accepted
            + records.dead_lettered.values().sum::<u64>()
            + records.ignored.values().sum::<u64>()
            + records.released
            + snapshot.records_outstanding as u64;
        assert_eq!(records.consumed, sum, "invariant 10: the counts do not balance");
        if snapshot.records_outstanding == 0 && self.flights.is_empty() {
            assert_eq!(snapshot.bytes_outstanding, 0, "bytes are outstanding without a record");
            assert_eq!(snapshot.events_outstanding, 0, "events are outstanding without a record");
        }
        let seconds = 5.0 * RATE * snapshot.quota.share;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small positive number"
        )]
        let bound = (seconds.max(1.0) as usize) * self.max_events + FETCH * 3;
        // The share shrinks when partitions are lost, and what is in flight then stays outstanding.
        let shrunk = self.faults.rebalances || snapshot.quota.share < 1.0;
        assert!(shrunk || snapshot.events_outstanding <= bound, "invariant 6: too many events outstanding");
        assert!(
            snapshot.bytes_outstanding <= MAX_BYTES + FETCH * 4000,
            "invariant 6: too many bytes outstanding"
        );
        self.check_outstanding(snapshot.records_outstanding);
    }

    /// Invariant 3: whatever was read under an ownership of today and is not settled is outstanding.
    fn check_outstanding(&self, outstanding: usize) {
        let read = |owned: &Owned| self.logs[owned.log].records[..owned.next].iter();
        let open = self.owned.values().flat_map(read).filter(|record| !record.open.is_empty()).count();
        assert!(
            open <= outstanding,
            "invariant 3: {open} records are not settled, {outstanding} outstanding"
        );
    }
}

const MAX_BYTES: usize = 60_000;

fn pipeline(max_events: usize, max_bytes: usize, brake: bool) -> Pipeline {
    let count = |count| std::num::NonZeroUsize::new(count).expect("not 0");
    Pipeline::new(PipelineConfig {
        quota: QuotaConfig { requests_per_second: RATE, share: Share::Partitions, ..QuotaConfig::default() },
        batch: BatchConfig {
            max_events: count(max_events),
            max_bytes: Size(max_bytes as u64),
            linger: Span(seconds(1)),
        },
        envelope: 0,
        schedule: Schedule::new(std::time::Duration::from_millis(500), seconds(30)),
        give_up: None,
        brake: brake.then(|| BrakeConfig { share: 0.5, window: count(10) }),
        max_bytes: MAX_BYTES,
        commit_interval: seconds(2),
        revoke_timeout: seconds(10),
        measure: Box::new(|delivery| size(&delivery.event)),
    })
}

/// 100 to 300 bytes, by what the tag says.
fn size(event: &AppEvent) -> usize {
    100 + base(tag(event)).bytes().map(usize::from).sum::<usize>() % 200
}

fn record_of(log: &Log, ownership: Ownership, offset: i64) -> Record {
    Record {
        ownership,
        topic: Arc::clone(&log.topic),
        partition: log.partition,
        offset,
        timestamp: None,
        key: None,
        value: None,
        headers: Vec::new(),
    }
}

fn mapped(content: &Content, ownership: Ownership) -> Mapped {
    match content {
        Content::Ignored => Mapped::Ignored(Code("ignored")),
        Content::Garbage => Mapped::Refused(Refusal { code: Code("not_json"), message: String::new() }),
        Content::Events(events) => {
            Mapped::Deliver(events.iter().map(|event| delivery(event, ownership)).collect())
        }
    }
}

fn delivery(event: &Event, ownership: Ownership) -> Delivery {
    let mut endpoint = Endpoint { user_id: Some("user".into()), ..Endpoint::default() };
    endpoint.user_attributes.insert("version".into(), vec![event.version.to_string().into()]);
    let nature = match event.nature {
        Nature::Good => "good",
        Nature::Poison => "poison",
        Nature::Bad => "bad",
        Nature::Spoiled => "spoiled",
    };
    Delivery {
        endpoint_id: EndpointId(event.endpoint.to_string().into()),
        endpoint: Arc::new(endpoint),
        event: Arc::new(AppEvent {
            id: event.id.clone().into(),
            event_type: EventType::SignIn,
            timestamp: Timestamp(0),
            session: None,
            attributes: vec![("tag", owned_tag(event, ownership).into()), ("nature", nature.into())],
        }),
    }
}

/// The tag as it travels: an event that is read again under another ownership is another event.
fn owned_tag(event: &Event, ownership: Ownership) -> String {
    format!("{}-{}", event.tag, ownership.0)
}

/// The tag as the log has it.
fn base(tag: &str) -> &str {
    tag.rsplit_once('-').map_or(tag, |(base, _)| base)
}

fn tag(event: &AppEvent) -> &str {
    &event.attributes[0].1
}

fn nature(event: &Arc<AppEvent>) -> Nature {
    match &*event.attributes[1].1 {
        "poison" => Nature::Poison,
        "bad" => Nature::Bad,
        "spoiled" => Nature::Spoiled,
        _ => Nature::Good,
    }
}

fn number(endpoint_id: &EndpointId) -> u64 {
    endpoint_id.0.parse().expect("an endpoint of this world")
}

/// The log and the offset that a tag names.
fn place(tag: &str) -> (usize, i64) {
    let mut parts = tag.split('-').map(|part| part.parse::<i64>().expect("a tag of this world"));
    let log = usize::try_from(parts.next().expect("the log")).expect("an index");
    (log, parts.next().expect("the offset"))
}
