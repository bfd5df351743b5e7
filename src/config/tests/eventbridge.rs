//! EventBridge destinations: their settings, and the problems that people get.

use super::*;
use crate::{
    config::destinations::DestinationKind, core::pipeline::config::Share,
    edge::aws::eventbridge::config::EventBridgeConfig,
};

const CUSTOM: &str = "arn:aws:events:eu-west-1:111122223333:event-busv2/identity/abcdefghij0123456789abcde";

fn with(eventbridge: &str) -> Result<Config, String> {
    loaded(
        &format!("dead_letter: {{ topic: letters }}\ndestination: {{ eventbridge: {eventbridge} }}"),
        &[],
        &[],
    )
}

fn read(eventbridge: &str) -> EventBridgeConfig {
    match with(eventbridge).unwrap().destinations().remove(0).kind {
        DestinationKind::EventBridge(eventbridge) => eventbridge,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bus_is_read_with_its_defaults() {
    let bus = read("{ bus: default, source: com.example }");
    assert_eq!((bus.timeout, bus.groups, bus.custom_bus()), (seconds(10), None, None));
    let custom = format!("{{ bus: '{CUSTOM}', source: com.example, groups: 7, region: eu-west-1 }}");
    let bus = read(&custom);
    assert_eq!((bus.groups, bus.custom_bus()), (7.try_into().ok(), Some(CUSTOM)));
    for config in ["{ bus: default, source: com.example }", &custom] {
        let config = with(config).unwrap();
        assert_eq!(loaded(&config.effective(), &[], &[]).unwrap(), config);
    }
}

#[test]
fn every_wrong_key_of_a_bus_is_reported() {
    #[track_caller]
    fn check(eventbridge: &str, expected: &[&str]) {
        let error = with(eventbridge).unwrap_err();
        let found: Vec<_> = error.lines().skip(1).map(str::trim).collect();
        assert_eq!(found, expected);
    }
    check(
        "{ bus: default }",
        &[
            "destination.eventbridge (config.yaml:2): must be a mapping with `bus`, `source`, `region`, `endpoint_url`, \
           `timeout`, `groups` and `credentials`",
        ],
    );
    check(
        &format!("{{ bus: '{CUSTOM}', source: com.example, region: us-east-1 }}"),
        &["destination.eventbridge.region (config.yaml:2): must be the region of the bus's ARN"],
    );
    check(
        "{ bus: default, source: com.example, groups: 10 }",
        &["destination.eventbridge.groups (config.yaml:2): has no effect: only a custom bus has groups"],
    );
    check(
        "{ bus: 'a b', source: aws.identity, groups: 0 }",
        &[
            "destination.eventbridge.bus (config.yaml:2): must be the ARN of a custom event bus; or the name of a classic \
             event bus, 1 to 256 letters, digits, dots, underscores, hyphens and slashes, or its ARN",
            "destination.eventbridge.groups (config.yaml:2): must be a whole number from 1 to 100000",
            "destination.eventbridge.source (config.yaml:2): must be the source of the events such as \
             com.example.identity, 1 to 256 printable ASCII characters that do not begin with `aws.`",
        ],
    );
}

#[test]
fn the_buses_of_a_region_share_the_quota_of_their_kind() {
    let quotas = |more: &str| {
        let destinations = format!(
            "dead_letter: {{ topic: letters }}
destinations:
  a: {{ eventbridge: {{ bus: default, source: a, region: eu-west-1 }} }}
  b: {{ eventbridge: {{ bus: other, source: a, region: eu-west-1 }} }}
  c: {{ eventbridge: {{ bus: '{CUSTOM}', source: a }} }}
routes: [{{ to: [a, b, c] }}]
unrouted: ignore
{more}"
        );
        let config = loaded(&destinations, &[], &[]).unwrap();
        let domains: Vec<_> = config.destinations().iter().map(|one| one.domain).collect();
        assert_eq!(domains, [0, 0, 1]);
        let quotas = config.domains();
        quotas.iter().map(|quota| (quota.requests_per_second, quota.share)).collect::<Vec<_>>()
    };
    assert_eq!(quotas(""), [(50.0, Share::Partitions), (500.0, Share::Partitions)]);
    let more = "quotas: [{ service: eventbridgev2, region: eu-west-1, requests_per_second: 900 }]";
    assert_eq!(quotas(more), [(50.0, Share::Partitions), (900.0, Share::Partitions)]);
}
