//! Several destinations, their routes and quotas.

use std::num::NonZeroU32;

use super::*;
use crate::{
    config::destinations::{DestinationConfig, DestinationKind},
    core::{
        destination::DestinationId,
        event::{EventType, Origin},
        pipeline::config::Share,
        route::Route,
        units::Switch,
    },
};

const TWO: &str = "
dead_letter: { topic: dead }
destinations:
  a-b: { pinpoint: { application: 0123456789abcdef0123456789abcdef } }
  c: { pinpoint: { application: 0123456789abcdef0123456789abcdef } }
";

const ROUTED: &str = "routes: [{ realm: x, to: [a-b, c] }]\nunrouted: ignore\n";

/// All problems of a configuration with two destinations and `yaml`.
fn problems(yaml: &str, variables: &[(&str, &str)]) -> Vec<String> {
    match loaded(&format!("{}{yaml}", TWO.trim_start()), variables, &[]) {
        Ok(_) => Vec::new(),
        Err(error) => error.lines().skip(1).map(|line| line.trim().to_owned()).collect(),
    }
}

#[track_caller]
fn check(yaml: &str, expected: &[&str]) {
    assert_eq!(problems(yaml, &[]), expected);
}

fn example() -> Config {
    loaded(include_str!("destinations.yaml"), &[], &[]).unwrap()
}

#[test]
fn several_destinations_are_read_and_shown() {
    let config = example();
    assert_snapshot!(config.effective());
    assert_eq!(loaded(&config.effective(), &[], &[]).unwrap(), config);
}

#[test]
fn a_destination_takes_absent_keys_from_the_top_level() {
    let destinations = example().destinations();
    let [lab, near_by, shop, stream] = &destinations[..] else { panic!("{destinations:?}") };
    assert_eq!((&*lab.name, &*near_by.name, &*shop.name), ("lab", "near-by", "shop"));
    assert_eq!((lab.batch.linger, lab.batch.max_events.get()), (seconds(2), 50));
    assert_eq!((shop.batch.linger, shop.batch.max_events.get()), (seconds(1), 50));
    assert_eq!((shop.retry.max, shop.retry.give_up), (seconds(60), Some(seconds(3600))));
    assert_eq!((lab.retry.max, lab.retry.give_up), (seconds(30), Some(seconds(3600))));
    assert_eq!((lab.spill, shop.spill), (None, Some(seconds(600).0)));
    assert_eq!((&*stream.record.app_id, stream.record.client_context), ("shop", Switch::On));
    assert_eq!(stream.record.account_id.as_deref(), Some("111122223333"));
}

#[test]
fn a_cap_is_divided_among_the_replicas_whatever_its_domain_has() {
    let destinations = example().destinations();
    let [lab, near_by, shop, stream] = &destinations[..] else { panic!("{destinations:?}") };
    let cap = |one: &DestinationConfig| one.cap.as_ref().map(|cap| (cap.requests_per_second, cap.share));
    let in_flight = stream.cap.as_ref().map(|cap| cap.in_flight);
    assert_eq!(in_flight, Some(NonZeroU32::MAX), "only the domain bounds the requests in flight");
    assert_eq!((cap(near_by), cap(shop)), (None, None));
    assert_eq!(cap(lab), Some((5.0, Share::Partitions)));
    assert_eq!(cap(stream), Some((10.0, Share::Partitions)));
}

#[test]
fn destinations_of_a_region_and_address_share_a_domain_and_its_quota() {
    let config = example();
    let domains: Vec<_> = config.destinations().iter().map(|one| one.domain).collect();
    assert_eq!(domains, [0, 1, 0, 2]);
    let quotas: Vec<_> =
        config.domains().iter().map(|quota| (quota.requests_per_second, quota.in_flight.get())).collect();
    assert_eq!(quotas[..2], [(15.0, 7), (20.0, 7)]);
}

