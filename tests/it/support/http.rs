//! A minimal HTTP client: one request over one connection to a server on loopback.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// Longer than any page takes. A server that hangs must not hang the test.
const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Gets a page; `None` if nobody answers.
pub(crate) fn get(server: SocketAddr, path: &str) -> Option<Page> {
    request(server, "GET", path, "", "")
}

/// Sends JSON; `None` if nobody answers.
pub(crate) fn send(server: SocketAddr, method: &str, path: &str, json: &str) -> Option<Page> {
    request(server, method, path, "", json)
}

/// Posts JSON with a signature of the right shape for AWS; `None` if nobody answers.
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
    // With HTTP/1.0 the answer comes in one piece and ends with the connection.
    let head = format!("{method} {path} HTTP/1.0\r\nhost: {server}\r\ncontent-type: application/json");
    write!(stream, "{head}{headers}\r\ncontent-length: {length}\r\n\r\n{body}").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Page { status, body: body.to_owned() })
}
