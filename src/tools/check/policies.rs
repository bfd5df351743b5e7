//! The policies that a destination's role needs, as JSON to paste.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::{
    config::destinations::{DestinationConfig, DestinationKind},
    edge::aws::roles::config::RoleConfig,
};

/// What stands for the caller if AWS STS does not say who that is.
const UNKNOWN: &str = "arn:aws:iam::ACCOUNT:role/ROLE";

/// The policies of roles that one caller assumes.
pub(super) struct Policies {
    principal: Principal,
}

/// Whom a trust policy names.
#[derive(Debug, PartialEq, Eq)]
struct Principal {
    arn: String,
    /// What a person should know about it.
    note: &'static str,
}

impl Policies {
    /// The policies for whoever has this ARN, as AWS STS says it.
    pub(super) fn new(caller: Option<&str>) -> Self {
        Self { principal: Principal::of(caller) }
    }

    /// The policies of the role of a destination, for people; nothing if it has no role.
    pub(super) fn of(&self, destination: &DestinationConfig) -> String {
        let Some(role) = destination.kind.role() else { return String::new() };
        let Principal { arn, note } = &self.principal;
        let (name, arn_of_role) = (&destination.name, &role.role);
        let mut text = format!("\nThe role of {name}, {arn_of_role}, needs this trust policy{note}:\n");
        // Writing into a `String` does not fail.
        let _ = writeln!(text, "{:#}", trust(arn, &role));
        if let Some(permission) = permission(&destination.kind, &role) {
            let _ = writeln!(text, "and this permission policy:\n{permission:#}");
        }
        let _ = writeln!(text, "The caller must be allowed sts:AssumeRole on {arn_of_role}.");
        text
    }
}

impl Principal {
    fn of(caller: Option<&str>) -> Self {
        let parts: Vec<_> = caller.unwrap_or_default().splitn(6, ':').collect();
        let &["arn", partition, service, "", account, name] = &parts[..] else { return Self::unknown() };
        let is_plain =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&byte));
        if !(is_plain(partition) && is_plain(account) && is_plain(name)) {
            return Self::unknown();
        }
        match (service, name.split_once('/')) {
            ("sts", Some(("assumed-role", session))) => Self {
                arn: format!(
                    "arn:{partition}:iam::{account}:role/{}",
                    session.split_once('/').map_or(session, |(role, _)| role)
                ),
                note: " (if the caller's role has a path, add it)",
            },
            ("iam", _) => Self { arn: format!("arn:{partition}:iam::{account}:{name}"), note: "" },
            _ => Self::unknown(),
        }
    }

    fn unknown() -> Self {
        let note = " (AWS STS does not say who calls: put the ARN of the process's own role in place of ACCOUNT and ROLE)";
        Self { arn: UNKNOWN.to_owned(), note }
    }
}

fn trust(principal: &str, role: &RoleConfig) -> Value {
    let mut statement = json!({
        "Effect": "Allow",
        "Principal": { "AWS": principal },
        "Action": "sts:AssumeRole",
    });
    if let Some(external_id) = &role.external_id {
        statement["Condition"] = json!({ "StringEquals": { "sts:ExternalId": external_id } });
    }
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

/// The policy that allows what the destination is for, and `check` to look at it; `None` if it is not at AWS.
fn permission(kind: &DestinationKind, role: &RoleConfig) -> Option<Value> {
    let region = kind.region();
    let region = region.as_deref().unwrap_or("*");
    let account = role.account();
    let place = format!("{region}:{}", account.as_deref().unwrap_or("*"));
    let partition = role.partition();
    let (actions, resource) = match kind {
        DestinationKind::Pinpoint(pinpoint) => (
            &["mobiletargeting:PutEvents"][..],
            format!("arn:{partition}:mobiletargeting:{place}:apps/{}/events", pinpoint.application),
        ),
        DestinationKind::Kinesis(kinesis) => (
            &["kinesis:PutRecords", "kinesis:DescribeStreamSummary"][..],
            kinesis.stream_arn().map_or_else(
                || format!("arn:{partition}:kinesis:{place}:stream/{}", kinesis.stream),
                str::to_owned,
            ),
        ),
        DestinationKind::Firehose(firehose) => (
            &["firehose:PutRecordBatch", "firehose:DescribeDeliveryStream"][..],
            format!("arn:{partition}:firehose:{place}:deliverystream/{}", firehose.stream),
        ),
        DestinationKind::EventBridge(eventbridge) => (
            &["events:PutEvents", "events:DescribeEventBus"][..],
            if eventbridge.bus.starts_with("arn:") {
                eventbridge.bus.to_string()
            } else {
                format!("arn:{partition}:events:{place}:event-bus/{}", eventbridge.bus)
            },
        ),
        DestinationKind::Kafka(_) => return None,
    };
    let statement = json!({ "Effect": "Allow", "Action": actions, "Resource": resource });
    Some(json!({ "Version": "2012-10-17", "Statement": [statement] }))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::config::Config;

    fn acme(kind: DestinationKind) -> DestinationConfig {
        let only = Config::default().destinations().remove(0);
        DestinationConfig { name: "acme".parse().unwrap(), kind, ..only }
    }

    fn role(external_id: Option<&str>) -> Value {
        json!({ "role": "arn:aws:iam::111122223333:role/identity-events", "external_id": external_id })
    }

    #[test]
    fn a_role_gets_its_policies_to_paste() {
        let stream =
            json!({ "stream": "identity", "region": "eu-west-1", "credentials": role(Some("acme-7f3c")) });
        let stream = DestinationKind::Kinesis(serde_json::from_value(stream).unwrap());
        let caller = "arn:aws:sts::999988887777:assumed-role/pinpoint-sidecar/eks-pod-1";
        assert_snapshot!(Policies::new(Some(caller)).of(&acme(stream)));
    }

    #[test]
    fn without_region_caller_and_external_id_there_are_placeholders() {
        let pinpoint =
            json!({ "application": "0123456789abcdef0123456789abcdef", "credentials": role(None) });
        let pinpoint = DestinationKind::Pinpoint(serde_json::from_value(pinpoint).unwrap());
        assert_snapshot!(Policies::new(None).of(&acme(pinpoint)));
    }

    #[test]
    fn the_arn_of_a_stream_is_its_resource() {
        let arn = "arn:aws:kinesis:eu-west-1:444455556666:stream/identity";
        let stream = json!({ "stream": arn, "credentials": role(None) });
        let stream = DestinationKind::Kinesis(serde_json::from_value(stream).unwrap());
        assert!(Policies::new(None).of(&acme(stream)).contains(&format!("\"Resource\": \"{arn}\"")));
    }

    #[track_caller]
    fn check(caller: &str, expected: &str) {
        assert_eq!(Principal::of(Some(caller)).arn, expected);
    }

    #[test]
    fn a_trust_policy_names_the_role_of_a_session_and_whoever_else_calls() {
        check("arn:aws:sts::1:assumed-role/pod/eks-1", "arn:aws:iam::1:role/pod");
        check("arn:aws-cn:iam::1:user/ops/ada", "arn:aws-cn:iam::1:user/ops/ada");
        check("arn:aws:iam::1:root", "arn:aws:iam::1:root");
        for text in
            ["", "arn:aws:sts::1:federated-user/ada", "arn:aws:sts::1:assumed-role/\u{1b}[2J/x", "secret"]
        {
            check(text, UNKNOWN);
        }
    }
}
