//! Inputs from the field, in `tests/data/cases`: records that publishers write or users reported, cut down to
//! the smallest that shows a past mistake. A file of two lines is two records in that order.

use super::*;
use crate::core::decode::line;

/// Checks the result of each record of a case: the format, the identity events, and the app events.
#[track_caller]
fn check_all(records: &[&[u8]], expected: &[[&str; 3]]) {
    let (decoder, mut mapper) = (Decoder::default(), mapper());
    let all = records.iter().map(|value| {
        let record = record(value);
        let read = decoder.decode(&record);
        let format = read.format.map_or("-", Format::name);
        [format.to_owned(), line::of(&read.events), map(&mut mapper, &record)]
    });
    assert_eq!(all.collect::<Vec<_>>(), expected);
}

/// Checks a case whose lines are records.
#[track_caller]
fn check(case: &str, expected: &[[&str; 3]]) {
    check_all(&case.lines().map(str::as_bytes).collect::<Vec<_>>(), expected);
}

const UNRECOGNISED: [&str; 3] = ["-", "refused: unrecognised", "refused: unrecognised"];

/// A Keycloak sign-in, which most cases contain.
const SIGN_IN: [&str; 3] = [
    "keycloak",
    "SignIn id=e1 time=1795382428244 realm=r1 realm_name=shop user=u1 name=anna session=s1 client=web ip=192.0.2.7",
    "_userauth.sign_in + _session.start s1 244",
];

/// That sign-in a minute earlier, before its session ends.
const EARLIER: [&str; 3] = [
    "keycloak",
    "SignIn id=e1 time=1795382368244 realm=r1 realm_name=shop user=u1 name=anna session=s1 client=web ip=192.0.2.7",
    "_userauth.sign_in + _session.start s1 -59756",
];

#[test]
fn an_applications_own_event_is_no_keycloak() {
    check(include_str!("../../../../tests/data/cases/auto-user-activity-login.json"), &[UNRECOGNISED]);
    check(include_str!("../../../../tests/data/cases/auto-user-activity-page-view.json"), &[UNRECOGNISED]);
}

#[test]
fn keycloak_is_read_in_the_spellings_of_its_publishers() {
    check(include_str!("../../../../tests/data/cases/keycloak-lower-case-keys-login.json"), &[SIGN_IN]);
    check(
        include_str!("../../../../tests/data/cases/keycloak-details-json-field-login-error.json"),
        &[[
            "keycloak",
            "SignInFailed id=e2 time=1795382428244 realm=r1 realm_name=shop name=anna client=web \
             reason=user_not_found ip=192.0.2.7",
            "_userauth.auth_fail error=user_not_found",
        ]],
    );
    check(
        include_str!("../../../../tests/data/cases/time-text-seconds-with-fraction.json"),
        &[[
            "keycloak",
            "SignIn id=e1 time=1795382428244 realm=r1 user=u1 session=s1 client=web",
            "_userauth.sign_in + _session.start s1 244",
        ]],
    );
    check(
        include_str!("../../../../tests/data/cases/debezium-oracle-decimal-time.json"),
        &[[
            "keycloak",
            "SignIn id=e1 time=1795382428244 realm=r1 user=u1 name=anna session=s1 client=web ip=192.0.2.7",
            "_userauth.sign_in + _session.start s1 244",
        ]],
    );
}

#[test]
fn an_administrators_logout_is_known_by_its_type() {
    let ended = "_session.stop s1 -59756..244 = 60000 reason=admin_logout";
    let stopped =
        |realm: &str| format!("SessionsStopped id=e2 time=1795382428244 {realm} user=u1 reason=admin_logout");
    check(
        include_str!("../../../../tests/data/cases/keycloak-admin-type-resource-operation-logout.json"),
        &[EARLIER, ["keycloak", &stopped("realm=r1 realm_name=shop"), ended]],
    );
    check(
        include_str!("../../../../tests/data/cases/keycloak-admin-type-is-operation-logout.json"),
        &[EARLIER, ["keycloak", &stopped("realm=r1"), ended]],
    );
}

#[test]
fn an_envelope_is_opened() {
    check(
        include_str!("../../../../tests/data/cases/envelope-connect-schema-string-payload.json"),
        &[SIGN_IN],
    );
    check(include_str!("../../../../tests/data/cases/envelope-event-object-keycloak.json"), &[SIGN_IN]);
    check(include_str!("../../../../tests/data/cases/envelope-sns-keycloak.json"), &[SIGN_IN]);
    check(include_str!("../../../../tests/data/cases/shipper-message.json"), &[SIGN_IN]);
    check(
        include_str!("../../../../tests/data/cases/envelope-connect-schema-bytes-payload.json"),
        &[SIGN_IN],
    );
    check(include_str!("../../../../tests/data/cases/envelope-lambda-records-sqs-of-sns.json"), &[SIGN_IN]);
}

