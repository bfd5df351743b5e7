//! What the error codes of `PutRecords` mean. They are looked at before the status, because every error of
//! this service has the status 400, throttling too.

use crate::edge::aws::meaning::{Meaning, Operation};

/// `PutRecords`, with the codes that it has beside those of all services.
pub(super) const PUT_RECORDS: Operation = Operation {
    name: "PutRecords",
    meanings: &[
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
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::aws::meaning::check_page;

    #[test]
    fn the_page_says_of_each_code_what_it_does() {
        check_page(&PUT_RECORDS, include_str!("../../../../deploy/guide/destinations/kinesis.md"));
    }
}
