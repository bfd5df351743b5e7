//! Routes a request: to `PutEvents`, or to the server's own pages under `/_emulator`.
//!
//! Knows nothing of what a call to `PutEvents` contains.
//!
//! | page | what it does |
//! |---|---|
//! | `GET /_emulator` | lists these pages |
//! | `GET /_emulator/events?since=N` | the accepted events after number N, as JSON lines |
//! | `DELETE /_emulator/events` | forgets events and counts |
//! | `GET /_emulator/counts` | counts |
//! | `GET`, `PUT /_emulator/faults` | the faults |
//! | `GET`, `PUT /_emulator/quota` | the quota; `null` switches it off |

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::{Method, Request, StatusCode, body::Incoming};
use serde::de::DeserializeOwned;

use crate::tools::emulator::{
    Control,
    answer::{Answer, Reply},
    put_events,
};

const USAGE: &str = "An emulation of Amazon Pinpoint's PutEvents.

POST   /v1/apps/{application}/events   PutEvents (point the SDK's endpoint URL here)
GET    /_emulator/events?since=N       accepted events, as JSON lines
DELETE /_emulator/events               forget events and counts
GET    /_emulator/counts               counts
GET    /_emulator/faults  and PUT      the faults
GET    /_emulator/quota   and PUT      the quota; null switches it off

To throttle half of all requests:
curl -X PUT -d '{\"throttled\": 0.5}' http://ADDRESS/_emulator/faults
";

/// A request to a page may take 1 MB at most.
const MAX_PAGE_REQUEST: usize = 1_000_000;

pub(super) async fn answer(control: &Control, request: Request<Incoming>) -> Reply {
    let path = request.uri().path().to_owned();
    match path.trim_start_matches('/').split('/').collect::<Vec<_>>()[..] {
        ["_emulator", ref page @ ..] => Reply::Answer(page_answer(control, page, request).await),
        ["v1", "apps", application, "events"] if !application.is_empty() => {
            if request.method() == Method::POST {
                put_events::serve(control, application, request).await
            } else {
                Reply::Answer(Answer::method_not_allowed())
            }
        }
        _ => Reply::Answer(Answer::not_found()),
    }
}

async fn page_answer(control: &Control, page: &[&str], request: Request<Incoming>) -> Answer {
    let method = request.method().clone();
    match (page, method.as_str()) {
        ([] | [""], "GET") => {
            Answer::text(StatusCode::OK, "text/plain", Bytes::from_static(USAGE.as_bytes()))
        }
        (["counts"], "GET") => Answer::json(StatusCode::OK, &control.counts()),
        (["events"], "GET") => events(control, request.uri().query()),
        (["events"], "DELETE") => {
            control.reset();
            Answer::text(StatusCode::NO_CONTENT, "text/plain", Bytes::new())
        }
        (["faults"], "GET") => Answer::json(StatusCode::OK, &control.faults()),
        (["quota"], "GET") => Answer::json(StatusCode::OK, &control.quota()),
        (["faults"], "PUT") => match read_json(request).await {
            Ok(faults) => {
                control.set_faults(faults);
                Answer::json(StatusCode::OK, &control.faults())
            }
            Err(answer) => answer,
        },
        (["quota"], "PUT") => match read_json(request).await {
            Ok(quota) => {
                control.set_quota(quota);
                Answer::json(StatusCode::OK, &control.quota())
            }
            Err(answer) => answer,
        },
        (["counts" | "events" | "faults" | "quota"], _) => Answer::method_not_allowed(),
        _ => Answer::not_found(),
    }
}

fn events(control: &Control, query: Option<&str>) -> Answer {
    let since = match query.map(|query| query.strip_prefix("since=").map(str::parse)) {
        None => 0,
        Some(Some(Ok(since))) => since,
        Some(_) => return Answer::bad_request("The query is since=N."),
    };
    let mut lines = Vec::new();
    for event in control.events(since) {
        // Cannot fail for our own type, whose keys are text.
        let _ = serde_json::to_writer(&mut lines, &*event);
        lines.push(b'\n');
    }
    Answer::text(StatusCode::OK, "application/x-ndjson", lines.into())
}

async fn read_json<T: DeserializeOwned>(request: Request<Incoming>) -> Result<T, Answer> {
    let body = Limited::new(request.into_body(), MAX_PAGE_REQUEST).collect().await;
    let body = body.map_err(|_| Answer::bad_request("The request is too large or was broken off."))?;
    // The error goes only to whoever wrote the request.
    serde_json::from_slice(&body.to_bytes()).map_err(|error| Answer::bad_request(&error.to_string()))
}
