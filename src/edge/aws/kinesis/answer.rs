//! Interprets the answers of `PutRecords`: by error code, then by status, then by the result of each record.
//!
//! Knows nothing of how a request is made.

use aws_sdk_kinesis::{
    error::{ProvideErrorMetadata, SdkError},
    operation::put_records::{PutRecordsError, PutRecordsOutput},
    types::PutRecordsResultEntry,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::code::{self, Meaning};
use crate::{
    core::{
        code::Code,
        destination::{Answer, Outcome},
        event::Refusal,
    },
    edge::aws::{
        answer::{error_type, of_silence, retry_after},
        code::{BROKEN_ANSWER, MISSING, not_understood, of_answer},
    },
};

/// The code of a record that was throttled, as the dispatcher counts it.
const THROTTLED: Code = Code("throttled");

/// The SDK's result of a `PutRecords` call.
pub(super) type SdkResult = Result<PutRecordsOutput, SdkError<PutRecordsError, HttpResponse>>;

/// Interprets the SDK's result as the answer to a request of so many records.
pub(super) fn read(records: usize, sent: SdkResult) -> Answer {
    match sent {
        // A result is found by its place, so a list of another length says nothing.
        Ok(output) if output.records().len() != records => Answer::unknown(MISSING),
        Ok(output) => of_results(output.records()),
        Err(failure) => match failure.raw_response() {
            Some(response) => of_failure(response, failure.as_service_error()),
            None => of_silence(&failure),
        },
    }
}

fn of_results(results: &[PutRecordsResultEntry]) -> Answer {
    let outcomes: Vec<_> = results.iter().map(outcome).collect();
    // As long as a record of it is judged, the others are only sent again: their next request shows whether
    // the set-up is wrong.
    if !outcomes.iter().any(|outcome| !matches!(outcome, Outcome::Again(_))) {
        let set_up = results.iter().find_map(|result| match code::meaning(result.error_code()) {
            Some((code, Meaning::SetUp)) => Some(code),
            _ => None,
        });
        if let Some(code) = set_up {
            return Answer::Hold(code);
        }
    }
    Answer::Results { outcomes, endpoints_refused: Vec::new() }
}

fn outcome(result: &PutRecordsResultEntry) -> Outcome {
    match (result.error_code(), code::meaning(result.error_code())) {
        (None, _) if result.sequence_number().is_some_and(|number| !number.is_empty()) => Outcome::Accepted,
        (None, _) => Outcome::Again(MISSING),
        // It says something about the shard, and nothing about the record.
        (_, Some((_, Meaning::Throttled))) => Outcome::Later(THROTTLED),
        (_, Some((code, Meaning::Refused))) => {
            Outcome::Refused(Refusal { code, message: result.error_message().unwrap_or_default().to_owned() })
        }
        (_, Some((code, Meaning::Again | Meaning::SetUp))) => Outcome::Again(code),
        (Some(_), None) => Outcome::Again(Code("record_not_understood")),
    }
}

/// Interprets an answer that is not a success, or whose body could not be read.
fn of_failure(response: &HttpResponse, error: Option<&PutRecordsError>) -> Answer {
    if response.status().is_success() {
        return Answer::unknown(BROKEN_ANSWER);
    }
    let status = response.status().as_u16();
    let error_code = error.and_then(ProvideErrorMetadata::code).or_else(|| error_type(response.headers()));
    let retry_after = retry_after(response.headers());
    let refusal = |code| {
        let message = error.and_then(ProvideErrorMetadata::message);
        let message = message.map_or_else(|| format!("PutRecords answered {status}"), str::to_owned);
        Refusal { code, message }
    };
    let code = of_answer(error_code, status);
    match code::meaning(error_code) {
        Some((_, Meaning::Throttled)) => Answer::Throttled { retry_after },
        Some((code, Meaning::Again)) => Answer::Unknown { code, retry_after },
        Some((code, Meaning::SetUp)) => Answer::Hold(code),
        Some((code, Meaning::Refused)) => Answer::Refused(refusal(code)),
        None => match status {
            429 => Answer::Throttled { retry_after },
            413 => Answer::Refused(refusal(code)),
            401 => Answer::Hold(code),
            408 | 500..=599 => Answer::Unknown { code, retry_after },
            // Every error of this service has the status 400, so a code that is not known blames nobody.
            400 | 402..=499 => {
                Answer::Denied(Refusal { code, message: format!("PutRecords answered {status}") })
            }
            _ => Answer::Hold(not_understood(status)),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::scripted, *};
    use crate::core::destination::sample;

    /// Checks the answer to a request of two records.
    #[track_caller]
    fn check(status: u16, headers: &[(&'static str, &'static str)], body: &'static str, expected: &Answer) {
        let answer =
            scripted::answer(sample::request(&[("e", &["a"]), ("f", &["b"])]), status, headers, body);
        assert_eq!(&answer, expected);
    }

    /// Checks an answer with this error, as the service sends it.
    #[track_caller]
    fn check_error(body: &'static str, expected: &Answer) {
        check(400, &[], body, expected);
    }

    #[track_caller]
    fn check_results(body: &'static str, outcomes: [Outcome; 2]) {
        check(200, &[], body, &Answer::Results { outcomes: outcomes.into(), endpoints_refused: Vec::new() });
    }

    fn again(code: &'static str) -> Outcome {
        Outcome::Again(Code(code))
    }

    #[test]
    fn each_record_has_a_result_at_its_place() {
        check_results(
            r#"{"FailedRecordCount":0,"Records":[{"SequenceNumber":"1","ShardId":"s"},{"SequenceNumber":"2","ShardId":"s"}]}"#,
            [Outcome::Accepted, Outcome::Accepted],
        );
        check_results(
            r#"{"FailedRecordCount":1,"Records":[{"SequenceNumber":"1","ShardId":"s"},
               {"ErrorCode":"ProvisionedThroughputExceededException","ErrorMessage":"secret"}]}"#,
            [Outcome::Accepted, Outcome::Later(THROTTLED)],
        );
        check_results(
            r#"{"Records":[{"ErrorCode":"InternalFailure"},{"SequenceNumber":"2"}]}"#,
            [again("InternalFailure"), Outcome::Accepted],
        );
        check_results(
            r#"{"Records":[{"ErrorCode":"user@example.com"},{}]}"#,
            [again("record_not_understood"), again("missing")],
        );
        check_results(
            r#"{"Records":[{"SequenceNumber":""},{"SequenceNumber":"2"}]}"#,
            [again("missing"), Outcome::Accepted],
        );
        check_results(
            r#"{"Records":[{"ErrorCode":"KMSDisabledException"},{"SequenceNumber":"2"}]}"#,
            [again("KMSDisabledException"), Outcome::Accepted],
        );
    }

    #[test]
    fn results_that_all_speak_of_the_set_up_are_a_hold() {
        let body = r#"{"Records":[{"ErrorCode":"InternalFailure"},{"ErrorCode":"KMSDisabledException"}]}"#;
        check(200, &[], body, &Answer::Hold(Code("KMSDisabledException")));
    }

    #[test]
    fn results_of_another_length_say_nothing() {
        for body in ["{}", "", r#"{"Records":[]}"#, r#"{"Records":[{"SequenceNumber":"1"}]}"#] {
            check(200, &[], body, &Answer::unknown(Code("missing")));
        }
        let three = r#"{"Records":[{"SequenceNumber":"1"},{"SequenceNumber":"2"},{"SequenceNumber":"3"}]}"#;
        check(200, &[], three, &Answer::unknown(Code("missing")));
        check(200, &[], "{", &Answer::unknown(Code("broken_answer")));
    }

    #[test]
    fn the_code_of_an_error_is_looked_at_before_its_status() {
        let throttled = &Answer::Throttled { retry_after: None };
        check_error(r#"{"__type":"ProvisionedThroughputExceededException","message":"secret"}"#, throttled);
        check_error(r#"{"__type":"com.amazonaws.kinesis#KMSThrottlingException"}"#, throttled);
        check_error(r#"{"__type":"LimitExceededException"}"#, throttled);
        let denied = |code| {
            let message = "PutRecords answered 400".to_owned();
            Answer::Denied(Refusal { code: Code(code), message })
        };
        check_error(r#"{"__type":"UnknownOperationException"}"#, &denied("UnknownOperationException"));
        check_error("<html>", &denied("http_400"));
        check_error(
            r#"{"__type":"InternalFailureException"}"#,
            &Answer::unknown(Code("InternalFailureException")),
        );
        check_error(r#"{"__type":"AccessDeniedException"}"#, &Answer::Hold(Code("AccessDeniedException")));
        check_error(
            r#"{"__type":"ResourceNotFoundException"}"#,
            &Answer::Hold(Code("ResourceNotFoundException")),
        );
        check_error(r#"{"__type":"KMSNotFoundException"}"#, &Answer::Hold(Code("KMSNotFoundException")));
        check_error(r#"{"__type":"ExpiredTokenException"}"#, &Answer::Hold(Code("ExpiredTokenException")));
        check_error(
            r#"{"__type":"InvalidArgumentException","message":"too large"}"#,
            &refused("InvalidArgumentException", "too large"),
        );
        check_error(
            r#"{"__type":"ValidationException"}"#,
            &refused("ValidationException", "PutRecords answered 400"),
        );
    }

    fn refused(code: &'static str, message: &str) -> Answer {
        Answer::Refused(Refusal { code: Code(code), message: message.to_owned() })
    }

    #[test]
    fn without_a_known_code_the_status_decides() {
        check(
            429,
            &[("retry-after", "2")],
            "",
            &Answer::Throttled { retry_after: Some(Duration::from_secs(2)) },
        );
        check(413, &[], "<html>", &refused("http_413", "PutRecords answered 413"));
        check(401, &[], "", &Answer::Hold(Code("http_401")));
        let denied = Refusal { code: Code("http_403"), message: "PutRecords answered 403".to_owned() };
        check(403, &[], "<html>", &Answer::Denied(denied));
        check(503, &[], "<html>", &Answer::unknown(Code("http_503")));
        check(500, &[], r#"{"__type":"InternalFailure"}"#, &Answer::unknown(Code("InternalFailure")));
        check(408, &[], "", &Answer::unknown(Code("http_408")));
        check(301, &[], "", &Answer::Hold(Code("not_understood_3xx")));
    }
}
