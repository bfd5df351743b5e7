use super::*;
use crate::core::decode::{line::lines, tree::parse};

const USER: &str = r#""user":{"id":"u","claims":[
    {"uri":"http://wso2.org/claims/username","value":"anna"},
    {"uri":"http://wso2.org/claims/emailaddress","value":"anna@example.com"},
    {"uri":"http://wso2.org/claims/givenname","value":"Anna"},
    {"uri":"http://wso2.org/claims/lastname","value":"Ost"},
    {"uri":"http://wso2.org/claims/role","value":"r"}]}"#;
const SAYS: &str =
    "person.email=anna@example.com person.given_name=Anna person.family_name=Ost rci:c organization:o";
const WHERE: &str = r#""tenant":{"id":"12402","name":"shop"},"organization":{"id":"o","name":"shop"},
    "application":{"id":"app","name":"Web"}"#;
const HEAD: &str = "id=j time=1795382428244 realm=12402 realm_name=shop";

#[track_caller]
fn check(value: &str, expected: &str) {
    assert_eq!(lines(value, decode), expected);
}

/// A token with one event.
fn token(name: &str, event: &str) -> String {
    let uri = format!("https://schemas.identity.wso2.org/events/any/event-type/{name}");
    format!(
        r#"{{"iss":"https://idp.example.com/t/shop","jti":"j","iat":1795382428244,"rci":"c","events":{{"{uri}":{{{event}}}}}}}"#
    )
}

#[test]
fn a_sign_in_has_no_session() {
    check(
        &token(
            "loginSuccess",
            &format!(
                r#"{USER},{WHERE},"initiatorIpAddress":"192.0.2.1","authenticationMethods":["Basic","totp"]"#
            ),
        ),
        &format!(
            "SignIn {HEAD} user=u name=anna client=app ip=192.0.2.1 {SAYS} authenticationMethods:Basic,totp"
        ),
    );
}

#[test]
fn a_failed_sign_in_says_why_and_may_have_no_user() {
    let user = r#""user":{"claims":[{"uri":"http://wso2.org/claims/username","value":"nobody"}]}"#;
    let reason = r#""reason":{"description":"bad credentials",
        "context":{"failedStep":{"step":1,"idp":"LOCAL","authenticator":"Basic"}}}"#;
    check(
        &token("loginFailed", &format!("{user},{WHERE},{reason}")),
        &format!(
            "SignInFailed {HEAD} name=nobody client=app reason=bad credentials rci:c organization:o idp:LOCAL authenticator:Basic"
        ),
    );
}

