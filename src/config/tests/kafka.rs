//! Kafka destinations: their settings, and the problems that people get.

use super::*;
use crate::{config::destinations::DestinationKind, core::stream_record::config::RecordConfig};

const LETTERS: &str = "dead_letter: { topic: letters }\n";

/// All problems of a configuration with this destination, and `yaml` below it.
fn problems(destination: &str, yaml: &str) -> Vec<String> {
    match loaded(&format!("{LETTERS}destination: {destination}\n{yaml}"), &[], &[]) {
        Ok(_) => Vec::new(),
        Err(error) => error.lines().skip(1).map(|line| line.trim().to_owned()).collect(),
    }
}

#[track_caller]
fn check(destination: &str, yaml: &str, expected: &[&str]) {
    assert_eq!(problems(destination, yaml), expected);
}

#[test]
fn a_topic_is_read_and_shown() {
    let yaml = "
source: { topics: [logins] }
destinations:
  near: { kafka: { topic: events } }
  far:
    kafka:
      topic: logins
      brokers: other:9093
      properties: { security.protocol: SASL_SSL, sasl.password: s3cret, linger.ms: 20 }
    batch: { linger: 0s }
    spill: { after: 10m }
record: { app_id: 'My shop', account_id: 012345678901, client_context: on }
routes: [{ to: [near, far] }]
unrouted: ignore
dead_letter: { topic: letters }
";
    let config = loaded(yaml, &[], &[]).unwrap();
    assert_snapshot!(config.effective());
    assert!(!format!("{config:?}").contains("s3cret"));
    assert_eq!(loaded(&config.effective().replace("\"***\"", "s3cret"), &[], &[]).unwrap(), config);
    let destinations = config.destinations();
    let DestinationKind::Kafka(far) = &destinations[0].kind else { panic!("{destinations:?}") };
    assert_eq!((&*far.topic, far.properties["sasl.password"].as_str()), ("logins", "s3cret"));
    assert_ne!(destinations[0].domain, destinations[1].domain, "they are on different clusters");
}

#[test]
fn records_are_read_and_checked() {
    reads("", |config| config.record == RecordConfig::default());
    reads("record: { client_context: on }", |config| config.record.client_context == Switch::On);
    let app_id = "record.app_id (config.yaml:3): must be a text of 1 to 128 printable ASCII characters";
    refused("record: { app_id: '' }", app_id);
    let account_id = "record.account_id (config.yaml:3): must be the id of an AWS account, 12 digits";
    refused("record: { account_id: 1234 }", account_id);
}

#[test]
fn a_destination_has_one_kind() {
    check("{ kafka: { topic: events } }", "", &[]);
    let none = "destination.pinpoint.application (config.yaml:2): must be given: the id of a Pinpoint application \
                (project), 32 hex digits; or give `kafka`, `kinesis`, `firehose` or `eventbridge` instead of `pinpoint`";
    check("{}", "", &[none]);
    check(
        "{ kafka: { topic: events }, pinpoint: { application: 0123456789abcdef0123456789abcdef } }",
        "",
        &[
            "destination (config.yaml:2): must have only one of `pinpoint`, `kafka`, `kinesis`, `firehose` and `eventbridge`",
        ],
    );
    check(
        "{ kafak: { topic: events } }",
        "",
        &["destination.kafak (config.yaml:2): is an unknown key; did you mean `kafka`?"],
    );
}

#[test]
fn every_wrong_key_of_a_topic_is_reported() {
    check(
        "{ kafka: {} }",
        "",
        &["destination.kafka (config.yaml:2): must be a mapping with `topic`, `brokers` and `properties`"],
    );
    let wrong = "{ kafka: { topic: 'a b', brokers: 'a, ,b', tpoic: x, properties: { acks: 0, max.poll.interval.ms: 1000, \
                 bootstrap.servers: x } } }";
    let found = problems(wrong, "");
    let keys: Vec<_> = found.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(keys, ["destination.kafka.topic", "destination.kafka.tpoic"]);
    check(
        &wrong.replace("'a b'", "events").replace("tpoic: x, ", ""),
        "",
        &[
            "destination.kafka.brokers (config.yaml:2): must be host:port, several separated by commas",
            "destination.kafka.properties.acks (config.yaml:2): is reserved by the service: a dead letter counts when all \
             replicas have acknowledged it",
            "destination.kafka.properties.bootstrap.servers (config.yaml:2): is reserved by the service: set `brokers`",
            "destination.kafka.properties.max.poll.interval.ms (config.yaml:2): has no effect: a destination takes properties \
             of the connection, compression.codec, compression.level, compression.type, linger.ms, partitioner",
        ],
    );
}

#[test]
fn a_topic_that_the_service_uses_itself_is_refused_on_the_same_cluster() {
    let own = |topic: &str| {
        format!(
            "destination.kafka.{topic} (config.yaml:2): must be none of `source.topics`, `dead_letter.topic` and \
             `sessions.table.topic`: on the same cluster the service would read its own events"
        )
    };
    let own = own("topic");
    let more = "source: { brokers: 'a:1', topics: [logins] }\nsessions: { table: { topic: table } }";
    for topic in ["logins", "letters", "table"] {
        check(&format!("{{ kafka: {{ topic: {topic} }} }}"), more, &[&own]);
        check(&format!("{{ kafka: {{ topic: {topic}, brokers: 'a:1' }} }}"), more, &[&own]);
        check(&format!("{{ kafka: {{ topic: {topic}, brokers: 'b:1' }} }}"), more, &[]);
    }
    check("{ kafka: { topic: events } }", more, &[]);
}

#[test]
fn a_topic_has_no_quota_unless_one_is_written() {
    let quota = |yaml: &str| {
        let config =
            loaded(&format!("{LETTERS}destination: {{ kafka: {{ topic: events }} }}\n{yaml}"), &[], &[]);
        let quota = config.unwrap().domains().remove(0);
        (quota.requests_per_second, quota.in_flight.get(), quota.share)
    };
    assert_eq!(quota(""), (100_000.0, 32, Share::Fixed(1.0)));
    assert_eq!(quota("quota: { share: 0.5 }"), (100_000.0, 32, Share::Fixed(0.5)));
    assert_eq!(quota("quotas: [{ service: kafka, requests_per_second: 50 }]"), (50.0, 32, Share::Partitions));
    assert_eq!(quota("quotas: [{ service: kafka, in_flight: 3 }]"), (100_000.0, 3, Share::Partitions));
    check(
        "{ kafka: { topic: events } }",
        "quota: { requests_per_second: 50 }",
        &[
            "quota (config.yaml:3): is the quota of Pinpoint, and there is no such destination: write `quotas` \
             with the service",
        ],
    );
}

#[test]
fn a_variable_changes_a_topic() {
    let yaml = format!("{LETTERS}destination: {{ kafka: {{ topic: events }} }}");
    let variables = [
        ("PINPOINT_SIDECAR__DESTINATION__KAFKA__TOPIC", "others"),
        ("PINPOINT_SIDECAR__DESTINATION__KAFKA__PROPERTIES__SASL_PASSWORD", "x"),
        ("PINPOINT_SIDECAR__RECORD__APP_ID", "shop"),
    ];
    let config = loaded(&yaml, &variables, &[]).unwrap();
    let kafka = config.destination.kafka.unwrap();
    assert_eq!((&*kafka.topic, kafka.properties["sasl.password"].as_str()), ("others", "x"));
    assert_eq!(config.record.app_id, "shop");
}