#[test]
fn each_message_of_a_batch_is_an_event_with_an_id_of_its_own() {
    check(
        include_str!("../../../../tests/data/cases/envelope-lambda-records-sns.json"),
        &[[
            "ory",
            "SessionStarted id=m1 time=1795382428244 user=u1 session=s1\n\
             SessionStarted id=m2 time=1795382428244 user=u2 session=s2",
            "_session.start s1 244 + _session.start s2 244",
        ]],
    );
}

#[test]
fn a_line_of_a_containers_log_is_what_the_program_wrote() {
    check(include_str!("../../../../tests/data/cases/container-cri-line.txt"), &[SIGN_IN]);
    check(include_str!("../../../../tests/data/cases/container-docker-json-file.json"), &[SIGN_IN]);
}

#[test]
fn what_is_json_by_its_grammar_is_read() {
    check_all(&[include_bytes!("../../../../tests/data/cases/kafka-bom.json")], &[SIGN_IN]);
    check_all(
        &[include_bytes!("../../../../tests/data/cases/kafka-json-lines-in-one-record.json")],
        &[["-", "refused: several_values", "refused: several_values"]],
    );
    let sign_in = |number: u8, agent: &str| {
        format!(
            "SignIn id=o{number} time=1795382428244 user=00uo{number} name=anna@example.com session=xo{number} \
             ip=192.0.2.7 agent={agent} person.preferred_username=anna@example.com"
        )
    };
    check(
        include_str!("../../../../tests/data/cases/okta-hook-one-lone-surrogate.json"),
        &[[
            "okta",
            &[sign_in(1, "Mozilla/5.0"), sign_in(2, "Mozilla \u{fffd}")].join("\n"),
            "_userauth.sign_in + _session.start xo1 244 + _userauth.sign_in + _session.start xo2 244",
        ]],
    );
}

/// Checks that a case is an Entra sign-in with this id and address.
#[track_caller]
fn entra(case: &str, id: &str, ip: &str) {
    let sign_in = format!(
        "SignIn id={id} time=1795382428244 realm=t1 user=u1 name=anna@example.com client=a1{ip} \
         person.preferred_username=anna@example.com"
    );
    check(case, &[["entra", &sign_in, "_userauth.sign_in"]]);
}

#[test]
fn a_placeholder_is_nothing() {
    entra(include_str!("../../../../tests/data/cases/entra-null-written-as-text.json"), "i1", "");
    entra(include_str!("../../../../tests/data/cases/entra-zero-coordinates.json"), "i1", " ip=192.0.2.7");
}

/// Checks that a case is an Auth0 event about this user.
#[track_caller]
fn auth0(case: &str, kind: &str, user: &str, reason: &str, sent: &str) {
    let event = format!(
        "{kind} id=l1 time=1795382428244 realm=shop user={user} name=anna@example.com client=c1{reason} \
         ip=192.0.2.7 agent=okhttp person.email=anna@example.com"
    );
    check(case, &[["auth0", &event, sent]]);
}

#[test]
fn types_are_as_wide_as_the_providers_own_filters() {
    let social = include_str!("../../../../tests/data/cases/auth0-native-social-login.json");
    auth0(social, "SignIn", "apple|000123.abc", "", "_userauth.sign_in");
    let exchange = include_str!("../../../../tests/data/cases/auth0-password-and-otp-exchange.json");
    auth0(exchange, "SignIn", "auth0|0a1b", "", "_userauth.sign_in");
    entra(include_str!("../../../../tests/data/cases/entra-adfs-sign-in.json"), "i2", " ip=192.0.2.7");
}

#[test]
fn a_failure_is_known_by_its_code() {
    let sentence = include_str!("../../../../tests/data/cases/auth0-error-is-a-sentence.json");
    auth0(sentence, "SignInFailed", "auth0|0a1b", " reason=f", "_userauth.auth_fail error=f");
    let numeric = include_str!("../../../../tests/data/cases/entra-audit-numeric-failure.json");
    check(numeric, &[["entra", "ignored: type_not_mapped", "ignored: type_not_mapped"]]);
}
