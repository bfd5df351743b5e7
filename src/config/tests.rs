//! Configurations that people may write, and the problems that they get.

use insta::assert_snapshot;

use super::*;
use crate::{
    core::{
        dead_letter::config::DeadLetterConfig,
        pipeline::config::Share,
        session_table::config::TableConfig,
        time::Timestamp,
        units::{Size, Span, Switch, text::TopicName},
    },
    edge::{admin::config::Readiness, kafka::consumer::config::Start},
};

mod destinations;
mod eventbridge;
mod firehose;
mod kafka;
mod kinesis;
mod roles;

/// The settings that have no default.
const NEEDED: &str = "
destination: { pinpoint: { application: 0123456789abcdef0123456789abcdef } }
dead_letter: { topic: pinpoint-sidecar-dead-letters }
";

/// Loads the configuration from a file and variables. Problems call the file `config.yaml`, and `FOLDER/`
/// names another file in the same folder.
fn loaded(yaml: &str, variables: &[(&str, &str)], beside: &[(&str, &str)]) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().to_string_lossy().into_owned();
    let path = folder.path().join("config.yaml");
    fs::write(&path, yaml.replace("FOLDER", &name)).unwrap();
    for (file, content) in beside {
        fs::write(folder.path().join(file), content).unwrap();
    }
    let variable = |(key, value): &(&str, &str)| ((*key).into(), value.replace("FOLDER", &name).into());
    let environment = variables.iter().map(variable).collect();
    let sources = Sources { file: Some(path), environment };
    load(&sources).map_err(|error| error.to_string().replace(&format!("{name}/"), ""))
}

#[track_caller]
fn reads(yaml: &str, wanted: impl Fn(&Config) -> bool) {
    reads_with(yaml, &[], &[], wanted);
}

#[track_caller]
fn reads_with(
    yaml: &str,
    variables: &[(&str, &str)],
    beside: &[(&str, &str)],
    wanted: impl Fn(&Config) -> bool,
) {
    match loaded(&format!("{NEEDED}{yaml}"), variables, beside) {
        Ok(config) => assert!(wanted(&config), "{}", config.effective()),
        Err(problems) => panic!("{problems}"),
    }
}

/// Checks the only problem of a configuration that consists of the required settings and `yaml`.
#[track_caller]
fn refused(yaml: &str, expected: &str) {
    refused_with(yaml, &[], expected);
}

#[track_caller]
fn refused_with(yaml: &str, variables: &[(&str, &str)], expected: &str) {
    let problems = loaded(&format!("{}{yaml}", NEEDED.trim_start()), variables, &[]).unwrap_err();
    assert_eq!(problems, format!("the configuration has a problem\n  {expected}"));
}

fn seconds(seconds: u64) -> Span {
    Span(std::time::Duration::from_secs(seconds))
}

#[test]
fn settings_without_a_default_are_required() {
    assert_snapshot!(load(&Sources::default()).unwrap_err());
}

#[test]
fn the_example_of_the_documentation_is_read() {
    let config = loaded(include_str!("tests/example.yaml"), &[], &[]).unwrap();
    assert_snapshot!(config.effective());
}

#[test]
fn the_effective_configuration_reads_back() {
    let config = loaded(include_str!("tests/example.yaml"), &[], &[]).unwrap();
    let again = loaded(&config.effective(), &[], &[]).unwrap();
    assert_eq!(config, again);
}

