//! Interprets the answers of `PutEvents`.
//!
//! An error code about the caller takes precedence, then the HTTP status, then `Results`. The SDK's error
//! variants are never matched: a 429 without a type header has no variant of its own, and a 202 whose body is
//! broken is an error too. Knows nothing of how a request is made.

use aws_sdk_pinpoint::{
    error::{ProvideErrorMetadata, SdkError},
    operation::put_events::{PutEventsError, PutEventsOutput},
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::results;
use crate::{
    core::{
        destination::{Answer, Request},
        event::Refusal,
    },
    edge::aws::{
        answer::{error_type, of_silence, retry_after},
        code,
    },
};

/// The SDK's result of a `PutEvents` call.
pub(super) type SdkResult = Result<PutEventsOutput, SdkError<PutEventsError, HttpResponse>>;

/// Interprets the SDK's result as the answer to `request`.
pub(super) fn read(request: &Request, sent: SdkResult) -> Answer {
    match sent {
        // Every 2xx with a readable body, including an empty one.
        Ok(output) => {
            let results = output.events_response.and_then(|response| response.results);
            results::read(request, &results.unwrap_or_default())
        }
        Err(failure) => match failure.raw_response() {
            Some(response) => of_failure(response, failure.as_service_error()),
            None => of_silence(&failure),
        },
    }
}

/// Interprets an answer that is not a success, or whose body could not be read.
fn of_failure(response: &HttpResponse, error: Option<&PutEventsError>) -> Answer {
    let status = response.status().as_u16();
    let error_code = error.and_then(ProvideErrorMetadata::code).or_else(|| error_type(response.headers()));
    if response.status().is_success() {
        return Answer::unknown(code::BROKEN_ANSWER);
    }
    if let Some(code) = code::of_the_caller(error_code) {
        return Answer::Hold(code);
    }
    let code = code::of_answer(error_code, status);
    match status {
        429 => Answer::Throttled { retry_after: retry_after(response.headers()) },
        400..=499 if code::of_the_rate(error_code).is_some() => {
            Answer::Throttled { retry_after: retry_after(response.headers()) }
        }
        400 | 413 => {
            let message = error.and_then(ProvideErrorMetadata::message);
            let message = message.map_or_else(|| format!("PutEvents answered {status}"), str::to_owned);
            Answer::Refused(Refusal { code, message })
        }
        401 => Answer::Hold(code),
        402..=407 | 409..=499 => {
            Answer::Denied(Refusal { code, message: format!("PutEvents answered {status}") })
        }
        408 | 500..=599 => Answer::Unknown { code, retry_after: retry_after(response.headers()) },
        _ => Answer::Hold(code::not_understood(status)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::scripted, *};
    use crate::core::{
        code::Code,
        destination::{Outcome, sample},
    };

    /// Checks the answer to a request of two events of one endpoint.
    #[track_caller]
    fn check(status: u16, headers: &[(&'static str, &'static str)], body: &'static str, expected: &Answer) {
        let answer = scripted::answer(sample::request(&[("e", &["a", "b"])]), status, headers, body);
        assert_eq!(&answer, expected);
    }

    #[track_caller]
    fn check_hold(status: u16, error: &'static str, code: &'static str) {
        check(status, &[("x-amzn-errortype", error)], r#"{"message":"secret"}"#, &Answer::Hold(Code(code)));
    }

    #[track_caller]
    fn check_refused(status: u16, body: &'static str, code: &'static str, message: &str) {
        let refusal = Refusal { code: Code(code), message: message.into() };
        check(status, &[], body, &Answer::Refused(refusal));
    }

    #[track_caller]
    fn check_denied(status: u16, body: &'static str, code: &'static str) {
        let refusal = Refusal { code: Code(code), message: format!("PutEvents answered {status}") };
        check(status, &[], body, &Answer::Denied(refusal));
    }

    #[track_caller]
    fn check_throttled(headers: &[(&'static str, &'static str)], seconds: Option<f64>) {
        let retry_after = seconds.map(Duration::from_secs_f64);
        check(429, headers, "", &Answer::Throttled { retry_after });
    }

    #[test]
    fn success_is_as_its_results_say() {
        let results = r#"{"Results":{"e":{"EndpointItemResponse":{"StatusCode":202},"EventsItemResponse":
            {"a":{"StatusCode":202,"Message":"Accepted"},"b":{"StatusCode":500}}}}}"#;
        let outcomes = vec![Outcome::Accepted, Outcome::Again(Code("event_5xx"))];
        for status in [202, 200, 206] {
            let outcomes = outcomes.clone();
            check(status, &[], results, &Answer::Results { outcomes, endpoints_refused: vec![] });
        }
    }

    #[test]
    fn success_that_says_nothing_is_not_success() {
        let missing = || Answer::Results {
            outcomes: vec![Outcome::Again(Code("missing")); 2],
            endpoints_refused: vec![],
        };
        check(202, &[], "", &missing());
        check(202, &[], "{}", &missing());
        check(204, &[], "", &missing());
        check(202, &[], r#"{"Results":null}"#, &missing());
        check(202, &[], r#"{"Results":{}}"#, &missing());
        check(202, &[], r#"{"Results":{"e":{}}}"#, &missing());
        check(202, &[], r#"{"Results":{"e":{"EventsItemResponse":null}}}"#, &missing());
        check(
            202,
            &[],
            r#"{"Results":{"e":{"EventsItemResponse":{"a":{"StatusCode":null},"b":{}}}}}"#,
            &missing(),
        );
    }

    #[test]
    fn a_broken_success_is_unknown() {
        let unknown = || Answer::unknown(Code("broken_answer"));
        check(202, &[], "{", &unknown());
        check(200, &[], "{", &unknown());
        check(202, &[], "<html>", &unknown());
        check(202, &[], "[]", &unknown());
        check(202, &[], r#"{"Results":{"e":"#, &unknown());
        check(202, &[], r#"{"Results":{"e":7}}"#, &unknown());
        check(202, &[], r#"{"Results":{"e":null}}"#, &unknown());
    }

    #[test]
    fn a_request_is_refused_because_of_its_content() {
        let body = r#"{"__type":"BadRequestException","Message":"no such channel"}"#;
        check_refused(400, body, "BadRequestException", "no such channel");
        check_refused(
            413,
            r#"{"code":"PayloadTooLargeException","message":"x"}"#,
            "PayloadTooLargeException",
            "x",
        );
        check_refused(400, "", "http_400", "PutEvents answered 400");
        check_refused(413, "<html>", "http_413", "PutEvents answered 413");
        check_refused(400, r#"{"__type":"user@example.com"}"#, "http_400", "PutEvents answered 400");
    }

    #[test]
    fn a_wrong_set_up_is_a_hold() {
        check_hold(403, "ForbiddenException", "ForbiddenException");
        check_hold(403, "AccessDeniedException:http://example.com/", "AccessDeniedException");
        check(401, &[], "", &Answer::Hold(Code("http_401")));
    }

    #[test]
    fn a_gateway_may_deny_what_the_request_holds() {
        check_denied(403, "", "http_403");
        check_denied(404, "", "http_404");
        check_denied(405, "", "http_405");
        check_denied(406, "", "http_406");
        check_denied(410, "<html>gone</html>", "http_410");
        check_denied(422, r#"{"message":"secret"}"#, "http_422");
        check_denied(451, "", "http_451");
        check_denied(402, "", "http_4xx");
        check_denied(418, r#"{"__type":"user@example.com"}"#, "http_4xx");
        check_denied(404, r#"{"__type":"NotFoundException"}"#, "NotFoundException");
        check_denied(405, r#"{"__type":"MethodNotAllowedException"}"#, "MethodNotAllowedException");
    }

    #[test]
    fn a_code_that_speaks_of_the_caller_is_a_hold_whatever_the_status() {
        for status in [400, 403, 413, 500] {
            check_hold(status, "ExpiredTokenException", "ExpiredTokenException");
        }
        check_hold(400, "ExpiredToken", "ExpiredToken");
        check_hold(400, "InvalidClientTokenId", "InvalidClientTokenId");
        check_hold(400, "MissingAuthenticationTokenException", "MissingAuthenticationTokenException");
        check_hold(400, "UnrecognizedClientException", "UnrecognizedClientException");
        check_hold(400, "InvalidSignatureException", "InvalidSignatureException");
        check_hold(400, "AccessDeniedException", "AccessDeniedException");
        let body = r#"{"__type":"com.amazon.coral.service#UnrecognizedClientException","message":"AKIA"}"#;
        check(400, &[], body, &Answer::Hold(Code("UnrecognizedClientException")));
        let header = [("x-amzn-errortype", "aws#ExpiredTokenException:http://example.com/")];
        check(400, &header, "<html>", &Answer::Hold(Code("ExpiredTokenException")));
        check(400, &header, "", &Answer::Hold(Code("ExpiredTokenException")));
    }

    #[test]
    fn sending_too_fast_is_throttled() {
        check_throttled(&[], None);
        check_throttled(&[("x-amzn-errortype", "TooManyRequestsException")], None);
        check(400, &[], r#"{"__type":"ThrottlingException"}"#, &Answer::Throttled { retry_after: None });
    }

    #[test]
    fn a_wait_that_is_asked_for_is_taken_within_bounds() {
        check_throttled(&[("retry-after", "2")], Some(2.0));
        check_throttled(&[("x-amz-retry-after", "1500")], Some(1.5));
        check_throttled(&[("x-amz-retry-after", "1500"), ("retry-after", "2")], Some(1.5));
        check_throttled(&[("retry-after", "86400")], Some(86_400.0));
        check_throttled(&[("retry-after", "-1")], None);
        check_throttled(&[("retry-after", "Sun, 22 Nov 2026 10:00:00 GMT")], None);
    }

    #[test]
    fn a_failure_that_asks_for_a_wait_is_unknown_until_then() {
        let check_wait = |status, header, code, seconds| {
            let retry_after = Duration::from_secs(seconds);
            check(
                status,
                &[header],
                "",
                &Answer::Unknown { code: Code(code), retry_after: Some(retry_after) },
            );
        };
        check_wait(503, ("retry-after", "2"), "http_503", 2);
        check_wait(408, ("retry-after", "3"), "http_408", 3);
        check_wait(500, ("x-amz-retry-after", "4000"), "http_500", 4);
        check_wait(503, ("retry-after", "86400"), "http_503", 86_400);
        check(503, &[("retry-after", "soon")], "", &Answer::unknown(Code("http_503")));
    }

    #[test]
    fn a_failure_of_the_service_is_unknown() {
        let body = r#"{"__type":"InternalServerErrorException","Message":"secret"}"#;
        check(500, &[], body, &Answer::unknown(Code("InternalServerErrorException")));
        check(500, &[], "", &Answer::unknown(Code("http_500")));
        check(502, &[], "<html>", &Answer::unknown(Code("http_502")));
        check(503, &[], "", &Answer::unknown(Code("http_503")));
        check(504, &[], "", &Answer::unknown(Code("http_504")));
        check(599, &[], "", &Answer::unknown(Code("http_5xx")));
        check(408, &[], "", &Answer::unknown(Code("http_408")));
        check(503, &[], r#"{"__type":"ThrottlingException"}"#, &Answer::unknown(Code("ThrottlingException")));
    }

    #[test]
    fn an_answer_that_is_not_understood_is_a_hold() {
        check(301, &[("location", "https://example.com/")], "", &Answer::Hold(Code("not_understood_3xx")));
        check(600, &[], "", &Answer::Hold(Code("not_understood")));
    }
}
