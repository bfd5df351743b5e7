//! When the mapping doubts the format of a topic.

use super::*;
use crate::core::decode::config::FormatsConfig;

/// An action that a user did not do to sign in.
const UNMAPPED: &str = r#"{"type":"UPDATE_TOTP","realmId":"r","userId":"u"}"#;

/// A sign-in of nobody.
const NO_USER: &str = r#"{"type":"LOGIN","realmId":"r"}"#;

/// Maps `value` 200 times in the format `choice`, and compares the format that is doubted then.
#[track_caller]
fn check(choice: &str, value: &str, expected: Option<&str>) {
    let config = FormatsConfig { format: choice.parse().unwrap(), ..FormatsConfig::default() };
    let decoder = Decoder::new(&config).ok().unwrap();
    let mut mapper = Mapper::new(decoder, &SessionsConfig::default());
    (0..200).for_each(|_| drop(mapper.map(&record(value), Moment::START)));
    let named = |doubt: &DoubtfulFormat| (doubt.topic.to_string(), doubt.format.name());
    let expected: Vec<_> = expected.into_iter().map(|format| ("events".to_owned(), format)).collect();
    assert_eq!(mapper.doubtful_formats().iter().map(named).collect::<Vec<_>>(), expected);
    assert_eq!(mapper.take_new_doubts().iter().map(named).collect::<Vec<_>>(), expected);
    assert_eq!(mapper.take_new_doubts(), []);
}

#[test]
fn a_recognised_format_is_doubted_if_nothing_comes_of_its_records() {
    check("auto", UNMAPPED, Some("keycloak"));
    check("auto", NO_USER, Some("keycloak"));
    check("auto", &format!("[{NO_USER},{UNMAPPED}]"), Some("keycloak"));
    check(
        "auto",
        r#"{"records":[{"category":"AuditLogs","operationName":"Sign-in activity","properties":{"result":"failure"},"resultType":1}]}"#,
        Some("entra"),
    );
}

#[test]
fn a_configured_format_is_not_doubted() {
    check("keycloak", UNMAPPED, None);
    check("keycloak", NO_USER, None);
}

#[test]
fn a_format_is_not_doubted_for_what_it_reads_or_refuses() {
    check("auto", r#"{"type":"REFRESH_TOKEN","realmId":"r","userId":"u","sessionId":"s"}"#, None);
    check("auto", r#"{"type":"LOGIN","realmId":"r","userId":"u"}"#, None);
    check("auto", r#"{"operationType":"UPDATE","resourceType":"USER"}"#, None);
    check("auto", r#"{"realmId":"r"}"#, None);
    check("auto", &format!(r#"[{NO_USER},{{"type":"LOGIN","realmId":"r","userId":"u"}}]"#), None);
    check("auto", "{}", None);
    check("auto", "", None);
}
