//! The bodies of Kinesis' calls, read strictly, with the limits that the model states.
//!
//! Knows nothing of the limits that a stream sets, and of shards.

use std::hash::Hash;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;

use crate::tools::emulator::{
    journal::Names,
    protocol::{Problem, json::JsonText},
};

/// A request may hold 500 records.
const MAX_RECORDS: usize = 500;
/// The data of a record may take 10 MiB, before base64.
const MAX_DATA: usize = 10 << 20;
/// A key has 1 to 256 characters.
const MAX_KEY: usize = 256;
const MAX_NAME: usize = 128;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PutRecords<'a> {
    #[serde(borrow)]
    records: Option<Vec<Record<'a>>>,
    #[serde(borrow)]
    stream_name: Option<JsonText<'a>>,
    #[serde(borrow, rename = "StreamARN")]
    stream_arn: Option<JsonText<'a>>,
    dry_run: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Record<'a> {
    #[serde(borrow)]
    data: Option<JsonText<'a>>,
    #[serde(borrow)]
    partition_key: Option<JsonText<'a>>,
    #[serde(borrow)]
    explicit_hash_key: Option<JsonText<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeStreamSummary<'a> {
    #[serde(borrow)]
    stream_name: Option<JsonText<'a>>,
    #[serde(borrow, rename = "StreamARN")]
    stream_arn: Option<JsonText<'a>>,
}

/// A record, with its data as it was before base64.
pub(super) struct Decoded<'a> {
    pub(super) data: Vec<u8>,
    pub(super) key: Option<JsonText<'a>>,
    pub(super) explicit_hash_key: Option<u128>,
}

/// The stream of a call: by name, by ARN, or by both.
pub(super) struct StreamName<'a> {
    name: JsonText<'a>,
    arn: Option<JsonText<'a>>,
}

impl<'a> PutRecords<'a> {
    pub(super) fn dry_run(&self) -> bool {
        self.dry_run == Some(true)
    }

    pub(super) fn stream(&self) -> Result<StreamName<'a>, Problem> {
        StreamName::of(self.stream_name.clone(), self.stream_arn.clone())
    }

    pub(super) fn records(self) -> Result<Vec<Decoded<'a>>, Problem> {
        let records = self.records.unwrap_or_default();
        match records.len() {
            0 => Err(invalid("kinesis.no_records", "Value at 'records' must have at least one member.")),
            1..=MAX_RECORDS => records.into_iter().map(Record::decoded).collect(),
            _ => Err(invalid(
                "kinesis.record_count",
                "1 validation error detected: Value at 'records' failed to satisfy constraint: Member must \
                 have length less than or equal to 500",
            )),
        }
    }
}

impl<'a> DescribeStreamSummary<'a> {
    pub(super) fn stream(self) -> Result<StreamName<'a>, Problem> {
        StreamName::of(self.stream_name, self.stream_arn)
    }
}

impl<'a> Record<'a> {
    fn decoded(self) -> Result<Decoded<'a>, Problem> {
        let data = self.data.ok_or_else(|| invalid("kinesis.data", "Data must not be null."))?;
        let data = BASE64_STANDARD.decode(data.as_bytes()).map_err(|_| {
            Problem::breach("kinesis.base64", 400, "SerializationException", "Data is not base64.")
        })?;
        if data.len() > MAX_DATA {
            return Err(invalid("kinesis.record_size", "Data must take at most 10485760 bytes."));
        }
        let too_long = |key: &JsonText<'_>| !(1..=MAX_KEY).contains(&key.chars().count());
        if self.partition_key.as_ref().is_some_and(too_long) {
            return Err(invalid("kinesis.key_length", "PartitionKey must have 1 to 256 characters."));
        }
        let hash_key = self.explicit_hash_key.map(|key| {
            let canonical =
                &*key == "0" || !key.starts_with('0') && key.bytes().all(|byte| byte.is_ascii_digit());
            let value = key.parse().ok().filter(|_| canonical);
            value.ok_or_else(|| invalid("kinesis.hash_key", "ExplicitHashKey is not a number of 128 bits."))
        });
        Ok(Decoded { data, key: self.partition_key, explicit_hash_key: hash_key.transpose()? })
    }
}

impl Decoded<'_> {
    /// What counts against the limits: the data before base64, and the key.
    pub(super) fn size(&self) -> usize {
        self.data.len() + self.key.as_ref().map_or(0, |key| key.len())
    }

    /// What a refusal on purpose depends on: the names of the event, or the data if it has none.
    pub(super) fn identity<'n>(&'n self, names: Names<'n>) -> impl Hash + use<'n> {
        let data = if names.event_id.is_empty() { &*self.data } else { &[] };
        (names.endpoint_id, names.event_id, data)
    }

    pub(super) fn contains(&self, text: &str) -> bool {
        self.key.as_ref().is_some_and(|key| key.contains(text))
            || std::str::from_utf8(&self.data).is_ok_and(|data| data.contains(text))
    }
}

impl<'a> StreamName<'a> {
    fn of(name: Option<JsonText<'a>>, arn: Option<JsonText<'a>>) -> Result<Self, Problem> {
        let wrong = || invalid("kinesis.stream", "StreamName or StreamARN does not name a stream.");
        let of_arn = match &arn {
            Some(arn) => Some(name_in(arn).ok_or_else(wrong)?.to_owned()),
            None => None,
        };
        let name = match (name, of_arn) {
            (Some(name), Some(of_arn)) if *name != *of_arn => return Err(wrong()),
            (Some(name), _) => name,
            (None, Some(of_arn)) => JsonText::owned(of_arn),
            (None, None) => return Err(wrong()),
        };
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        let valid = (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(fits);
        if valid { Ok(Self { name, arn }) } else { Err(wrong()) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The ARN if the call has one, else the name.
    pub(super) fn as_sent(&self) -> &str {
        self.arn.as_ref().unwrap_or(&self.name)
    }

    pub(super) fn arn(&self, region: &str, account: &str) -> String {
        match &self.arn {
            Some(arn) => (**arn).to_owned(),
            None => format!("arn:aws:kinesis:{region}:{account}:stream/{}", &*self.name),
        }
    }
}

/// The name of the stream in `arn:aws:kinesis:REGION:ACCOUNT:stream/NAME`.
fn name_in(arn: &str) -> Option<&str> {
    match arn.split(':').collect::<Vec<_>>()[..] {
        ["arn", partition, "kinesis", region, account, stream]
            if partition.starts_with("aws")
                && !region.is_empty()
                && account.len() == 12
                && account.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            stream.strip_prefix("stream/")
        }
        _ => None,
    }
}

fn invalid(rule: &'static str, message: &'static str) -> Problem {
    Problem::breach(rule, 400, "ValidationException", message)
}
