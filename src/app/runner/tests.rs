//! The runner between a source in memory and a scripted destination, on a clock that stands still: what it
//! takes in, what it carries out, and when it ends.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::Future,
    io,
    num::NonZeroU32,
    pin::Pin,
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    join,
    sync::{Notify, oneshot},
    time::{sleep, timeout},
};

use super::*;
use crate::{
    core::{
        backoff::Backoff,
        dead_letter::DeadLetter,
        decode::Decoder,
        destination::{Outcome, Sending, tests::Whole},
        map::config::SessionsConfig,
        pipeline::{
            DispatcherConfig, Jitter, PipelineConfig,
            config::{BatchConfig, QuotaConfig, Share},
        },
        record::{Assignment, Ownership, Record},
        route::Router,
        session_table::{Entry, WriteId},
        source::Commit,
        time::Timestamp,
        units::Switch,
        write_outcome::WriteOutcome,
    },
    edge::admin::{Health, Stage, metrics::Metrics},
};

const DEADLINE: Duration = Duration::from_secs(8);
/// The time for settling: a quarter of the whole is kept for closing.
const SETTLING: Duration = Duration::from_secs(6);
const REVOKE_TIMEOUT: Duration = Duration::from_secs(10);
const OWNED: Ownership = Ownership(1);

/// Controls the runner's surroundings in a test.
#[derive(Clone)]
struct Script {
    line: Rc<Line>,
    sheet: Rc<Sheet>,
    preparation: Arc<Mutex<Duration>>,
    mood: Arc<Mutex<Mood>>,
    requests: Arc<Mutex<Vec<usize>>>,
    health: Arc<Health>,
    queries: mpsc::Sender<Query>,
    drain: CancellationToken,
    clock: Clock,
}

/// The source's side: the events that it will report, and the commands that it received.
#[derive(Default)]
struct Line {
    events: RefCell<VecDeque<SourceEvent>>,
    commands: RefCell<Vec<SourceCommand>>,
    changed: Notify,
    /// Whether it ignores the command to close.
    hangs: RefCell<bool>,
}

/// How the destination answers from now on.
#[derive(Clone, Copy)]
enum Mood {
    /// Accepts everything after this time.
    Accepts(Duration),
    /// Answers that the outcome is unknown.
    Fails,
    /// Answers after this time that the set-up is wrong.
    Denies(Duration),
    Panics,
}

struct Memory(Rc<Line>);

#[derive(Clone)]
struct Scripted {
    /// How long its preparation takes.
    preparation: Arc<Mutex<Duration>>,
    mood: Arc<Mutex<Mood>>,
    requests: Arc<Mutex<Vec<usize>>>,
}

/// The table's side: the events that it will report, and the writes that it received.
#[derive(Default)]
struct Sheet {
    events: RefCell<VecDeque<TableEvent>>,
    writes: RefCell<Vec<(Option<WriteId>, usize)>>,
    /// How writes end. If `None`, they wait for the script.
    outcome: Cell<Option<WriteOutcome>>,
    changed: Notify,
}

struct Tabled(Rc<Sheet>);

struct Letters(mpsc::Sender<(DeadLetterId, WriteOutcome)>);

impl Source for Memory {
    async fn next(&mut self) -> SourceEvent {
        loop {
            let changed = self.0.changed.notified();
            if let Some(event) = self.0.events.borrow_mut().pop_front() {
                return event;
            }
            changed.await;
        }
    }

    /// Commits at once, and closes at once unless it hangs.
    fn command(&mut self, command: SourceCommand) {
        let answer = match &command {
            SourceCommand::Commit(commits) => Some(SourceEvent::Committed {
                commits: commits.clone(),
                result: Ok(()),
                metadata_dropped: false,
            }),
            SourceCommand::Close(_) if !*self.0.hangs.borrow() => Some(SourceEvent::Closed),
            _ => None,
        };
        self.0.events.borrow_mut().extend(answer);
        self.0.commands.borrow_mut().push(command);
        self.0.changed.notify_one();
    }
}

