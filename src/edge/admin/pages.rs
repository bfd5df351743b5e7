//! The pages, in one table: the path of each, its content type and its answer.
//!
//! Knows nothing of connections. [`Health`] answers for liveness and readiness; the runner answers for
//! metrics and status, within a time limit. Nothing that a client sends changes anything.

use std::{
    fmt::Write as _,
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    header::{self, HeaderValue},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{
    core::{pipeline::HoldStatus, time::Moment},
    edge::admin::{Health, Query, Status, config::Readiness},
};

/// How long the runner may take to answer: well below the 10 s that Prometheus waits.
const RUNNER: Duration = Duration::from_secs(2);

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
/// The version is that of Prometheus' text format.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Reads the process's clock.
pub trait Clock: Fn() -> Moment + Send + Sync + 'static {}

impl<C: Fn() -> Moment + Send + Sync + 'static> Clock for C {}

/// Everything that the pages need to answer.
pub struct Pages<C> {
    /// Whether the process lives and is ready.
    pub health: Arc<Health>,
    /// What readiness depends on.
    pub readiness: Readiness,
    /// The channel of questions to the runner.
    pub queries: mpsc::Sender<Query>,
    pub clock: C,
}

/// A page: a line of [`Pages::ALL`].
struct Page<C> {
    path: &'static str,
    /// The content type of an answer. The reason why there is no answer is plain text.
    content_type: &'static str,
    /// What the page shows, for the index.
    about: &'static str,
    answer: for<'p> fn(&'p Pages<C>) -> Answering<'p>,
}

type Answering<'p> = Pin<Box<dyn Future<Output = PageResult> + Send + 'p>>;

/// A page's content, or the status and the reason why there is none.
type PageResult = Result<String, (StatusCode, String)>;

impl<C: Clock> Pages<C> {
    const ALL: [Page<C>; 5] = [
        Page { path: "/", content_type: HTML, about: "", answer: |_| now(Ok(Self::index())) },
        Page {
            path: "/livez",
            content_type: TEXT,
            about: "whether the process lives",
            answer: |pages| now(pages.liveness()),
        },
        Page {
            path: "/readyz",
            content_type: TEXT,
            about: "whether it is ready, and what is held",
            answer: |pages| now(pages.readiness()),
        },
        Page {
            path: "/metrics",
            content_type: METRICS,
            about: "metrics for Prometheus",
            answer: |pages| Box::pin(pages.ask(Query::Metrics)),
        },
        Page {
            path: "/status",
            content_type: JSON,
            about: "partitions, quota, holds and last errors as JSON",
            answer: |pages| Box::pin(pages.status()),
        },
    ];

    /// The answer to a request. Ignores its body and query.
    pub(super) async fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        let Some(page) = Self::ALL.into_iter().find(|page| page.path == path) else {
            return text(StatusCode::NOT_FOUND, "no such page; / lists the pages\n");
        };
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "this page can only be read\n");
            refused.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        match (page.answer)(self).await {
            Ok(content) => response(StatusCode::OK, page.content_type, content),
            Err((status, why)) => text(status, why),
        }
    }

    fn index() -> String {
        let mut items = String::new();
        for Page { path, about, .. } in Self::ALL.iter().filter(|page| page.path != "/") {
            // Writing into a text does not fail.
            let _ = writeln!(items, "<li><a href=\"{path}\">{path}</a>: {about}</li>");
        }
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><title>pinpoint-sidecar</title></head><body>\n\
             <h1>pinpoint-sidecar</h1>\n<ul>\n{items}</ul>\n</body></html>\n"
        )
    }

    fn liveness(&self) -> PageResult {
        match self.health.hanging((self.clock)()) {
            None => Ok("ok\n".to_owned()),
            Some(hanging) => {
                let seconds = hanging.silence.as_secs();
                Err(unavailable(format!("the {} has shown no sign of life for {seconds} s\n", hanging.part)))
            }
        }
    }

    fn readiness(&self) -> PageResult {
        let holds: String = self.health.holds().iter().map(line).collect();
        match self.health.unready(self.readiness) {
            None => Ok(format!("ready\n{holds}")),
            Some(why) => Err(unavailable(format!("not ready: {why}\n{holds}"))),
        }
    }

    async fn status(&self) -> PageResult {
        let status: Status = self.ask(Query::Status).await?;
        let failed = |_| (StatusCode::INTERNAL_SERVER_ERROR, "the status cannot be written\n".to_owned());
        serde_json::to_string_pretty(&status).map(|text| text + "\n").map_err(failed)
    }

    /// Asks the runner, which may hang or have ended.
    async fn ask<T>(
        &self,
        query: impl FnOnce(oneshot::Sender<T>) -> Query,
    ) -> Result<T, (StatusCode, String)> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.queries.send(query(reply)).await.ok()?;
            answer.await.ok()
        };
        match timeout(RUNNER, asked).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(unavailable("the runner has no answer\n")),
            Err(_) => Err(unavailable("the runner did not answer in time\n")),
        }
    }
}

/// An answer that is known at once.
fn now<'p>(answer: PageResult) -> Answering<'p> {
    Box::pin(ready(answer))
}

fn unavailable(why: impl Into<String>) -> (StatusCode, String) {
    (StatusCode::SERVICE_UNAVAILABLE, why.into())
}

fn text(status: StatusCode, text: impl Into<String>) -> Response<Full<Bytes>> {
    response(status, TEXT, text.into())
}

fn response(status: StatusCode, content_type: &'static str, content: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(content));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
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

    #[test]
    fn the_index_lists_every_other_page() {
        let index = Pages::<fn() -> Moment>::index();
        let links: Vec<_> =
            index.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(links, ["/livez", "/readyz", "/metrics", "/status"]);
        assert!(
            index.contains("<li><a href=\"/livez\">/livez</a>: whether the process lives</li>\n"),
            "{index}"
        );
    }

    /// Runs without a socket, so that nothing but the time-out moves the paused clock.
    #[tokio::test(start_paused = true)]
    async fn a_runner_that_hangs_is_not_waited_for() {
        let (queries, _hanging) = mpsc::channel(2);
        let health = Arc::new(Health::new(|| Moment::START));
        let pages = Pages { health, readiness: Readiness::Process, queries, clock: || Moment::START };
        // The third request finds the queue full.
        for path in ["/metrics", "/status", "/metrics"] {
            let page = pages.answer(&Request::get(path).body(()).unwrap()).await;
            assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        }
        let page = pages.answer(&Request::get("/livez").body(()).unwrap()).await;
        assert_eq!(page.status(), StatusCode::OK);
    }
}