#[test]
fn destinations_of_a_region_share_its_quota_whether_they_name_it_or_not() {
    let yaml = format!("{TWO}{ROUTED}quotas: [{{ service: pinpoint, requests_per_second: 30 }}]");
    let yaml = yaml.trim_start().replace("c: { pinpoint: {", "c: { pinpoint: { region: eu-west-1,");
    let config = loaded(&yaml, &[], &[]).unwrap();
    let rates =
        |config: &Config| config.domains().iter().map(|quota| quota.requests_per_second).collect::<Vec<_>>();
    let at = |region: &str, config: Config| Config { region: Some(region.parse().unwrap()), ..config };
    assert_eq!(rates(&config), [30.0, 15.0]);
    assert_eq!(rates(&at("us-east-1", config.clone())), [30.0, 15.0]);
    assert_eq!(rates(&at("eu-west-1", config)), [30.0]);

    let both =
        "quotas: [{ service: pinpoint, region: eu-west-1, requests_per_second: 20 }, { service: pinpoint }]";
    let yaml = yaml.split_once("quotas").unwrap().0.to_owned() + both;
    assert_eq!(
        rates(&at("eu-west-1", loaded(&yaml, &[], &[]).unwrap())),
        [20.0],
        "the one that names the region"
    );

    let one = format!("{NEEDED}quotas: [{{ service: pinpoint, requests_per_second: 5 }}]");
    let one = loaded(&one, &[], &[]).unwrap();
    assert_eq!((rates(&one), rates(&at("eu-west-1", one))), (vec![5.0], vec![5.0]));
}

#[test]
fn events_go_where_the_routes_say() {
    let router = example().router().unwrap();
    let realm = Origin { realm_name: Some("shop".into()), ..Origin::default() };
    let okta = Origin { provider: "okta".into(), ..Origin::default() };
    let to = |origin, event| router.route("keycloak-events", Some(origin), event);
    assert_eq!(to(&realm, EventType::SignUp), Route::To(&[DestinationId(2)]));
    assert_eq!(to(&okta, EventType::SignIn), Route::To(&[DestinationId(0), DestinationId(2)]));
    assert_eq!(to(&okta, EventType::SignUp), Route::DeadLetter);
}

#[test]
fn one_destination_is_named_default_and_gets_everything() {
    let config = loaded(NEEDED, &[], &[]).unwrap();
    let destinations = config.destinations();
    assert_eq!(destinations.len(), 1);
    assert_eq!((&*destinations[0].name, destinations[0].domain), ("default", 0));
    assert_eq!((&destinations[0].batch, &config.domains()[..]), (&config.batch, &[config.quota.clone()][..]));
    let router = config.router().unwrap();
    assert_eq!(router.route("t", None, EventType::SignIn), Route::To(&[DestinationId(0)]));
    reads("routes: [{ realm: x, to: default }]\nunrouted: ignore", |config| config.router().is_ok());
}

#[test]
fn routes_must_lead_to_every_destination_and_to_no_other() {
    check(ROUTED, &[]);
    check("", &["routes (not written): must be given, because there are several destinations"]);
    check(
        "routes: [{ realm: x, to: c }]",
        &[
            "destinations.a-b (config.yaml:3): is not reached by any route",
            "unrouted (not written): must be given, because there are routes: dead_letter or ignore",
        ],
    );
    check(
        "routes:\n- { realm: x, to: [a-b, d, c] }\n- { realm: y, to: d }\n- { realm: z }\nunrouted: ignore",
        &[
            "routes.0.to.1 (config.yaml:6): is not the name of a destination",
            "routes.1.to (config.yaml:7): is not the name of a destination",
            "routes.2.to (config.yaml:8): must be given: the name of a destination, or a list of names",
        ],
    );
}