impl Table for Tabled {
    async fn next(&mut self) -> TableEvent {
        loop {
            let changed = self.0.changed.notified();
            if let Some(event) = self.0.events.borrow_mut().pop_front() {
                return event;
            }
            changed.await;
        }
    }

    fn write(&mut self, id: Option<WriteId>, entries: Vec<Entry>) {
        self.0.writes.borrow_mut().push((id, entries.len()));
        if let (Some(id), Some(outcome)) = (id, self.0.outcome.get()) {
            self.0.events.borrow_mut().push_back(TableEvent::Written(id, outcome));
            self.0.changed.notify_one();
        }
    }
}

impl Sender for Scripted {
    fn prepare(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let preparation = Arc::clone(&self.preparation);
        Box::pin(async move {
            let preparation = *preparation.lock().unwrap();
            sleep(preparation).await;
        })
    }

    fn send(&self, request: Request) -> Sending {
        let mood = *self.mood.lock().unwrap();
        let events = request.endpoints.iter().map(|batch| batch.events.len()).sum();
        self.requests.lock().unwrap().push(events);
        Box::pin(async move {
            match mood {
                Mood::Accepts(after) => {
                    sleep(after).await;
                    Answer::Results { outcomes: vec![Outcome::Accepted; events], endpoints_refused: vec![] }
                }
                Mood::Fails => Answer::unknown(Code("http_503")),
                Mood::Denies(after) => {
                    sleep(after).await;
                    Answer::Hold(Code("AccessDeniedException"))
                }
                Mood::Panics => panic!("a bug"),
            }
        })
    }
}

impl DeadLetters for Letters {
    fn write(&mut self, letter: DeadLetter) {
        self.0.try_send((letter.id, WriteOutcome::Written)).unwrap();
    }
}

impl Script {
    /// Makes the source report this event next.
    fn say(&self, event: SourceEvent) {
        self.line.events.borrow_mut().push_back(event);
        self.line.changed.notify_one();
    }

    /// Makes the table report this event next.
    fn table_says(&self, event: TableEvent) {
        self.sheet.events.borrow_mut().push_back(event);
        self.sheet.changed.notify_one();
    }

    /// Waits until the table has received this many writes, and returns the id of the last one.
    async fn wrote(&self, times: usize) -> Option<WriteId> {
        while self.sheet.writes.borrow().len() < times {
            sleep(Duration::from_millis(10)).await;
        }
        self.sheet.writes.borrow().last().and_then(|(id, _)| *id)
    }

    /// Assigns the one partition, and makes the source read these values from it.
    fn read(&self, values: &[Option<&str>]) {
        let (topic, partition): (Arc<str>, _) = ("logins".into(), 0);
        let assignment = Assignment::new(OWNED, Arc::clone(&topic), partition);
        self.say(SourceEvent::Assigned(vec![assignment]));
        self.say(SourceEvent::Topics(vec![(topic, 1)]));
        self.read_on(0, values);
    }

    /// Makes the source read these values from the assigned partition, from this offset on.
    fn read_on(&self, from: i64, values: &[Option<&str>]) {
        let topic = Arc::from("logins");
        let record = |(offset, value): (i64, Option<&str>)| Record {
            ownership: OWNED,
            topic: Arc::clone(&topic),
            partition: 0,
            offset,
            timestamp: Some(Timestamp(1_795_382_400_000)),
            key: None,
            value: value.map(|value| value.as_bytes().into()),
            headers: Vec::new(),
            redriven: None,
        };
        self.say(SourceEvent::Records((from..).zip(values.iter().copied()).map(record).collect()));
    }

