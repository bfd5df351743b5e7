//! A server that refuses everything, in words that must not be repeated: each of its texts is marked.
//!
//! Each request is refused in a different way in turn, and after that every event is refused individually.

use serde_json::{Map, Value, json};

use super::privacy::MARK;
use crate::support::answering::Answering;

pub(super) fn start() -> Answering {
    let mut number = 0;
    Answering::start(move |body| {
        number += 1;
        answer(number, body)
    })
}

fn answer(number: usize, body: &[u8]) -> String {
    let message = json!({ "message": MARK, "Message": MARK, "RequestID": MARK }).to_string();
    let (status, body) = match number {
        1 => (500, message),
        2 => (503, format!("<html>{MARK}</html>")),
        3 => (202, format!("{{\"Results\": {{\"{MARK}\": {MARK}")),
        4 => (418, message),
        5 => (403, message),
        6 => (429, message),
        7 => (400, message),
        _ => (202, json!({ "Results": refusals(body) }).to_string()),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} {MARK}\r\nx-amzn-errortype: {MARK}Exception\r\nx-amzn-requestid: {MARK}\r\n\
         content-type: application/json\r\nconnection: close\r\ncontent-length: {length}"
    );
    format!("{head}\r\n\r\n{body}")
}

/// Refuses each event of the request individually.
fn refusals(body: &[u8]) -> Map<String, Value> {
    let body: Value = serde_json::from_slice(body).expect("a request in JSON");
    let endpoints = body["BatchItem"].as_object().expect("endpoints").iter();
    let refusal = json!({ "StatusCode": 400, "Message": MARK });
    let refused = endpoints.map(|(endpoint_id, batch)| {
        let events = batch["Events"].as_object().expect("events").keys();
        let events: Map<_, _> = events.map(|id| (id.clone(), refusal.clone())).collect();
        let accepted = json!({ "StatusCode": 202, "Message": MARK });
        (endpoint_id.clone(), json!({ "EndpointItemResponse": accepted, "EventsItemResponse": events }))
    });
    refused.collect()
}