#[test]
fn each_kind_of_value_is_read() {
    reads("", |config| *config == loaded(NEEDED, &[], &[]).unwrap());
    reads("source: { start: 2026-01-01T00:00:00Z }", |config| {
        config.source.start == Start::At(Timestamp(1_767_225_600_000))
    });
    reads("source: { start: latest }", |config| config.source.start == Start::Latest);
    reads("quota: { share: 0.25 }", |config| config.quota.share == Share::Fixed(0.25));
    reads("quota: { requests_per_second: 0.5 }", |config| config.quota.requests_per_second.eq(&0.5));
    reads("retry: { give_up: off }", |config| config.retry.give_up.is_none());
    reads("retry: { give_up: false }", |config| config.retry.give_up.is_none());
    reads("retry: { give_up: 24h }", |config| config.retry.give_up == Some(seconds(86_400)));
    reads("sessions: { table: ~ }", |config| config.sessions.table.is_none());
    reads("sessions: { table: {} }", |config| config.sessions.table == Some(TableConfig::default()));
    reads("sessions: { table: { topic: s, load_timeout: 5s } }", |config| {
        config.sessions.table
            == Some(TableConfig { topic: TopicName::literal("s"), load_timeout: seconds(5) })
    });
    reads("memory: { max_bytes: 67108864 }", |config| config.memory.max_bytes == Size(64 << 20));
    reads("memory: { brokers: 9 }", |config| config.memory.brokers.get() == 9);
    reads("memory: { max_bytes: 64MiB }", |config| config.memory.max_bytes == Size(64 << 20));
    reads("admin: { readiness: delivery }", |config| config.admin.readiness == Readiness::Delivery);
    reads("admin: { listen: '[::]:9464' }", |config| config.admin.listen.is_ipv6());
}

#[test]
fn a_text_is_a_text_whatever_it_looks_like() {
    let topics = "source: { topics: [123, 1e3, 'true', 0x1f] }";
    reads(topics, |config| config.source.topics == ["123", "1e3", "true", "0x1f"]);
    let digits = "{pinpoint: {application: 12345678901234567890123456789012}}";
    reads_with("", &[("PINPOINT_SIDECAR__DESTINATION", digits)], &[], |config| {
        config.destination.pinpoint.as_ref().unwrap().application == "12345678901234567890123456789012"
    });
    let properties = "source: { properties: { session.timeout.ms: 6000, socket.keepalive.enable: true } }";
    reads(properties, |config| config.source.properties["session.timeout.ms"] == "6000");
}

#[test]
fn a_section_of_which_everything_is_commented_out_has_its_defaults() {
    reads("quota:\nretry: {}\nlog: ~", |config| config.quota.share == Share::Partitions);
}

#[test]
fn dead_letters_go_where_it_is_written() {
    let target = |section: &str| {
        let variables = [("PINPOINT_SIDECAR__DEAD_LETTER", section)];
        loaded(NEEDED, &variables, &[]).unwrap().dead_letter
    };
    assert_eq!(target("{discard: true}").target, DeadLetterConfig::Discard);
    assert_eq!(target("{topic: t, discard: false}").target, DeadLetterConfig::Topic(TopicName::literal("t")));
    assert_eq!(target("{discard: true, circuit_breaker: off}").circuit_breaker, None);
    let breaker = target("{discard: true, circuit_breaker: {window: 10}}").circuit_breaker.unwrap();
    assert_eq!((breaker.share, breaker.window.get()), (0.5, 10));
}

#[test]
fn the_environment_goes_before_the_file_and_a_key_before_its_section() {
    let variables = [
        ("PINPOINT_SIDECAR__QUOTA__IN_FLIGHT", "3"),
        ("PINPOINT_SIDECAR__QUOTA", "{requests_per_second: 5, in_flight: 4}"),
        ("PINPOINT_SIDECAR__SOURCE__TOPICS", "[a, b]"),
        ("PINPOINT_SIDECAR__SOURCE__PROPERTIES__SECURITY_PROTOCOL", "SASL_SSL"),
        ("PINPOINT_SIDECAR__SOURCE__PROPERTIES__client.id", "sidecar"),
        ("PINPOINT_SIDECAR_SERVICE_HOST", "what Kubernetes sets for a service of our name is not ours"),
        ("PATH", "x"),
    ];
    reads_with("quota: {share: 0.5, in_flight: 9}\nsource: {topics: [c]}", &variables, &[], |config| {
        let quota = &config.quota;
        // The section's variable replaces the whole section of the file.
        quota.share == Share::Partitions
            && quota.requests_per_second.eq(&5.0)
            && quota.in_flight.get() == 3
            && config.source.topics == ["a", "b"]
            && config.source.properties["security.protocol"] == "SASL_SSL"
            && config.source.properties["client.id"] == "sidecar"
    });
}

