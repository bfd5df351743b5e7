//! The little of HTTP that the tests speak: one request over one connection to a server on loopback.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// Longer than any page takes; a server that is stopped must not stop the test.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An answer: its status and its body.
#[derive(Debug)]
pub(crate) struct Page {
    /// The status, such as 200.
    pub(crate) status: u16,
    /// The body as text.
    pub(crate) body: String,
}

/// Gets a page; `None` when nobody answers.
pub(crate) fn get(server: SocketAddr, path: &str) -> Option<Page> {
    request(server, "GET", path, "", "")
}

/// Sends JSON; `None` when nobody answers.
pub(crate) fn send(server: SocketAddr, method: &str, path: &str, json: &str) -> Option<Page> {
    request(server, method, path, "", json)
}

/// Posts JSON signed as AWS wants it, by the signature's shape; `None` when nobody answers.
pub(crate) fn signed(server: SocketAddr, path: &str, json: &str) -> Option<Page> {
    let signature = "0123456789abcdef".repeat(4);
    let headers = format!(
        "\r\nx-amz-date: 20261122T100000Z\r\nauthorization: AWS4-HMAC-SHA256 \
         Credential=AKID/20261122/us-east-1/mobiletargeting/aws4_request, SignedHeaders=host, \
         Signature={signature}"
    );
    request(server, "POST", path, &headers, json)
}

fn request(server: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Option<Page> {
    let mut stream = TcpStream::connect_timeout(&server, TIMEOUT).ok()?;
    stream.set_read_timeout(Some(TIMEOUT)).ok()?;
    let length = body.len();
    // HTTP/1.0, so that the answer ends with the connection and comes in one piece.
    let head = format!("{method} {path} HTTP/1.0\r\nhost: {server}\r\ncontent-type: application/json");
    write!(stream, "{head}{headers}\r\ncontent-length: {length}\r\n\r\n{body}").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Page { status, body: body.to_owned() })
}
