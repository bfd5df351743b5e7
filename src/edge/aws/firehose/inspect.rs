//! What `check` asks about a Firehose stream: whether it takes records, and what it does with them. Nothing
//! is written.

use aws_sdk_firehose::types::{
    DeliveryStreamDescription, DeliveryStreamStatus, DeliveryStreamType, ExtendedS3DestinationDescription,
    ProcessorType,
};

use super::{Firehose, code::PUT_RECORD_BATCH};
use crate::{core::code::Code, edge::aws::results::failure_code};

/// A stream as its service describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryStreamFacts {
    pub is_active: bool,
    /// Whether it takes records from producers, and does not read them from elsewhere.
    pub is_direct: bool,
    pub records: Records,
}

/// What the stream does with each record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// It adds a newline.
    pub delimited: bool,
    /// It finds the partition of each record by its content.
    pub partitioned: bool,
    /// It takes records apart that hold several events.
    pub taken_apart: bool,
}

impl Firehose {
    /// Asks for a description of the stream.
    ///
    /// # Errors
    /// If there is none; the code says why.
    pub async fn facts(&self) -> Result<DeliveryStreamFacts, Code> {
        let stream = self.resource();
        let describe = stream.client.describe_delivery_stream().delivery_stream_name(&*stream.config.stream);
        let describe = describe.customize().config_override(stream.with_credentials());
        let described = describe.send().await.map_err(|error| failure_code(&PUT_RECORD_BATCH, &error))?;
        described.delivery_stream_description().map(facts).ok_or(Code("broken_answer"))
    }
}

fn facts(stream: &DeliveryStreamDescription) -> DeliveryStreamFacts {
    let bucket = stream.destinations().iter().find_map(|one| one.extended_s3_destination_description());
    DeliveryStreamFacts {
        is_active: *stream.delivery_stream_status() == DeliveryStreamStatus::Active,
        is_direct: *stream.delivery_stream_type() == DeliveryStreamType::DirectPut,
        records: bucket.map(records).unwrap_or_default(),
    }
}

fn records(bucket: &ExtendedS3DestinationDescription) -> Records {
    let processing = bucket.processing_configuration().filter(|one| one.enabled() == Some(true));
    let is_on = |kind: &ProcessorType| {
        processing.is_some_and(|one| one.processors().iter().any(|processor| processor.r#type() == kind))
    };
    let partitioning = bucket.dynamic_partitioning_configuration();
    Records {
        delimited: is_on(&ProcessorType::AppendDelimiterToRecord),
        partitioned: partitioning.is_some_and(|one| one.enabled() == Some(true)),
        taken_apart: is_on(&ProcessorType::RecordDeAggregation),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::scripted, *};
    use crate::edge::aws::scripted::{block_on, made_up, responding};

    fn firehose(status: u16, body: &'static str) -> Firehose {
        scripted::firehose(&scripted::config("lake"), responding(status, &[], body), made_up())
    }

    #[track_caller]
    fn check(status: &str, kind: &str, mut bucket: serde_json::Value, expected: DeliveryStreamFacts) {
        bucket["CompressionFormat"] = "GZIP".into();
        let body = json!({ "DeliveryStreamDescription": {
            "DeliveryStreamName": "lake", "DeliveryStreamARN": "a", "DeliveryStreamStatus": status,
            "DeliveryStreamType": kind, "VersionId": "1", "HasMoreDestinations": false,
            "Destinations": [{ "DestinationId": "1", "ExtendedS3DestinationDescription": bucket }],
        } });
        let facts = block_on(firehose(200, body.to_string().leak()).facts());
        assert_eq!(facts, Ok(expected));
    }

    #[test]
    fn a_stream_is_described() {
        let plain = DeliveryStreamFacts { is_active: true, is_direct: true, records: Records::default() };
        check("ACTIVE", "DirectPut", json!({}), plain);
        check("CREATING", "DirectPut", json!({}), DeliveryStreamFacts { is_active: false, ..plain });
        let reading = DeliveryStreamFacts { is_direct: false, ..plain };
        check("ACTIVE", "KinesisStreamAsSource", json!({}), reading);
        let processors = json!([{ "Type": "RecordDeAggregation" }, { "Type": "AppendDelimiterToRecord" }]);
        let bucket = |enabled: bool| {
            json!({
                "DynamicPartitioningConfiguration": { "Enabled": enabled },
                "ProcessingConfiguration": { "Enabled": enabled, "Processors": processors },
            })
        };
        let all = Records { delimited: true, partitioned: true, taken_apart: true };
        check("ACTIVE", "DirectPut", bucket(true), DeliveryStreamFacts { records: all, ..plain });
        check("ACTIVE", "DirectPut", bucket(false), plain);
    }

    #[test]
    fn a_description_that_is_not_given_has_a_code() {
        let missing = firehose(400, r#"{"__type":"ResourceNotFoundException"}"#);
        assert_eq!(block_on(missing.facts()), Err(Code("ResourceNotFoundException")));
        assert_eq!(block_on(firehose(400, r#"{"__type":"a@b.c"}"#).facts()), Err(Code("http_400")));
        assert_eq!(block_on(firehose(200, "{").facts()), Err(Code("broken_answer")));
    }
}
