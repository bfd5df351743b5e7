//! HTTP answers, in whatever protocol.
//!
//! Knows nothing of why an answer is given, and of how a service writes its errors.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};
use serde::Serialize;

/// An answer, or the end of the connection without one.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Answer(Answer),
    Close,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// The error's code, for the counts.
    pub(super) code: Option<String>,
    content_type: &'static str,
    headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
}

/// Any id will do, because clients only check that there is one.
pub(super) const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

impl Answer {
    pub(super) fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { status, code: None, content_type, headers: Vec::new(), body: body.into() }
    }

    pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Self {
        // Cannot fail for our own types, whose keys are text; and an empty body would be noticed.
        Self::new(status, "application/json", serde_json::to_vec(value).unwrap_or_default())
    }

    /// An error of something in front of the service, such as a load balancer: no code, and its own format.
    pub(super) fn bare(status: StatusCode) -> Self {
        Self::new(status, "text/html", &b"<html></html>"[..])
    }

    pub(super) fn with_code(self, code: &str) -> Self {
        Self { code: Some(code.to_owned()), ..self }
    }

    pub(super) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Asks the client to wait, in whole seconds.
    pub(super) fn with_retry_after(self, wait: Option<Duration>) -> Self {
        match wait {
            Some(wait) => self.with_header("retry-after", &wait.as_secs().to_string()),
            None => self,
        }
    }

    /// Cuts off the second half of the body.
    pub(super) fn broken(self) -> Self {
        Self { body: self.body.slice(..self.body.len() / 2), ..self }
    }
}

impl From<Answer> for Response<Full<Bytes>> {
    fn from(answer: Answer) -> Self {
        let mut response = Self::new(Full::new(answer.body));
        *response.status_mut() = answer.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
        headers.insert(HeaderName::from_static("x-amzn-requestid"), HeaderValue::from_static(REQUEST_ID));
        for (name, value) in answer.headers {
            // A text that cannot be the value of a header is left out.
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

/// The requested status, or 500 if there is no such status.
pub(super) fn known_status(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
