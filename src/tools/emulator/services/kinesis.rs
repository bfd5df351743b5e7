//! Kinesis Data Streams: `PutRecords`, with shards and a dry run, and `DescribeStreamSummary`. JSON 1.1.
//!
//! There is every stream that a call names. Every error of a caller has the status 400, as the service has
//! it. A record that breaks a limit makes the whole call fail; only shards refuse single records.

use std::collections::BTreeSet;

use serde_json::json;

use self::{
    shards::{ACCEPTED_SIZE, Keys, Streams},
    wire::{Decoded, DescribeStreamSummary, PutRecords, StreamName},
};
use super::{
    Address, Call, Head, Parsed, Served, Service,
    entries::{self, Fault, Spoiled},
};
use crate::tools::emulator::{
    journal::Origin,
    protocol::{Problem, Protocol, json},
    record::{self, EventFields},
    state::ServerState,
};

pub(in crate::tools::emulator) mod shards;
mod wire;

pub(super) static SERVICE: Service = Service {
    name: "kinesis",
    signing_name: "kinesis",
    address: Address::Target("Kinesis_20131202"),
    protocol: Protocol::Json,
    has_quota: false,
    // 10 MiB in base64, with room for keys.
    max_body: 15 << 20,
    too_large: Problem::breach(
        "kinesis.body_size",
        413,
        "RequestEntityTooLarge",
        "The request is too large.",
    ),
    throttled: Problem::new(400, THROTTLED, "Rate exceeded for the stream."),
    failed: Problem::new(500, "InternalFailure", "Internal Service Failure"),
    refused: Problem::new(400, "InvalidArgumentException", "The request holds a bad record."),
    read,
};

const THROTTLED: &str = "ProvisionedThroughputExceededException";

const SPOILED: Spoiled = Spoiled {
    // Never the result of a record: see `spoils`.
    refused: Problem::new(400, "InvalidArgumentException", "The request holds a bad record."),
    throttled: Problem::new(400, THROTTLED, "Rate exceeded for a shard."),
    failed: Problem::new(500, "InternalFailure", "Internal Service Failure"),
};

fn read<'a>(head: &'a Head, body: &'a [u8]) -> Parsed<'a> {
    match &*head.operation {
        "PutRecords" => Ok(Box::new(PutRecordsCall::read(body)?)),
        "DescribeStreamSummary" => {
            let call: DescribeStreamSummary<'_> = json::read("kinesis.model", body)?;
            Ok(Box::new(DescribeCall(call.stream()?)))
        }
        _ => Err(SERVICE.unknown_operation()),
    }
}

struct PutRecordsCall<'a> {
    stream: StreamName<'a>,
    records: Vec<Decoded<'a>>,
    dry_run: bool,
}

impl<'a> PutRecordsCall<'a> {
    fn read(body: &'a [u8]) -> Result<Self, Problem> {
        let call: PutRecords<'_> = json::read("kinesis.model", body)?;
        let dry_run = call.dry_run();
        let stream = call.stream()?;
        Ok(Self { stream, records: call.records()?, dry_run })
    }

    /// Checks the limits that depend on the stream.
    fn check(&self, streams: &Streams) -> Result<(), Problem> {
        for record in &self.records {
            if streams.keys == Keys::Decide && record.key.is_none() {
                let message = "A partition key is required for each record.";
                return Err(Problem::breach("kinesis.key", 400, "InvalidArgumentException", message));
            }
            if record.size() as u64 > streams.max_record.0 {
                let message = "A record is larger than the stream allows.";
                return Err(Problem::breach("kinesis.record_size", 400, "InvalidArgumentException", message));
            }
        }
        if self.records.iter().map(Decoded::size).sum::<usize>() > ACCEPTED_SIZE {
            let message = "Records size exceeds 10 MiB limit";
            return Err(Problem::breach("kinesis.request_size", 400, "InvalidArgumentException", message));
        }
        Ok(())
    }

