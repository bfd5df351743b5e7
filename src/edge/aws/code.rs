//! Codes for the answers of AWS's services: the error codes that all of them have, and our own for other
//! answers.
//!
//! The text of an answer never becomes a code. It is looked up here; an unknown text gets the code of the
//! answer's status.

use crate::core::code::Code;

/// Error codes about the caller rather than the events, whatever their status: an expired, invalid or missing
/// token, an unrecognised client, a bad signature, access denied.
const OF_THE_CALLER: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "ForbiddenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "NotAuthorizedException",
    "OptInRequired",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "SubscriptionRequiredException",
    "TokenRefreshRequired",
    "UnauthorizedException",
    "UnauthorizedOperation",
    "UnrecognizedClient",
    "UnrecognizedClientException",
];

/// Error codes for sending too fast, which some of AWS's front ends send with status 400.
const OF_THE_RATE: &[&str] = &[
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// The other known error codes. The status decides what their answers mean.
const OTHER: &[&str] = &[
    "BadRequestException",
    "ConflictException",
    "InternalFailure",
    "InternalServerError",
    "InternalServerErrorException",
    "InternalServiceErrorException",
    "MalformedQueryString",
    "MethodNotAllowedException",
    "MissingParameter",
    "NotFoundException",
    "PayloadTooLargeException",
    "RequestEntityTooLarge",
    "RequestTimeout",
    "RequestTimeoutException",
    "ResourceNotFoundException",
    "SerializationException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "UnknownOperationException",
    "ValidationError",
    "ValidationException",
];

/// The code of an answer about the caller rather than the events.
pub(super) fn of_the_caller(error: Option<&str>) -> Option<Code> {
    find(OF_THE_CALLER, error)
}

/// Whether an answer with this code may mean that the credentials are no good any more.
pub(super) fn blames_credentials(code: Code) -> bool {
    of_the_caller(Some(code.0)).is_some() || matches!(code.0, "http_401" | "http_403")
}

/// The code of an answer to requests that come too fast.
pub(super) fn of_the_rate(error: Option<&str>) -> Option<Code> {
    find(OF_THE_RATE, error)
}

/// The code of any other answer: its error code if known, otherwise the class of its status.
pub(super) fn of_answer(error: Option<&str>, status: u16) -> Code {
    let known = [OTHER, OF_THE_RATE, OF_THE_CALLER].into_iter().find_map(|codes| find(codes, error));
    known.unwrap_or(Code(match status {
        400 => "http_400",
        401 => "http_401",
        403 => "http_403",
        404 => "http_404",
        405 => "http_405",
        406 => "http_406",
        408 => "http_408",
        410 => "http_410",
        413 => "http_413",
        422 => "http_422",
        451 => "http_451",
        402..=499 => "http_4xx",
        500 => "http_500",
        502 => "http_502",
        503 => "http_503",
        504 => "http_504",
        501..=599 => "http_5xx",
        _ => "http_other",
    }))
}

/// The code of an answer that no rule covers.
pub(super) fn not_understood(status: u16) -> Code {
    Code(match status {
        100..=199 => "not_understood_1xx",
        300..=399 => "not_understood_3xx",
        _ => "not_understood",
    })
}

/// The answer does not mention an event.
pub(super) const MISSING: Code = Code("missing");
/// The answer was cut off, or is not the JSON that it should be.
pub(super) const BROKEN_ANSWER: Code = Code("broken_answer");
/// No answer arrived within the time for one attempt.
pub(super) const TIMEOUT: Code = Code("timeout");
/// There was no connection, or it ended before the answer.
pub(super) const CONNECTION: Code = Code("connection");
/// The SDK could not build a request.
pub(super) const NOT_SENT: Code = Code("request_not_built");
/// There are no credentials: none are configured, or their provider failed or took too long.
pub(super) const CREDENTIALS: Code = Code("credentials");

fn find(codes: &[&'static str], error: Option<&str>) -> Option<Code> {
    codes.iter().find(|code| error == Some(**code)).map(|code| Code(code))
}