#[test]
fn a_text_can_lie_in_a_file_of_its_own() {
    let yaml =
        "source: {properties: {sasl.password: {file: FOLDER/password}}, brokers: {file: FOLDER/brokers}}";
    let files = [("password", "p4ss: #\n\n"), ("brokers", "a:1,b:2\r\n")];
    reads_with(yaml, &[], &files, |config| {
        // One line break at the end belongs to the file, not to the text.
        config.source.properties["sasl.password"] == "p4ss: #\n" && config.source.brokers == "a:1,b:2"
    });
    let variables = [("PINPOINT_SIDECAR__RETRY__MAX", "{file: FOLDER/max}")];
    reads_with("", &variables, &[("max", "7s")], |config| config.retry.max == seconds(7));
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem_of_its_key() {
    refused(
        "source:\n  brokers: { file: /nowhere/s3cret }",
        "source.brokers (config.yaml:4): the file that it names cannot be read: there is no such file",
    );
    refused(
        "source: { brokers: { file: /dev/zero } }",
        "source.brokers (config.yaml:3): the file that it names cannot be read: it is larger than 1 MiB",
    );
    refused(
        "source: { brokers: { file: / } }",
        "source.brokers (config.yaml:3): the file that it names cannot be read: it is a folder",
    );
    refused(
        "quota: { in_flight: { file: /nowhere } }",
        "quota.in_flight (config.yaml:3): must be a whole number from 1 to 10000",
    );
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_known_one() {
    refused("sources: {}", "sources (config.yaml:3): is an unknown key; did you mean `source`?");
    refused(
        "source: { broker: x }",
        "source.broker (config.yaml:3): is an unknown key; did you mean `brokers`?",
    );
    refused(
        "admin: { colour: x }",
        "admin.colour (config.yaml:3): is an unknown key; the known keys are `listen`, `readiness`",
    );
    refused(
        "admin: { 'sasl.password=s3cret': x }",
        "admin.? (config.yaml:3): is an unknown key; the known keys are `listen`, `readiness`",
    );
    refused_with(
        "",
        &[("PINPOINT_SIDECAR__SOURCE__BROKER", "x")],
        "PINPOINT_SIDECAR__SOURCE__BROKER: is an unknown variable; did you mean PINPOINT_SIDECAR__SOURCE__BROKERS?",
    );
    refused(
        "source: { properties: { sasl.pasword: s3cret } }",
        "source.properties.sasl.pasword (config.yaml:3): is not a property of librdkafka; did you mean `sasl.password`?",
    );
    refused(
        "source: { properties: { group.id: x } }",
        "source.properties.group.id (config.yaml:3): is reserved by the service: set `source.group`",
    );
}

#[test]
fn values_out_of_bounds_are_refused_with_the_bounds() {
    refused(
        "batch: { max_events: 501 }",
        "batch.max_events (config.yaml:3): must be a whole number from 1 to 500",
    );
    refused(
        "batch: { max_events: 0 }",
        "batch.max_events (config.yaml:3): must be a whole number from 1 to 500",
    );
    refused(
        "batch: { max_events: '5' }",
        "batch.max_events (config.yaml:3): must be a whole number from 1 to 500",
    );
    refused(
        "batch: { max_bytes: 4MiB }",
        "batch.max_bytes (config.yaml:3): must be a number of bytes such as 4000000, 512KiB or 32MiB, from 1100000 to 4000000",
    );
    refused(
        "commit: { interval: 10 }",
        "commit.interval (config.yaml:3): must be a length of time such as 500ms, 10s, 1m or 24h, from 100ms to 5m",
    );
    refused(
        "quota: { share: 0 }",
        "quota.share (config.yaml:3): must be partitions, or a number over 0 and up to 1",
    );
    refused(
        "quota: { requests_per_second: .nan }",
        "quota.requests_per_second (config.yaml:3): must be a number over 0 and up to 100000",
    );
    refused(
        "log: { level: verbose }",
        "log.level (config.yaml:3): must be error, warn, info, debug or trace",
    );
    refused("source: { group: ~ }", "source.group (config.yaml:3): must be a name of 1 to 255 characters");
}

#[test]
fn settings_that_do_not_agree_are_refused() {
    refused("retry: { initial: 1m }", "retry.initial (config.yaml:3): must not be longer than `retry.max`");
    refused("source: { topics: [a, a] }", "source.topics.1 (config.yaml:3): is already in the list");
    refused(
        "source: { topics: [pinpoint-sidecar-dead-letters] }",
        "dead_letter.topic (config.yaml:2): must not be one of `source.topics`: dead letters would be read as records",
    );
    refused(
        "sessions: { table: { topic: keycloak-events } }",
        "sessions.table.topic (config.yaml:3): must not be one of `source.topics`: sessions would be read as records",
    );
    refused(
        "sessions: { table: { topic: pinpoint-sidecar-dead-letters } }",
        "sessions.table.topic (config.yaml:3): must not be `dead_letter.topic`: dead letters would be compacted away",
    );
    refused(
        "source: { revoke_timeout: 1m, properties: { max.poll.interval.ms: 60000 } }",
        "source.revoke_timeout (config.yaml:3): must be shorter than the property `max.poll.interval.ms` (5 minutes \
         by default), after which the group removes a member",
    );
    refused_with(
        "",
        &[("PINPOINT_SIDECAR__DEAD_LETTER__DISCARD", "true")],
        "dead_letter (config.yaml:2): must be a mapping with either `topic` or `discard: true`, `retention` and `circuit_breaker`",
    );
}

#[test]
fn a_topic_has_its_format() {
    let yaml = "source: { topics: [a, b], format: okta, formats: { b: custom }, custom: 'empty' }";
    reads(yaml, |config| {
        let source = &config.source;
        let b = source.formats["b"];
        (source.format.name(), b.name(), source.custom.as_deref()) == ("okta", "custom", Some("empty"))
    });
    reads("source: { format: keycloak }", |config| config.source.formats().custom.is_none());
}

#[test]
fn a_format_that_cannot_be_is_refused() {
    let formats = "auto, keycloak, fusionauth, auth0, okta, entra, wso2, caep, cognito, ory, authentik, \
                   ocsf, identity-event or custom";
    refused("source: { format: ldap }", &format!("source.format (config.yaml:3): must be {formats}"));
    refused(
        "source: { formats: { keycloak-events: ldap } }",
        &format!("source.formats.keycloak-events (config.yaml:3): must be {formats}"),
    );
    refused(
        "source: { formats: { b: okta } }",
        "source.formats.b (config.yaml:3): is not one of `source.topics`",
    );
    refused(
        "source: { format: custom }",
        "source.custom (config.yaml:3): must be given with the format `custom`: a jq filter",
    );
    refused("source: { custom: . }", "source.custom (config.yaml:3): is used only by the format `custom`");
    refused(
        "source: { format: custom, custom: '{type: s3cret(1)}' }",
        "source.custom (config.yaml:3): is no jq filter: line 1, column 8: expected a filter that is defined",
    );
    refused(
        "source:\n  format: custom\n  custom: |\n    {type: .t}\n    | .user = @s3cret",
        "source.custom (config.yaml:5): is no jq filter: line 2, column 11: expected a filter that is defined",
    );
}

#[test]
fn invalid_yaml_is_refused_with_its_line() {
    let refused = |yaml: &str| loaded(yaml, &[], &[]).unwrap_err().lines().nth(1).unwrap().to_owned();
    assert_snapshot!(
        [
            "a: [1",
            "a: b: c",
            "\ta: 1",
            "a: 'b",
            "password: @s3cret",
            "a: *b",
            "a: 1\n---\nb: 2",
            "log: {}\nlog: {}"
        ]
        .map(refused)
        .join("\n")
    );
}

#[test]
fn a_file_without_settings_lacks_the_required_ones() {
    let error = |yaml: &str| loaded(yaml, &[], &[]).unwrap_err();
    assert_eq!(error(""), load(&Sources::default()).unwrap_err().to_string());
    assert_eq!(error("# nothing yet"), error(""));
    assert_snapshot!([error("[]"), error("a text")].join("\n"));
}

#[test]
fn nesting_has_an_end() {
    let error = |depth: usize| {
        let deep = format!("source: {}1{}", "[".repeat(depth), "]".repeat(depth));
        loaded(&deep, &[], &[]).unwrap_err()
    };
    assert_snapshot!([error(10), error(20), error(100_000)].join("\n"));
}

#[test]
fn all_problems_are_reported_at_once() {
    let variables = [("PINPOINT_SIDECAR__QUTA", "5"), ("PINPOINT_SIDECAR__RETRY__MAX", "[")];
    assert_snapshot!(loaded(include_str!("tests/bad.yaml"), &variables, &[]).unwrap_err());
}

/// Gives every key of the schema a secret, once as a text and once as a key of its own.
#[test]
fn no_written_value_is_ever_reported() {
    let schema = schema();
    for path in schema::Schema::new(&schema).paths() {
        let variable = format!("PINPOINT_SIDECAR__{}", path.join("__").to_uppercase());
        for value in ["s3cret!", "[s3cret!]", "{file: s3cret!}", "{s3cret!: s3cret!}", "{s3cret!", "@s3cret!"]
        {
            let Err(error) = loaded(NEEDED, &[(&variable, value)], &[]) else { continue };
            assert!(!error.contains("s3cret!"), "{variable}={value}: {error}");
        }
    }
}

#[test]
fn secrets_are_not_shown() {
    let secret = "source: { properties: { sasl.password: s3cret, sasl.username: s3cret, ssl.key.pem: s3cret, \
                  sasl.oauthbearer.config: s3cret, security.protocol: SASL_SSL } }";
    let config = loaded(&format!("{NEEDED}{secret}"), &[], &[]).unwrap();
    assert_eq!(config.source.properties["sasl.password"], "s3cret");
    let shown = format!("{config:?}{config:#?}{}", config.effective());
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(shown.contains("SASL_SSL"));
}

#[test]
fn the_secret_of_redriving_is_read_from_a_file_and_never_shown() {
    let yaml = format!("{NEEDED}redrive: {{ secret: {{ file: FOLDER/secret }}, topic: keycloak-events }}");
    let config = loaded(&yaml, &[], &[("secret", "s3cret of many letters\n")]).unwrap();
    let secret = config.redrive.secret.as_ref().map(|secret| secret.0.as_str());
    assert_eq!(
        (secret, config.redrive.topic.as_deref()),
        (Some("s3cret of many letters"), Some("keycloak-events"))
    );
    assert!(!format!("{config:?}{}", config.effective()).contains("s3cret"));
    refused(
        "redrive: { secret: s3cret }",
        "redrive.secret (config.yaml:3): must be a text of at least 16 characters",
    );
    refused(
        "redrive: { topic: others }",
        "redrive.topic (config.yaml:3): must be one of `source.topics`: nobody reads what is redriven",
    );
}

/// `pinpoint-sidecar check --schema > schemas/config.json` writes it again.
#[test]
fn the_published_schema_is_that_of_the_types() {
    let published = include_str!("../../schemas/config.json");
    let current = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
    assert_eq!(published, current);
}

#[test]
fn the_settings_of_endpoints_and_events_are_read() {
    let config =
        loaded(include_str!("tests/endpoint.yaml"), &[], &[("secret", "s3cret of many letters\n")]).unwrap();
    assert_snapshot!(config.effective());
    let secret = config.endpoint.secret.as_ref().map(|secret| secret.0.as_str());
    assert_eq!(secret, Some("s3cret of many letters"));
    assert!(!format!("{config:?}{}", config.effective()).contains("s3cret"));
    let again = loaded(&config.effective().replace("\"***\"", "s3cret of many letters"), &[], &[]).unwrap();
    assert_eq!(config, again);
}

#[test]
fn a_field_that_no_identity_event_has_is_refused_with_the_nearest() {
    let attribute = |field: &str| format!("event: {{ attributes: {{ a: {field} }} }}");
    let error = |nearest: &str| {
        format!(
            "event.attributes.a (config.yaml:3): is not a field of an identity event; did you mean `{nearest}`?"
        )
    };
    refused(&attribute("useragent"), &error("user_agent"));
    refused(&attribute("realm_nme"), &error("realm_name"));
    refused(&attribute("place.citty"), &error("place.city"));
    refused(&attribute("persn.email"), &error("person.NAME"));
    refused(&attribute("attribute.x"), &error("attributes.NAME"));
    refused(
        &attribute("s3cret"),
        "event.attributes.a (config.yaml:3): must be a field such as user, person.email or attributes.newsletter, \
         or { value: TEXT }",
    );
    refused(
        "event: { metrics: { a: { value: 1 } } }",
        "event.metrics.a (config.yaml:3): must be a field such as user, realm_name, person.email or attributes.newsletter",
    );
    refused(
        "endpoint: { address: { from: person.email, channel: MAIL } }",
        "endpoint.address.channel (config.yaml:3): must be EMAIL, SMS or VOICE",
    );
    refused(
        "endpoint: { address: { channel: EMAIL } }",
        "endpoint.address (config.yaml:3): must be off, or a mapping with the keys `from`, `channel`",
    );
    refused(
        "event: { attributes: { a: { valu: x } } }",
        "event.attributes.a.valu (config.yaml:3): is an unknown key; did you mean `value`?",
    );
}

#[test]
fn the_settings_of_endpoints_and_events_must_agree() {
    refused(
        "endpoint: { location: { from: [ip] } }",
        "endpoint.location.database (config.yaml:3): must be given, because `from` has `ip`",
    );
    refused(
        "endpoint: { location: { database: /x } }",
        "endpoint.location.database (config.yaml:3): has no effect unless `from` has `ip`",
    );
    refused(
        "endpoint: { secret: s3cret }",
        "endpoint.secret (config.yaml:3): must be a text of at least 16 characters",
    );
    refused(
        "endpoint: { opt_out: { from: person.x, all: [a], none: [A] } }",
        "endpoint.opt_out (config.yaml:3): needs values in `all` or `none`, and no value in both",
    );
    refused(
        "event: { attributes: { reason: client } }",
        "event.attributes.reason (config.yaml:3): is reserved by the service: choose another name",
    );
    refused(
        &format!("event: {{ attributes: {{ {}: client }} }}", "k".repeat(51)),
        &format!(
            "event.attributes.{} (config.yaml:3): must have a name of 1 to 50 characters",
            "k".repeat(51)
        ),
    );
    let many = |number: usize| {
        let entries: Vec<_> = (0..number).map(|number| format!("a{number}: client")).collect();
        format!("event: {{ attributes: {{ {} }}, metrics: {{ b: attributes.b }} }}", entries.join(", "))
    };
    reads(&many(31), |config| config.event.attributes.len() == 31);
    refused(
        &many(32),
        "event (config.yaml:3): may have 32 attributes and metrics in total: an event can hold 40, and the service \
         uses 8",
    );
}
