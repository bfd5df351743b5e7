//! What the error codes of a classic bus's `PutEvents` mean, of an entry and of a request.

use crate::edge::aws::meaning::{Meaning, Operation};

/// `PutEvents`, with the codes that it has beside those of all services.
pub(in crate::edge::aws::eventbridge) const PUT_EVENTS: Operation = Operation {
    name: "PutEvents",
    meanings: &[
        ("InternalException", Meaning::Again),
        ("InternalFailure", Meaning::Again),
        ("InvalidAccountIdException", Meaning::SetUp),
        ("InvalidArgument", Meaning::Refused),
        ("LimitExceededException", Meaning::Throttled),
        ("MalformedDetail", Meaning::Refused),
        ("NotAuthorizedForDetailTypeException", Meaning::SetUp),
        ("NotAuthorizedForSourceException", Meaning::SetUp),
        ("RedactionFailure", Meaning::Refused),
        ("ResourceNotFoundException", Meaning::SetUp),
        ("ServiceUnavailableException", Meaning::Again),
        ("ValidationException", Meaning::Refused),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::aws::meaning::check_page;

    #[test]
    fn the_page_says_of_each_code_what_it_does() {
        check_page(&PUT_EVENTS, include_str!("../../../../../deploy/guide/destinations/eventbridge.md"));
    }
}
