//! What the error codes of `PutRecords` mean. They are looked at before the status, because every error of
//! this service has the status 400, throttling too.
//!
//! The text of an answer never becomes a code: it is looked up here.

use crate::{core::code::Code, edge::aws::code};

/// What an error code means for its record, or for the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The shard, or the key of its encryption, is used too fast.
    Throttled,
    /// It may pass.
    Again,
    /// The set-up is wrong: no record is at fault.
    SetUp,
    /// The content will never be taken.
    Refused,
}

/// The codes of this service, beside those that all services have.
const MEANINGS: &[(&str, Meaning)] = &[
    ("InternalFailure", Meaning::Again),
    ("InternalFailureException", Meaning::Again),
    ("InvalidArgumentException", Meaning::Refused),
    ("KMSAccessDeniedException", Meaning::SetUp),
    ("KMSDisabledException", Meaning::SetUp),
    ("KMSInvalidStateException", Meaning::SetUp),
    ("KMSNotFoundException", Meaning::SetUp),
    ("KMSOptInRequired", Meaning::SetUp),
    ("KMSThrottlingException", Meaning::Throttled),
    ("ProvisionedThroughputExceededException", Meaning::Throttled),
    ("LimitExceededException", Meaning::Throttled),
    ("ResourceNotFoundException", Meaning::SetUp),
    ("ServiceUnavailable", Meaning::Again),
    ("ServiceUnavailableException", Meaning::Again),
    ("ValidationException", Meaning::Refused),
];

/// The meaning of an error code, and the code as ours; `None` if the code is not known.
pub(super) fn meaning(error: Option<&str>) -> Option<(Code, Meaning)> {
    let own = MEANINGS.iter().find(|(known, _)| error == Some(*known));
    if let Some((known, meaning)) = own {
        return Some((Code(known), *meaning));
    }
    let caller = code::of_the_caller(error).map(|code| (code, Meaning::SetUp));
    caller.or_else(|| code::of_the_rate(error).map(|code| (code, Meaning::Throttled)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: &str, expected: Option<Meaning>) {
        let found = meaning(Some(error));
        assert_eq!(found.map(|(_, meaning)| meaning), expected, "{error}");
        assert!(found.is_none_or(|(code, _)| code.0 == error));
    }

    #[test]
    fn codes_of_the_service_and_of_all_services_are_known() {
        check("ProvisionedThroughputExceededException", Some(Meaning::Throttled));
        check("ThrottlingException", Some(Meaning::Throttled));
        check("AccessDeniedException", Some(Meaning::SetUp));
        check("ExpiredTokenException", Some(Meaning::SetUp));
        check("KMSDisabledException", Some(Meaning::SetUp));
        check("InternalFailure", Some(Meaning::Again));
        check("ValidationException", Some(Meaning::Refused));
        check("user@example.com", None);
        assert_eq!(meaning(None), None);
    }

    #[test]
    fn the_page_says_of_each_code_what_it_does() {
        let page = include_str!("../../../../deploy/guide/destinations/kinesis.md");
        for (code, meaning) in MEANINGS {
            let consequence = match meaning {
                Meaning::Throttled => "more slowly",
                Meaning::Again => "sent again",
                Meaning::SetUp => "**hold**",
                Meaning::Refused => "dead letter",
            };
            let row = page.lines().find(|line| line.starts_with('|') && line.contains(&format!("`{code}`")));
            let row = row.unwrap_or_else(|| panic!("{code} is not explained"));
            assert!(row.contains(consequence), "{code} must be {consequence}: {row}");
        }
    }
}
