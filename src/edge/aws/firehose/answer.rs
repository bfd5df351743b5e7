//! Finds the result of each event in the answers of `PutRecordBatch`: that of the record that it is in.
//!
//! Knows nothing of how a request is made. What always holds: no event is refused because of another one.

use std::iter::repeat_n;

use aws_sdk_firehose::{
    error::SdkError,
    operation::put_record_batch::{PutRecordBatchError, PutRecordBatchOutput},
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::code::PUT_RECORD_BATCH;
use crate::{
    core::{
        destination::{Answer, Outcome},
        event::Refusal,
    },
    edge::aws::results::{self, ItemResult},
};

/// The SDK's result of a `PutRecordBatch` call.
pub(super) type SdkResult = Result<PutRecordBatchOutput, SdkError<PutRecordBatchError, HttpResponse>>;

/// Interprets the SDK's result as the answer to a request with records of so many events each.
pub(super) fn read(records: &[usize], sent: SdkResult) -> Answer {
    let answer = results::read(&PUT_RECORD_BATCH, records.len(), sent, |output| {
        let results = output.request_responses().iter();
        results.map(|one| ItemResult::new(one.record_id(), one.error_code(), one.error_message())).collect()
    });
    let Answer::Results { outcomes, endpoints_refused } = answer else { return answer };
    if let Some(refusal) = outcomes.iter().zip(records).find_map(refused_together) {
        // The request is sent again in halves, until the event that is at fault is alone. Those that were
        // taken beside it are sent again, too.
        return Answer::Refused(refusal);
    }
    let outcomes = outcomes.into_iter().zip(records);
    let outcomes = outcomes.flat_map(|(outcome, events)| repeat_n(outcome, *events)).collect();
    Answer::Results { outcomes, endpoints_refused }
}

/// The refusal of a record that several events share, if it is that.
fn refused_together((outcome, events): (&Outcome, &usize)) -> Option<Refusal> {
    match outcome {
        Outcome::Refused(refusal) if *events > 1 => Some(refusal.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::scripted, *};
    use crate::{
        core::{code::Code, destination::sample, units::Size},
        edge::aws::firehose::config::FirehoseConfig,
    };

    /// Checks the answer to a request of three events, of which `pack` says how many share a record.
    #[track_caller]
    fn check_packed(pack: usize, status: u16, body: &'static str, expected: &Answer) {
        let request = sample::request(&[("e", &["a", "b"]), ("f", &["c"])]);
        let pack = (pack > 1).then(|| Size(u64::try_from(pack * scripted::event_bytes()).unwrap()));
        let config = FirehoseConfig { pack, ..scripted::config("lake") };
        assert_eq!(&scripted::answer(&config, request, status, &[], body), expected);
    }

    #[track_caller]
    fn check(status: u16, body: &'static str, expected: &Answer) {
        check_packed(1, status, body, expected);
    }

    fn results(outcomes: [Outcome; 3]) -> Answer {
        Answer::Results { outcomes: outcomes.into(), endpoints_refused: Vec::new() }
    }

    fn again(code: &'static str) -> Outcome {
        Outcome::Again(Code(code))
    }

    fn refused(code: &'static str, message: &str) -> Refusal {
        Refusal { code: Code(code), message: message.to_owned() }
    }

    #[test]
    fn each_record_has_a_result_at_its_place() {
        let body = r#"{"FailedPutCount":1,"RequestResponses":[{"RecordId":"1"},
            {"ErrorCode":"ServiceUnavailableException","ErrorMessage":"secret"},{"ErrorCode":"InternalFailure"}]}"#;
        let throttled = Outcome::Later(Code("throttled"));
        check(200, body, &results([Outcome::Accepted, throttled, again("InternalFailure")]));
        let body =
            r#"{"RequestResponses":[{"RecordId":"1"},{"RecordId":""},{"ErrorCode":"user@example.com"}]}"#;
        check(200, body, &results([Outcome::Accepted, again("missing"), again("record_not_understood")]));
        let body = r#"{"RequestResponses":[{"RecordId":"1"},{"ErrorCode":"InvalidArgumentException",
            "ErrorMessage":"too large"},{"RecordId":"3"}]}"#;
        let alone = Outcome::Refused(refused("InvalidArgumentException", "too large"));
        check(200, body, &results([Outcome::Accepted, alone, Outcome::Accepted]));
    }

    #[test]
    fn an_event_has_the_outcome_of_its_record() {
        let throttled = || Outcome::Later(Code("throttled"));
        let body = r#"{"RequestResponses":[{"ErrorCode":"ServiceUnavailableException"},{"RecordId":"2"}]}"#;
        check_packed(2, 200, body, &results([throttled(), throttled(), Outcome::Accepted]));
        let body = r#"{"RequestResponses":[{"RecordId":"1"},{"ErrorCode":"InternalFailure"}]}"#;
        check_packed(
            2,
            200,
            body,
            &results([Outcome::Accepted, Outcome::Accepted, again("InternalFailure")]),
        );
        let body = r#"{"RequestResponses":[{"RecordId":"1"}]}"#;
        check_packed(3, 200, body, &results([Outcome::Accepted, Outcome::Accepted, Outcome::Accepted]));
    }

    #[test]
    fn no_event_is_refused_because_of_another_one_in_its_record() {
        let refused = |code, message| Answer::Refused(refused(code, message));
        let body = r#"{"RequestResponses":[{"ErrorCode":"InvalidArgumentException","ErrorMessage":"no"},
            {"RecordId":"2"}]}"#;
        check_packed(2, 200, body, &refused("InvalidArgumentException", "no"));
        // The record of one event is refused alone.
        let body = r#"{"RequestResponses":[{"RecordId":"1"},{"ErrorCode":"InvalidArgumentException"}]}"#;
        let alone =
            Outcome::Refused(Refusal { code: Code("InvalidArgumentException"), message: String::new() });
        check_packed(2, 200, body, &results([Outcome::Accepted, Outcome::Accepted, alone]));
    }

    #[test]
    fn results_of_another_length_say_nothing() {
        let unknown = || Answer::unknown(Code("missing"));
        for body in ["{}", "", r#"{"RequestResponses":[]}"#, r#"{"RequestResponses":[{"RecordId":"1"}]}"#] {
            check(200, body, &unknown());
        }
        // There are results for three events, but two records.
        let three = r#"{"RequestResponses":[{"RecordId":"1"},{"RecordId":"2"},{"RecordId":"3"}]}"#;
        check_packed(2, 200, three, &unknown());
        check(200, "{", &Answer::unknown(Code("broken_answer")));
    }

    #[test]
    fn the_code_of_an_error_is_looked_at_before_its_status() {
        let throttled = Answer::Throttled { retry_after: None };
        check(503, r#"{"__type":"ServiceUnavailableException","message":"Slow down."}"#, &throttled);
        check(400, r#"{"__type":"ServiceUnavailableException"}"#, &throttled);
        check(400, r#"{"__type":"LimitExceededException"}"#, &throttled);
        for code in ["ResourceNotFoundException", "InvalidKMSResourceException", "InvalidSourceException"] {
            let body = format!(r#"{{"__type":"{code}"}}"#);
            check(400, body.leak(), &Answer::Hold(Code(code)));
        }
        check(400, r#"{"__type":"AccessDeniedException"}"#, &Answer::Hold(Code("AccessDeniedException")));
        let body = r#"{"__type":"InvalidArgumentException","message":"too large"}"#;
        check(400, body, &Answer::Refused(refused("InvalidArgumentException", "too large")));
        let answered = "PutRecordBatch answered 400";
        let body = r#"{"__type":"ValidationException"}"#;
        check(400, body, &Answer::Refused(refused("ValidationException", answered)));
        let body = r#"{"__type":"UnknownOperationException"}"#;
        check(400, body, &Answer::Denied(refused("UnknownOperationException", answered)));
        check(500, r#"{"__type":"InternalFailure"}"#, &Answer::unknown(Code("InternalFailure")));
        check(503, "<html>", &Answer::unknown(Code("http_503")));
    }
}
