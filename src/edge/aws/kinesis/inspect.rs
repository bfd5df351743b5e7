//! What `check` asks about a stream: whether its records may be written, and what it does with them. Nothing
//! is written.

use aws_sdk_kinesis::{
    error::ProvideErrorMetadata as _,
    primitives::Blob,
    types::{PutRecordsRequestEntry, RecordDistributionStrategy},
};

use super::{Kinesis, code::PUT_RECORDS};
use crate::{
    core::{code::Code, units::Size},
    edge::aws::results::failure_code,
};

/// The error of a request that would have succeeded.
const DRY_RUN: &str = "DryRunOperationException";

/// A stream as its service describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamFacts {
    pub shards: i32,
    pub keys: Keys,
    /// The largest record, data and key together, if the service states it.
    pub max_record: Option<Size>,
}

/// Whether the partition key of a record decides its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    Decide,
    Ignored,
}

impl Kinesis {
    /// Asks whether a record may be written.
    ///
    /// # Errors
    /// If it may not be written; the code says why.
    pub async fn may_write(&self) -> Result<(), Code> {
        let stream = self.resource();
        let entry = PutRecordsRequestEntry::builder().data(Blob::new("{}")).partition_key("check").build();
        let entry = entry.map_err(|_| Code("request_not_built"))?;
        let put_records = stream.client.put_records().records(entry).dry_run(true);
        let put_records = match stream.config.stream_arn() {
            Some(arn) => put_records.stream_arn(arn),
            None => put_records.stream_name(&*stream.config.stream),
        };
        match put_records.customize().config_override(stream.with_credentials()).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some(DRY_RUN) => Ok(()),
            Err(error) => Err(failure_code(&PUT_RECORDS, &error)),
        }
    }

    /// Asks for a description of the stream.
    ///
    /// # Errors
    /// If there is none; the code says why.
    pub async fn facts(&self) -> Result<StreamFacts, Code> {
        let stream = self.resource();
        let describe = stream.client.describe_stream_summary();
        let describe = match stream.config.stream_arn() {
            Some(arn) => describe.stream_arn(arn),
            None => describe.stream_name(&*stream.config.stream),
        };
        let describe = describe.customize().config_override(stream.with_credentials());
        let described = describe.send().await.map_err(|error| failure_code(&PUT_RECORDS, &error))?;
        let summary = described.stream_description_summary().ok_or(Code("broken_answer"))?;
        let keys = match summary.record_distribution_strategy() {
            Some(RecordDistributionStrategy::Auto) => Keys::Ignored,
            _ => Keys::Decide,
        };
        let kib = summary.max_record_size_in_kib().and_then(|kib| u64::try_from(kib).ok());
        let max_record = kib.map(|kib| Size(kib << 10));
        Ok(StreamFacts { shards: summary.open_shard_count(), keys, max_record })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::scripted, *};
    use crate::edge::aws::scripted::{block_on, made_up, responding};

    fn kinesis(status: u16, body: &'static str) -> Kinesis {
        scripted::kinesis(&scripted::config("identity"), responding(status, &[], body), made_up())
    }

    #[track_caller]
    fn check_write(status: u16, body: &'static str, expected: Result<(), &'static str>) {
        assert_eq!(block_on(kinesis(status, body).may_write()), expected.map_err(Code));
    }

    #[test]
    fn a_dry_run_shows_whether_records_may_be_written() {
        check_write(400, r#"{"__type":"DryRunOperationException"}"#, Ok(()));
        check_write(400, r#"{"__type":"AccessDeniedException"}"#, Err("AccessDeniedException"));
        check_write(400, r#"{"__type":"ResourceNotFoundException"}"#, Err("ResourceNotFoundException"));
        check_write(400, r#"{"__type":"user@example.com"}"#, Err("http_400"));
        check_write(503, "<html>", Err("http_503"));
    }

    #[track_caller]
    fn check_facts(more: &str, keys: Keys, max_record: Option<Size>) {
        let body = format!(
            r#"{{"StreamDescriptionSummary":{{"StreamName":"identity","StreamARN":"a","StreamStatus":"ACTIVE",
            "RetentionPeriodHours":24,"StreamCreationTimestamp":1,"EnhancedMonitoring":[],"OpenShardCount":4{more}}}}}"#
        );
        let facts = block_on(kinesis(200, body.leak()).facts());
        assert_eq!(facts, Ok(StreamFacts { shards: 4, keys, max_record }));
    }

    #[test]
    fn a_stream_is_described() {
        check_facts("", Keys::Decide, None);
        check_facts(r#","RecordDistributionStrategy":"USER_PARTITION_KEY""#, Keys::Decide, None);
        let auto = r#","RecordDistributionStrategy":"AUTO","MaxRecordSizeInKiB":2048"#;
        check_facts(auto, Keys::Ignored, Some(Size(2 << 20)));
        let missing = kinesis(400, r#"{"__type":"ResourceNotFoundException"}"#);
        assert_eq!(block_on(missing.facts()), Err(Code("ResourceNotFoundException")));
    }
}
