//! The settings of stream records: what is the same in each.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::units::{
    Switch,
    text::{Form, Text},
};

/// The application that records name.
pub type AppId = Text<AppIdForm>;

/// The id of an AWS account.
pub type AccountId = Text<AccountIdForm>;

/// `record`: what all stream records state alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RecordConfig {
    /// The application that records name (`application.app_id`), such as the id of a former Pinpoint project.
    pub app_id: AppId,
    /// The AWS account that records name (`awsAccountId`). If absent, they name none.
    #[schemars(extend("x-allowed" = AccountIdForm::ALLOWED))]
    pub account_id: Option<AccountId>,
    /// Whether records repeat the endpoint as a JSON text, in `client_context.custom.endpoint`.
    pub client_context: Switch,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AppIdForm {}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccountIdForm {}

impl Form for AppIdForm {
    const NAME: &'static str = "AppId";
    const ALLOWED: &'static str = "a text of 1 to 128 printable ASCII characters";

    fn admits(text: &str) -> bool {
        (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
    }
}

impl Form for AccountIdForm {
    const NAME: &'static str = "AccountId";
    const ALLOWED: &'static str = "the id of an AWS account, 12 digits";

    fn admits(text: &str) -> bool {
        text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
    }
}

impl Default for RecordConfig {
    fn default() -> Self {
        Self { app_id: AppId::literal("pinpoint-sidecar"), account_id: None, client_context: Switch::Off }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<F: Form>(text: &str, expected: bool) {
        assert_eq!(text.parse::<Text<F>>().is_ok(), expected, "{text}");
    }

    #[test]
    fn an_application_has_any_short_name() {
        for text in ["a", "0123456789abcdef0123456789abcdef", "My shop: web", &"x".repeat(128)] {
            check::<AppIdForm>(text, true);
        }
        for text in ["", "ü", "a\nb", &"x".repeat(129)] {
            check::<AppIdForm>(text, false);
        }
    }

    #[test]
    fn an_account_has_twelve_digits() {
        check::<AccountIdForm>("012345678901", true);
        for text in ["", "12345678901", "0123456789012", "01234567890a", "0123-456-789"] {
            check::<AccountIdForm>(text, false);
        }
    }
}
