//! Findings about the roles of destinations.
//!
//! Knows nothing of how a role is assumed: the outcome is passed in.

use super::{Finding, of, trouble::Trouble};
use crate::{
    config::destinations::DestinationConfig, core::code::Code, edge::aws::roles::config::RoleConfig,
};

/// The finding about the role of a destination.
pub(super) fn role(destination: &DestinationConfig, role: &RoleConfig, outcome: Result<(), Code>) -> Finding {
    let result = outcome.map(|()| elsewhere(destination, role)).map_err(|code| Trouble {
        why: format!("AWS STS gives no credentials of it ({code})"),
        help: help(code),
    });
    Finding { what: of("AWS role", destination), result }
}

/// Whether AWS STS answered that this role is not for us, so that its policies may be wrong.
pub(super) fn is_refusal(code: Code) -> bool {
    code.0.starts_with("role_") || code.0.starts_with("http_")
}

/// What is to be said of a role that is granted.
fn elsewhere(destination: &DestinationConfig, role: &RoleConfig) -> String {
    match (role.account(), destination.kind.resource_account()) {
        (Some(own), Some(other)) if own != other => format!(
            "assumed; what it delivers to belongs to another account, {other}, whose resource policy must allow \
             the role to write"
        ),
        _ => "assumed".to_owned(),
    }
}

fn help(code: Code) -> &'static str {
    match code.0 {
        "role_refused" | "role_missing" => {
            "its trust policy must name the caller and the external id, as below, and the caller must be allowed \
             sts:AssumeRole on it; a role that does not exist is refused likewise"
        }
        "role_region_disabled" => {
            "activate AWS STS in the region for the role's account, or set AWS_REGION to another region"
        }
        "credentials" | "credentials_refused" => {
            "give the process credentials of its own that are valid (on Kubernetes: a service account with a role)"
        }
        "sts_throttled" | "sts_timeout" | "sts_unreachable" | "sts_failed" => {
            "check the network to AWS STS, AWS_REGION and, if it is set, AWS_ENDPOINT_URL_STS"
        }
        "set_up" => "set the destination's `region`, or AWS_REGION",
        _ => "check the destination's `credentials`, and the policies below",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, destinations::DestinationKind};

    fn destination(stream: &str) -> (DestinationConfig, RoleConfig) {
        let role = serde_json::json!({ "role": "arn:aws:iam::111122223333:role/events" });
        let kinesis = serde_json::json!({ "stream": stream, "credentials": role });
        let kind = DestinationKind::Kinesis(serde_json::from_value(kinesis).unwrap());
        let only = Config::default().destinations().remove(0);
        let destination = DestinationConfig { name: "acme".parse().unwrap(), kind, ..only };
        (destination, serde_json::from_value(role).unwrap())
    }

    #[track_caller]
    fn check(stream: &str, outcome: Result<(), Code>, expected: &[&str]) {
        let (destination, config) = destination(stream);
        let found = role(&destination, &config, outcome).to_string();
        assert!(expected.iter().all(|part| found.contains(part)), "{found}");
    }

    #[test]
    fn a_role_is_assumed_or_not() {
        check("identity", Ok(()), &["ok     AWS role of acme: assumed"]);
        for (code, help) in [
            ("role_refused", "trust policy"),
            ("role_region_disabled", "AWS_REGION"),
            ("credentials", "service account"),
            ("sts_timeout", "AWS_ENDPOINT_URL_STS"),
            ("role_not_valid", "`credentials`"),
        ] {
            check("identity", Err(Code(code)), &["FAILS  AWS role of acme", code, help]);
        }
    }

    #[test]
    fn a_stream_of_another_account_is_named() {
        let stream = |account: &str| format!("arn:aws:kinesis:eu-west-1:{account}:stream/identity");
        check(&stream("444455556666"), Ok(()), &["another account, 444455556666", "resource policy"]);
        let (destination, config) = destination(&stream("111122223333"));
        assert_eq!(role(&destination, &config, Ok(())).result, Ok("assumed".to_owned()));
    }

    #[test]
    fn only_a_refused_role_may_have_wrong_policies() {
        assert!(is_refusal(Code("role_refused")) && is_refusal(Code("http_403")));
        assert!(!is_refusal(Code("sts_timeout")) && !is_refusal(Code("credentials")));
    }
}
