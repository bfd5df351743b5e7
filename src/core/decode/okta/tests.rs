//! What Okta's log events become, type by type and field by field.

use super::*;
use crate::core::decode::{line::lines, tree::parse};

const ANNA: &str = r#""actor":{"id":"00u1","type":"User"}"#;
const SESSION: &str = r#""authenticationContext":{"externalSessionId":"s1"}"#;

#[track_caller]
fn check(value: &str, expected: &str) {
    assert_eq!(lines(value, decode), expected);
}

/// Checks a log event of type `name` with `result` and `fields`.
#[track_caller]
fn log(name: &str, result: &str, fields: &str, expected: &str) {
    check(
        &format!(
            r#"{{"uuid":"l","eventType":"{name}","outcome":{{"result":"{result}","reason":"R"}},{fields}}}"#
        ),
        expected,
    );
}

#[test]
fn a_whole_sign_in() {
    log(
        "user.session.start",
        "SUCCESS",
        r#""published":"2026-11-22T21:20:28.244Z","actor":{"id":"00u1","type":"User",
            "alternateId":"anna@example.com","displayName":"Anna Berg"},
            "authenticationContext":{"externalSessionId":"s1","credentialType":"PASSWORD",
            "authenticationProvider":"OKTA_AUTHENTICATION_PROVIDER","credentialProvider":null},
            "client":{"id":"c1","ipAddress":"192.0.2.7","device":"Computer","zone":"null",
            "userAgent":{"rawUserAgent":"Mozilla/5.0","os":"Mac OS X","browser":"CHROME"},
            "geographicalContext":{"city":"Denver","state":"Colorado","country":"United States",
            "postalCode":"80202","geolocation":{"lat":39.5,"lon":-104.25}}},"device":{"id":"guo1"}"#,
        "SignIn id=l time=1795382428244 user=00u1 name=anna@example.com session=s1 client=c1 ip=192.0.2.7 \
         agent=Mozilla/5.0 device.id=guo1 device.platform=Mac OS X device.browser=CHROME city=Denver \
         country=United States region=Colorado postal_code=80202 lat=39.5 long=-104.25 \
         person.preferred_username=anna@example.com person.name=Anna Berg credentialType:PASSWORD \
         authenticationProvider:OKTA_AUTHENTICATION_PROVIDER deviceType:Computer",
    );
}

