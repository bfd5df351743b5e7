//! A server that refuses everything, in words that are not to be repeated: each of its texts is marked.
//!
//! Each request in turn is answered in another way that is not an acceptance, and from then on every event
//! is refused for itself.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use serde_json::{Map, Value, json};

use super::privacy::MARK;

/// A running server. Dropped, it ends.
pub(super) struct HostileServer {
    pub(super) url: String,
    address: SocketAddr,
    thread: Option<thread::JoinHandle<()>>,
}

impl HostileServer {
    /// Starts it on a free port.
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let serve = move || {
            let mut number = 0;
            for stream in listener.incoming().map_while(Result::ok) {
                // One request to a connection; one without any is how the server is told to end.
                let Some(body) = request(&stream) else { return };
                number += 1;
                answer(stream, number, &body);
            }
        };
        let thread = thread::Builder::new().name("hostile server".to_owned()).spawn(serve);
        Self { url: format!("http://{address}"), address, thread: Some(thread.expect("a thread")) }
    }
}

impl Drop for HostileServer {
    fn drop(&mut self) {
        drop(TcpStream::connect(self.address));
        let ended = self.thread.take().map(thread::JoinHandle::join);
        assert!(thread::panicking() || matches!(ended, Some(Ok(()))), "the hostile server failed");
    }
}

/// The body of the request that comes.
fn request(stream: &TcpStream) -> Option<Vec<u8>> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
        let line = line.trim_end().to_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}

fn answer(mut stream: TcpStream, number: usize, body: &[u8]) {
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
    // A client that has gone is no matter.
    let _ = write!(stream, "{head}\r\n\r\n{body}");
}

/// Each event of the request refused for itself.
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
