//! The settings of a role that a destination is delivered to with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::{
    stream_record::config::AccountId,
    units::text::{Form, Text},
};

/// The ARN of an IAM role.
pub type RoleArn = Text<RoleForm>;

/// The id by which the owner of a role recognises on whose behalf it is assumed.
pub type ExternalId = Text<ExternalIdForm>;

/// The name under which a role's session appears in its owner's log.
pub type SessionName = Text<SessionNameForm>;

/// `credentials`: the role to assume, instead of using the process's own credentials.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-allowed" = "a mapping with `role`, `external_id` and `session_name`"))]
pub struct RoleConfig {
    /// The ARN of the role, required.
    pub role: RoleArn,
    /// The external id that the role's trust policy asks for, if it asks for one.
    #[serde(default)]
    #[schemars(extend("x-allowed" = ExternalIdForm::ALLOWED))]
    pub external_id: Option<ExternalId>,
    /// The name of the session, which the owner of the role sees in its log (`CloudTrail`).
    #[serde(default = "session_name")]
    pub session_name: SessionName,
}

impl RoleConfig {
    /// The account that the role belongs to.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        self.role.split(':').nth(4)?.parse().ok()
    }

    /// The partition of the role, such as `aws-cn`.
    #[must_use]
    pub fn partition(&self) -> &str {
        self.role.split(':').nth(1).unwrap_or("aws")
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoleForm {}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExternalIdForm {}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SessionNameForm {}

impl Form for RoleForm {
    const NAME: &'static str = "RoleArn";
    const ALLOWED: &'static str =
        "the ARN of an IAM role, such as arn:aws:iam::111122223333:role/identity-events";

    fn admits(text: &str) -> bool {
        let parts: Vec<_> = text.splitn(6, ':').collect();
        let &["arn", partition, "iam", "", account, role] = &parts[..] else { return false };
        // `/` ends each part of the path.
        let path_and_name =
            role.strip_prefix("role/").map(|rest| rest.rsplit_once('/').unwrap_or(("", rest)));
        let Some((path, name)) = path_and_name else { return false };
        matches!(partition, "aws" | "aws-cn" | "aws-us-gov")
            && account.parse::<AccountId>().is_ok()
            && path.len() <= 510
            && path.bytes().all(|byte| byte.is_ascii_graphic())
            && (1..=64).contains(&name.len())
            && name.bytes().all(is_of_a_name)
    }
}

impl Form for ExternalIdForm {
    const NAME: &'static str = "ExternalId";
    const ALLOWED: &'static str = "an external id of 2 to 1224 letters, digits and _+=,.@:/-";

    fn admits(text: &str) -> bool {
        let is_legal = |byte| is_of_a_name(byte) || matches!(byte, b':' | b'/');
        (2..=1224).contains(&text.len()) && text.bytes().all(is_legal)
    }
}

impl Form for SessionNameForm {
    const NAME: &'static str = "SessionName";
    const ALLOWED: &'static str = "the name of a session, 2 to 64 letters, digits and _+=,.@-";

    fn admits(text: &str) -> bool {
        (2..=64).contains(&text.len()) && text.bytes().all(is_of_a_name)
    }
}

/// Whether IAM allows it in the names of roles and sessions.
fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'+' | b'=' | b',' | b'.' | b'@' | b'-')
}

fn session_name() -> SessionName {
    SessionName::literal(env!("CARGO_PKG_NAME"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<F: Form>(text: &str, expected: bool) {
        assert_eq!(text.parse::<Text<F>>().is_ok(), expected, "{text}");
    }

    #[test]
    fn a_role_has_an_arn() {
        for text in [
            "arn:aws:iam::111122223333:role/identity-events",
            "arn:aws-cn:iam::111122223333:role/a",
            "arn:aws-us-gov:iam::111122223333:role/tenants/eu:1/identity+events@x",
        ] {
            check::<RoleForm>(text, true);
        }
        for text in [
            "",
            "identity-events",
            "arn:aws:iam::111122223333:user/ada",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam::111122223333:role/a b",
            "arn:aws:iam::111122223333:role/tenants/",
            "arn:aws:iam::11112222333:role/a",
            "arn:aws:iam:eu-west-1:111122223333:role/a",
            "arn:aws:sts::111122223333:assumed-role/a/b",
            "arn:azure:iam::111122223333:role/a",
            &format!("arn:aws:iam::111122223333:role/{}", "x".repeat(65)),
        ] {
            check::<RoleForm>(text, false);
        }
    }

    #[test]
    fn an_external_id_is_what_sts_takes() {
        for text in ["ab", "acme-7f3c", "a:b/c_d+e=f,g.h@i", &"x".repeat(1224)] {
            check::<ExternalIdForm>(text, true);
        }
        for text in ["", "a", "a b", "a#b", "ü-id", &"x".repeat(1225)] {
            check::<ExternalIdForm>(text, false);
        }
    }

    #[test]
    fn a_session_has_a_name_that_sts_takes() {
        for text in ["ab", "pinpoint-sidecar", "a_b+c=d,e.f@g", &"x".repeat(64)] {
            check::<SessionNameForm>(text, true);
        }
        for text in ["", "a", "a b", "a/b", "a:b", &"x".repeat(65)] {
            check::<SessionNameForm>(text, false);
        }
    }

    #[test]
    fn a_role_names_its_account_and_partition() {
        let role = r#"{ "role": "arn:aws-cn:iam::111122223333:role/a/b" }"#;
        let role: RoleConfig = serde_json::from_str(role).unwrap();
        assert_eq!(role.account().as_deref(), Some("111122223333"));
        assert_eq!((role.partition(), role.session_name.as_str()), ("aws-cn", "pinpoint-sidecar"));
    }
}
