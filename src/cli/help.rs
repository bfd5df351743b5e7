//! The text below the options of `--help`, and the long version.

use std::sync::LazyLock;

use rdkafka::util::get_rdkafka_version;

use crate::exit::Exit;

/// The width at which the lines of the exit codes are wrapped.
const WIDTH: usize = 96;

pub(super) static VERSION: LazyLock<String> = LazyLock::new(|| {
    let (_, librdkafka) = get_rdkafka_version();
    let version = env!("CARGO_PKG_VERSION");
    format!("{version}\nlibrdkafka {librdkafka}\nlicence {}", env!("CARGO_PKG_LICENSE"))
});

pub(super) const EXAMPLES: &str = "\
Examples:
  pinpoint-sidecar demo                               try it without Kafka and AWS
  pinpoint-sidecar map record.json                    see what a record becomes
  pinpoint-sidecar check --config config.yaml         check the configuration and what it needs
  pinpoint-sidecar run --config config.yaml           deliver";

/// [`EXAMPLES`], followed by the environment and the exit codes.
pub(super) static WHOLE: LazyLock<String> = LazyLock::new(|| {
    let codes: String = Exit::ALL.iter().map(|exit| exit_code(*exit)).collect();
    format!("{EXAMPLES}\n\n{ENVIRONMENT}\n\nExit codes:\n{codes}")
});

const ENVIRONMENT: &str = "\
Environment:
  A variable can set each key of the configuration: the parts of the key in capitals, joined by two
  underscores. Its value is YAML and replaces the whole key:
    PINPOINT_SIDECAR__SOURCE__BROKERS=kafka:9092
    PINPOINT_SIDECAR__SOURCE__PROPERTIES__SASL_PASSWORD='{ file: /run/secrets/kafka }'
    PINPOINT_SIDECAR__QUOTA='{ requests_per_second: 30, in_flight: 30 }'
  AWS credentials and the region are found as in every AWS SDK.";

/// A code and its meaning, with the further lines of the meaning indented below the first.
fn exit_code(exit: Exit) -> String {
    let mut lines = vec![format!("  {:<5}", exit as u8)];
    for word in exit.meaning().split(' ') {
        if lines[lines.len() - 1].len() + word.len() > WIDTH {
            lines.push(" ".repeat(7));
        }
        let last = lines.len() - 1;
        lines[last].extend([word, " "]);
    }
    lines.iter().map(|line| line.trim_end().to_owned() + "\n").collect()
}

pub(super) const RUN: &str = "\
The log goes to standard error. `admin.listen` serves the pages /livez, /readyz, /metrics and /status. \
A second SIGTERM or SIGINT ends the process at once; records that are not settled will be delivered again.

Example:
  pinpoint-sidecar run --config config.yaml";

pub(super) const CHECK: &str = "\
Tries the brokers, the topics, the consumer group, the dead-letter topic, the session table, the topics and \
streams of destinations, the location database, the AWS credentials and the roles. If something is wrong, it says \
what to do, with the policies that a role needs. Reads no record and sends no event.

Examples:
  pinpoint-sidecar check --config config.yaml
  pinpoint-sidecar check --offline --config config.yaml   in a build: without Kafka and AWS
  pinpoint-sidecar check --destination acme               one destination and its role";

pub(super) const SCHEMA: &str = "\
Names:
  config           the configuration, for editors and other tools
  identity-event   the format identity-event, for programs that publish it
  stream-record    the records of all destinations but Pinpoint, for those who read them

Example:
  pinpoint-sidecar schema identity-event > identity-event.schema.json";

pub(super) const MAP: &str = "\
Maps records as `run` does, with the configuration's formats, filter and endpoint, and remembers sessions from \
one record to the next. The configuration is optional. Connects only to Kafka, and only with --topic; joins no \
group, commits nothing and sends nothing. The output is what would be sent, including personal data.

A file contains one record per line, a JSON array of records, or one record over several lines.

Examples:
  pinpoint-sidecar map record.json
  pinpoint-sidecar map --format okta --output json < records.jsonl
  pinpoint-sidecar map --config config.yaml --topic keycloak-events --last 5";

pub(super) const REDRIVE: &str = "\
Reads the dead letters as they are when it starts, writes the original record of each back to the topic that it \
came from (or to `redrive.topic`), and leaves a receipt beside the letters. The service sends only the events that \
were refused, only to the destinations that refused them. `redrive.secret` must be set, for this command and for \
each replica of the service. SIGINT or SIGTERM ends it after the records that are on their way; the next run goes on.

Examples:
  pinpoint-sidecar redrive --config config.yaml --dry-run
  pinpoint-sidecar redrive --config config.yaml --destination shop --reason spilled
  pinpoint-sidecar redrive --config config.yaml --since 2026-11-22T10:00:00Z --max-attempts 3";

pub(super) const DEMO: &str = "\
Delivers the records of two realms to two destinations of one kind: `shop`, and `acme`, a tenant with a role of its \
own. After the other faults the role is refused for a while: `acme` is held, its events spill to the dead letters, \
it comes back, and what spilled is redriven, while `shop` goes on. Then compares the records produced with the events \
that arrived, and ends with a table and a verdict. The exit code is 1 if anything is missing or wrong. Needs no \
configuration.

Examples:
  pinpoint-sidecar demo
  pinpoint-sidecar demo --kind eventbridge
  pinpoint-sidecar demo --records 100000 --faults outage,lost
  pinpoint-sidecar demo --keep-running                    then look at http://127.0.0.1:9464/status";

pub(super) const EMULATOR: &str = "\
Point a destination at it with `endpoint_url`, or an SDK with AWS_ENDPOINT_URL; any credentials will do. Every \
application, bus, stream and role that a call names is there. The pages under /_emulator list the accepted events as \
JSON lines, show counts, and change faults, quota and shards while it runs. Needs no configuration.

Faults:
  a share from 0 to 1 of the requests: throttled, failed, answer-lost, answer-broken, answer-empty
  a share of the events: events-throttled, events-failed, events-refused, events-missing
  a share of the endpoints: endpoints-missing
  a duration: latency, latency-jitter, retry-after; of the credentials of a role: role-lasts
  a text: role-external-id, the ExternalId that roles demand
  instead of all service: outage
  of some services, operations or destinations: only

Services and operations:
  pinpoint       PutEvents
  eventbridgev2  PutEvents, DescribeEventBus         of a custom bus
  eventbridge    PutEvents, DescribeEventBus         of a classic bus
  kinesis        PutRecords, DescribeStreamSummary
  firehose       PutRecordBatch, DescribeDeliveryStream
  sts            AssumeRole, GetCallerIdentity

Examples:
  pinpoint-sidecar emulator
  pinpoint-sidecar emulator --fault throttled=0.1 --fault latency=50ms
  pinpoint-sidecar emulator --fault kinesis.PutRecords.events-throttled=0.2
  pinpoint-sidecar emulator --fault sts.role-lasts=5m --fault sts.role-external-id=acme-7f3c
  pinpoint-sidecar emulator --fault 'outage={\"how\": \"hang\", \"lasts\": \"30s\"}'";
