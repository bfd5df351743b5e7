//! The pages: which there are, and what each answers.
//!
//! Knows nothing of connections. Liveness and readiness are answered from [`Health`]; metrics and status
//! by the runner, within a time.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode, header};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{
    core::{pipeline::HoldStatus, time::Moment},
    edge::admin::{Health, Query, Status, config::Readiness},
};

/// How long the runner may take to answer: well under the 10 s that Prometheus waits.
const RUNNER: Duration = Duration::from_secs(2);

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
/// The version is that of Prometheus' text format.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

const INDEX: &str = "<!DOCTYPE html>
<html lang=\"en\"><head><title>pinpoint-sidecar</title></head><body>
<h1>pinpoint-sidecar</h1>
<ul>
<li><a href=\"/livez\">/livez</a>: whether the process lives</li>
<li><a href=\"/readyz\">/readyz</a>: whether it is ready, and what is held</li>
<li><a href=\"/metrics\">/metrics</a>: metrics for Prometheus</li>
<li><a href=\"/status\">/status</a>: partitions, quota, holds and last errors as JSON</li>
</ul>
</body></html>
";

/// Reads the process's clock.
pub trait Clock: Fn() -> Moment + Send + Sync + 'static {}

impl<C: Fn() -> Moment + Send + Sync + 'static> Clock for C {}

/// All that the pages are answered from.
pub struct Pages<C> {
    /// Whether the process lives and is ready.
    pub health: Arc<Health>,
    /// What readiness speaks of.
    pub readiness: Readiness,
    /// Where the runner takes questions.
    pub queries: mpsc::Sender<Query>,
    /// The process's clock.
    pub clock: C,
}

/// A page before it becomes a response.
struct Page {
    status: StatusCode,
    content_type: &'static str,
    body: String,
}

impl<C: Clock> Pages<C> {
    /// The answer to a request. Its body and query are not looked at.
    pub(super) async fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        let page = match request.uri().path() {
            "/" | "/livez" | "/readyz" | "/metrics" | "/status" if !is_read => not_allowed(),
            "/" => Page::found(HTML, INDEX.to_owned()),
            "/livez" => self.liveness(),
            "/readyz" => self.readiness(),
            "/metrics" => self.metrics().await,
            "/status" => self.status().await,
            _ => Page::text(StatusCode::NOT_FOUND, "no such page; / lists those that there are\n"),
        };
        page.into()
    }

    fn liveness(&self) -> Page {
        match self.health.hanging((self.clock)()) {
            None => Page::text(StatusCode::OK, "ok\n"),
            Some(hanging) => {
                let seconds = hanging.silence.as_secs();
                let body = format!("the {} has not shown for {seconds} s that it lives\n", hanging.part);
                Page::text(StatusCode::SERVICE_UNAVAILABLE, body)
            }
        }
    }

    fn readiness(&self) -> Page {
        let (status, mut body) = match self.health.unready(self.readiness) {
            None => (StatusCode::OK, "ready\n".to_owned()),
            Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")),
        };
        for hold in self.health.holds() {
            body.push_str(&line(&hold));
        }
        Page::text(status, body)
    }

    async fn metrics(&self) -> Page {
        match self.ask(Query::Metrics).await {
            Ok(text) => Page::found(METRICS, text),
            Err(silent) => silent,
        }
    }

    async fn status(&self) -> Page {
        let status: Status = match self.ask(Query::Status).await {
            Ok(status) => status,
            Err(silent) => return silent,
        };
        match serde_json::to_string_pretty(&status) {
            Ok(text) => Page::found(JSON, text + "\n"),
            Err(_) => Page::text(StatusCode::INTERNAL_SERVER_ERROR, "the status cannot be written down\n"),
        }
    }

    /// Asks the runner, which may hang or have ended.
    async fn ask<T>(&self, query: impl FnOnce(oneshot::Sender<T>) -> Query) -> Result<T, Page> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.queries.send(query(reply)).await.ok()?;
            answer.await.ok()
        };
        let silent = |why| Page::text(StatusCode::SERVICE_UNAVAILABLE, why);
        match timeout(RUNNER, asked).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(silent("the runner has no answer\n")),
            Err(_) => Err(silent("the runner did not answer in time\n")),
        }
    }
}

impl Page {
    fn found(content_type: &'static str, body: String) -> Self {
        Self { status: StatusCode::OK, content_type, body }
    }

    fn text(status: StatusCode, body: impl Into<String>) -> Self {
        Self { status, content_type: TEXT, body: body.into() }
    }
}

impl From<Page> for Response<Full<Bytes>> {
    fn from(page: Page) -> Self {
        let mut response = Self::new(Full::from(page.body));
        *response.status_mut() = page.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(page.content_type));
        headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
        if page.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(header::ALLOW, header::HeaderValue::from_static("GET, HEAD"));
        }
        response
    }
}

fn not_allowed() -> Page {
    Page::text(StatusCode::METHOD_NOT_ALLOWED, "this page can only be read\n")
}

/// A hold in one line: cause, code and what is held (`hold: dead_letter topic_authorization_failed
/// keycloak-events/3`).
fn line(hold: &HoldStatus) -> String {
    let mut line = format!("hold: {} {}", hold.cause, hold.code);
    // Writing into a text does not fail.
    let _ = match (&hold.topic, hold.partition) {
        (Some(topic), Some(partition)) => write!(line, " {topic}/{partition}"),
        (Some(topic), None) => write!(line, " {topic}"),
        _ => Ok(()),
    };
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without a socket, so that nothing but the time-out moves the paused clock.
    #[tokio::test(start_paused = true)]
    async fn a_runner_that_hangs_is_not_waited_for() {
        let (queries, _hanging) = mpsc::channel(2);
        let health = Arc::new(Health::new(|| Moment::START));
        let pages = Pages { health, readiness: Readiness::Process, queries, clock: || Moment::START };
        // The third finds the queue full.
        for path in ["/metrics", "/status", "/metrics"] {
            let page = pages.answer(&Request::get(path).body(()).unwrap()).await;
            assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        }
        let page = pages.answer(&Request::get("/livez").body(()).unwrap()).await;
        assert_eq!(page.status(), StatusCode::OK);
    }
}
