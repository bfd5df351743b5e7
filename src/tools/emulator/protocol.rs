//! The protocols of the services: how each writes an error, and what each demands of a request's head.
//!
//! Knows nothing of a service's operations.

use std::borrow::Cow;

use hyper::{
    HeaderMap, StatusCode,
    header::{CONTENT_TYPE, HeaderName},
};
use serde_json::json;

use crate::tools::emulator::{
    answer::{Answer, REQUEST_ID, known_status},
    signature::Unauthorized,
};

pub(super) mod cbor;
pub(super) mod json;
pub(super) mod query;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// JSON with a path for each operation, as Pinpoint has it.
    RestJson,
    /// JSON 1.1: the header `x-amz-target` names the operation.
    Json,
    /// Smithy's RPC v2: CBOR, and the path names the operation.
    Cbor,
    /// The query protocol: a form, whose `Action` names the operation; the answer is XML.
    Query,
}

/// An error as a service answers it, for a call or for one of its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: Cow<'static, str>,
    /// The rule that was broken, for the counts.
    pub(super) rule: Option<&'static str>,
}

impl Problem {
    pub(super) const fn new(status: u16, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message: Cow::Borrowed(message), rule: None }
    }

    /// A broken rule, which has a name.
    pub(super) const fn breach(
        rule: &'static str,
        status: u16,
        code: &'static str,
        message: &'static str,
    ) -> Self {
        Self { status, code, message: Cow::Borrowed(message), rule: Some(rule) }
    }

    /// A broken rule with details.
    pub(super) fn rule(
        rule: &'static str,
        status: u16,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, code, message: message.into(), rule: Some(rule) }
    }
}

impl Protocol {
    pub(super) fn answer(self, problem: &Problem) -> Answer {
        self.error(known_status(problem.status), problem.code, &problem.message)
    }

    /// An error with a code.
    pub(super) fn error(self, status: StatusCode, code: &str, message: &str) -> Answer {
        let answer = match self {
            Self::RestJson => Answer::json(status, &json!({ "Message": message, "RequestID": REQUEST_ID }))
                .with_header("x-amzn-errortype", code),
            Self::Json => {
                self.success_with(status, json::bytes(&json!({ "__type": code, "message": message })))
            }
            Self::Cbor => self.success_with(status, cbor::error(code, message)),
            Self::Query => self.success_with(status, query::error(code, message, status)),
        };
        answer.with_code(code)
    }

    pub(super) fn success(self, body: Vec<u8>) -> Answer {
        self.success_with(StatusCode::OK, body)
    }

    /// A success that says nothing of the entries.
    pub(super) fn empty(self) -> Answer {
        match self {
            Self::RestJson => Answer::json(StatusCode::ACCEPTED, &json!({})),
            Self::Json => self.success(b"{}".to_vec()),
            // An empty map.
            Self::Cbor => self.success(vec![0xa0]),
            Self::Query => self.success(Vec::new()),
        }
    }

    fn success_with(self, status: StatusCode, body: Vec<u8>) -> Answer {
        match self {
            Self::RestJson => Answer::new(status, "application/json", body),
            Self::Json => Answer::new(status, "application/x-amz-json-1.1", body),
            Self::Cbor => {
                Answer::new(status, "application/cbor", body).with_header("smithy-protocol", "rpc-v2-cbor")
            }
            Self::Query => Answer::new(status, "text/xml", body),
        }
    }

