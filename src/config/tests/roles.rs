//! Roles of destinations: their settings, the problems that people get, and what follows from them.

use super::*;
use crate::{config::destinations::DestinationKind, core::stream_record::config::RecordConfig};

const ROLE: &str = "arn:aws:iam::111122223333:role/identity-events";

fn with(credentials: &str) -> Result<Config, String> {
    let destination = "stream: identity, region: eu-west-1, credentials:";
    let yaml = format!(
        "dead_letter: {{ topic: letters }}\ndestination: {{ kinesis: {{ {destination} {credentials} }} }}"
    );
    loaded(&yaml, &[], &[])
}

/// Three tenants of two accounts, and one destination without a role.
fn tenants(quotas: &str) -> Result<Config, String> {
    let role = |account: &str, name: &str| {
        format!("credentials: {{ role: 'arn:aws:iam::{account}:role/{name}', external_id: id-{name} }}")
    };
    let application = "application: 0123456789abcdef0123456789abcdef, region: us-east-1";
    let yaml = format!(
        "dead_letter: {{ topic: letters }}\ndestinations:\n  a: {{ pinpoint: {{ {application}, {} }} }}\n  \
         b: {{ pinpoint: {{ {application}, {} }} }}\n  c: {{ pinpoint: {{ {application}, {} }} }}\n  \
         d: {{ pinpoint: {{ {application} }} }}\nroutes: [{{ to: [a, b, c, d] }}]\nunrouted: ignore\n{quotas}",
        role("111122223333", "a"),
        role("111122223333", "b"),
        role("444455556666", "c"),
    );
    loaded(&yaml, &[], &[])
}

fn kind(config: &Config) -> DestinationKind {
    config.destinations().remove(0).kind
}

#[test]
fn a_role_is_read_with_its_default_and_shown() {
    let config = with(&format!("{{ role: '{ROLE}', external_id: acme-7f3c }}")).unwrap();
    let kind = kind(&config);
    let role = kind.role().unwrap();
    assert_eq!((&*role.role, &*role.session_name), (ROLE, "pinpoint-sidecar"));
    assert_eq!(role.external_id.as_deref(), Some("acme-7f3c"));
    assert_eq!(loaded(&config.effective(), &[], &[]).unwrap(), config);
    assert!(config.effective().contains("acme-7f3c"), "an external id is no secret");
}

#[test]
fn a_variable_changes_a_role() {
    let yaml =
        "dead_letter: { topic: letters }\ndestination: { kinesis: { stream: identity, region: eu-west-1 } }";
    let variable = |key: &'static str, value: &'static str| (key, value);
    let variables = [
        variable("PINPOINT_SIDECAR__DESTINATION__KINESIS__CREDENTIALS__ROLE", ROLE),
        variable("PINPOINT_SIDECAR__DESTINATION__KINESIS__CREDENTIALS__EXTERNAL_ID", "acme"),
    ];
    let config = loaded(yaml, &variables, &[]).unwrap();
    assert_eq!(kind(&config).role().unwrap().external_id.as_deref(), Some("acme"));
}

#[test]
fn every_wrong_key_of_a_role_is_reported() {
    #[track_caller]
    fn check(credentials: &str, expected: &[&str]) {
        let error = with(credentials).unwrap_err();
        let found: Vec<_> = error.lines().skip(1).map(str::trim).collect();
        assert_eq!(found, expected);
    }
    check(
        "{ role: identity-events, external_id: a, session_name: my session, duration: 1h }",
        &[
            "destination.kinesis.credentials.duration (config.yaml:2): is an unknown key; the known keys are `role`, \
             `external_id`, `session_name`",
            "destination.kinesis.credentials.external_id (config.yaml:2): must be an external id of 2 to 1224 letters, \
             digits and _+=,.@:/-",
            "destination.kinesis.credentials.role (config.yaml:2): must be the ARN of an IAM role, such as \
             arn:aws:iam::111122223333:role/identity-events",
            "destination.kinesis.credentials.session_name (config.yaml:2): must be the name of a session, 2 to 64 letters, \
             digits and _+=,.@-",
        ],
    );
    check(
        "{ external_id: acme }",
        &[
            "destination.kinesis.credentials (config.yaml:2): must be a mapping with `role`, `external_id` and \
             `session_name`",
        ],
    );
}

#[test]
fn each_account_has_a_quota_domain_of_its_own() {
    let config = tenants("").unwrap();
    let domains: Vec<_> = config.destinations().iter().map(|one| one.domain).collect();
    assert_eq!(domains, [0, 0, 1, 2]);
    assert_eq!(config.domains().len(), 3);
}

#[test]
fn a_quota_of_an_account_goes_before_one_of_all_accounts() {
    let config = tenants(
        "quotas:\n- { service: pinpoint, region: us-east-1, requests_per_second: 30 }\n\
         - { service: pinpoint, region: us-east-1, account: '444455556666', requests_per_second: 5 }",
    );
    let rates: Vec<_> = config.unwrap().domains().iter().map(|quota| quota.requests_per_second).collect();
    assert_eq!(rates, [30.0, 5.0, 30.0]);
}

#[test]
fn a_quota_of_an_account_that_no_role_belongs_to_is_reported() {
    let quota = "{ service: pinpoint, region: us-east-1, account: '444455556666' }";
    let error = tenants(&format!(
        "quotas:\n- {quota}\n- {quota}\n- {}\n- {}",
        quota.replace("444455556666", "777788889999"),
        quota.replace("us-east-1", "eu-west-1"),
    ));
    let error = error.unwrap_err();
    let found: Vec<_> = error.lines().skip(1).map(str::trim).collect();
    assert_eq!(
        found,
        [
            "quotas.1 (config.yaml:11): repeats the service, account and region of an earlier quota",
            "quotas.2.account (config.yaml:12): is not the account of the role of any destination of this service and \
             region",
            "quotas.3 (config.yaml:13): has a service and region that no destination uses",
        ]
    );
}

#[test]
fn records_name_the_account_that_is_written_or_that_of_the_role_or_the_stream() {
    #[track_caller]
    fn check(written: Option<&str>, stream: &str, credentials: &str, expected: Option<&str>) {
        let yaml = format!(
            "dead_letter: {{ topic: letters }}\ndestination: {{ kinesis: {{ stream: '{stream}', region: eu-west-1{credentials} }} }}"
        );
        let record =
            RecordConfig { account_id: written.map(|id| id.parse().unwrap()), ..RecordConfig::default() };
        let found = kind(&loaded(&yaml, &[], &[]).unwrap()).record(&record);
        assert_eq!(found.account_id.as_deref(), expected);
    }
    let role = format!(", credentials: {{ role: '{ROLE}' }}");
    let arn = "arn:aws:kinesis:eu-west-1:444455556666:stream/identity";
    check(None, "identity", "", None);
    check(None, arn, "", Some("444455556666"));
    check(None, arn, &role, Some("111122223333"));
    check(None, "identity", &role, Some("111122223333"));
    check(Some("777788889999"), arn, &role, Some("777788889999"));
}
