//! The server over a real connection: the answer to each call, and the effect of each fault.

use std::{
    io::{Read, Write},
    net::TcpStream as Client,
};

use serde_json::{Value, json};

use super::*;
use crate::core::units::Span;

mod sdk;

const PATH: &str = "/v1/apps/app/events";

/// Runs a server for the duration of `test`, which watches it through the handle.
async fn with_server<T>(options: Options, test: impl AsyncFnOnce(SocketAddr, Control) -> T) -> T {
    let emulator = Emulator::bind("127.0.0.1:0".parse().unwrap(), options).await.unwrap();
    let (address, control) = (emulator.address(), emulator.control());
    let shutdown = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(emulator.run(shutdown.clone()));
    let result = timeout(Duration::from_secs(30), test(address, control)).await.expect("the test hangs");
    shutdown.cancel();
    tasks.join_next().await.unwrap().unwrap();
    result
}

fn unlimited() -> Options {
    Options { quota: None, ..Options::default() }
}

fn failing(faults: Faults) -> Options {
    Options { faults, ..unlimited() }
}

/// An answer as received: status, error code and body.
#[derive(Debug, PartialEq)]
struct Heard {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Heard {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn code(&self) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix("x-amzn-errortype: "))
    }
}

/// Sends requests over one connection, one after the other. The last answer is `None` if there is none.
async fn exchange(address: SocketAddr, requests: Vec<Vec<u8>>) -> Vec<Option<Heard>> {
    let blocking = move || {
        let mut client = Client::connect(address).unwrap();
        let mut answers = Vec::new();
        for request in requests {
            client.write_all(&request).unwrap();
            answers.push(hear(&mut client));
        }
        answers
    };
    tokio::task::spawn_blocking(blocking).await.unwrap()
}

fn hear(client: &mut Client) -> Option<Heard> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if client.read(&mut byte).unwrap_or(0) == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    client.read_exact(&mut body).unwrap();
    Some(Heard { status, head, body })
}

