//! Finds the result of each record in the answers of `PutRecords`.
//!
//! Knows nothing of how a request is made.

use aws_sdk_kinesis::{
    error::SdkError,
    operation::put_records::{PutRecordsError, PutRecordsOutput},
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::code::PUT_RECORDS;
use crate::{
    core::destination::Answer,
    edge::aws::results::{self, ItemResult},
};

/// The SDK's result of a `PutRecords` call.
pub(super) type SdkResult = Result<PutRecordsOutput, SdkError<PutRecordsError, HttpResponse>>;

/// Interprets the SDK's result as the answer to a request of so many records.
pub(super) fn read(records: usize, sent: SdkResult) -> Answer {
    results::read(&PUT_RECORDS, records, sent, |output| {
        let result = output
            .records()
            .iter()
            .map(|one| ItemResult::new(one.sequence_number(), one.error_code(), one.error_message()));
        result.collect()
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::scripted, *};
    use crate::core::{
        code::Code,
        destination::{Outcome, sample},
        event::Refusal,
    };

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
            [Outcome::Accepted, Outcome::Later(Code("throttled"))],
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
