//! The words below the options of `--help`, and the long version.

use std::sync::LazyLock;

use rdkafka::util::get_rdkafka_version;

pub(super) static VERSION: LazyLock<String> = LazyLock::new(|| {
    let (_, librdkafka) = get_rdkafka_version();
    let version = env!("CARGO_PKG_VERSION");
    format!("{version}\nlibrdkafka {librdkafka}\nlicence {}", env!("CARGO_PKG_LICENSE"))
});

pub(super) const EXAMPLES: &str = "\
Examples:
  pinpoint-sidecar demo                               see it work; needs nothing
  pinpoint-sidecar map record.json                    see what a record becomes
  pinpoint-sidecar check --config config.yaml         is everything there?
  pinpoint-sidecar run --config config.yaml           deliver";

pub(super) const WHOLE: &str = "\
Examples:
  pinpoint-sidecar demo                               see it work; needs nothing
  pinpoint-sidecar map record.json                    see what a record becomes
  pinpoint-sidecar check --config config.yaml         is everything there?
  pinpoint-sidecar run --config config.yaml           deliver

Environment:
  Every key of the configuration can be set by a variable: its parts in capitals, joined by two
  underscores. The value is YAML and replaces the whole key:
    PINPOINT_SIDECAR__SOURCE__BROKERS=kafka:9092
    PINPOINT_SIDECAR__SOURCE__PROPERTIES__SASL_PASSWORD='{ file: /run/secrets/kafka }'
    PINPOINT_SIDECAR__QUOTA='{ requests_per_second: 30, in_flight: 30 }'
  AWS credentials and the region are found as every AWS SDK finds them.

Exit codes:
  0    finished cleanly
  1    the shutdown deadline passed with records unsettled; they are delivered again
  64   the command line is not understood, or a file cannot be read (map)
  65   a record was refused (map)
  69   a needed service is unreachable (check); Kafka failed for good, the sessions' table
       was not read in time, or `admin.listen` is taken (run)
  70   a bug
  78   there is something wrong with the configuration
  130  ended at once by a second SIGINT
  143  ended at once by a second SIGTERM";

pub(super) const RUN: &str = "\
The log goes to the standard error. The pages /livez, /readyz, /metrics and /status are served on \
`admin.listen`. A second SIGTERM or SIGINT ends the process at once; what is not settled is delivered again.

Example:
  pinpoint-sidecar run --config config.yaml";

pub(super) const CHECK: &str = "\
Tries the brokers, the topics, the consumer group, the dead letters' topic, the sessions' table, the file of \
places and the AWS credentials, and says of each what is wrong and what to do. Reads no record and sends no event.

Examples:
  pinpoint-sidecar check --config config.yaml
  pinpoint-sidecar check --offline --config config.yaml   in a build, without Kafka and AWS";

pub(super) const SCHEMA: &str = "\
Names:
  config           the configuration, for editors and tools
  identity-event   the format identity-event, for those who publish it

Example:
  pinpoint-sidecar schema identity-event > identity-event.schema.json";

pub(super) const MAP: &str = "\
Maps as `run` does, with the configuration's formats, filter and endpoint, and remembers sessions from one \
record to the next. Connects to nothing but to Kafka with --topic; joins no group, commits nothing and sends \
nothing. Needs no configuration. Shows what would be sent, personal data included.

A file holds a record to a line, or records in a JSON array, or a record over many lines.

Examples:
  pinpoint-sidecar map record.json
  pinpoint-sidecar map --format okta --output json < records.jsonl
  pinpoint-sidecar map --config config.yaml --topic keycloak-events --last 5";

pub(super) const DEMO: &str = "\
Ends with a table and a verdict from comparing what was produced with what arrived; the exit code is 1 \
when anything is missing or wrong. Takes no configuration.

Examples:
  pinpoint-sidecar demo
  pinpoint-sidecar demo --records 100000 --faults outage,lost
  pinpoint-sidecar demo --keep-running                    then look at http://127.0.0.1:9464/status";

pub(super) const EMULATOR: &str = "\
Point the service at it with `destination.pinpoint.endpoint_url`, or any SDK with AWS_ENDPOINT_URL_PINPOINT; \
any credentials do. Pages under /_emulator show what was accepted, as JSON lines and as counts, and change \
faults and quota while it runs. Takes no configuration.

Faults:
  a share from 0 to 1 of the requests: throttled, failed, answer-lost, answer-broken, answer-empty
  of the events: events-throttled, events-failed, events-refused, events-missing
  of the endpoints: endpoints-missing
  lengths of time: latency, latency-jitter, retry-after
  instead of all service: outage

Examples:
  pinpoint-sidecar emulator
  pinpoint-sidecar emulator --fault throttled=0.1 --fault latency=50ms
  pinpoint-sidecar emulator --fault 'outage={\"how\": \"hang\", \"lasts\": \"30s\"}'";
