//! What the answers of all services have in common, and what no answer means.

use std::time::Duration;

use aws_smithy_runtime_api::{
    client::{orchestrator::HttpResponse, result::SdkError},
    http::Headers,
};

use super::code;
use crate::core::destination::Answer;

/// Interprets the absence of an answer.
pub(super) fn of_silence<E>(failure: &SdkError<E, HttpResponse>) -> Answer {
    match failure {
        SdkError::TimeoutError(_) => Answer::unknown(code::TIMEOUT),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => Answer::unknown(code::TIMEOUT),
        // Part of the request may have arrived.
        SdkError::DispatchFailure(_) => Answer::unknown(code::CONNECTION),
        // Nothing was sent, and another attempt would not change it.
        _ => Answer::Hold(code::NOT_SENT),
    }
}

/// How long an answer asks to wait. The dispatcher bounds it.
pub(super) fn retry_after(headers: &Headers) -> Option<Duration> {
    let number = |name| headers.get(name).and_then(|value| value.trim().parse().ok());
    let milliseconds = number("x-amz-retry-after").map(Duration::from_millis);
    milliseconds.or_else(|| number("retry-after").map(Duration::from_secs))
}

/// The error code in the header, without namespace and address. The SDK ignores it if the body is not JSON.
pub(super) fn error_type(headers: &Headers) -> Option<&str> {
    let code = headers.get("x-amzn-errortype")?.split(':').next()?;
    code.rsplit('#').next()
}
