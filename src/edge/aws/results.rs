//! Interprets the answers of operations that put many items at once, and answer with a list of results: by
//! error code, then by status, then by the result of each item, which is found by its place.
//!
//! Knows nothing of any operation but its table of codes, and nothing of how a request is made.

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{
    answer::{error_type, of_silence, retry_after},
    code::{BROKEN_ANSWER, CONNECTION, MISSING, not_understood, of_answer},
    meaning::{Meaning, Operation},
};
use crate::core::{
    code::Code,
    destination::{Answer, Outcome},
    event::Refusal,
};

/// The code of an item that was throttled, as the dispatcher counts it.
const THROTTLED: Code = Code("throttled");

/// The result of one item.
#[derive(Clone, Copy)]
pub(super) enum ItemResult<'a> {
    Accepted,
    /// The item was taken before, and is not taken twice.
    Deduplicated,
    /// The item was not taken. The message is the service's own text.
    Failed {
        code: &'a str,
        message: &'a str,
    },
    /// The answer does not say what became of the item.
    Missing,
}

impl<'a> ItemResult<'a> {
    /// The result of an item with an error code, or with the id that the service has given to it.
    pub(super) fn new(given: Option<&str>, code: Option<&'a str>, message: Option<&'a str>) -> Self {
        match code {
            Some(code) => Self::Failed { code, message: message.unwrap_or_default() },
            None if given.is_some_and(|given| !given.is_empty()) => Self::Accepted,
            None => Self::Missing,
        }
    }

    fn meaning(self, operation: &Operation) -> Option<(Code, Meaning)> {
        match self {
            Self::Failed { code, .. } => operation.meaning(Some(code)),
            Self::Accepted | Self::Deduplicated | Self::Missing => None,
        }
    }

    fn outcome(self, operation: &Operation) -> Outcome {
        match (self, self.meaning(operation)) {
            (Self::Accepted, _) => Outcome::Accepted,
            (Self::Deduplicated, _) => Outcome::Deduplicated,
            (Self::Missing, _) => Outcome::Again(MISSING),
            // It says something about where the item goes, and nothing about the item.
            (_, Some((_, Meaning::Throttled))) => Outcome::Later(THROTTLED),
            (Self::Failed { message, .. }, Some((code, Meaning::Refused))) => {
                Outcome::Refused(Refusal { code, message: message.to_owned() })
            }
            (_, Some((code, _))) => Outcome::Again(code),
            (_, None) => Outcome::Again(Code("record_not_understood")),
        }
    }
}

/// Interprets the SDK's result as the answer to a request of so many items. `results` finds the list in the
/// answer.
pub(super) fn read<O, E: ProvideErrorMetadata>(
    operation: &Operation,
    items: usize,
    sent: Result<O, SdkError<E, HttpResponse>>,
    results: impl FnOnce(&O) -> Vec<ItemResult<'_>>,
) -> Answer {
    match sent {
        Ok(output) => of_results(operation, items, &results(&output)),
        Err(failure) => match failure.raw_response() {
            Some(response) => of_failure(operation, response, failure.as_service_error()),
            None => of_silence(&failure),
        },
    }
}

fn of_results(operation: &Operation, items: usize, results: &[ItemResult<'_>]) -> Answer {
    // A result is found by its place, so a list of another length says nothing.
    if results.len() != items {
        return Answer::unknown(MISSING);
    }
    let outcomes: Vec<_> = results.iter().map(|result| result.outcome(operation)).collect();
    // As long as an item of it is judged, the others are only sent again: their next request shows whether
    // the set-up is wrong.
    if !outcomes.iter().any(|outcome| !matches!(outcome, Outcome::Again(_))) {
        let set_up = results.iter().find_map(|result| match result.meaning(operation) {
            Some((code, Meaning::SetUp)) => Some(code),
            _ => None,
        });
        if let Some(code) = set_up {
            return Answer::Hold(code);
        }
    }
    Answer::Results { outcomes, endpoints_refused: Vec::new() }
}

/// Interprets an answer that is not a success, or whose body could not be read.
fn of_failure<E: ProvideErrorMetadata>(
    operation: &Operation,
    response: &HttpResponse,
    error: Option<&E>,
) -> Answer {
    if response.status().is_success() {
        return Answer::unknown(BROKEN_ANSWER);
    }
    let status = response.status().as_u16();
    let error_code = error.and_then(ProvideErrorMetadata::code).or_else(|| error_type(response.headers()));
    let retry_after = retry_after(response.headers());
    let answered = || format!("{} answered {status}", operation.name);
    let refusal = |code| {
        let message = error.and_then(ProvideErrorMetadata::message);
        Refusal { code, message: message.map_or_else(answered, str::to_owned) }
    };
    let code = of_answer(error_code, status);
    match operation.meaning(error_code) {
        Some((_, Meaning::Throttled)) => Answer::Throttled { retry_after },
        Some((code, Meaning::Again)) => Answer::Unknown { code, retry_after },
        Some((code, Meaning::SetUp)) => Answer::Hold(code),
        Some((code, Meaning::Refused)) => Answer::Refused(refusal(code)),
        None => match status {
            429 => Answer::Throttled { retry_after },
            413 => Answer::Refused(refusal(code)),
            401 => Answer::Hold(code),
            408 | 500..=599 => Answer::Unknown { code, retry_after },
            // Nearly every error of these services has the status 400, so a code that is not known blames
            // nobody.
            400 | 402..=499 => Answer::Denied(Refusal { code, message: answered() }),
            _ => Answer::Hold(not_understood(status)),
        },
    }
}

/// The code of a failed request, of which nothing else is to be known.
pub(super) fn failure_code<E: ProvideErrorMetadata>(
    operation: &Operation,
    error: &SdkError<E, HttpResponse>,
) -> Code {
    let Some(response) = error.raw_response() else { return CONNECTION };
    if response.status().is_success() {
        return BROKEN_ANSWER;
    }
    let error_code = error.code().or_else(|| error_type(response.headers()));
    let known = operation.meaning(error_code).map(|(code, _)| code);
    known.unwrap_or_else(|| of_answer(error_code, response.status().as_u16()))
}
