//! The server's own pages, under `/_emulator`.
//!
//! Knows nothing of the services.
//!
//! | page | what it does |
//! |---|---|
//! | `GET /_emulator` | lists these pages |
//! | `GET /_emulator/events?since=N` | the accepted events after number N, as JSON lines |
//! | `DELETE /_emulator/events` | forgets events and counts |
//! | `GET /_emulator/counts` | counts |
//! | `GET`, `PUT /_emulator/faults` | the faults |
//! | `GET`, `PUT /_emulator/quota` | Pinpoint's quota; `null` switches it off |
//! | `GET`, `PUT /_emulator/streams` | shards and limits of the streams of Kinesis |

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::{Request, StatusCode, body::Incoming};
use serde::{Serialize, de::DeserializeOwned};

use crate::tools::emulator::{
    Control,
    answer::Answer,
    protocol::{Problem, Protocol},
};

const USAGE: &str = "An emulation of the AWS services that take events. Point the endpoint URL of an SDK here.

POST   /v1/apps/{application}/events             PutEvents of Pinpoint
POST   /service/AWSEventsV2/operation/PutEvents  PutEvents and DescribeEventBus of a custom bus (eventbridgev2)
POST   /  x-amz-target: AWSEvents                PutEvents and DescribeEventBus of a classic bus (eventbridge)
POST   /  x-amz-target: Kinesis_20131202         PutRecords and DescribeStreamSummary
POST   /  x-amz-target: Firehose_20150804        PutRecordBatch and DescribeDeliveryStream
POST   /  a form, for STS                        AssumeRole and GetCallerIdentity

GET    /_emulator/events?since=N       accepted events, as JSON lines
DELETE /_emulator/events               forget events and counts
GET    /_emulator/counts               counts
GET    /_emulator/faults  and PUT      the faults
GET    /_emulator/quota   and PUT      Pinpoint's quota; null switches it off
GET    /_emulator/streams and PUT      the shards of Kinesis and their limits

To throttle half of all requests, or those of one stream of Kinesis:
curl -X PUT -d '{\"throttled\": 0.5}' http://ADDRESS/_emulator/faults
curl -X PUT -d '{\"only\": [{\"service\": \"kinesis\", \"destination\": \"identity\", \"faults\": {\"throttled\": 0.5}}]}' \
http://ADDRESS/_emulator/faults
";

/// A request to a page may take 1 MB at most.
const MAX_PAGE_REQUEST: usize = 1_000_000;

pub(super) async fn answer(control: &Control, page: &[&str], request: Request<Incoming>) -> Answer {
    let method = request.method().clone();
    match (page, method.as_str()) {
        ([] | [""], "GET") => Answer::new(StatusCode::OK, "text/plain", USAGE),
        (["counts"], "GET") => Answer::json(StatusCode::OK, &control.counts()),
        (["events"], "GET") => events(control, request.uri().query()),
        (["events"], "DELETE") => {
            control.reset();
            Answer::new(StatusCode::NO_CONTENT, "text/plain", Bytes::new())
        }
        (["faults"], "GET") => Answer::json(StatusCode::OK, &control.faults()),
        (["quota"], "GET") => Answer::json(StatusCode::OK, &control.quota()),
        (["streams"], "GET") => Answer::json(StatusCode::OK, &control.streams()),
        (["faults"], "PUT") => change(request, |new| control.set_faults(new), || control.faults()).await,
        (["quota"], "PUT") => change(request, |new| control.set_quota(new), || control.quota()).await,
        (["streams"], "PUT") => change(request, |new| control.set_streams(new), || control.streams()).await,
        (["counts" | "events" | "faults" | "quota" | "streams"], _) => method_not_allowed(),
        _ => not_found(),
    }
}

pub(super) fn not_found() -> Answer {
    Protocol::RestJson.answer(&Problem::new(404, "NotFoundException", "Resource not found."))
}

pub(super) fn method_not_allowed() -> Answer {
    let message = "The method is not allowed.";
    Protocol::RestJson.answer(&Problem::new(405, "MethodNotAllowedException", message))
}

fn bad_request(message: &str) -> Answer {
    Protocol::RestJson.error(StatusCode::BAD_REQUEST, "BadRequestException", message)
}

fn events(control: &Control, query: Option<&str>) -> Answer {
    let since = match query.map(|query| query.strip_prefix("since=").map(str::parse)) {
        None => 0,
        Some(Some(Ok(since))) => since,
        Some(_) => return bad_request("The query is since=N."),
    };
    let mut lines = Vec::new();
    for event in control.events(since) {
        // Cannot fail for our own type, whose keys are text.
        let _ = serde_json::to_writer(&mut lines, &*event);
        lines.push(b'\n');
    }
    Answer::new(StatusCode::OK, "application/x-ndjson", lines)
}

/// Changes a setting to what the request holds, and answers with what it is then.
async fn change<T: DeserializeOwned + Serialize>(
    request: Request<Incoming>,
    set: impl FnOnce(T),
    get: impl FnOnce() -> T,
) -> Answer {
    match read_json(request).await {
        Ok(new) => {
            set(new);
            Answer::json(StatusCode::OK, &get())
        }
        Err(answer) => answer,
    }
}

async fn read_json<T: DeserializeOwned>(request: Request<Incoming>) -> Result<T, Answer> {
    let body = Limited::new(request.into_body(), MAX_PAGE_REQUEST).collect().await;
    let body = body.map_err(|_| bad_request("The request is too large or was broken off."))?;
    // The error goes only to whoever wrote the request.
    serde_json::from_slice(&body.to_bytes()).map_err(|error| bad_request(&error.to_string()))
}
