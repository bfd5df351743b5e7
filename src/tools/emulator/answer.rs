//! HTTP answers as Pinpoint writes them.
//!
//! Knows nothing of why an answer is given.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER},
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
    code: Option<String>,
    content_type: &'static str,
    retry_after: Option<Duration>,
    pub(super) body: Bytes,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorBody<'a> {
    message: &'a str,
    #[serde(rename = "RequestID")]
    request_id: &'a str,
}

impl Answer {
    pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Self {
        // Cannot fail for our own types, whose keys are text; and an empty body would be noticed.
        let body = serde_json::to_vec(value).unwrap_or_default();
        Self { body: body.into(), ..Self::text(status, "application/json", Bytes::new()) }
    }

    pub(super) fn text(status: StatusCode, content_type: &'static str, body: Bytes) -> Self {
        Self { status, code: None, content_type, retry_after: None, body }
    }

    /// An error with one of Pinpoint's codes.
    pub(super) fn error(status: StatusCode, code: &str, message: &str) -> Self {
        let body = ErrorBody { message, request_id: REQUEST_ID_VALUE };
        Self { code: Some(code.to_owned()), ..Self::json(status, &body) }
    }

    /// An error of something in front of Pinpoint, such as a load balancer: no code, no JSON.
    pub(super) fn bare(status: StatusCode) -> Self {
        Self::text(status, "text/html", Bytes::from_static(b"<html></html>"))
    }

    /// An error with this status: Pinpoint's own if it is 500.
    pub(super) fn of_status(status: u16) -> Self {
        match known_status(status) {
            StatusCode::INTERNAL_SERVER_ERROR => Self::internal_error(),
            status => Self::bare(status),
        }
    }

    pub(super) fn bad_request(message: &str) -> Self {
        Self::error(StatusCode::BAD_REQUEST, "BadRequestException", message)
    }

    pub(super) fn forbidden(code: &str, message: &str) -> Self {
        Self::error(StatusCode::FORBIDDEN, code, message)
    }

    pub(super) fn not_found() -> Self {
        Self::error(StatusCode::NOT_FOUND, "NotFoundException", "Resource not found.")
    }

    pub(super) fn method_not_allowed() -> Self {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        Self::error(status, "MethodNotAllowedException", "The method is not allowed.")
    }

    pub(super) fn too_large(message: &str) -> Self {
        Self::error(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLargeException", message)
    }

    pub(super) fn too_many_requests(retry_after: Option<Duration>) -> Self {
        let error =
            Self::error(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", "Too many requests.");
        Self { retry_after, ..error }
    }

    pub(super) fn internal_error() -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self::error(status, "InternalServerErrorException", "Internal server error.")
    }

    /// Cuts off the second half of the body.
    pub(super) fn broken(self) -> Self {
        Self { body: self.body.slice(..self.body.len() / 2), ..self }
    }
}

/// Any id will do, because clients only check that there is one.
const REQUEST_ID_VALUE: &str = "00000000-0000-4000-8000-000000000000";

impl From<Answer> for Response<Full<Bytes>> {
    fn from(answer: Answer) -> Self {
        let mut response = Self::new(Full::new(answer.body));
        *response.status_mut() = answer.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
        headers
            .insert(HeaderName::from_static("x-amzn-requestid"), HeaderValue::from_static(REQUEST_ID_VALUE));
        // A code that cannot be the value of a header is left out.
        if let Some(code) = answer.code.and_then(|code| HeaderValue::try_from(code).ok()) {
            headers.insert(HeaderName::from_static("x-amzn-errortype"), code);
        }
        if let Some(wait) = answer.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs()));
        }
        response
    }
}

/// The requested status, or 500 if there is no such status.
pub(super) fn known_status(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
