//! What the error codes of AWS STS mean.
//!
//! The text of an answer never becomes a code. It is looked up here; an unknown text gets a code of ours.

use crate::{
    core::code::Code,
    edge::aws::code::{of_answer, of_the_caller, of_the_rate},
};

/// Why STS gave no credentials of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RoleFailure {
    /// This role is refused until somebody changes something.
    Refused(Code),
    /// The process's own credentials are refused or missing, whatever the role.
    Caller(Code),
    /// STS is asked too often.
    Throttled,
    /// STS did not answer, or could not.
    Passing(Code),
}

/// Error codes that are about the role, with ours. A role that does not exist is refused like one whose
/// trust policy does not name the caller.
const OF_THE_ROLE: &[(&str, &str)] = &[
    ("AccessDenied", "role_refused"),
    ("AccessDeniedException", "role_refused"),
    ("MalformedPolicyDocument", "role_policy_malformed"),
    ("MalformedPolicyDocumentException", "role_policy_malformed"),
    ("NoSuchEntity", "role_missing"),
    ("PackedPolicyTooLarge", "role_policy_too_large"),
    ("PackedPolicyTooLargeException", "role_policy_too_large"),
    ("RegionDisabledException", "role_region_disabled"),
    ("ValidationError", "role_not_valid"),
    ("ValidationException", "role_not_valid"),
];

/// The service's own credentials are refused.
const CREDENTIALS_REFUSED: Code = Code("credentials_refused");
/// STS is asked too often.
pub(super) const STS_THROTTLED: Code = Code("sts_throttled");
/// STS did not answer in time, or it was never asked.
pub(super) const STS_TIMEOUT: Code = Code("sts_timeout");
/// There was no connection to STS, or it ended before the answer.
pub(super) const STS_UNREACHABLE: Code = Code("sts_unreachable");
/// STS granted credentials that have expired by our clock, so it must be ahead.
pub(super) const STS_EXPIRED: Code = Code("sts_expired");
/// STS answered without credentials, or that it cannot answer.
pub(super) const STS_FAILED: Code = Code("sts_failed");

impl RoleFailure {
    /// The failure that an answer of STS means.
    pub(super) fn of_answer(error: Option<&str>, status: u16) -> Self {
        if of_the_rate(error).is_some() || status == 429 {
            return Self::Throttled;
        }
        if let Some((_, code)) = OF_THE_ROLE.iter().find(|(name, _)| error == Some(*name)) {
            return Self::Refused(Code(code));
        }
        if of_the_caller(error).is_some() {
            return Self::Caller(CREDENTIALS_REFUSED);
        }
        match status {
            200..=299 | 408 | 500..=599 => Self::Passing(STS_FAILED),
            401 => Self::Caller(CREDENTIALS_REFUSED),
            _ => Self::Refused(of_answer(None, status)),
        }
    }

    pub(super) fn code(self) -> Code {
        match self {
            Self::Refused(code) | Self::Caller(code) | Self::Passing(code) => code,
            Self::Throttled => STS_THROTTLED,
        }
    }

    /// Whether it goes away by itself, so that a send had better wait.
    pub(super) fn passes(self) -> bool {
        matches!(self, Self::Throttled | Self::Passing(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: Option<&str>, status: u16, expected: RoleFailure) {
        assert_eq!(RoleFailure::of_answer(error, status), expected, "{error:?} {status}");
    }

    #[test]
    fn each_code_of_a_role_is_looked_up() {
        for (name, code) in OF_THE_ROLE {
            check(Some(name), 403, RoleFailure::Refused(Code(code)));
        }
        check(Some("arn:aws:iam::1:role/secret"), 403, RoleFailure::Refused(Code("http_403")));
        check(None, 302, RoleFailure::Refused(Code("http_other")));
    }

    #[test]
    fn refused_credentials_of_the_service_are_not_the_roles_fault() {
        for name in ["ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "SignatureDoesNotMatch"]
        {
            check(Some(name), 403, RoleFailure::Caller(CREDENTIALS_REFUSED));
        }
        check(None, 401, RoleFailure::Caller(CREDENTIALS_REFUSED));
    }

    #[test]
    fn whatever_the_status_too_many_requests_are_throttled() {
        for status in [400, 403, 429, 503] {
            check(Some("Throttling"), status, RoleFailure::Throttled);
        }
        check(None, 429, RoleFailure::Throttled);
        assert_eq!(RoleFailure::Throttled.code(), STS_THROTTLED);
    }

    #[test]
    fn a_service_that_cannot_answer_is_asked_again() {
        for status in [200, 408, 500, 503, 599] {
            check(None, status, RoleFailure::Passing(STS_FAILED));
            check(Some("InternalFailure"), status, RoleFailure::Passing(STS_FAILED));
        }
        assert!(RoleFailure::Throttled.passes() && !RoleFailure::Refused(STS_FAILED).passes());
    }
}