    /// Checks what the protocol demands of the headers.
    pub(super) fn check(self, headers: &HeaderMap) -> Result<(), Problem> {
        let has = |name: HeaderName, wanted: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.is_some_and(|value| value.split(';').next().unwrap_or_default().trim() == wanted)
        };
        let kept = match self {
            Self::RestJson => true,
            Self::Json => has(CONTENT_TYPE, "application/x-amz-json-1.1"),
            Self::Cbor => {
                has(CONTENT_TYPE, "application/cbor")
                    && has(HeaderName::from_static("smithy-protocol"), "rpc-v2-cbor")
            }
            Self::Query => has(CONTENT_TYPE, "application/x-www-form-urlencoded"),
        };
        let wrong = "The headers do not name the protocol of the service.";
        if kept { Ok(()) } else { Err(Problem::rule("protocol.headers", 415, "UnsupportedMediaType", wrong)) }
    }

    /// The error that a request without valid credentials gets.
    pub(super) fn unauthorized(self, why: Unauthorized) -> Problem {
        let (rest, query) = match why {
            Unauthorized::Missing => {
                ((403, "MissingAuthenticationTokenException"), (403, "MissingAuthenticationToken"))
            }
            Unauthorized::Incomplete => ((403, "IncompleteSignatureException"), (400, "IncompleteSignature")),
            Unauthorized::Service(_) => ((403, "InvalidSignatureException"), (403, "SignatureDoesNotMatch")),
            Unauthorized::Token => ((403, "UnrecognizedClientException"), (403, "InvalidClientTokenId")),
            Unauthorized::Expired => ((400, "ExpiredTokenException"), (403, "ExpiredToken")),
        };
        let (status, code) = match self {
            // Every error of a caller has the status 400.
            Self::Json => (400, rest.1),
            Self::RestJson | Self::Cbor => rest,
            Self::Query => query,
        };
        Problem::rule(why.rule(), status, code, why.message())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(protocol: Protocol, why: Unauthorized, status: u16, code: &str) {
        let problem = protocol.unauthorized(why);
        assert_eq!((problem.status, problem.code), (status, code));
    }

    #[test]
    fn each_protocol_has_its_own_codes_for_credentials() {
        use Protocol::{Cbor, Json, Query, RestJson};
        check(RestJson, Unauthorized::Missing, 403, "MissingAuthenticationTokenException");
        check(Json, Unauthorized::Missing, 400, "MissingAuthenticationTokenException");
        check(Cbor, Unauthorized::Token, 403, "UnrecognizedClientException");
        check(Json, Unauthorized::Expired, 400, "ExpiredTokenException");
        check(Query, Unauthorized::Expired, 403, "ExpiredToken");
        check(Query, Unauthorized::Incomplete, 400, "IncompleteSignature");
        check(Query, Unauthorized::Service("sts"), 403, "SignatureDoesNotMatch");
    }

    #[track_caller]
    fn check_error(protocol: Protocol, expected: &str) {
        let answer = protocol.error(StatusCode::BAD_REQUEST, "TooBad", "a <b> & c");
        assert_eq!(answer.code.as_deref(), Some("TooBad"));
        assert_eq!(String::from_utf8_lossy(&answer.body), expected);
    }

    #[test]
    fn each_protocol_writes_errors_in_its_way() {
        let request_id = REQUEST_ID;
        check_error(Protocol::RestJson, &format!(r#"{{"Message":"a <b> & c","RequestID":"{request_id}"}}"#));
        check_error(Protocol::Json, r#"{"__type":"TooBad","message":"a <b> & c"}"#);
        check_error(
            Protocol::Cbor,
            "\u{a2}f__typefTooBadgMessageia <b> & c".replace('\u{a2}', "\u{fffd}").as_str(),
        );
        check_error(
            Protocol::Query,
            &format!(
                r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>TooBad</Code><Message>a &lt;b&gt; &amp; c</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"#
            ),
        );
    }

    #[track_caller]
    fn check_head(protocol: Protocol, headers: &[(&'static str, &str)], expected: bool) {
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        assert_eq!(protocol.check(&headers.collect()).is_ok(), expected);
    }

    #[test]
    fn a_request_names_its_protocol() {
        check_head(Protocol::RestJson, &[], true);
        check_head(Protocol::Json, &[("content-type", "application/x-amz-json-1.1")], true);
        check_head(Protocol::Json, &[("content-type", "application/json")], false);
        check_head(Protocol::Json, &[], false);
        let cbor = ("content-type", "application/cbor");
        check_head(Protocol::Cbor, &[cbor, ("smithy-protocol", "rpc-v2-cbor")], true);
        check_head(Protocol::Cbor, &[cbor], false);
        check_head(Protocol::Cbor, &[cbor, ("smithy-protocol", "rpc-v2-json")], false);
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        check_head(Protocol::Query, &[("content-type", form)], true);
        check_head(Protocol::Query, &[("content-type", "text/plain")], false);
    }
}
