use super::*;
use crate::core::decode::{line::lines, tree::parse};

const HEAD: &str = "id=j time=1795382428000 realm=https://idp.example.com";
const SESSION: &str = r#"{"format":"opaque","id":"s"}"#;
const USER: &str = r#"{"format":"iss_sub","iss":"https://idp.example.com","sub":"u"}"#;

#[track_caller]
fn check(value: &str, expected: &str) {
    assert_eq!(lines(value, decode), expected);
}

/// A token with one CAEP event.
fn token(name: &str, subject: &str, event: &str) -> String {
    format!(
        r#"{{"iss":"https://idp.example.com","jti":"j","iat":1795382430,"sub_id":{subject},
            "events":{{"https://schemas.openid.net/secevent/caep/event-type/{name}":
                {{"event_timestamp":1795382428{event}}}}}}}"#
    )
}

/// Checks how the subject of a revoked session is read.
#[track_caller]
fn revoked(subject: &str, expected: &str) {
    check(&token("session-revoked", subject, ""), expected);
}

#[test]
fn a_session_starts_and_is_presented() {
    let subject = format!(
        r#"{{"format":"complex","user":{USER},"session":{SESSION},"tenant":{{"format":"opaque","id":"t"}},
            "device":{{"format":"iss_sub","iss":"i","sub":"d"}},"application":{{"format":"opaque","id":"web"}}}}"#
    );
    check(
        &token(
            "session-established",
            &subject,
            r#","acr":"AAL2","amr":["pwd","otp"],"ext_id":"e","fp_ua":"f","ips":["192.0.2.1","192.0.2.2"]"#,
        ),
        &format!(
            "SessionStarted {HEAD} user=u session=s client=web ip=192.0.2.1 device.id=d \
             tenant:t acr:AAL2 amr:pwd,otp ext_id:e fp_ua:f"
        ),
    );
    check(
        &token("session-presented", &subject, ""),
        &format!("SessionResumed {HEAD} user=u session=s client=web device.id=d tenant:t"),
    );
}