    /// Puts a record into its shard. Returns its result, or `None` if a fault leaves the result out.
    fn put(
        &self,
        record: &Decoded<'_>,
        state: &mut ServerState,
        origin: &Origin,
    ) -> Option<Result<serde_json::Value, Problem>> {
        let fields = EventFields::read(&record.data);
        let names = fields.names();
        let fault =
            entries::fault(state, origin, &SPOILED, record.identity(names), |text| record.contains(text));
        let answered = match fault {
            Some(Fault::Problem(problem)) => return Some(Err(problem)),
            Some(Fault::Missing { accepted: false }) => return None,
            Some(Fault::Missing { accepted: true }) => false,
            None => true,
        };
        let place = state.shards.put(self.stream.name(), record.shard_key(), record.size(), origin.now);
        let Some(place) = place else { return answered.then(|| Err(self.over_limit(origin))) };
        let result = json!({ "SequenceNumber": place.sequence_number, "ShardId": place.shard });
        state.journal.accept(origin, names, || {
            let entry = json!({
                "partition_key": record.key, "explicit_hash_key": record.explicit_hash_key.map(|key| key.to_string()),
                "shard": place.shard, "sequence_number": place.sequence_number,
            });
            record::event(names, &record.data, entry)
        });
        answered.then_some(Ok(result))
    }

    fn over_limit(&self, origin: &Origin) -> Problem {
        let (name, account) = (self.stream.name(), origin.caller.account());
        let message = format!("Rate exceeded for shard in stream {name} under account {account}.");
        Problem { message: message.into(), ..Problem::new(400, THROTTLED, "") }
    }
}

impl Call for PutRecordsCall<'_> {
    fn operation(&self) -> &'static str {
        "PutRecords"
    }

    fn destination(&self) -> &str {
        self.stream.as_sent()
    }

    fn endpoints(&self) -> BTreeSet<String> {
        record::endpoints(self.records.iter().map(|record| &*record.data))
    }

    fn serve(&self, state: &mut ServerState, origin: &Origin) -> Result<Served, Problem> {
        self.check(&state.shards.streams)?;
        if self.dry_run {
            let message = "The request would have succeeded, but the DryRun flag is set.";
            return Err(Problem::new(400, "DryRunOperationException", message));
        }
        entries::check_call(state, origin, &SERVICE, |text| self.records.iter().any(|it| it.contains(text)))?;
        for record in &self.records {
            let fields = EventFields::read(&record.data);
            let faults = state.faults.of(origin.call());
            if faults.event_spoils_call(record.identity(fields.names()), |text| record.contains(text)) {
                return Err(SERVICE.refused.clone());
            }
        }
        state.journal.serve(self.records.len());
        let (mut results, mut failed) = (Vec::with_capacity(self.records.len()), 0);
        for record in &self.records {
            match self.put(record, state, origin) {
                None => {}
                Some(Ok(result)) => results.push(result),
                Some(Err(problem)) => {
                    failed += 1;
                    state.refuse_entry(origin, &problem);
                    results.push(json!({ "ErrorCode": problem.code, "ErrorMessage": problem.message }));
                }
            }
        }
        let (listed, accepted) = (results.len(), (results.len() - failed) as u64);
        let body = json!({ "FailedRecordCount": failed, "Records": results, "EncryptionType": "NONE" });
        let answer = SERVICE.protocol.success(json::bytes(&body));
        Ok(Served::listed(answer, listed, self.records.len(), accepted))
    }
}

struct DescribeCall<'a>(StreamName<'a>);

impl Call for DescribeCall<'_> {
    fn operation(&self) -> &'static str {
        "DescribeStreamSummary"
    }

    fn destination(&self) -> &str {
        self.0.as_sent()
    }

    fn serve(&self, state: &mut ServerState, origin: &Origin) -> Result<Served, Problem> {
        let Streams { shards, keys, max_record, .. } = state.shards.streams;
        let strategy = match keys {
            Keys::Decide => "USER_PARTITION_KEY",
            Keys::Ignored => "AUTO",
        };
        let body = json!({ "StreamDescriptionSummary": {
            "StreamName": self.0.name(),
            "StreamARN": self.0.arn(&origin.region, origin.caller.account()),
            "StreamStatus": "ACTIVE",
            "StreamModeDetails": { "StreamMode": if keys == Keys::Decide { "PROVISIONED" } else { "ON_DEMAND" } },
            "RetentionPeriodHours": 24,
            "StreamCreationTimestamp": 1_795_341_600,
            "EnhancedMonitoring": [{ "ShardLevelMetrics": [] }],
            "EncryptionType": "NONE",
            "OpenShardCount": shards,
            "ConsumerCount": 0,
            "MaxRecordSizeInKiB": max_record.0 >> 10,
            "RecordDistributionStrategy": strategy,
        }});
        Ok(Served { answer: SERVICE.protocol.success(json::bytes(&body)), confirmed: 0 })
    }
}

#[cfg(test)]
mod tests;