fn request(method: &str, path: &str, body: &str) -> Vec<u8> {
    let scope = "AKID/20261122/us-east-1/mobiletargeting/aws4_request";
    let signature = "0123456789abcdef".repeat(4);
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         x-amz-date: 20261122T100000Z\r\nauthorization: AWS4-HMAC-SHA256 Credential={scope}, \
         SignedHeaders=host;x-amz-date, Signature={signature}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

async fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> Option<Heard> {
    exchange(address, vec![request(method, path, body)]).await.remove(0)
}

async fn put(address: SocketAddr, body: &Value) -> Option<Heard> {
    ask(address, "POST", PATH, &body.to_string()).await
}

fn event() -> Value {
    json!({"EventType": "_userauth.sign_in", "Timestamp": "2026-11-22T10:00:00.000Z"})
}

/// A call with the events `ids` on the endpoint `e`.
fn call(endpoint: &Value, ids: &[&str]) -> Value {
    let events: serde_json::Map<_, _> = ids.iter().map(|id| ((*id).to_owned(), event())).collect();
    json!({"BatchItem": {"e": {"Endpoint": endpoint, "Events": events}}})
}

fn accepted_ids(control: &Control) -> Vec<String> {
    control.events(0).iter().map(|event| event.event_id.clone()).collect()
}

#[tokio::test]
async fn each_item_has_an_answer() {
    with_server(unlimited(), async |address, control| {
        let mut body = call(&json!({}), &["good", "late"]);
        body["BatchItem"]["e"]["Events"]["late"]["Timestamp"] = json!("2026-11-22T10:00:00+0000");
        body["BatchItem"]["f}"] = json!({"Endpoint": {}, "Events": {"lost": event()}});
        let heard = put(address, &body).await.unwrap();
        assert_eq!(heard.status, 202);
        let expected = json!({"Results": {
            "e": {
                "EndpointItemResponse": {"StatusCode": 202, "Message": "Accepted"},
                "EventsItemResponse": {
                    "good": {"StatusCode": 202, "Message": "Accepted"},
                    "late": {"StatusCode": 400, "Message": "A timestamp is not a UTC time with milliseconds and Z."},
                },
            },
            "f}": {
                "EndpointItemResponse": {"StatusCode": 400, "Message": "The endpoint id is empty or holds one of $ { }."},
                "EventsItemResponse": {},
            },
        }});
        assert_eq!(heard.json(), expected);
        assert_eq!(accepted_ids(&control), ["good"]);
        let violations = [("pinpoint.endpoint_id", 1), ("pinpoint.event_timestamp", 1)];
        assert_eq!(control.counts().violations, violations.into());
    })
    .await;
}

#[tokio::test]
async fn calls_are_answered_as_by_the_service() {
    with_server(unlimited(), async |address, _| {
        let good = call(&json!({}), &["1"]).to_string();
        let check = async |method, path, body: &str, status, code| {
            let heard = ask(address, method, path, body).await.unwrap();
            assert_eq!((heard.status, heard.code()), (status, code), "{method} {path} {body:.50}");
        };
        check("POST", PATH, &good, 202, None).await;
        check("GET", PATH, "", 405, Some("MethodNotAllowedException")).await;
        check("POST", "/v1/apps//events", &good, 404, Some("NotFoundException")).await;
        check("POST", "/v1/apps/app/messages", &good, 404, Some("NotFoundException")).await;
        check("GET", "/", "", 404, Some("NotFoundException")).await;
        check("POST", PATH, "{", 400, Some("BadRequestException")).await;
        check("POST", PATH, "{}", 400, Some("BadRequestException")).await;
        let wrapped = format!(r#"{{"EventsRequest":{good}}}"#);
        check("POST", PATH, &wrapped, 400, Some("BadRequestException")).await;
        let large = " ".repeat(4_000_000 - good.len()) + &good;
        check("POST", PATH, &large, 202, None).await;
        check("POST", PATH, &(large + " "), 413, Some("PayloadTooLargeException")).await;
        let unsigned = format!("POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{{}}");
        let heard = exchange(address, vec![unsigned.into_bytes()]).await.remove(0).unwrap();
        assert_eq!((heard.status, heard.code()), (403, Some("MissingAuthenticationTokenException")));
    })
    .await;
}

#[tokio::test]
async fn one_connection_serves_many_calls() {
    with_server(unlimited(), async |address, control| {
        let call = |id| request("POST", PATH, &call(&json!({}), &[id]).to_string());
        let heard = exchange(address, vec![call("1"), call("2"), call("1")]).await;
        assert!(heard.iter().all(|heard| heard.as_ref().is_some_and(|heard| heard.status == 202)));
        assert_eq!(accepted_ids(&control), ["1", "2", "1"]);
        assert_eq!(control.counts().duplicates, 1);
        assert_eq!(control.counts().max_in_flight, 1);
        assert_eq!(control.counts().endpoints_in_two_requests, 0);
    })
    .await;
}

#[tokio::test]
async fn a_long_value_is_dropped_silently() {
    with_server(unlimited(), async |address, control| {
        let mut body = call(&json!({}), &["1"]);
        body["BatchItem"]["e"]["Events"]["1"]["Attributes"] = json!({"a": "v".repeat(201)});
        let heard = put(address, &body).await.unwrap();
        assert_eq!(heard.json()["Results"]["e"]["EventsItemResponse"]["1"]["StatusCode"], 202);
        let counts = control.counts();
        assert_eq!((counts.events_accepted, counts.events_dropped), (0, 1));
        assert_eq!(counts.violations, [("pinpoint.event_value_length", 1)].into());
    })
    .await;
}

#[tokio::test]
async fn a_user_has_fifteen_endpoints_that_count() {
    with_server(unlimited(), async |address, control| {
        let put_endpoint = async |id: String, channel: &str| {
            let endpoint = json!({"ChannelType": channel, "User": {"UserId": "u"}});
            let batch = json!({"Endpoint": endpoint, "Events": {"1": event()}});
            let heard = put(address, &json!({"BatchItem": {id.as_str(): batch}})).await.unwrap();
            let answer = heard.json()["Results"][id.as_str()].clone();
            (
                answer["EndpointItemResponse"]["StatusCode"].as_u64().unwrap(),
                answer["EventsItemResponse"].clone(),
            )
        };
        for endpoint in 0..15 {
            assert_eq!(put_endpoint(endpoint.to_string(), "EMAIL").await.0, 202);
        }
        assert_eq!(put_endpoint("16".to_owned(), "EMAIL").await, (400, json!({})));
        assert_eq!(put_endpoint("0".to_owned(), "SMS").await.0, 202);
        assert_eq!(put_endpoint("17".to_owned(), "GCM").await.0, 202);
        assert_eq!(control.counts().violations, [("pinpoint.user_endpoints", 1)].into());
        control.set_faults(Faults { refused_endpoint_keeps_events: true, ..Faults::default() });
        let (status, events) = put_endpoint("16".to_owned(), "EMAIL").await;
        assert_eq!((status, &events["1"]["StatusCode"]), (400, &json!(202)));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_quota_counts_a_sliding_second() {
    let options = Options {
        quota: Some(Quota { requests_per_second: 2, in_flight: 15 }),
        faults: Faults { retry_after: Some(Span(Duration::from_secs(3))), ..Faults::default() },
        ..Options::default()
    };
    with_server(options, async |address, control| {
        let call = request("POST", PATH, &call(&json!({}), &["1"]).to_string());
        let heard = exchange(address, vec![call; 3]).await;
        let status: Vec<_> = heard.iter().flatten().map(|heard| heard.status).collect();
        assert_eq!(status, [202, 202, 429]);
        assert_eq!(heard[2].as_ref().unwrap().code(), Some("TooManyRequestsException"));
        assert!(heard[2].as_ref().unwrap().head.contains("retry-after: 3\r\n"));
        let counts = control.counts();
        assert_eq!((counts.over_quota, counts.max_per_second), (1, 3));
        assert_eq!(counts.answers, [(202, 2), (429, 1)].into());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn each_account_has_a_quota_of_its_own() {
    let quota = Some(Quota { requests_per_second: 1, in_flight: 15 });
    with_server(Options { quota, ..Options::default() }, async |address, control| {
        let (account, role, session) = ("444455556666".to_owned(), "r".to_owned(), "s".to_owned());
        let caller = credentials::Caller::Role { account, role, session };
        let issued = control.lock().credentials.issue(caller, control.now(), Duration::from_hours(1));
        let own = request("POST", PATH, &call(&json!({}), &["1"]).to_string());
        let token = format!("x-amz-security-token: {}\r\ncontent-length", issued.token);
        let text = String::from_utf8(own.clone()).unwrap();
        let tenants = text.replace("AKID", &issued.access_key).replacen("content-length", &token, 1);
        let tenants = tenants.into_bytes();
        let heard = exchange(address, vec![own.clone(), tenants.clone(), own, tenants]).await;
        let status: Vec<_> = heard.iter().flatten().map(|heard| heard.status).collect();
        assert_eq!(status, [202, 202, 429, 429]);
        assert_eq!((control.counts().over_quota, control.counts().max_per_second), (2, 2));
    })
    .await;
}

/// Makes one call with one event while a fault is on, and checks the HTTP status and the error code (`None`
/// if there is no answer), the event's status in Results, and whether the event was accepted.
#[track_caller]
fn check_fault(
    faults: Faults,
    answer: Option<(u16, Option<&str>)>,
    item: Option<u64>,
    taken: bool,
) -> impl Future<Output = ()> {
    let place = panic::Location::caller();
    let answer = answer.map(|(status, code)| (status, code.map(str::to_owned)));
    with_server(failing(faults), async move |address, control| {
        let endpoint = json!({"User": {"UserId": "user"}});
        let heard = put(address, &call(&endpoint, &["1"])).await;
        let seen = heard.as_ref().map(|heard| (heard.status, heard.code().map(str::to_owned)));
        assert_eq!(seen, answer, "{place}");
        let body: Value =
            heard.map(|heard| serde_json::from_slice(&heard.body).unwrap_or_default()).unwrap_or_default();
        let status = &body["Results"]["e"]["EventsItemResponse"]["1"]["StatusCode"];
        assert_eq!(status.as_u64(), item, "{place}");
        assert_eq!(control.counts().events_accepted, u64::from(taken), "{place}");
    })
}

fn outage(outage: Outage) -> Faults {
    Faults { outage: Some(outage), ..Faults::default() }
}

#[tokio::test]
async fn calls_go_wrong_as_asked() {
    let none = Faults::default();
    check_fault(none.clone(), Some((202, None)), Some(202), true).await;
    let close = Outage { how: How::Close, lasts: None };
    check_fault(outage(close), None, None, false).await;
    check_fault(outage(Outage::unavailable()), Some((503, None)), None, false).await;
    let denied = Some("AccessDeniedException");
    check_fault(outage(Outage::access_denied()), Some((403, denied)), None, false).await;
    let expired = Some("ExpiredTokenException");
    check_fault(outage(Outage::expired_token()), Some((400, expired)), None, false).await;
    check_fault(outage(Outage::answer(418, "Tea")), Some((418, Some("Tea"))), None, false).await;
    let throttled = Faults { throttled: 1.0, ..none.clone() };
    check_fault(throttled, Some((429, Some("TooManyRequestsException"))), None, false).await;
    let broken = Faults { answer_broken: 1.0, ..none.clone() };
    check_fault(broken, Some((202, None)), None, true).await;
    let empty = Faults { answer_empty: 1.0, ..none.clone() };
    check_fault(empty, Some((202, None)), None, true).await;
    let late = Faults { latency: Some(Span(Duration::from_millis(1))), ..none };
    check_fault(late, Some((202, None)), Some(202), true).await;
}

#[tokio::test]
async fn items_go_wrong_as_asked() {
    let none = Faults::default();
    let item = |faults, status| check_fault(faults, Some((202, None)), status, false);
    item(Faults { events_throttled: 1.0, ..none.clone() }, Some(429)).await;
    item(Faults { events_failed: 1.0, ..none.clone() }, Some(500)).await;
    item(Faults { events_refused: 1.0, ..none.clone() }, Some(400)).await;
    let matching = |effect| {
        let matching = vec![Matching { text: "user".to_owned(), effect }];
        Faults { matching, ..none.clone() }
    };
    item(matching(Effect::RefuseEndpoint), None).await;
    let refused = Some((400, Some("BadRequestException")));
    check_fault(matching(Effect::RefuseCall), refused, None, false).await;
    let failed = Some((500, Some("InternalServerErrorException")));
    check_fault(matching(Effect::FailCall), failed, None, false).await;
}

#[tokio::test]
async fn a_failed_call_is_a_500_or_a_503() {
    let failed = Faults { failed: 1.0, ..Faults::default() };
    with_server(failing(failed), async |address, control| {
        for _ in 0..20 {
            put(address, &call(&json!({}), &["1"])).await.unwrap();
        }
        assert_eq!(control.counts().answers.into_keys().collect::<Vec<_>>(), [500, 503]);
        assert_eq!(control.counts().events_accepted, 0);
    })
    .await;
}

#[tokio::test]
async fn lost_and_missing_answers_come_both_ways() {
    let ids: Vec<_> = (0..100).map(|id| id.to_string()).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    let missing = Faults { events_missing: 0.5, ..Faults::default() };
    with_server(failing(missing), async |address, control| {
        let heard = put(address, &call(&json!({}), &ids)).await.unwrap();
        let answered = heard.json()["Results"]["e"]["EventsItemResponse"].as_object().unwrap().len();
        let accepted = accepted_ids(&control).len();
        assert!(answered < accepted && accepted < 100, "{answered} answered, {accepted} accepted");
    })
    .await;
    let lost = Faults { answer_lost: 1.0, ..Faults::default() };
    with_server(failing(lost), async |address, control| {
        let mut status = Vec::new();
        for id in &ids[..20] {
            status.push(put(address, &call(&json!({}), &[id])).await.map(|heard| heard.status));
        }
        assert!(status.contains(&None) && status.contains(&Some(500)), "{status:?}");
        assert_eq!(accepted_ids(&control), ids[..20]);
        let closed = status.iter().filter(|status| status.is_none()).count();
        assert_eq!(usize::try_from(control.counts().closed).unwrap(), closed);
    })
    .await;
}

#[tokio::test]
async fn a_call_that_hangs_is_in_flight_until_its_client_goes() {
    let hang = outage(Outage { how: How::Hang, lasts: None });
    let options = Options { quota: Some(Quota { requests_per_second: 100, in_flight: 1 }), ..failing(hang) };
    with_server(options, async |address, control| {
        let body = call(&json!({}), &["1"]);
        let mut client = Client::connect(address).unwrap();
        client.write_all(&request("POST", PATH, &body.to_string())).unwrap();
        while control.counts().requests == 0 {
            tokio::task::yield_now().await;
        }
        control.set_faults(Faults::default());
        assert_eq!(put(address, &body).await.unwrap().status, 429);
        drop(client);
        while put(address, &body).await.unwrap().status == 429 {}
        assert_eq!(accepted_ids(&control), ["1"]);
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_in_two_requests_is_noticed() {
    let late = Faults { latency: Some(Span(Duration::from_mins(1))), ..Faults::default() };
    with_server(failing(late), async |address, control| {
        let call = request("POST", PATH, &call(&json!({}), &["1"]).to_string());
        let mut first = Client::connect(address).unwrap();
        first.write_all(&call).unwrap();
        let mut second = Client::connect(address).unwrap();
        second.write_all(&call).unwrap();
        while control.counts().endpoints_in_two_requests == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(control.counts().max_in_flight, 2);
        assert_eq!(control.counts().events_accepted, 0);
    })
    .await;
}

#[tokio::test]
async fn a_call_in_flight_is_answered_before_the_server_stops() {
    let late = Faults { latency: Some(Span(Duration::from_millis(50))), ..Faults::default() };
    let emulator = Emulator::bind("127.0.0.1:0".parse().unwrap(), failing(late)).await.unwrap();
    let (address, control) = (emulator.address(), emulator.control());
    let shutdown = CancellationToken::new();
    let stop = async {
        while control.counts().max_in_flight == 0 {
            tokio::task::yield_now().await;
        }
        shutdown.cancel();
    };
    let body = call(&json!({}), &["1"]);
    let (heard, (), ()) = tokio::join!(put(address, &body), stop, emulator.run(shutdown.clone()));
    assert_eq!(heard.unwrap().status, 202);
    assert_eq!(accepted_ids(&control), ["1"]);
}

#[tokio::test]
async fn pages_show_and_change_the_server() {
    with_server(unlimited(), async |address, control| {
        put(address, &call(&json!({}), &["1", "2"])).await;
        let page = async |method, path, body: &str| {
            let heard = ask(address, method, path, body).await.unwrap();
            (heard.status, String::from_utf8(heard.body).unwrap())
        };
        let (_, lines) = page("GET", "/_emulator/events", "").await;
        assert_eq!(lines.lines().count(), 2);
        let (_, lines) = page("GET", "/_emulator/events?since=1", "").await;
        let line: Value = serde_json::from_str(&lines).unwrap();
        assert_eq!((&line["event_id"], &line["sequence"]), (&json!("2"), &json!(2)));
        assert_eq!(page("GET", "/_emulator/events?since=x", "").await.0, 400);
        let (_, counts) = page("GET", "/_emulator/counts", "").await;
        let counts: Value = serde_json::from_str(&counts).unwrap();
        assert_eq!(counts["events_by_type"], json!({"_userauth.sign_in": 2}));
        assert_eq!(page("DELETE", "/_emulator/events", "").await.0, 204);
        assert_eq!(control.counts(), Counts { max_per_second: 0, ..Counts::default() });

        let (status, faults) = page("PUT", "/_emulator/faults", r#"{"throttled": 0.5}"#).await;
        assert_eq!((status, control.faults().throttled), (200, 0.5));
        assert_eq!(page("GET", "/_emulator/faults", "").await, (200, faults));
        assert_eq!(page("PUT", "/_emulator/faults", r#"{"throtled": 0.5}"#).await.0, 400);
        let quota = r#"{"requests_per_second":3,"in_flight":2}"#.to_owned();
        assert_eq!(page("PUT", "/_emulator/quota", &quota).await, (200, quota.clone()));
        assert_eq!(page("GET", "/_emulator/quota", "").await, (200, quota));
        assert_eq!(page("PUT", "/_emulator/quota", "null").await, (200, "null".to_owned()));
        assert_eq!(control.quota(), None);
        assert_eq!(page("GET", "/_emulator", "").await.0, 200);
        assert_eq!(page("POST", "/_emulator/counts", "").await.0, 405);
        assert_eq!(page("GET", "/_emulator/other", "").await.0, 404);
    })
    .await;
}

#[tokio::test]
async fn a_handle_waits_for_later_events() {
    with_server(unlimited(), async |address, control| {
        let body = call(&json!({}), &["1"]);
        let wait = control.wait_until(|counts| counts.events_accepted == 2);
        tokio::join!(wait, async {
            put(address, &body).await;
            put(address, &body).await;
        });
    })
    .await;
}