    fn mood(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// Waits until the source receives a command that `wanted` accepts, and returns it.
    async fn received(&self, wanted: impl Fn(&SourceCommand) -> bool) -> SourceCommand {
        loop {
            if let Some(command) = self.line.commands.borrow().iter().find(|command| wanted(command)) {
                return command.clone();
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn holds(&self) -> Vec<&'static str> {
        let (reply, snapshot) = oneshot::channel();
        self.queries.send(Query::Snapshot(reply)).await.unwrap();
        snapshot.await.unwrap().holds.iter().map(|hold| hold.cause).collect()
    }

    /// Waits until this many requests were sent.
    async fn sent(&self, requests: usize) {
        while self.requests.lock().unwrap().len() < requests {
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// The commands that the source received, except for beginning and pausing.
    fn commands(&self) -> Vec<SourceCommand> {
        let commands = self.line.commands.borrow();
        commands
            .iter()
            .filter(|command| !matches!(command, SourceCommand::Begin | SourceCommand::Pause(_)))
            .cloned()
            .collect()
    }
}

/// Runs a runner together with `play`. Returns how it ended, after how long, and the script.
async fn run<F: Future<Output = ()>>(play: impl FnOnce(Script) -> F) -> (Ended, Duration, Script) {
    run_with(|_| None, play).await
}

/// Like [`run`], with a table that reports only what the script lets it report.
async fn run_sharing<F: Future<Output = ()>>(play: impl FnOnce(Script) -> F) -> (Ended, Duration, Script) {
    run_with(|script| Some(Tabled(Rc::clone(&script.sheet))), play).await
}

async fn run_with<F: Future<Output = ()>>(
    table: impl FnOnce(&Script) -> Option<Tabled>,
    play: impl FnOnce(Script) -> F,
) -> (Ended, Duration, Script) {
    let clock = Clock::start();
    let (letters, written) = mpsc::channel(16);
    let (asking, queries) = mpsc::channel(1);
    let script = Script {
        line: Rc::default(),
        sheet: Rc::default(),
        preparation: Arc::default(),
        mood: Arc::new(Mutex::new(Mood::Accepts(Duration::from_millis(100)))),
        requests: Arc::default(),
        // The health of a poll loop that never hangs.
        health: Arc::new(Health::new(move || clock.now())),
        queries: asking,
        drain: CancellationToken::new(),
        clock,
    };
    let destination = Scripted {
        preparation: Arc::clone(&script.preparation),
        mood: Arc::clone(&script.mood),
        requests: Arc::clone(&script.requests),
    };
    let table = table(&script);
    let mapper = Mapper::new(Decoder::default(), &SessionsConfig::default());
    let mapper = if table.is_some() { mapper.sharing() } else { mapper };
    let runner = Runner::new(Parts {
        clock,
        source: Memory(Rc::clone(&script.line)),
        letters: Letters(letters),
        written,
        table,
        mapper,
        pipeline: pipeline(),
        destinations: vec![Arc::new(destination)],
        reporter: Reporter::new(
            Arc::clone(&script.health),
            Metrics::new(Timestamp(0)).unwrap(),
            vec!["default".into()],
        ),
        queries,
    });
    let shutdown = Shutdown { drain: script.drain.clone(), deadline: DEADLINE };
    // A runner that does not end is a failed test, not a hanging one.
    let both = async { join!(runner.run(shutdown), play(script.clone())) };
    let (ended, ()) = timeout(Duration::from_hours(10), both).await.expect("the runner ends");
    (ended, clock.now().elapsed(), script)
}

fn pipeline() -> Pipeline {
    let quota = QuotaConfig {
        requests_per_second: 100.0,
        in_flight: NonZeroU32::new(4).unwrap(),
        share: Share::Fixed(1.0),
    };
    let backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
    let destination = DispatcherConfig {
        name: "default".into(),
        encoder: Box::new(Whole(|_| 500)),
        batch: BatchConfig::default(),
        backoff: backoff.clone(),
        give_up: None,
        spill: None,
        cap: None,
    };
    Pipeline::new(PipelineConfig {
        domains: vec![quota],
        destinations: vec![(0, destination)],
        router: Router::to_the_only_one(),
        backoff,
        circuit_breaker: None,
        max_bytes: 1 << 20,
        letter_bytes: 1 << 20,
        commit_interval: Duration::from_secs(2),
        revoke_timeout: REVOKE_TIMEOUT,
        tails: Switch::On,
        jitter: Jitter::seeded(1),
    })
}

const LOGIN: Option<&str> =
    Some(r#"{"id":"e1","time":1795382400000,"type":"LOGIN","realmId":"r","userId":"u1","sessionId":"s1"}"#);
const OTHER: Option<&str> =
    Some(r#"{"id":"e2","time":1795382400000,"type":"CLIENT_LOGIN","realmId":"r","userId":"u2"}"#);

#[tokio::test(start_paused = true)]
async fn records_are_settled_and_committed_and_a_drain_ends_the_runner() {
    let (ended, _, script) = run(async |script: Script| {
        script.read(&[LOGIN, Some("no JSON"), OTHER, None]);
        let committed = script.received(|command| matches!(command, SourceCommand::Commit(_))).await;
        assert_eq!(committed, SourceCommand::Commit(vec![Commit::at(OWNED, 4)]));
        script.drain.cancel();
    })
    .await;
    assert_eq!((ended.unsettled, ended.uncommitted, ended.failed), (0, 0, None));
    assert_eq!(*script.requests.lock().unwrap(), [2], "both events of the record in one request");
    let close = SourceCommand::Close(vec![Commit::at(OWNED, 4)]);
    assert_eq!(script.commands().last(), Some(&close));
}

#[tokio::test(start_paused = true)]
async fn a_last_commit_that_is_not_acknowledged_is_no_clean_end() {
    let (ended, _, script) = run(async |script: Script| {
        script.read(&[OTHER, LOGIN]);
        script.received(|command| matches!(command, SourceCommand::Commit(_))).await;
        script.drain.cancel();
    })
    .await;
    assert_eq!(script.commands().last(), Some(&SourceCommand::Close(vec![Commit::at(OWNED, 2)])));
    assert_eq!((ended.unsettled, ended.uncommitted), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_drain_in_an_outage_ends_before_the_deadline_and_commits_nothing_of_it() {
    let drained = Cell::new(Duration::ZERO);
    let (ended, took, script) = run(async |script: Script| {
        script.mood(Mood::Fails);
        script.read(&[OTHER, LOGIN, OTHER]);
        script.sent(3).await;
        drained.set(script.clock.now().elapsed());
        script.drain.cancel();
    })
    .await;
    assert_eq!((ended.unsettled, ended.failed), (1, None));
    let took = took.saturating_sub(drained.get());
    assert!(took >= SETTLING && took <= DEADLINE, "{took:?}");
    assert_eq!(script.commands().last(), Some(&SourceCommand::Close(vec![Commit::at(OWNED, 1)])));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_does_not_close_is_not_waited_for_past_the_deadline() {
    let drained = Cell::new(Duration::ZERO);
    let (ended, took, _) = run(async |script: Script| {
        *script.line.hangs.borrow_mut() = true;
        script.mood(Mood::Fails);
        script.read(&[LOGIN]);
        script.sent(1).await;
        drained.set(script.clock.now().elapsed());
        script.drain.cancel();
    })
    .await;
    assert_eq!((ended.unsettled, ended.failed), (1, None));
    let took = took.saturating_sub(drained.get());
    assert!(took >= SETTLING && took <= DEADLINE, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_drain_in_a_hold_ends_as_soon_as_nothing_is_in_flight() {
    let probe = Duration::from_secs(3);
    let (ended, took, _) = run(async |script: Script| {
        script.mood(Mood::Denies(probe));
        script.read(&[LOGIN]);
        script.sent(1).await;
        script.drain.cancel();
    })
    .await;
    assert_eq!((ended.unsettled, ended.failed), (1, None));
    // It lingers for at most a second, and is answered after three.
    assert!(took >= probe && took < probe + Duration::from_secs(2), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn records_assigned_while_the_group_is_left_are_not_sent() {
    let (ended, _, script) = run(async |script: Script| {
        *script.line.hangs.borrow_mut() = true;
        script.drain.cancel();
        script.received(|command| matches!(command, SourceCommand::Close(_))).await;
        script.read(&[LOGIN]);
        sleep(Duration::from_secs(3)).await;
    })
    .await;
    assert_eq!((ended.unsettled, ended.records.consumed), (0, 0));
    assert!(script.requests.lock().unwrap().is_empty(), "it would be cut off and sent twice");
}

#[tokio::test(start_paused = true)]
async fn a_revocation_is_answered_when_its_records_are_settled() {
    let (ended, _, script) = run(async |script: Script| {
        script.mood(Mood::Accepts(Duration::from_secs(3)));
        script.read(&[LOGIN]);
        script.sent(1).await;
        script.say(SourceEvent::Revoking(vec![OWNED]));
        sleep(Duration::from_secs(2)).await;
        assert_eq!(script.commands(), [], "its request is in flight");
        let released = script.received(|command| matches!(command, SourceCommand::Release { .. })).await;
        assert_eq!(
            released,
            SourceCommand::Release { ownerships: vec![OWNED], commits: vec![Commit::at(OWNED, 1)] }
        );
        script.drain.cancel();
    })
    .await;
    assert_eq!((ended.unsettled, ended.failed), (0, None));
    assert_eq!(script.commands().last(), Some(&SourceCommand::Close(vec![])), "it owns nothing any more");
}

#[tokio::test(start_paused = true)]
async fn a_revocation_is_answered_after_its_time_at_the_latest() {
    let (ended, took, _) = run(async |script: Script| {
        script.mood(Mood::Fails);
        script.read(&[OTHER, LOGIN]);
        script.sent(1).await;
        script.say(SourceEvent::Revoking(vec![OWNED]));
        let released = script.received(|command| matches!(command, SourceCommand::Release { .. })).await;
        assert_eq!(
            released,
            SourceCommand::Release { ownerships: vec![OWNED], commits: vec![Commit::at(OWNED, 1)] },
            "up to what is settled"
        );
        script.drain.cancel();
    })
    .await;
    assert_eq!((ended.unsettled, ended.failed), (0, None));
    assert!(took >= REVOKE_TIMEOUT && took < REVOKE_TIMEOUT + Duration::from_secs(3), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_committed_for_lost_partitions() {
    let (ended, _, script) = run(async |script: Script| {
        script.read(&[LOGIN]);
        script.sent(1).await;
        script.say(SourceEvent::Lost(vec![OWNED]));
        sleep(Duration::from_mins(1)).await;
        script.drain.cancel();
    })
    .await;
    assert_eq!((ended.unsettled, ended.failed), (0, None));
    assert_eq!(script.commands(), [SourceCommand::Close(vec![])]);
}

#[tokio::test(start_paused = true)]
async fn a_revocation_while_the_source_closes_is_answered() {
    let (ended, _, script) = run(async |script: Script| {
        *script.line.hangs.borrow_mut() = true;
        script.read(&[LOGIN]);
        script.drain.cancel();
        script.received(|command| matches!(command, SourceCommand::Close(_))).await;
        script.say(SourceEvent::Revoking(vec![OWNED]));
        script.received(|command| matches!(command, SourceCommand::Release { .. })).await;
        script.say(SourceEvent::Closed);
    })
    .await;
    assert_eq!((ended.unsettled, ended.failed), (0, None));
    assert_eq!(
        script.commands().last(),
        Some(&SourceCommand::Release { ownerships: vec![OWNED], commits: vec![] })
    );
}

#[tokio::test(start_paused = true)]
async fn kafka_that_fails_for_good_ends_it_with_the_reason() {
    let (ended, took, script) = run(async |script: Script| {
        script.mood(Mood::Fails);
        script.read(&[LOGIN]);
        script.sent(1).await;
        script.say(SourceEvent::Failed(Code("fenced")));
    })
    .await;
    assert_eq!((ended.unsettled, ended.failed), (1, Some(Code("fenced"))));
    assert!(took < CLOSING, "nothing is waited for: {took:?}");
    assert_eq!(script.commands(), [SourceCommand::Close(vec![])]);
}

#[tokio::test(start_paused = true)]
async fn it_shows_that_it_lives_when_nothing_happens_and_when_it_drains() {
    let watch = async |script: &Script, time: Duration| {
        let end = script.clock.now() + time;
        while script.clock.now() < end {
            sleep(Duration::from_secs(1)).await;
            assert!(script.health.is_alive(script.clock.now()));
        }
    };
    run(async |script: Script| {
        watch(&script, Duration::from_hours(1)).await;
        script.mood(Mood::Fails);
        script.read(&[LOGIN]);
        script.sent(1).await;
        script.drain.cancel();
        watch(&script, DEADLINE).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn queries_are_answered_even_during_a_drain_and_their_counts_balance() {
    run(async |script: Script| {
        script.mood(Mood::Fails);
        script.read(&[LOGIN, OTHER, None]);
        script.sent(1).await;
        for stage in ["running", "draining"] {
            let (reply, answer) = oneshot::channel();
            script.queries.send(Query::Status(reply)).await.unwrap();
            let status = serde_json::to_value(answer.await.unwrap()).unwrap();
            assert_eq!(status["stage"], stage);
            let records = &status["records"];
            let ended = ["accepted", "outstanding", "released"].map(|name| records[name].as_u64().unwrap());
            let ignored =
                records["ignored"].as_object().unwrap().values().filter_map(serde_json::Value::as_u64);
            assert_eq!(ended, [0, 1, 0]);
            assert_eq!(records["consumed"], 1 + ignored.sum::<u64>());
            script.drain.cancel();
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// The log of a test.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl io::Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_doubtful_format_is_logged_once_and_shown_without_a_record() {
    let page = Page::default();
    let to = page.clone();
    let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || to.clone()).finish();
    let _log = tracing::subscriber::set_default(log);
    let shown = async |script: &Script| {
        let (reply, answer) = oneshot::channel();
        script.queries.send(Query::Status(reply)).await.unwrap();
        serde_json::to_value(answer.await.unwrap()).unwrap()["source"]["doubtful_formats"].clone()
    };
    run(async |script: Script| {
        script.read(&[OTHER; 99]);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(shown(&script).await, serde_json::json!([]));
        script.read_on(99, &[OTHER; 200]);
        sleep(Duration::from_secs(1)).await;
        let expected = serde_json::json!([{"topic": "logins", "format": "keycloak"}]);
        assert_eq!(shown(&script).await, expected);
        script.drain.cancel();
    })
    .await;
    let log = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("most records")).collect();
    let [line] = lines[..] else { panic!("{log}") };
    assert!(line.contains(" WARN ") && line.ends_with("topic=logins format=\"keycloak\""), "{line}");
    assert!(!log.contains("CLIENT_LOGIN") && !log.contains("u2"), "{log}");
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "a bug")]
async fn a_panic_in_a_send_is_not_swallowed() {
    run(async |script: Script| {
        script.mood(Mood::Panics);
        script.read(&[LOGIN]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn without_a_table_the_source_begins_at_once() {
    let (_, _, script) = run(async |script: Script| {
        script.received(|command| *command == SourceCommand::Begin).await;
        script.drain.cancel();
    })
    .await;
    assert_eq!(script.line.commands.borrow().first(), Some(&SourceCommand::Begin));
}

#[tokio::test(start_paused = true)]
async fn the_source_begins_when_the_destination_is_ready_and_questions_are_answered_before() {
    let begins = |command: &SourceCommand| *command == SourceCommand::Begin;
    let (ended, after, _) = run(async |script: Script| {
        *script.preparation.lock().unwrap() = Duration::from_mins(1);
        sleep(Duration::from_secs(59)).await;
        assert!(script.holds().await.is_empty(), "the runner answers");
        assert_eq!(script.health.stage(), Stage::Running);
        assert!(!script.line.commands.borrow().iter().any(begins), "the destination gets ready");
        script.received(begins).await;
        script.drain.cancel();
    })
    .await;
    assert!(after >= Duration::from_mins(1), "{after:?}");
    assert_eq!((ended.unsettled, ended.failed), (0, None));
}

#[tokio::test(start_paused = true)]
async fn the_source_begins_when_the_table_is_loaded_and_not_before() {
    let begins = |command: &SourceCommand| *command == SourceCommand::Begin;
    let (ended, _, _) = run_sharing(async |script: Script| {
        script.table_says(TableEvent::Loading { read: 0, of: 2 });
        sleep(Duration::from_mins(1)).await;
        assert!(!script.line.commands.borrow().iter().any(begins), "the table is being read");
        assert_eq!(script.health.stage(), Stage::Loading);
        assert!(script.health.is_alive(script.clock.now()), "and the runner lives all the while");
        script.table_says(TableEvent::Loaded);
        script.received(begins).await;
        assert_eq!(script.health.stage(), Stage::Running);
        script.drain.cancel();
    })
    .await;
    assert_eq!((ended.unsettled, ended.failed), (0, None));
}

#[tokio::test(start_paused = true)]
async fn events_are_sent_after_their_entries_are_acknowledged_and_not_before() {
    let (ended, _, script) = run_sharing(async |script: Script| {
        script.table_says(TableEvent::Loaded);
        script.read(&[LOGIN]);
        let id = script.wrote(1).await.expect("its outcome is waited for");
        sleep(Duration::from_mins(1)).await;
        assert!(script.requests.lock().unwrap().is_empty(), "nobody could read of the session");
        script.table_says(TableEvent::Written(id, WriteOutcome::Written));
        script.sent(1).await;
        script.received(|command| matches!(command, SourceCommand::Commit(_))).await;
        script.drain.cancel();
    })
    .await;
    assert_eq!((ended.unsettled, ended.uncommitted, ended.failed), (0, 0, None));
    assert_eq!(*script.requests.lock().unwrap(), [2]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_write_is_a_hold_and_goes_on_when_it_is_mended() {
    let (ended, _, script) = run_sharing(async |script: Script| {
        script.table_says(TableEvent::Loaded);
        script.sheet.outcome.set(Some(WriteOutcome::Refused(Code("topic_authorization_failed"))));
        script.read(&[LOGIN]);
        script.wrote(3).await;
        assert_eq!(script.holds().await, ["table"]);
        assert!(script.requests.lock().unwrap().is_empty());
        script.sheet.outcome.set(Some(WriteOutcome::Written));
        script.sent(1).await;
        assert!(script.holds().await.is_empty());
        script.drain.cancel();
    })
    .await;
    assert_eq!((ended.unsettled, ended.failed), (0, None));
    assert_eq!(*script.requests.lock().unwrap(), [2]);
}

#[tokio::test(start_paused = true)]
async fn a_drain_while_the_table_is_read_ends_it_at_once() {
    let (ended, took, script) = run_sharing(async |script: Script| {
        script.table_says(TableEvent::Loading { read: 1, of: 1000 });
        sleep(Duration::from_secs(1)).await;
        script.drain.cancel();
        script.received(|command| matches!(command, SourceCommand::Close(_))).await;
        script.table_says(TableEvent::Loaded);
    })
    .await;
    assert_eq!((ended.unsettled, ended.uncommitted, ended.failed), (0, 0, None));
    assert!(took < Duration::from_secs(3), "{took:?}");
    let begun = script.line.commands.borrow().contains(&SourceCommand::Begin);
    assert!(!begun, "a group is not joined to be left");
}

#[tokio::test(start_paused = true)]
async fn a_table_that_cannot_be_read_ends_it_with_the_reason() {
    let (ended, took, script) = run_sharing(async |script: Script| {
        script.table_says(TableEvent::Loading { read: 1, of: 1000 });
        script.table_says(TableEvent::Failed(Code("table_load_timeout")));
    })
    .await;
    assert_eq!((ended.unsettled, ended.failed), (0, Some(Code("table_load_timeout"))));
    assert!(took < CLOSING, "nothing is waited for: {took:?}");
    assert_eq!(script.commands(), [SourceCommand::Close(vec![])]);
}
