//! The calls of STS: their limits.

use super::{super::sample, *};

#[track_caller]
fn check(form: &str, expected: Option<&str>) {
    let problem = read(&sample::head(""), form.as_bytes()).err();
    assert_eq!(problem.and_then(|problem| problem.rule), expected, "{form:.300}");
}

/// Checks the call to a role in a session, with more parameters.
#[track_caller]
fn check_role(arn: &str, session: &str, more: &str, expected: Option<&str>) {
    let form = format!("Action=AssumeRole&Version={VERSION}&RoleArn={arn}&RoleSessionName={session}{more}");
    check(&form, expected);
}

const ROLE: &str = "arn:aws:iam::444455556666:role/events/identity";

#[test]
fn a_call_names_action_and_version() {
    check(&format!("Action=GetCallerIdentity&Version={VERSION}"), None);
    check("Action=GetCallerIdentity", Some("sts.version"));
    check("Action=GetCallerIdentity&Version=2010-05-08", Some("sts.version"));
    check(&format!("Action=GetSessionToken&Version={VERSION}"), Some("operation"));
    check(&format!("Version={VERSION}"), Some("operation"));
    check(&format!("Action=AssumeRole&Action=AssumeRole&Version={VERSION}"), Some("sts.model"));
}

#[test]
fn a_role_is_assumed_within_limits() {
    check_role(ROLE, "pinpoint-sidecar", "", None);
    check_role("", "session", "", Some("sts.role_arn"));
    check_role("arn:aws:iam::444455556666:user/identity", "session", "", Some("sts.role_arn"));
    check_role("arn:aws:iam::4444:role/identity", "session", "", Some("sts.role_arn"));
    check_role("arn:aws:iam::444455556666:role/", "session", "", Some("sts.role_arn"));
    check_role(&format!("{ROLE}{}", "x".repeat(57)), "session", "", Some("sts.role_arn"));
    check_role(ROLE, "ab", "", None);
    check_role(ROLE, "a", "", Some("sts.session_name"));
    check_role(ROLE, &"a".repeat(64), "", None);
    check_role(ROLE, &"a".repeat(65), "", Some("sts.session_name"));
    check_role(ROLE, "a%20b", "", Some("sts.session_name"));
    check_role(ROLE, "ab", "&DurationSeconds=900", None);
    check_role(ROLE, "ab", "&DurationSeconds=899", Some("sts.duration"));
    check_role(ROLE, "ab", "&DurationSeconds=3600", None);
    check_role(ROLE, "ab", "&DurationSeconds=3601", Some("sts.duration"));
    check_role(ROLE, "ab", "&DurationSeconds=long", Some("sts.duration"));
    check_role(ROLE, "ab", "&ExternalId=acme-7f3c:/", None);
    check_role(ROLE, "ab", "&ExternalId=a", Some("sts.external_id"));
    check_role(ROLE, "ab", &format!("&ExternalId={}", "x".repeat(1225)), Some("sts.external_id"));
    check_role(ROLE, "ab", "&Other=1", Some("sts.model"));
}

#[test]
fn a_session_has_fifty_tags() {
    let tag = |number: usize, key: usize, value: usize| {
        let (key, value) = ("k".repeat(key), "v".repeat(value));
        format!("&Tags.member.{number}.Key={key}&Tags.member.{number}.Value={value}")
    };
    let tags = |count: usize| (1..=count).map(|number| tag(number, 1, 1)).collect::<String>();
    check_role(ROLE, "ab", &tags(50), None);
    check_role(ROLE, "ab", &tags(51), Some("sts.tags"));
    check_role(ROLE, "ab", &tag(1, 128, 256), None);
    check_role(ROLE, "ab", &tag(1, 129, 1), Some("sts.tags"));
    check_role(ROLE, "ab", &tag(1, 0, 1), Some("sts.tags"));
    check_role(ROLE, "ab", &tag(1, 1, 257), Some("sts.tags"));
}

#[test]
fn a_role_has_a_path_and_a_name() {
    assert_eq!(role_of(ROLE), Some(("444455556666", "identity")));
}