#[test]
fn a_time_without_an_offset_is_in_utc() {
    let at = |time: &str, expected: &str| {
        log("user.session.start", "SUCCESS", &format!(r#""published":"{time}",{ANNA}"#), expected);
    };
    at("2026-11-22T21:20:28.244", "SignIn id=l time=1795382428244 user=00u1");
    at("2026-11-22T22:20:28.244+01:00", "SignIn id=l time=1795382428244 user=00u1");
    at("2026-11-22", "SignIn id=l user=00u1");
}

#[test]
fn each_type_and_outcome() {
    let fields = format!("{ANNA},{SESSION}");
    let session = |name, result, expected: &str| log(name, result, &fields, expected);
    session("user.session.start", "SUCCESS", "SignIn id=l user=00u1 session=s1");
    session("user.session.start", "ALLOW", "SignIn id=l user=00u1 session=s1");
    session("user.session.start", "FAILURE", "SignInFailed id=l user=00u1 session=s1 reason=R");
    session("user.session.start", "DENY", "SignInFailed id=l user=00u1 session=s1 reason=R");
    session("user.session.start", "SKIPPED", "ignored: type_not_mapped");
    session("user.authentication.sso", "SUCCESS", "SessionResumed id=l user=00u1 session=s1");
    session("user.authentication.sso", "FAILURE", "ignored: type_not_mapped");
    session("user.session.end", "SUCCESS", "SessionStopped id=l user=00u1 session=s1 reason=logout");
    session("user.session.expire", "SUCCESS", "SessionStopped id=l user=00u1 session=s1 reason=expired");
    session("user.session.end", "FAILURE", "ignored: type_not_mapped");
    for via in ["mfa", "IDP", "social", "radius", "AD_agent"] {
        let name = format!("user.authentication.auth_via_{via}");
        log(&name, "FAILURE", ANNA, "SignInFailed id=l user=00u1 reason=R");
        log(&name, "DENY", ANNA, "SignInFailed id=l user=00u1 reason=R");
        log(&name, "SUCCESS", ANNA, "ignored: type_not_mapped");
    }
    for name in ["user.mfa.factor.activate", "user.account.lock", "policy.evaluate_sign_on", "user.session"] {
        session(name, "SUCCESS", "ignored: type_not_mapped");
        session(name, "FAILURE", "ignored: type_not_mapped");
    }
}

#[test]
fn a_creation_is_a_sign_up_when_the_person_did_it() {
    let create = |actor: &str, target: &str, expected: &str| {
        let fields = format!(
            r#""actor":{{"id":"{actor}","type":"User"}},"target":[{{"type":"User","id":"{target}"}}]"#
        );
        log("user.lifecycle.create", "SUCCESS", &fields, expected);
        log("user.lifecycle.create", "FAILURE", &fields, "ignored: type_not_mapped");
    };
    create("00u1", "00u1", "SignUp id=l user=00u1");
    create("00admin", "00u1", "ignored: type_not_mapped");
    log("user.lifecycle.create", "SUCCESS", r#""actor":{},"target":[]"#, "ignored: type_not_mapped");
    log(
        "user.lifecycle.create",
        "SUCCESS",
        r#""actor":{"id":"x","type":"SystemPrincipal"},"target":[{"type":"User","id":"x"}]"#,
        "ignored: type_not_mapped",
    );
}

#[test]
fn an_administrators_end_of_sessions_is_about_the_target() {
    let fields = r#""actor":{"id":"00admin","type":"User"},"target":[{"type":"AppUser","id":"0ua"},
        {"type":"User","id":"00u1","alternateId":"anna"}],"client":{"id":"c","ipAddress":"192.0.2.9"},
        "device":{"id":"guo9"},"authenticationContext":{"externalSessionId":"s1"}"#;
    let person = "person.preferred_username=anna";
    log(
        "user.session.clear",
        "SUCCESS",
        fields,
        &format!("SessionsStopped id=l user=00u1 name=anna reason=cleared {person}"),
    );
    log(
        "user.session.end",
        "SUCCESS",
        fields,
        &format!("SessionStopped id=l user=00u1 name=anna session=s1 reason=logout {person}"),
    );
}

#[test]
fn the_word_unknown_is_null() {
    log(
        "user.session.start",
        "FAILURE",
        r#""actor":{"id":"unknown","type":"User","alternateId":"nobody","displayName":"unknown"},
            "authenticationContext":{"externalSessionId":"unknown"},"client":{"device":"Unknown",
            "userAgent":{"os":"Unknown","browser":"UNKNOWN","rawUserAgent":"unknown"}}"#,
        "SignInFailed id=l name=nobody reason=R deviceType:Unknown",
    );
}

#[test]
fn an_actor_that_is_no_person_is_no_user() {
    log(
        "user.authentication.auth_via_IDP",
        "FAILURE",
        r#""actor":{"id":"0oa1","type":"PublicClientApp","alternateId":"app"}"#,
        "SignInFailed id=l reason=R",
    );
}

#[test]
fn an_application_is_the_client() {
    log(
        "user.authentication.sso",
        "SUCCESS",
        r#""actor":{"id":"00u1"},"client":{"id":"c"},"target":[{"type":"AppUser","id":"0ua"},
            {"type":"AppInstance","id":"0oa1","displayName":"Wiki"}]"#,
        "SessionResumed id=l user=00u1 client=0oa1 appDisplayName:Wiki",
    );
}

#[test]
fn each_wrapper() {
    let start = r#"{"uuid":"l","eventType":"user.session.start","outcome":{"result":"SUCCESS"}}"#;
    let hook = |events: &str| {
        format!(r#"{{"eventId":"h","eventType":"com.okta.event_hook","data":{{"events":{events}}}}}"#)
    };
    check(&hook(&format!("[{start},{{}},7]")), "SignIn id=l\nrefused: no_type\nrefused: not_an_event");
    check(&hook("[]"), "ignored: empty");
    check(r#"{"eventType":"com.okta.event_hook"}"#, "ignored: empty");
    check(&format!("[{start},{start}]"), "SignIn id=l\nSignIn id=l");
    check("[]", "ignored: empty");
    check(&format!(r#"{{"detail-type":"SystemLog","detail":{start}}}"#), "SignIn id=l");
}

#[test]
fn a_type_and_ids_must_be_there_and_texts() {
    check(r#"{"uuid":"l","outcome":{}}"#, "refused: no_type");
    check("true", "refused: not_an_event");
    check(r#"{"eventType":[]}"#, "refused: field_not_text");
    log("user.session.start", "SUCCESS", r#""actor":{"id":{}}"#, "refused: field_not_text");
    log(
        "user.session.start",
        "SUCCESS",
        r#""authenticationContext":{"externalSessionId":[]}"#,
        "refused: field_not_text",
    );
    check(
        r#"{"uuid":{},"eventType":"user.session.start","outcome":{"result":"SUCCESS"}}"#,
        "refused: field_not_text",
    );
    log("user.session.start", "SUCCESS", r#""target":{},"actor":[],"client":7"#, "SignIn id=l");
}

#[test]
fn its_own_records_are_recognised() {
    let check = |value: &str, expected| {
        assert_eq!(recognises(parse(value.as_bytes()).ok().unwrap().root()), expected, "{value}");
    };
    let log = r#"{"uuid":"l","eventType":"user.session.start","outcome":{}}"#;
    check(log, true);
    check(r#"{"uuid":"l","eventType":"user.session.start","actor":{}}"#, true);
    check(&format!("[{log}]"), true);
    check(&format!(r#"{{"detail":{log}}}"#), true);
    check(&format!(r#"{{"data":{{"events":[{log}]}}}}"#), true);
    check(r#"{"eventType":"com.okta.event_hook"}"#, true);
    check(r#"{"eventType":"LOGIN","id":"i"}"#, false);
    check(r#"{"eventType":"LOGIN","uuid":"i"}"#, false);
    check(r#"{"event_type_id":"5","user_id":1}"#, false);
    check("[]", false);
}
