//! What the error codes of `PutRecordBatch` mean. They are looked at before the status, because nearly every
//! error of this service has the status 400.

use crate::edge::aws::meaning::{Meaning, Operation};

/// `PutRecordBatch`, with the codes that it has beside those of all services.
pub(super) const PUT_RECORD_BATCH: Operation = Operation {
    name: "PutRecordBatch",
    meanings: &[
        ("InternalFailure", Meaning::Again),
        ("InternalFailureException", Meaning::Again),
        ("InvalidArgumentException", Meaning::Refused),
        ("InvalidKMSResourceException", Meaning::SetUp),
        // The stream takes only the logs of CloudWatch.
        ("InvalidSourceException", Meaning::SetUp),
        ("LimitExceededException", Meaning::Throttled),
        ("ResourceNotFoundException", Meaning::SetUp),
        // The service has no other code for a stream that is used too fast.
        ("ServiceUnavailableException", Meaning::Throttled),
        ("ValidationException", Meaning::Refused),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::aws::meaning::check_page;

    #[test]
    fn the_page_says_of_each_code_what_it_does() {
        check_page(&PUT_RECORD_BATCH, include_str!("../../../../deploy/guide/destinations/firehose.md"));
    }
}
