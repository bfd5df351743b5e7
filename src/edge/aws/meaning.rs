//! What the error codes of an operation mean. Services that answer every error with the status 400 are
//! understood by their codes alone.
//!
//! The text of an answer never becomes a code: it is looked up, in the table of the operation and in the
//! codes that all services have.

use super::code;
use crate::core::code::Code;

/// What an error code means for its item, or for the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Something is used too fast: the service, a shard, the key of its encryption.
    Throttled,
    /// It may pass.
    Again,
    /// The set-up is wrong: no item is at fault.
    SetUp,
    /// The content will never be taken.
    Refused,
}

/// An operation that delivers items, with the codes that it has beside those of all services.
pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) meanings: &'static [(&'static str, Meaning)],
}

impl Operation {
    /// The meaning of an error code, and the code as ours; `None` if the code is not known.
    pub(super) fn meaning(&self, error: Option<&str>) -> Option<(Code, Meaning)> {
        let own = self.meanings.iter().find(|(known, _)| error == Some(*known));
        if let Some((known, meaning)) = own {
            return Some((Code(known), *meaning));
        }
        let caller = code::of_the_caller(error).map(|code| (code, Meaning::SetUp));
        caller.or_else(|| code::of_the_rate(error).map(|code| (code, Meaning::Throttled)))
    }
}

/// Checks that a page has a row for each code of an operation, which says what the code does.
#[cfg(test)]
#[track_caller]
pub(super) fn check_page(operation: &Operation, page: &str) {
    for (code, meaning) in operation.meanings {
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

#[cfg(test)]
mod tests {
    use super::*;

    const OPERATION: Operation = Operation {
        name: "Put",
        meanings: &[("InternalFailure", Meaning::Again), ("Own", Meaning::Refused)],
    };

    #[track_caller]
    fn check(error: &str, expected: Option<Meaning>) {
        let found = OPERATION.meaning(Some(error));
        assert_eq!(found.map(|(_, meaning)| meaning), expected, "{error}");
        assert!(found.is_none_or(|(code, _)| code.0 == error));
    }

    #[test]
    fn codes_of_the_operation_and_of_all_services_are_known() {
        check("Own", Some(Meaning::Refused));
        check("InternalFailure", Some(Meaning::Again));
        check("ThrottlingException", Some(Meaning::Throttled));
        check("AccessDeniedException", Some(Meaning::SetUp));
        check("ExpiredTokenException", Some(Meaning::SetUp));
        check("user@example.com", None);
        assert_eq!(OPERATION.meaning(None), None);
    }
}