#[test]
fn a_registration_is_a_sign_up_only_by_the_user() {
    let registered =
        |initiator: &str| token("registrationSuccess", &format!(r#"{USER},"initiatorType":{initiator}"#));
    check(
        &registered(r#""USER""#),
        "SignUp id=j time=1795382428244 realm=https://idp.example.com/t/shop user=u name=anna \
         person.email=anna@example.com person.given_name=Anna person.family_name=Ost rci:c",
    );
    check(&registered(r#""ADMIN""#), "ignored: type_not_mapped");
    check(&registered(r#""APPLICATION""#), "ignored: type_not_mapped");
    check(&registered("null"), "ignored: type_not_mapped");
}

#[test]
fn only_the_first_login_time_is_a_sessions_start() {
    let event = |time: i64| format!(r#""user":{{"id":"u"}},"session":{{"id":"s","loginTime":{time}}}"#);
    let realm = "realm=https://idp.example.com/t/shop user=u session=s";
    check(
        &token("sessionEstablished", &event(1_795_382_428_200)),
        &format!("SessionStarted id=j time=1795382428244 {realm} start=1795382428200 rci:c"),
    );
    check(
        &token("sessionPresented", &event(1_795_382_428_240)),
        &format!("SessionResumed id=j time=1795382428244 {realm} rci:c"),
    );
}

#[test]
fn each_revoked_session_ends() {
    let ended = |session: &str| {
        format!(
            "SessionStopped id=j time=1795382428244 realm=https://idp.example.com/t/shop user=u{session} reason=USER rci:c"
        )
    };
    let event = |sessions: &str| {
        token("sessionRevoked", &format!(r#""user":{{"id":"u"}},"initiatorType":"USER",{sessions}"#))
    };
    let two = r#""sessions":[{"id":"s","loginTime":1795382428240},{"id":"t"}]"#;
    check(&event(two), &[ended(" session=s"), ended(" session=t")].join("\n"));
    check(&event(r#""sessionId":"s""#), &ended(" session=s"));
    check(&event(r#""sessions":null"#), &ended(""));
    check(&event(r#""sessions":[]"#), "ignored: empty");
    check(
        &event(r#""sessions":[{"id":"s"},{"id":[]}]"#),
        &format!("{}\nrefused: field_not_text", ended(" session=s")),
    );
}

#[test]
fn an_administrators_address_is_not_the_users() {
    let event = r#""initiatorType":"ADMIN","initiatorIpAddress":"192.0.2.1","sessionId":"s""#;
    check(
        &token("sessionRevoked", event),
        "SessionStopped id=j time=1795382428244 realm=https://idp.example.com/t/shop session=s reason=ADMIN rci:c",
    );
}

#[test]
fn a_token_may_carry_many_events() {
    let uri = "schemas.identity.wso2.org/events/logins/event-type";
    check(
        &format!(
            r#"{{"jti":"j","event":{{"{uri}/loginSuccess":{{"user":{{"id":"u"}}}},"{uri}/loginFailed":{{"user":{{"id":"v"}}}},
                "https://schemas.openid.net/secevent/caep/event-type/session-revoked":{{}}}}}}"#
        ),
        "SignIn id=j user=u\nSignInFailed id=j user=v\nignored: type_not_mapped",
    );
}

#[test]
fn what_is_no_event_says_why() {
    check(&token("userCreated", USER), "ignored: type_not_mapped");
    check(r#"{"jti":"j","events":{}}"#, "ignored: empty");
    check(r#"{"jti":"j"}"#, "refused: no_type");
    check(r#"{"jti":"j","events":[]}"#, "refused: no_type");
    check("[]", "refused: not_an_event");
    check(r#"{"jti":[],"events":{}}"#, "refused: field_not_text");
    check(&token("loginSuccess", r#""user":{"id":{}}"#), "refused: field_not_text");
    check(&token("loginSuccess", r#""tenant":{"id":{}}"#), "refused: field_not_text");
    check(&token("sessionPresented", r#""session":{"id":true}"#), "refused: field_not_text");
}

#[test]
fn few_bytes_do_not_become_many() {
    let user = r"\u0041".repeat(100_000);
    let sessions = vec![r#"{"id":1}"#; 10_000].join(",");
    let value = token("sessionRevoked", &format!(r#""user":{{"id":"{user}"}},"sessions":[{sessions}]"#));
    let tree = parse(value.as_bytes()).ok().unwrap();
    let (ends, refused): (Vec<_>, Vec<_>) = decode(tree.root()).into_iter().partition(Result::is_ok);
    assert!(ends.len() < 200 && refused.len() > 9000, "{} copies", ends.len());
}

#[track_caller]
fn recognised(value: &str, expected: bool) {
    assert_eq!(recognises(parse(value.as_bytes()).ok().unwrap().root()), expected);
}

#[test]
fn its_uris_are_its_shape() {
    recognised(&token("anything", ""), true);
    recognised(
        r#"{"events":{"https://schemas.openid.net/secevent/caep/event-type/session-revoked":{}}}"#,
        false,
    );
    recognised(r#"{"events":{"https://schemas.identity.wso2.org.example.com/event-type/a":{}}}"#, false);
    recognised(r#"{"events":{}}"#, false);
    recognised(r#"{"events":[]}"#, false);
    recognised(r#"{"data":{"events":[{"uuid":"a"}]}}"#, false);
    recognised("17", false);
}