#[test]
fn every_wrong_key_of_a_route_is_reported() {
    check(
        "routes:\n- { relm: x, to: [a-b, c] }\n- { realm: [], to: c }\n- { event: [_session.start, sign_in], to: C }\n\
         - { topic: [a, a], to: c }\n- { event: sign_in, to: [c, D, E] }\nunrouted: drop",
        &[
            "routes.0.relm (config.yaml:6): is an unknown key; did you mean `realm`?",
            "routes.1.realm (config.yaml:7): must be a text, or a list of at least one",
            "routes.2.event.1 (config.yaml:8): must be one of _userauth.sign_in, _userauth.sign_up, \
             _userauth.auth_fail, _session.start, _session.stop, _session.pause, _session.resume",
            "routes.2.to (config.yaml:8): must be a name of 1 to 63 lower-case letters, digits and hyphens, or a \
             list of at least one",
            "routes.3.topic.1 (config.yaml:9): is already in the list",
            "routes.4.event (config.yaml:10): must be _userauth.sign_in or _userauth.sign_up or _userauth.auth_fail or \
             _session.start or _session.stop or _session.pause or _session.resume, or a list of at least one",
            "routes.4.to.1 (config.yaml:10): must be a name of 1 to 63 lower-case letters, digits and hyphens",
            "routes.4.to.2 (config.yaml:10): must be a name of 1 to 63 lower-case letters, digits and hyphens",
            "unrouted (config.yaml:11): must be dead_letter or ignore",
        ],
    );
}

#[test]
fn lists_of_nothing_are_refused() {
    check(
        "routes: []\nquotas: []",
        &[
            "routes (config.yaml:5): must be a list of at least one route",
            "quotas (config.yaml:6): must be a list of at least one quota",
        ],
    );
    let error = loaded("destinations: {}\ndead_letter: { topic: t }", &[], &[]).unwrap_err();
    assert!(error.contains("destinations (config.yaml:1): must name 1 to 1000 destinations"), "{error}");
    refused("source: { topics: [] }", "source.topics (config.yaml:3): must be a list of at least one topic");
}

#[test]
fn every_wrong_topic_of_a_list_is_reported() {
    let error = loaded(&format!("{}source: {{ topics: [a b, c, c, '/'] }}", NEEDED.trim_start()), &[], &[]);
    let error = error.unwrap_err();
    let keys: Vec<_> = error.lines().skip(1).map(|line| line.trim().split(' ').next().unwrap()).collect();
    assert_eq!(keys, ["source.topics.0", "source.topics.2", "source.topics.3"]);
}

#[test]
fn destinations_have_names_and_one_way_to_be_written() {
    let yaml = TWO.replace("a-b", "A.b") + "routes: [{ realm: x, to: c }]\nunrouted: ignore";
    assert_eq!(
        loaded(yaml.trim_start(), &[], &[]).unwrap_err(),
        "the configuration has a problem\n  destinations.A.b (config.yaml:3): must have a name of 1 to 63 \
         lower-case letters, digits and hyphens"
    );
    let beside = format!("{ROUTED}destination: {{ pinpoint: {{}} }}");
    check(&beside, &["destination (config.yaml:7): must not be given together with `destinations`"]);
}

#[test]
fn each_destination_is_held_to_the_rules_of_its_parts() {
    let yaml = "dead_letter: { discard: true }\ndestinations:\n  a:\n    pinpoint: { region: eu-west-1 }\n    \
                retry: { initial: 1m }\n    batch: { max_events: 501 }\n    spill: { after: 10m }\n  b:\n    \
                pinpoint: { application: mine }\n    quota: { in_flight: 1 }\nroutes: [{ to: [a, b] }]\n\
                unrouted: ignore\n";
    assert_snapshot!(loaded(yaml, &[], &[]).unwrap_err());
}

#[test]
fn an_application_may_have_any_id_at_another_address() {
    let application = |pinpoint: &str| {
        loaded(&NEEDED.replace("application: 0123456789abcdef0123456789abcdef", pinpoint), &[], &[])
    };
    let at = |id: &str| format!("application: {id}, endpoint_url: 'http://127.0.0.1:8081'");
    let pinpoint = application(&at("mine")).unwrap().destination.pinpoint;
    assert_eq!(pinpoint.unwrap().application, "mine");
    let error = |pinpoint: &str| application(pinpoint).unwrap_err().lines().skip(1).collect::<String>();
    let hex = "  destination.pinpoint.application (config.yaml:2): must be the id of a Pinpoint application (project), 32 hex digits";
    assert_eq!(error("application: mine"), hex);
    assert_eq!(error(&at("a/b")), hex);
}

