//! The pages as a client sees them, through a real socket, with a stand-in for the runner.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{config::Readiness, overview::tests::Parts, *};
use crate::core::{code::Code, pipeline::HoldStatus, time::Moment};

/// How the runner reacts to a question.
#[derive(Clone, Copy)]
enum Runner {
    Answers,
    Drops,
    Ended,
    Hangs,
}

struct Served {
    address: SocketAddr,
    health: Arc<Health>,
    /// In milliseconds.
    clock: Arc<AtomicU64>,
    /// Signals that the runner has received a question.
    asked: Arc<Notify>,
    shutdown: CancellationToken,
    tasks: JoinSet<()>,
}

impl Served {
    async fn start(runner: Runner, readiness: Readiness) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (queries, questions) = mpsc::channel(1);
        let clock = Arc::new(AtomicU64::new(0));
        let read = Arc::clone(&clock);
        let now = move || Moment::after_start(Duration::from_millis(read.load(Ordering::Relaxed)));
        let health = Arc::new(Health::new(now.clone()));
        let pages = Pages { health: Arc::clone(&health), readiness, queries, clock: now };
        let shutdown = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, pages, shutdown.clone()));
        let asked = Arc::new(Notify::new());
        tasks.spawn(answer(runner, questions, Arc::clone(&asked)));
        Self { address, health, clock, asked, shutdown, tasks }
    }

    /// Sends these bytes and reads until the server closes the connection.
    async fn exchange(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The server may close the connection while garbage is still being sent.
        let _ = stream.write_all(request).await;
        let mut response = Vec::new();
        let read = timeout(Duration::from_secs(30), stream.read_to_end(&mut response));
        let _ = read.await.expect("the server closes the connection");
        String::from_utf8(response).unwrap()
    }

    /// The head and the body of an answer.
    async fn ask(&self, method: &str, path: &str) -> (String, String) {
        let request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        let response = self.exchange(request.as_bytes()).await;
        let (head, body) = response.split_once("\r\n\r\n").expect("an answer");
        (head.to_ascii_lowercase(), body.to_owned())
    }

    async fn check(&self, path: &str, status: u16, body: &str) {
        let (head, found) = self.ask("GET", path).await;
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{path}: {head}");
        assert_eq!(found, body, "{path}");
    }
}

async fn answer(runner: Runner, mut questions: mpsc::Receiver<Query>, asked: Arc<Notify>) {
    if matches!(runner, Runner::Ended) {
        return;
    }
    let mut unanswered = Vec::new();
    while let Some(query) = questions.recv().await {
        asked.notify_one();
        match (runner, query) {
            (Runner::Answers, Query::Metrics(reply)) => reply.send("metric 1\n".to_owned()).unwrap(),
            (Runner::Answers, Query::Status(reply)) => {
                reply.send(Status::new(&Parts::eventful().overview())).unwrap();
            }
            (Runner::Answers, Query::Snapshot(_)) => {}
            (Runner::Hangs, query) => unanswered.push(query),
            (_, query) => drop(query),
        }
    }
}

fn hold(topic: Option<&str>, partition: Option<i32>) -> HoldStatus {
    HoldStatus {
        cause: "dead_letter",
        destination: None,
        code: Code("topic_authorization_failed"),
        topic: topic.map(Into::into),
        partition,
        since: None,
        count: 1,
    }
}

#[tokio::test]
async fn each_page_has_its_type_and_no_other_is_there() {
    let it = Served::start(Runner::Answers, Readiness::Process).await;
    let expected = [
        ("/", "text/html; charset=utf-8"),
        ("/livez", "text/plain; charset=utf-8"),
        ("/livez?verbose", "text/plain; charset=utf-8"),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
        ("/status", "application/json"),
    ];
    for (path, content_type) in expected {
        let (head, body) = it.ask("GET", path).await;
        assert!(head.starts_with("http/1.1 200 "), "{path}: {head}");
        assert!(head.contains(&format!("\r\ncontent-type: {content_type}\r\n")), "{path}: {head}");
        assert!(body.ends_with('\n'), "{path}");
    }
    for path in ["/live", "/livez/", "//", "/metrics/x", "/%2e%2e/etc/passwd"] {
        it.check(path, 404, "no such page; / lists the pages\n").await;
    }
}

#[tokio::test]
async fn the_runner_answers_metrics_and_status() {
    let it = Served::start(Runner::Answers, Readiness::Process).await;
    it.check("/metrics", 200, "metric 1\n").await;
    let (_, status) = it.ask("GET", "/status").await;
    assert!(status.starts_with("{\n  \"service\": \"pinpoint-sidecar\",\n"), "{status}");
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["partitions"][0]["lag"], 40);
}