#[test]
fn an_end_says_who_ended_it() {
    let event = |reason: &str| format!(r#","initiating_entity":"policy","reason_admin":{reason}"#);
    let expected = |reason: &str| {
        format!(
            "SessionStopped {HEAD} session=s reason=policy initiating_entity:policy reason_admin:{reason}"
        )
    };
    check(&token("session-revoked", SESSION, &event(r#"{"de":"Regel","en":"Rule"}"#)), &expected("Rule"));
    check(&token("session-revoked", SESSION, &event(r#"{"de":"Regel"}"#)), &expected("Regel"));
    check(&token("session-revoked", SESSION, &event(r#""Rule""#)), &expected("Rule"));
}

#[test]
fn a_subject_names_a_session_a_user_or_less() {
    revoked(SESSION, &format!("SessionStopped {HEAD} session=s"));
    revoked(USER, &format!("SessionsStopped {HEAD} user=u"));
    let complex = |parts: &str| format!(r#"{{"format":"complex",{parts}}}"#);
    revoked(
        &complex(&format!(r#""user":{USER},"session":{SESSION}"#)),
        &format!("SessionStopped {HEAD} user=u session=s"),
    );
    revoked(&complex(&format!(r#""user":{USER}"#)), &format!("SessionsStopped {HEAD} user=u"));
    revoked(&complex(r#""user":{"format":"opaque","id":"u"}"#), &format!("SessionsStopped {HEAD} user=u"));
    let device = r#""device":{"format":"opaque","id":"d"}"#;
    revoked(
        &complex(&format!(r#""user":{USER},{device}"#)),
        &format!("SessionStopped {HEAD} user=u device.id=d"),
    );
    let saml = r#""session":{"format":"saml_assertion_id","issuer":"i","assertion_id":"_s"}"#;
    revoked(&complex(saml), &format!("SessionStopped {HEAD} session=_s"));
    revoked(r#"{"format":"jwt_id","iss":"i","jti":"x"}"#, &format!("SessionsStopped {HEAD}"));
}

#[test]
fn an_address_is_no_user_id() {
    let mail = format!("SessionsStopped {HEAD} name=anna@example.com person.email=anna@example.com");
    revoked(r#"{"format":"email","email":"anna@example.com"}"#, &mail);
    revoked(r#"{"format":"iss_sub","iss":"i","sub":"anna@example.com"}"#, &mail);
    revoked(r#"{"format":"complex","user":{"format":"opaque","id":"anna@example.com"}}"#, &mail);
    revoked(
        r#"{"format":"phone_number","phone_number":"+12065550100"}"#,
        &format!("SessionsStopped {HEAD} name=+12065550100 person.phone_number=+12065550100"),
    );
    revoked(
        r#"{"format":"account","uri":"acct:anna@example.com"}"#,
        &format!("SessionsStopped {HEAD} name=anna@example.com"),
    );
}

#[test]
fn aliases_and_uris_name_a_user() {
    revoked(
        r#"{"format":"did","url":"did:example:123"}"#,
        &format!("SessionsStopped {HEAD} user=did:example:123"),
    );
    revoked(r#"{"format":"uri","uri":"urn:uuid:1"}"#, &format!("SessionsStopped {HEAD} user=urn:uuid:1"));
    let aliases = format!(
        r#"{{"format":"aliases","identifiers":[{{"format":"email","email":"anna@example.com"}},{USER},
            {{"format":"opaque","id":"v"}},{{"format":"aliases","identifiers":[{SESSION}]}}]}}"#
    );
    revoked(
        &aliases,
        &format!("SessionsStopped {HEAD} user=u name=anna@example.com person.email=anna@example.com"),
    );
}

#[test]
fn drafts_wrote_the_subject_into_the_event() {
    let event = format!(r#","subject":{{"user":{USER},"session":{SESSION}}}"#);
    check(&token("session-revoked", "null", &event), &format!("SessionStopped {HEAD} user=u session=s"));
    let event = r#","subject":{"subject_type":"iss-sub","iss":"i","sub":"u"}"#;
    check(&token("session-revoked", "null", event), &format!("SessionsStopped {HEAD} user=u"));
    check(
        r#"{"iss":"i","jti":"j","iat":1795382428,"sub":"u","events":{
            "https://schemas.openid.net/secevent/risc/event-type/sessions-revoked":{}}}"#,
        "SessionsStopped id=j time=1795382428000 realm=i user=u",
    );
    check(
        r#"{"sub_id":{"format":"opaque","id":"u"},"events":{
            "https://schemas.openid.net/secevent/risc/event-type/sessions-revoked":{}}}"#,
        "SessionsStopped user=u",
    );
}

#[test]
fn wso2_writes_milliseconds() {
    let event = r#"{"events":{"https://schemas.openid.net/secevent/caep/event-type/session-presented":
        {"event_timestamp":1795382428244}},"iat":1795382428300}"#;
    check(event, "SessionResumed time=1795382428244");
    check(&event.replace("event_timestamp", "x"), "SessionResumed time=1795382428300");
    check(&event.replace("event_timestamp", "x").replace("iat", "toe"), "SessionResumed time=1795382428300");
}

#[test]
fn a_token_may_carry_many_events() {
    let uri = "https://schemas.openid.net/secevent/caep/event-type";
    check(
        &format!(
            r#"{{"jti":"j","sub_id":{SESSION},"events":{{"{uri}/session-presented":{{}},"{uri}/credential-change":{{}},
                "{uri}/session-revoked":{{}},"https://example.com/session-revoked":{{}}}}}}"#
        ),
        "SessionResumed id=j session=s\nignored: type_not_mapped\n\
         SessionStopped id=j session=s\nignored: type_not_mapped",
    );
}

#[test]
fn what_is_no_event_says_why() {
    check(&token("token-claims-change", USER, ""), "ignored: type_not_mapped");
    check(r#"{"jti":"j","events":{}}"#, "ignored: empty");
    check(r#"{"jti":"j"}"#, "refused: no_type");
    check(r#""eyJhbGciOiJub25lIn0.eyJqdGkiOiJqIn0.""#, "refused: not_an_event");
    check(&token("session-revoked", r#"{"format":"opaque","id":{}}"#, ""), "refused: field_not_text");
    check(&token("session-revoked", r#"{"format":"iss_sub","sub":[]}"#, ""), "refused: field_not_text");
    check(
        &token("session-revoked", r#"{"format":"complex","session":{"id":1.5}}"#, ""),
        "refused: field_not_text",
    );
    check(r#"{"jti":{},"events":{"a":{}}}"#, "refused: field_not_text");
    check(r#"{"sub":{},"events":{"a":{}}}"#, "refused: field_not_text");
}

#[test]
fn few_bytes_do_not_become_many() {
    let uri = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
    let events = vec![format!(r#""{uri}":{{}}"#); 10_000].join(",");
    let id = r"\u0041".repeat(100_000);
    let opaque = format!(r#"{{"format":"opaque","id":"{id}"}}"#);
    for subject in [opaque.clone(), format!(r#"{{"format":"complex","device":{opaque}}}"#)] {
        let value = format!(r#"{{"sub_id":{subject},"events":{{{events}}}}}"#);
        let tree = parse(value.as_bytes()).ok().unwrap();
        let read = decode(tree.root()).iter().filter(|item| item.is_ok()).count();
        assert!(read < 200, "{read} copies");
    }
}

#[track_caller]
fn recognised(value: &str, expected: bool) {
    assert_eq!(recognises(parse(value.as_bytes()).ok().unwrap().root()), expected);
}

#[test]
fn its_uris_are_its_shape() {
    recognised(&token("anything", USER, ""), true);
    recognised(r#"{"events":{"https://schemas.openid.net/secevent/ssf/event-type/verification":{}}}"#, true);
    recognised(
        r#"{"events":{"https://schemas.identity.wso2.org/events/login/event-type/loginSuccess":{}}}"#,
        false,
    );
    recognised(r#"{"events":{}}"#, false);
    recognised(r#"{"events":[{"id":1}]}"#, false);
    recognised("[]", false);
}