#[test]
fn a_quota_must_be_of_a_domain_that_there_is() {
    let quotas = |items: &str| format!("{ROUTED}quotas: [{items}]");
    check(&quotas("{ service: pinpoint, in_flight: 3 }"), &[]);
    check(
        &quotas("{ service: pinpoint }, { service: pinpoint }, { service: pinpoint, region: x-1 }"),
        &[
            "quotas.1 (config.yaml:7): repeats the service, account and region of an earlier quota",
            "quotas.2 (config.yaml:7): has a service and region that no destination uses",
        ],
    );
    check(
        &quotas("{ region: x-1, in_flight: 0 }, { service: s3, region: X }"),
        &[
            "quotas.0.in_flight (config.yaml:7): must be a whole number from 1 to 10000",
            "quotas.1.region (config.yaml:7): must be an AWS region such as us-east-1",
            "quotas.1.service (config.yaml:7): must be pinpoint, kafka, kinesis, firehose, eventbridge or eventbridgev2",
        ],
    );
    check(
        &quotas("{ region: x-1 }"),
        &[
            "quotas.0 (config.yaml:7): must be a mapping with `service`, `account`, `region`, `requests_per_second` and `in_flight`",
        ],
    );
}

#[test]
fn a_variable_changes_a_destination_and_never_makes_one() {
    let variables = [
        ("PINPOINT_SIDECAR__DESTINATIONS__A_B__PINPOINT__REGION", "eu-west-1"),
        ("PINPOINT_SIDECAR__DESTINATIONS__A_B__QUOTA__REQUESTS_PER_SECOND", "3"),
    ];
    let config = loaded(&format!("{TWO}{ROUTED}"), &variables, &[]).unwrap();
    let changed = &config.destinations()[0];
    let DestinationKind::Pinpoint(pinpoint) = &changed.kind else { panic!("{:?}", changed.kind) };
    let cap = changed.cap.as_ref().map(|cap| cap.requests_per_second);
    assert_eq!((pinpoint.region.as_deref(), cap), (Some("eu-west-1"), Some(3.0)));
    for (variable, key) in [
        ("PINPOINT_SIDECAR__DESTINATIONS__D__PINPOINT__REGION", "destinations.d.pinpoint.region"),
        ("PINPOINT_SIDECAR__DESTINATIONS__D", "destinations.d"),
        ("PINPOINT_SIDECAR__DESTINATIONS__C", "destinations.c"),
        ("PINPOINT_SIDECAR__DESTINATIONS", "destinations"),
    ] {
        let error = problems(ROUTED, &[(variable, "{}")]);
        assert_eq!(
            error,
            [format!(
                "{key} ({variable}): must be written in the configuration file: a variable only changes keys of \
                 an existing destination"
            )]
        );
    }
}

#[test]
fn a_mapping_needs_no_application() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    let bare = TWO
        .replace("application: 0123456789abcdef0123456789abcdef", "")
        .replace("dead_letter: { topic: dead }", "");
    fs::write(&file, format!("{bare}{ROUTED}")).unwrap();
    let sources = Sources { file: Some(file), environment: Vec::new() };
    assert_eq!(load_for_mapping(&sources).unwrap().destinations().len(), 2);
    assert!(load(&sources).is_err());
}

#[test]
fn commits_have_a_tail_unless_it_is_off() {
    reads("", |config| config.commit.tail == Switch::On);
    reads("commit: { tail: off }", |config| config.commit.tail == Switch::Off);
    reads("commit: { tail: false }", |config| config.commit.tail == Switch::Off);
    refused("commit: { tail: maybe }", "commit.tail (config.yaml:3): must be on or off");
}