#[tokio::test]
async fn head_is_get_without_the_body_and_nothing_can_be_changed() {
    let it = Served::start(Runner::Answers, Readiness::Process).await;
    for path in ["/", "/livez", "/metrics", "/status"] {
        let (head, body) = it.ask("HEAD", path).await;
        assert!(head.starts_with("http/1.1 200 ") && body.is_empty(), "{path}: {head}");
        let (get, body) = it.ask("GET", path).await;
        let length = format!("\r\ncontent-length: {}\r\n", body.len());
        assert!(head.contains(&length) && get.contains(&length), "{path}: {head} {get}");
    }
    for (method, path) in [("POST", "/livez"), ("DELETE", "/metrics"), ("OPTIONS", "/"), ("WAT", "/status")] {
        let (head, _) = it.ask(method, path).await;
        assert!(head.starts_with("http/1.1 405 ") && head.contains("\r\nallow: get, head\r\n"), "{head}");
    }
    let (head, _) = it.ask("POST", "/nowhere").await;
    assert!(head.starts_with("http/1.1 404 "), "{head}");
}

#[tokio::test]
async fn liveness_fails_after_a_minute_without_a_heartbeat() {
    let it = Served::start(Runner::Hangs, Readiness::Process).await;
    it.check("/livez", 200, "ok\n").await;
    it.clock.store(60_000, Ordering::Relaxed);
    it.check("/livez", 200, "ok\n").await;
    it.clock.store(60_001, Ordering::Relaxed);
    it.check("/livez", 503, "the runner has shown no sign of life for 60 s\n").await;
    it.health.beat(Moment::after_start(Duration::from_mins(1)));
    it.health.enter(Stage::Draining);
    it.check("/livez", 200, "ok\n").await;
}

#[tokio::test]
async fn readiness_names_the_holds_whether_or_not_they_count() {
    for (readiness, while_held) in
        [(Readiness::Process, (200, "ready\n")), (Readiness::Delivery, (503, "not ready: held\n"))]
    {
        let it = Served::start(Runner::Answers, readiness).await;
        it.check("/readyz", 503, "not ready: starting\n").await;
        it.health.enter(Stage::Running);
        it.check("/readyz", 200, "ready\n").await;
        let all = "hold: dead_letter topic_authorization_failed\n\
                   hold: dead_letter topic_authorization_failed logins\n\
                   hold: dead_letter topic_authorization_failed logins/3\n";
        it.health.hold(vec![hold(None, None), hold(Some("logins"), None), hold(Some("logins"), Some(3))]);
        it.check("/readyz", while_held.0, &format!("{}{all}", while_held.1)).await;
        it.health.enter(Stage::Draining);
        it.check("/readyz", 503, &format!("not ready: draining\n{all}")).await;
    }
}

#[tokio::test]
async fn a_runner_that_ended_or_cannot_answer_is_no_outage_of_the_other_pages() {
    for runner in [Runner::Ended, Runner::Drops] {
        let it = Served::start(runner, Readiness::Process).await;
        it.check("/metrics", 503, "the runner has no answer\n").await;
        it.check("/status", 503, "the runner has no answer\n").await;
        it.check("/livez", 200, "ok\n").await;
    }
}

#[tokio::test(start_paused = true)]
async fn clients_that_say_nothing_do_not_keep_others_out() {
    let it = Served::start(Runner::Answers, Readiness::Process).await;
    let mut silent = Vec::new();
    for _ in 0..70 {
        silent.push(TcpStream::connect(it.address).await.unwrap());
    }
    let mut response = String::new();
    // The paused clock jumps while bytes are on their way, which may end this connection, too.
    while response.is_empty() {
        response = it.exchange(b"GET /livez HTTP/1.0\r\n\r\n").await;
    }
    assert!(response.starts_with("HTTP/1.0 200 "), "{response}");
}

#[tokio::test]
async fn silent_clients_make_room_at_once_and_the_oldest_first() {
    let it = Served::start(Runner::Answers, Readiness::Process).await;
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(TcpStream::connect(it.address).await.unwrap());
    }
    it.check("/livez", 200, "ok\n").await;
    let ended = silent[0].read(&mut [0]).await;
    let newest = silent[63].try_read(&mut [0]).map_err(|error| error.kind());
    assert_eq!((ended.unwrap_or(0), newest), (0, Err(std::io::ErrorKind::WouldBlock)));
}

#[tokio::test]
async fn garbage_is_refused_and_the_pages_stay() {
    let it = Served::start(Runner::Answers, Readiness::Process).await;
    let long = [b"GET /".to_vec(), vec![b'a'; 1 << 20]].concat();
    let headers = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(1000));
    let garbage: [&[u8]; 8] = [
        b"\0\0\0\0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET \xff\xfe HTTP/1.1\r\n\r\n",
        b"GET /livez HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &long,
        headers.as_bytes(),
    ];
    for request in garbage {
        let response = it.exchange(request).await;
        assert!(!response.starts_with("HTTP/1.1 200"), "{response}");
    }
    it.check("/livez", 200, "ok\n").await;
}

#[tokio::test]
async fn a_shutdown_ends_the_server_and_requests_that_hang_with_it() {
    let mut it = Served::start(Runner::Hangs, Readiness::Process).await;
    let mut client = TcpStream::connect(it.address).await.unwrap();
    client.write_all(b"GET /status HTTP/1.1\r\n\r\n").await.unwrap();
    it.asked.notified().await;
    it.shutdown.cancel();
    while let Some(ended) = it.tasks.join_next().await {
        ended.unwrap();
    }
    assert_eq!(client.read(&mut [0]).await.unwrap_or(0), 0);
    assert!(TcpStream::connect(it.address).await.is_err());
}
