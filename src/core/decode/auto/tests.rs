use super::*;
use crate::core::{
    decode::{Decoder, config::FormatsConfig, tree::parse},
    record::Ownership,
};

const T: i64 = 1_795_382_428_244;

/// Minimal records that each format recognises. Every format is tried with every row.
const MATRIX: [(&str, &str); 28] = [
    ("keycloak", r#"{"type":"LOGIN","realmId":"r"}"#),
    ("keycloak", r#"{"eventType":"LOGIN","clientId":"c"}"#),
    ("keycloak", r#"{"eventType":"access.LOGIN","details":{}}"#),
    ("keycloak", r#"{"type":"USER-ACTION","resourcePath":"users/u"}"#),
    ("keycloak", r#"{"operationType":"UPDATE","resourceType":"USER"}"#),
    ("keycloak", r#"{"realmId":"r","clientId":"c"}"#),
    ("keycloak", r#"{"message":"type=\"LOGIN\", realmId=\"r\""}"#),
    ("keycloak", r#"{"loggerName":"org.keycloak.services","message":"hello"}"#),
    ("fusionauth", r#"{"type":"test","createInstant":1795382428244}"#),
    ("fusionauth", r#"{"event":{"type":"user.create","createInstant":1795382428244}}"#),
    ("auth0", r#"{"log_id":"l","type":"s"}"#),
    ("auth0", r#"{"log_id":"l","data":{"type":"s"}}"#),
    ("okta", r#"{"eventType":"user.session.start","uuid":"u","actor":{}}"#),
    ("okta", r#"{"eventType":"com.okta.event_hook"}"#),
    ("entra", r#"{"category":"SignInLogs","operationName":"Sign-in activity","properties":{}}"#),
    ("entra", r#"{"records":[]}"#),
    ("wso2", r#"{"events":{"https://schemas.identity.wso2.org/events/login/event-type/loginFailed":{}}}"#),
    ("caep", r#"{"events":{"https://schemas.openid.net/secevent/ssf/event-type/verification":{}}}"#),
    ("cognito", r#"{"EventType":"SignIn","EventResponse":"Pass"}"#),
    ("cognito", r#"{"AuthEvents":[]}"#),
    ("cognito", r#"{"eventSource":"cognito-idp.amazonaws.com","eventName":"InitiateAuth"}"#),
    ("ory", r#"{"name":"SessionIssued","eventAttributes":{}}"#),
    ("authentik", r#"{"app":"authentik.events.signals","action":"login","user":{},"context":{}}"#),
    ("authentik", r#"{"pagination":{},"results":[]}"#),
    ("ocsf", r#"{"class_uid":3002,"metadata":{"version":"1.3.0"}}"#),
    ("identity-event", r#"{"version":1,"type":"sign_in"}"#),
    ("identity-event", r#"{"version":1,"type":"sign_in","realmName":"shop","clientId":"c"}"#),
    ("identity-event", r#"{"version":1,"events":[]}"#),
];

fn record(value: impl AsRef<[u8]>, headers: &[(&str, &str)]) -> Record {
    Record {
        ownership: Ownership(0),
        topic: "events".into(),
        partition: 0,
        offset: 0,
        timestamp: None,
        key: None,
        value: Some(value.as_ref().into()),
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).into(), Some(value.as_bytes().into())))
            .collect(),
        redriven: None,
    }
}

fn line(decoder: &Decoder, record: &Record) -> String {
    let all = decoder.decode(record);
    let mut words = vec![all.format.map_or("-", Format::name).to_owned()];
    words.extend(all.events.iter().map(|item| match item {
        Ok(event) => {
            let mut word = format!("{:?}", event.kind);
            let fields =
                [("id", &event.id), ("user", &event.user), ("session", &event.session), ("ip", &event.ip)];
            for (name, text) in fields {
                word.extend(text.iter().map(|text| format!(" {name}={text}")));
            }
            word.extend(event.user_name.iter().map(|text| format!(" name={text}")));
            word.extend(event.time.map(|time| format!(" time={}", time.0)));
            word
        }
        Err(Unmapped::Ignored(reason)) => format!("ignored: {}", reason.code()),
        Err(Unmapped::Refused(reason)) => format!("refused: {}", reason.code()),
    }));
    words.join("; ")
}

#[track_caller]
fn check(value: impl AsRef<[u8]>, expected: &str) {
    assert_eq!(line(&Decoder::default(), &record(value, &[])), expected);
}

#[track_caller]
fn with_headers(headers: &[(&str, &str)], value: &str, expected: &str) {
    assert_eq!(line(&Decoder::default(), &record(value, headers)), expected);
}

#[track_caller]
fn named(format: &str, value: &str, expected: &str) {
    let format = Choice::Named(Format::named(format).unwrap());
    let decoder = decoder(&FormatsConfig { format, ..FormatsConfig::default() });
    assert_eq!(line(&decoder, &record(value, &[])), expected);
}

/// A JSON text that holds `value`.
fn quoted(value: &str) -> String {
    serde_json::to_string(value).unwrap()
}

const LOGIN: &str = r#"{"type":"LOGIN","realmId":"r","userId":"u"}"#;

const KEYCLOAK_MESSAGE: &str = r#"type="LOGIN", realmId="r", userId="u", sessionId="s""#;

/// A line of Keycloak's log, with that message.
const KEYCLOAK_LINE: &str = r#"2026-11-22 21:20:28,244 INFO  [org.keycloak.events] (executor-thread-1) type="LOGIN", realmId="r", userId="u", sessionId="s""#;

const KEYCLOAK_LINE_READ: &str = "keycloak; SignIn id=793dbfcf30a5110ad9663336fe8d2b62 user=u session=s";

#[test]
fn every_format_knows_its_own_records_and_no_other() {
    for (format, value) in MATRIX {
        let tree = parse(value.as_bytes()).ok().unwrap();
        let format = Format::named(format).unwrap();
        let found: Vec<_> = Format::ALL.into_iter().filter(|format| format.recognises(tree.root())).collect();
        assert_eq!(found, [format], "{value}");
        assert_eq!(Decoder::default().decode(&record(value, &[])).format, Some(format), "{value}");
    }
    // No value has the shape of `custom`.
    for format in Format::ALL.into_iter().filter(|format| *format != Format::CUSTOM) {
        assert!(MATRIX.iter().any(|(known, _)| *known == format.name()), "{} has no row", format.name());
    }
}

#[test]
fn a_carrier_of_nothing_is_ignored() {
    check(r#"{"AuthEvents":[],"UserPoolId":"p","Username":"a"}"#, "cognito; ignored: empty");
    check(r#"{"pagination":{"count":0},"results":[]}"#, "authentik; ignored: empty");
    check(r#"{"version":1,"events":[]}"#, "identity-event; ignored: empty");
    check(r#"{"records":[]}"#, "entra; ignored: empty");
}

#[test]
fn a_document_of_our_own_is_not_keycloaks_whatever_else_it_has() {
    let expected = format!("identity-event; SignIn user=u time={T}");
    let rest = r#""user":"u","realmName":"shop","time":1795382428244"#;
    check(format!(r#"{{"version":1,"type":"sign_in",{rest}}}"#), &expected);
    check(format!(r#"{{"type":"sign_in",{rest},"version":1}}"#), &expected);
    check(format!(r#"{{"type":"sign_in",{rest},"version":1.0}}"#), &expected);
    check(r#"{"type":"sign_in","realmId":"r"}"#, "keycloak; ignored: type_not_mapped");
    check(r#"{"version":1,"type":"of-mine","realmId":"r"}"#, "keycloak; ignored: type_not_mapped");
    check(r#"{"version":1,"type":"LOGIN","realmId":"r","userId":"u"}"#, "keycloak; SignIn user=u");
}

#[test]
fn a_type_of_our_own_that_is_misspelt_is_told_so() {
    check(r#"{"type":"sign_in","realm_name":"Shop","user":"u"}"#, "-; refused: unrecognised");
    check(r#"{"version":2,"type":"sign_in","realm_name":"Shop","user":"u"}"#, "-; refused: unrecognised");
    check(r#"{"version":1,"type":"login","user":"u"}"#, "identity-event; refused: field_invalid");
}

#[test]
fn what_no_format_knows_is_refused() {
    check("{}", "-; refused: unrecognised");
    check(r#"{"type":"something.else","id":"i"}"#, "-; refused: unrecognised");
    check(r#"{"type":"ORDER_PLACED","userId":"u"}"#, "-; refused: unrecognised");
    check(r#"{"eventType":"LOGIN","userId":"u","sessionId":"s"}"#, "-; refused: unrecognised");
    check(r#"{"a":{"type":"LOGIN","realmId":"r"}}"#, "-; refused: unrecognised");
    check("[[{}]]", "-; refused: unrecognised");
    check("17", "-; refused: not_an_event");
    check("null", "-; refused: not_an_event");
    check(r#""LOGIN""#, "-; refused: not_an_event");
    check("LOGIN", "-; refused: not_json");
    check("\u{0}", "-; refused: not_json");
    check("[".repeat(100) + &"]".repeat(100), "-; refused: too_large");
}

#[test]
fn a_keycloak_event_without_its_type_is_told_so() {
    check(r#"{"realmId":"r","userId":"u"}"#, "keycloak; refused: no_type");
    check(r#"{"realmId":"r","type":{}}"#, "keycloak; refused: field_not_text");
    check(r#"{"type":"UPDATE_TOTP","realmId":"r"}"#, "keycloak; ignored: type_not_mapped");
    check(r#"{"type":"of-an-extension","realmId":"r"}"#, "keycloak; ignored: type_not_mapped");
}

#[test]
fn a_format_that_is_named_is_the_only_one() {
    named("keycloak", LOGIN, "keycloak; SignIn user=u");
    named("keycloak", r#"{"type":"of-an-extension"}"#, "keycloak; ignored: type_not_mapped");
    named("keycloak", r#"{"eventType":"LOGIN","userId":"u"}"#, "keycloak; SignIn user=u");
    named("keycloak", "{}", "-; refused: not_the_format");
    named("keycloak", "17", "-; refused: not_an_event");
    named("keycloak", &quoted(LOGIN), "keycloak; SignIn user=u");
    named("okta", LOGIN, "-; refused: not_the_format");
    named("identity-event", "{}", "-; refused: not_the_format");
    named("identity-event", r#"{"events":[{},17]}"#, "-; refused: not_the_format");
}

#[test]
fn a_named_format_looks_into_an_object_whose_type_it_does_not_know() {
    let login = LOGIN.replace('}', r#","sessionId":"s"}"#);
    let text = quoted(&login);
    for around in [
        format!(
            r#"{{"@timestamp":"2026-11-22T21:20:29Z","@version":"1","type":"keycloak","message":{text}}}"#
        ),
        format!(r#"{{"eventType":"USER_EVENT","event":{login}}}"#),
        format!(r#"{{"type":"access","event":{{"original":{text}}}}}"#),
    ] {
        let time = if around.contains("@timestamp") { " time=1795382429000" } else { "" };
        let read = format!("keycloak; SignIn user=u session=s{time}");
        named("keycloak", &around, &read);
        check(&around, &read);
    }
    let of_auth0 = quoted(r#"{"log_id":"l","data":{"type":"s","user_id":"auth0|1"}}"#);
    let around = format!(r#"{{"type":"auth0","message":{of_auth0}}}"#);
    named("auth0", &around, "auth0; SignIn id=l user=auth0|1");
    // The name of the type is not one that Keycloak writes.
    for around in [
        format!(r#"{{"event_type":"USER_EVENT","realm_name":"shop","event":{login}}}"#),
        format!(r#"{{"event_type":"AUTH","client_id":"web","message":{text}}}"#),
        format!(r#"{{"event_type":"access","realm_id":"r","event":{login}}}"#),
    ] {
        named("keycloak", &around, "keycloak; SignIn user=u session=s");
        check(&around, "keycloak; SignIn user=u session=s");
    }
    check(r#"{"event_type":"UPDATE_EMAIL","realm_id":"r"}"#, "keycloak; ignored: type_not_mapped");
    for kind in ["LOGIN", "LOGOUT", "admin.USER-ACTION"] {
        let around = format!(r#"{{"event_type":"{kind}","realm_id":"r","event":{login}}}"#);
        check(&around, "keycloak; SignIn user=u session=s");
    }
    let unmapped = r#"{"event_type":"USER_EVENT","event":{"type":"UPDATE_EMAIL","realmId":"r"}}"#;
    filtered(r#"{format: "keycloak", record: .event}"#, unmapped, "ignored: type_not_mapped");
    let other = format!(r#"{{"loggerName":"org.keycloak.services","event_type":"kc","message":{text}}}"#);
    check(&other, "keycloak; ignored: type_not_mapped");
    check(r#"{"type":"LOGIN","realm_name":"shop","user_id":"u"}"#, "keycloak; SignIn user=u");
    // What has an event of its own is not looked into.
    named(
        "keycloak",
        r#"{"type":"LOGIN","userId":"a","event":{"type":"LOGOUT","userId":"b"}}"#,
        "keycloak; SignIn user=a",
    );
    named("keycloak", r#"{"type":"UPDATE_EMAIL","userId":"a"}"#, "keycloak; ignored: type_not_mapped");
}

#[test]
fn what_a_named_format_can_read_of_a_record_is_kept() {
    let sign_in = r#"{"type":"sign_in","user":"u"}"#;
    named(
        "identity-event",
        &format!(r#"{{"events":[{sign_in},{{}}]}}"#),
        "identity-event; SignIn user=u; refused: no_type",
    );
    named("identity-event", r#"{"type":"sign_in","user":["a"]}"#, "identity-event; refused: field_invalid");
    named("identity-event", LOGIN, "identity-event; refused: field_invalid");
}

#[test]
fn a_line_of_keycloaks_log_is_no_json_and_read_all_the_same() {
    let login = r#"type="LOGIN", realmId="r", userId="u", sessionId="s""#;
    let line = format!("2026-11-22 21:20:28,244 INFO  [org.keycloak.events] (executor-thread-1) {login}\n");
    let id = "793dbfcf30a5110ad9663336fe8d2b62";
    let expected = format!("keycloak; SignIn id={id} user=u session=s");
    check(&line, &expected);
    named("keycloak", &line, &expected);
    check(quoted(&line), &expected);
    check(format!("[{0},{0}]", quoted(&line)), &format!("{expected}; SignIn id={id} user=u session=s"));
    let json = format!(r#"{{"loggerName":"org.keycloak.events","message":{}}}"#, quoted(login));
    let shipped =
        format!(r#"{{"log":{},"stream":"stdout","time":"2026-11-22T21:20:28.244Z"}}"#, quoted(&json));
    let read = self::line(&Decoder::default(), &record(&shipped, &[]));
    assert!(read.starts_with("keycloak; SignIn id=") && read.ends_with(&format!(" time={T}")), "{read}");
    named("okta", &line, "-; refused: not_json");
    named("custom", &line, "-; refused: not_json");
    check("2026-11-22 21:20:28,244 INFO  [io.quarkus] (main) started", "keycloak; ignored: type_not_mapped");
}

#[test]
fn a_topic_has_a_choice_of_its_own() {
    let with = |topic: &str| {
        let formats = [(topic.to_owned(), Choice::Named(Format::named("okta").unwrap()))].into();
        line(&decoder(&FormatsConfig { formats, ..FormatsConfig::default() }), &record(LOGIN, &[]))
    };
    assert_eq!(with("events"), "-; refused: not_the_format");
    assert_eq!(with("other"), "keycloak; SignIn user=u");
}

#[test]
fn a_filter_reads_what_is_in_an_envelope() {
    let config = FormatsConfig {
        format: Choice::Named(Format::CUSTOM),
        custom: Some(r#"{type: "sign_in", user: .who}"#.to_owned()),
        ..FormatsConfig::default()
    };
    let decoder = decoder(&config);
    assert_eq!(line(&decoder, &record(r#"{"who":"u"}"#, &[])), "custom; SignIn user=u");
    assert_eq!(line(&decoder, &record(quoted(r#"{"who":"u"}"#), &[])), "custom; SignIn user=u");
}

/// Checks the results of `filter` for `value`, with all formats available.
#[track_caller]
fn filtered(filter: &str, value: &str, expected: &str) {
    let config = FormatsConfig {
        format: Choice::Named(Format::CUSTOM),
        custom: Some(filter.to_owned()),
        ..FormatsConfig::default()
    };
    assert_eq!(line(&decoder(&config), &record(value, &[])), format!("custom; {expected}"));
}

#[test]
fn a_filter_hands_what_it_unwrapped_to_another_format() {
    let wrapped = format!(r#"{{"body":{},"id":"b"}}"#, quoted(LOGIN));
    filtered(r#"{format: "keycloak", record: .body}"#, &wrapped, "SignIn user=u");
    filtered(r#"{format: "keycloak", record: (.body | fromjson)}"#, &wrapped, "SignIn user=u");
    filtered(r#"{format: "auto", record: (.body | fromjson + {id: "i"})}"#, &wrapped, "SignIn id=i user=u");
    filtered(r#"{format: "keycloak", record: {type: "LOGIN", userId: .id}}"#, &wrapped, "SignIn user=b");
    filtered(r#"{format: "auto", record: {message: .body}}"#, &wrapped, "SignIn user=u");
    filtered(r#"{format: "auto", record: [.body, .body]}"#, &wrapped, "SignIn user=u; SignIn user=u");
    let own = r#"{type: "activity", user: .id}"#;
    filtered(
        &format!(r#"[{{format: "keycloak", record: .body}}, {own}]"#),
        &wrapped,
        "SignIn user=u; Activity user=b",
    );
    filtered(r#"{format: "okta", record: .body}"#, &wrapped, "refused: not_the_format");
    filtered(r#"{format: "auto", record: .id}"#, &wrapped, "refused: not_an_event");
    filtered(r#"{format: "auto", record: {format: "custom", record: .}}"#, &wrapped, "refused: unrecognised");
    filtered(r#"{format: "auto", record: []}"#, &wrapped, "ignored: empty");
}

#[test]
fn what_a_filter_hands_over_has_an_end() {
    let many = quoted(&format!("[{}]", vec![LOGIN; 6_000].join(",")));
    let both = r#"{format: "auto", record: .}, {format: "keycloak", record: .}"#;
    filtered(both, &format!(r#"{{"message":{many}}}"#), "refused: too_many_events");
    filtered(&format!("[{both}]"), &format!(r#"{{"message":{many}}}"#), "refused: too_many_events");
}

#[test]
fn a_filter_sees_what_a_shipper_wrote() {
    let shipped = format!(r#"{{"message":{}}}"#, quoted(LOGIN));
    filtered("{type: .message}", &shipped, "refused: field_invalid");
    filtered("{}", &shipped, "refused: no_type");
}

fn decoder(config: &FormatsConfig) -> Decoder {
    Decoder::new(config).ok().unwrap()
}

#[test]
fn an_array_is_a_batch() {
    check("[]", "-; ignored: empty");
    check(
        format!("[{LOGIN},{{}},17]"),
        "keycloak; SignIn user=u; refused: unrecognised; refused: not_an_event",
    );
    check(format!("[{0},{0}]", quoted(LOGIN)), "keycloak; SignIn user=u; SignIn user=u");
}

#[test]
fn a_text_that_holds_json_is_opened() {
    check(quoted(LOGIN), "keycloak; SignIn user=u");
    let deep = |times| (0..times).fold(LOGIN.to_owned(), |inner, _| quoted(&inner));
    check(deep(5), "keycloak; SignIn user=u");
    check(deep(6), "-; refused: not_an_event");
}

#[test]
fn confluents_wire_format_is_opened() {
    check(format!("\0\0\0\u{1}\u{2}{LOGIN}"), "keycloak; SignIn user=u");
    check([b"\0\xff\xff\xff\xff".as_slice(), LOGIN.as_bytes()].concat(), "keycloak; SignIn user=u");
    check(format!("\u{feff}{LOGIN}"), "keycloak; SignIn user=u");
    check("\0\0\0\0\u{1}\u{2}Obj", "-; refused: not_json_in_schema");
    check("\0\0\0\0\u{1}", "-; refused: not_json_in_schema");
    check("\0\0\0\0", "-; refused: not_json");
    check(format!("\0\0\0\0\u{1}{LOGIN}{LOGIN}"), "-; refused: several_values");
}

/// A structured CloudEvent around `fields`.
fn cloud_event(fields: &str) -> String {
    format!(
        r#"{{"specversion":"1.0","type":"LOGIN","source":"/idp","id":"ce","time":"2026-11-22T21:20:28.244Z",{fields}}}"#
    )
}

#[test]
fn a_structured_cloud_event_is_opened() {
    let filled = format!("keycloak; SignIn id=ce user=u time={T}");
    check(cloud_event(&format!(r#""data":{LOGIN}"#)), &filled);
    check(cloud_event(&format!(r#""data":{}"#, quoted(LOGIN))), &filled);
    check(
        cloud_event(r#""data_base64":"eyJ0eXBlIjoiTE9HSU4iLCJyZWFsbUlkIjoiciIsInVzZXJJZCI6InUifQ==""#),
        &filled,
    );
    check(cloud_event(r#""data_base64":"!""#), "-; refused: not_an_event");
    check(cloud_event(r#""data":null"#), "-; ignored: empty");
    check(
        cloud_event(r#""data":{"type":"LOGIN","realmId":"r","id":"own","time":1}"#),
        "keycloak; SignIn id=own time=1000",
    );
    let batch = format!("[{0},{0}]", cloud_event(&format!(r#""data":{LOGIN}"#)));
    check(batch, &format!("{filled}; SignIn id=ce user=u time={T}"));
}

#[test]
fn the_content_type_says_that_a_value_is_a_cloud_event() {
    let bare = format!(r#"{{"specversion":"1.0","id":"ce","data":{LOGIN}}}"#);
    let structured = [("content-type", "application/cloudevents+json; charset=UTF-8")];
    with_headers(&structured, &bare, "keycloak; SignIn id=ce user=u");
    with_headers(&[("content-type", "application/json")], &bare, "-; refused: unrecognised");
    let batch = [("content-type", "application/cloudevents-batch+json")];
    with_headers(&batch, &format!("[{bare}]"), "keycloak; SignIn id=ce user=u");
}

#[test]
fn a_binary_cloud_event_has_its_id_and_time_in_the_headers() {
    let headers = [("ce_specversion", "1.0"), ("ce_id", "ce"), ("ce_time", "2026-11-22T21:20:28.244Z")];
    with_headers(&headers, LOGIN, &format!("keycloak; SignIn id=ce user=u time={T}"));
    with_headers(
        &headers,
        r#"{"type":"LOGIN","realmId":"r","id":"own","time":1}"#,
        "keycloak; SignIn id=own time=1000",
    );
    with_headers(&headers[1..], LOGIN, "keycloak; SignIn user=u");
    with_headers(&headers, &format!("[{LOGIN}]"), &format!("keycloak; SignIn id=ce user=u time={T}"));
}

/// A notification of Amazon SNS.
fn notification(message: &str) -> String {
    format!(
        r#"{{"Type":"Notification","MessageId":"m","TopicArn":"arn:aws:sns:eu-west-1:123456789012:t",
            "Message":{},"Timestamp":"2026-11-22T21:20:28.244Z"}}"#,
        quoted(message)
    )
}

#[test]
fn a_notification_is_opened() {
    let filled = format!("keycloak; SignIn id=m user=u time={T}");
    check(notification(LOGIN), &filled);
    named("keycloak", &notification(LOGIN), &filled);
    named("okta", &notification(LOGIN), "-; refused: not_the_format");
    check(
        notification(r#"{"type":"LOGIN","realmId":"r","id":"own","time":1}"#),
        "keycloak; SignIn id=own time=1000",
    );
    let ory = r#"{"name":"SessionIssued","eventAttributes":{"IdentityID":"u","SessionID":"s"}}"#;
    check(notification(ory), &format!("ory; SessionStarted id=m user=u session=s time={T}"));
    named("ory", &notification(ory), &format!("ory; SessionStarted id=m user=u session=s time={T}"));
    check(notification(&format!("[{LOGIN}]")), &filled);
    check(notification("hello"), "-; refused: not_an_event");
    check(notification("17"), "-; refused: not_an_event");
    check(notification(""), "-; refused: unrecognised");
    let long = notification(LOGIN).replace(r#""m""#, &format!(r#""{}""#, "m".repeat(1_001)));
    check(long, &format!("keycloak; SignIn user=u time={T}"));
}

#[test]
fn a_line_of_keycloaks_log_may_be_in_a_notification() {
    let expected = format!("{KEYCLOAK_LINE_READ} time={T}");
    check(notification(KEYCLOAK_LINE), &expected);
    named("keycloak", &notification(KEYCLOAK_LINE), &expected);
    named("okta", &notification(KEYCLOAK_LINE), "-; refused: not_an_event");
    check(from_sqs(&notification(KEYCLOAK_LINE)), &expected);
    check(notification(&format!("{CRI}{LOGIN}")), &format!("keycloak; SignIn id=m user=u time={T}"));
    let message = self::line(&Decoder::default(), &record(notification(KEYCLOAK_MESSAGE), &[]));
    assert!(
        message.starts_with("keycloak; SignIn id=") && message.ends_with(&format!("session=s time={T}")),
        "{message}"
    );
}

#[test]
fn a_byte_order_mark_is_skipped_in_any_text() {
    let marked = format!("\u{feff}{LOGIN}");
    let text = quoted(&marked);
    check(&text, "keycloak; SignIn user=u");
    check(format!(r#"{{"schema":{{"type":"string"}},"payload":{text}}}"#), "keycloak; SignIn user=u");
    check(notification(&marked), &format!("keycloak; SignIn id=m user=u time={T}"));
    check(from_sqs(&marked), &format!("keycloak; SignIn id=q user=u time={T}"));
    check(cloud_event(&format!(r#""data":{text}"#)), &format!("keycloak; SignIn id=ce user=u time={T}"));
    for path in ["message", "log", "event.original", "event"] {
        check(format!(r#"{{"{path}":{text}}}"#), "keycloak; SignIn user=u");
    }
    check(format!(r#"{{"event":{{"original":{text}}}}}"#), "keycloak; SignIn user=u");
    let line = quoted(&format!("\u{feff}{KEYCLOAK_LINE}"));
    check(format!(r#"{{"message":{line},"time":{T}}}"#), &format!("{KEYCLOAK_LINE_READ} time={T}"));
    let line = quoted(&format!("\u{feff}{CRI}{LOGIN}"));
    check(format!(r#"{{"log":{line}}}"#), &format!("keycloak; SignIn user=u time={T}"));
    check(quoted("\u{feff}"), "-; refused: not_an_event");
}

#[test]
fn what_kafka_connect_writes_with_schemas_is_opened() {
    let connect = |payload: &str| format!(r#"{{"schema":{{"type":"string"}},"payload":{payload}}}"#);
    check(connect(&quoted(LOGIN)), "keycloak; SignIn user=u");
    check(connect(LOGIN), "keycloak; SignIn user=u");
    check(connect(&format!("[{LOGIN}]")), "keycloak; SignIn user=u");
    check(connect("null"), "-; ignored: tombstone");
    check(r#"{"schema":null,"payload":null}"#, "-; ignored: tombstone");
    check(connect("17"), "-; refused: not_an_event");
    check(connect(r#""hello""#), "-; refused: not_an_event");
    check(format!(r#"{{"payload":{LOGIN}}}"#), "keycloak; SignIn user=u");
    check(r#"{"payload":null}"#, "-; refused: unrecognised");
    check(format!(r#"{{"schema":{{}},"payload":{LOGIN},"other":1}}"#), "-; refused: unrecognised");
}

/// Base64 of these bytes.
fn base64(bytes: impl AsRef<[u8]>) -> String {
    ::base64::Engine::encode(&::base64::engine::general_purpose::STANDARD, bytes)
}

#[test]
fn kafka_connects_bytes_hold_the_record_itself() {
    let schema = r#"{"type":"bytes","optional":false}"#;
    let connect = |payload: &str| format!(r#"{{"schema":{schema},"payload":{payload}}}"#);
    let of = |bytes: &[u8]| connect(&quoted(&base64(bytes)));
    check(of(LOGIN.as_bytes()), "keycloak; SignIn user=u");
    named("keycloak", &of(LOGIN.as_bytes()), "keycloak; SignIn user=u");
    named("okta", &of(LOGIN.as_bytes()), "-; refused: not_the_format");
    check(of(format!("\u{feff}{LOGIN}").as_bytes()), "keycloak; SignIn user=u");
    check(of(format!("\0\0\0\0\u{1}{LOGIN}").as_bytes()), "keycloak; SignIn user=u");
    check(of(format!("[{LOGIN},{LOGIN}]").as_bytes()), "keycloak; SignIn user=u; SignIn user=u");
    check(of(notification(LOGIN).as_bytes()), &format!("keycloak; SignIn id=m user=u time={T}"));
    check(of(KEYCLOAK_LINE.as_bytes()), KEYCLOAK_LINE_READ);
    check(of(CLOUD_TRAIL.as_bytes()), "cognito; ignored: type_not_mapped");
    check(connect("null"), "-; ignored: tombstone");
    check(of(b""), "-; ignored: tombstone");
    check(of(b"\0\0\0\0\x01\x02Obj"), "-; refused: not_json_in_schema");
    check(of(b"\xff\xfe"), "-; refused: not_json");
    check(of(b"hello"), "-; refused: not_an_event");
    // No base64, so the payload is the record.
    check(connect(LOGIN), "keycloak; SignIn user=u");
    check(connect(&quoted(LOGIN)), "keycloak; SignIn user=u");
    check(connect("17"), "-; refused: not_an_event");
    // In any other schema, a text is a text.
    let text = format!(r#"{{"schema":{{"type":"string"}},"payload":{}}}"#, quoted(&base64(LOGIN)));
    check(text, "-; refused: not_an_event");
}

/// The input of a Lambda function that is subscribed to a topic of Amazon SNS, with these message ids.
fn from_sns(messages: &[(&str, &str)]) -> String {
    let record = |(id, message): &(&str, &str)| {
        format!(
            r#"{{"EventSource":"aws:sns","EventVersion":"1.0","EventSubscriptionArn":"a","Sns":{}}}"#,
            notification(message).replace(r#""MessageId":"m""#, &format!(r#""MessageId":"{id}""#))
        )
    };
    format!(r#"{{"Records":[{}]}}"#, messages.iter().map(record).collect::<Vec<_>>().join(","))
}

/// The input of a Lambda function with this message of a queue.
fn from_sqs(body: &str) -> String {
    format!(
        r#"{{"Records":[{{"messageId":"q","receiptHandle":"h","body":{},"attributes":{{"SentTimestamp":"{T}"}},
            "messageAttributes":{{}},"eventSource":"aws:sqs","awsRegion":"eu-west-1"}}]}}"#,
        quoted(body)
    )
}

/// A record of `CloudTrail`, whose event source is the service that was called.
const CLOUD_TRAIL: &str =
    r#"{"eventSource":"cognito-idp.amazonaws.com","eventName":"InitiateAuth","eventID":"c"}"#;

#[test]
fn the_input_of_a_lambda_function_is_a_batch() {
    let filled = |id: &str| format!("SignIn id={id} user=u time={T}");
    check(from_sns(&[("m", LOGIN)]), &format!("keycloak; {}", filled("m")));
    check(from_sns(&[("m", LOGIN), ("n", LOGIN)]), &format!("keycloak; {}; {}", filled("m"), filled("n")));
    named("keycloak", &from_sns(&[("m", LOGIN)]), &format!("keycloak; {}", filled("m")));
    named("okta", &from_sns(&[("m", LOGIN)]), "-; refused: not_the_format");
    let own = r#"{"type":"LOGIN","realmId":"r","id":"own","time":1}"#;
    check(from_sns(&[("m", own)]), "keycloak; SignIn id=own time=1000");
    let ory = r#"{"name":"SessionIssued","eventAttributes":{"IdentityID":"u","SessionID":"s"}}"#;
    check(from_sns(&[("m", ory)]), &format!("ory; SessionStarted id=m user=u session=s time={T}"));
    let mixed = from_sns(&[("m", "hello"), ("n", LOGIN), ("o", "{}")]);
    check(mixed, &format!("keycloak; refused: not_an_event; {}; refused: unrecognised", filled("n")));
    check(quoted(&from_sns(&[("m", LOGIN)])), &format!("keycloak; {}", filled("m")));
    // One record alone, as a function may pass it on.
    let input: serde_json::Value = serde_json::from_str(&from_sns(&[("m", LOGIN)])).unwrap();
    check(input["Records"][0].to_string(), &format!("keycloak; {}", filled("m")));
    check(input["Records"].to_string(), &format!("keycloak; {}", filled("m")));
}

#[test]
fn messages_of_sqs_and_kinesis_are_opened() {
    check(from_sqs(LOGIN), &format!("keycloak; SignIn id=q user=u time={T}"));
    check(from_sqs(&notification(LOGIN)), &format!("keycloak; SignIn id=m user=u time={T}"));
    check(from_sqs(&from_sns(&[("n", LOGIN)])), &format!("keycloak; SignIn id=n user=u time={T}"));
    check(
        from_sqs(&format!("[{LOGIN},{LOGIN}]")),
        &format!("keycloak; SignIn id=q user=u time={T}; SignIn id=q user=u time={T}"),
    );
    check(from_sqs(KEYCLOAK_LINE), &format!("{KEYCLOAK_LINE_READ} time={T}"));
    let kinesis = |data: &str| {
        format!(
            r#"{{"Records":[{{"kinesis":{{"partitionKey":"1","sequenceNumber":"2","data":"{data}",
                "approximateArrivalTimestamp":1795382428.244}},"eventSource":"aws:kinesis","eventID":"k"}}]}}"#
        )
    };
    check(kinesis(&base64(LOGIN)), &format!("keycloak; SignIn id=k user=u time={T}"));
    check(kinesis("!"), "-; refused: not_an_event");
    let piped = |data: &str| {
        format!(
            r#"[{{"kinesisSchemaVersion":"1.0","partitionKey":"1","sequenceNumber":"2","data":"{data}",
                "approximateArrivalTimestamp":1795382428.244,"eventSource":"aws:kinesis","eventID":"k"}}]"#
        )
    };
    check(piped(&base64(LOGIN)), &format!("keycloak; SignIn id=k user=u time={T}"));
    check(piped("!"), "-; refused: not_an_event");
}

#[test]
fn records_of_other_event_sources_are_read_as_they_are() {
    check(
        format!(r#"{{"Records":[{CLOUD_TRAIL},{CLOUD_TRAIL}]}}"#),
        "cognito; ignored: type_not_mapped; ignored: type_not_mapped",
    );
    let object = r#"{"eventSource":"aws:s3","s3":{"bucket":{"name":"b"},"object":{"key":"k"}}}"#;
    check(format!(r#"{{"Records":[{object}]}}"#), "-; refused: unrecognised");
    check(format!(r#"{{"Records":[{LOGIN}]}}"#), "-; refused: unrecognised");
    check(r#"{"Records":17}"#, "-; refused: unrecognised");
}

#[test]
fn a_batch_has_its_bounds_in_a_batch_too() {
    let many = |number: usize| format!("[{}]", vec![LOGIN; number].join(","));
    let two = from_sns(&[("m", &many(5_000)), ("n", &many(5_000))]);
    assert_eq!(Decoder::default().decode(&record(two, &[])).events.len(), 10_000);
    check(from_sns(&[("m", &many(5_000)), ("n", &many(5_001))]), "-; refused: too_many_events");
    let large = format!(r#"{{"x":[{}0]}}"#, "0,".repeat(45_000));
    let read = from_sns(&[("m", &large), ("n", &large), ("o", &large)]);
    check(read, "-; refused: unrecognised; refused: unrecognised; refused: too_large");
    let deep = |times| (0..times).fold(LOGIN.to_owned(), |inner, _| from_sqs(&inner));
    // Each is two envelopes: the input and its record.
    check(deep(2), &format!("keycloak; SignIn id=q user=u time={T}"));
    check(deep(3), "-; refused: unrecognised");
}

/// An event of Amazon `EventBridge` with this detail.
fn event_bridge(detail: &str) -> String {
    format!(
        r#"{{"version":"0","id":"b","detail-type":"LOGIN","source":"keycloak","account":"123456789012",
            "time":"2026-11-22T21:20:28.244Z","region":"eu-west-1","resources":[],"detail":{detail}}}"#
    )
}

#[test]
fn an_event_of_eventbridge_is_opened() {
    let filled = format!("keycloak; SignIn id=b user=u time={T}");
    check(event_bridge(LOGIN), &filled);
    check(event_bridge(&quoted(LOGIN)), &filled);
    named("keycloak", &event_bridge(LOGIN), &filled);
    named("okta", &event_bridge(LOGIN), "-; refused: not_the_format");
    check(
        event_bridge(r#"{"type":"LOGIN","realmId":"r","id":"own","time":1}"#),
        "keycloak; SignIn id=own time=1000",
    );
    let ory = r#"{"name":"SessionIssued","eventAttributes":{"IdentityID":"u","SessionID":"s"}}"#;
    check(event_bridge(ory), &format!("ory; SessionStarted id=b user=u session=s time={T}"));
    check(event_bridge(CLOUD_TRAIL), "cognito; ignored: type_not_mapped");
    check(from_sqs(&event_bridge(LOGIN)), &filled);
    let long = event_bridge(LOGIN).replace(r#""b""#, &format!(r#""{}""#, "b".repeat(1_001)));
    check(long, &format!("keycloak; SignIn user=u time={T}"));
}

#[test]
fn an_event_of_azure_event_grid_is_opened() {
    let event = |data: &str| {
        format!(
            r#"{{"id":"g","topic":"/subscriptions/x","subject":"auth0","eventType":"Auth0.Log",
                "eventTime":"2026-11-22T21:20:28.244Z","dataVersion":"1","metadataVersion":"1","data":{data}}}"#
        )
    };
    let log = r#"{"log_id":"l","data":{"log_id":"l","type":"s","user_id":"auth0|1"}}"#;
    let read = format!("SignIn id=l user=auth0|1 time={T}");
    check(event(log), &format!("auth0; {read}"));
    check(format!("[{},{}]", event(log), event(log)), &format!("auth0; {read}; {read}"));
    named("auth0", &event(log), &format!("auth0; {read}"));
    check(event(LOGIN), &format!("keycloak; SignIn id=g user=u time={T}"));
    check(event("null"), "-; refused: unrecognised");
    filtered(r#"{type: "sign_in", user: .eventType}"#, &event(log), "SignIn user=Auth0.Log");
}

#[test]
fn events_of_eventbridge_may_be_of_several_formats() {
    let auth0 = r#"{"log_id":"l","data":{"type":"s","user_id":"a"}}"#;
    let okta = r#"{"eventType":"user.session.start","uuid":"o","outcome":{"result":"SUCCESS"},"actor":{"id":"k","type":"User"}}"#;
    let (auth0, okta, keycloak) = (event_bridge(auth0), event_bridge(okta), event_bridge(LOGIN));
    check(&auth0, &format!("auth0; SignIn id=l user=a time={T}"));
    check(&okta, &format!("okta; SignIn id=o user=k time={T}"));
    check(
        format!("[{auth0},{keycloak},{okta}]"),
        &format!(
            "auth0; SignIn id=l user=a time={T}; SignIn id=b user=u time={T}; SignIn id=o user=k time={T}"
        ),
    );
}

#[test]
fn what_only_resembles_an_event_of_eventbridge_is_not_opened() {
    check(event_bridge("{}"), "-; refused: unrecognised");
    check(event_bridge("null"), "-; refused: unrecognised");
    check(event_bridge(r#""""#), "-; refused: unrecognised");
    check(event_bridge("17"), "-; refused: unrecognised");
    check(event_bridge(LOGIN).replace("detail-type", "detailType"), "-; refused: unrecognised");
    check(event_bridge(LOGIN).replace(r#""keycloak""#, "null"), "-; refused: unrecognised");
    check(r#"{"type":"LOGIN","realmId":"r","detail-type":"x"}"#, "keycloak; SignIn");
}

/// What a subscription of Amazon `CloudWatch` Logs delivers, with these messages.
fn from_logs(messages: &[&str]) -> String {
    let event = |message: &&str| format!(r#"{{"id":"w","timestamp":{T},"message":{}}}"#, quoted(message));
    format!(
        r#"{{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"g","logStream":"s",
            "subscriptionFilters":["f"],"logEvents":[{}]}}"#,
        messages.iter().map(event).collect::<Vec<_>>().join(",")
    )
}

#[test]
fn what_a_subscription_of_cloudwatch_logs_delivers_is_a_batch() {
    let filled = format!("SignIn user=u time={T}");
    check(from_logs(&[LOGIN]), &format!("keycloak; {filled}"));
    check(
        from_logs(&[LOGIN, "hello", LOGIN]),
        &format!("keycloak; {filled}; refused: unrecognised; {filled}"),
    );
    check(from_logs(&[KEYCLOAK_LINE]), &format!("{KEYCLOAK_LINE_READ} time={T}"));
    check(from_sqs(&from_logs(&[LOGIN])), &format!("keycloak; SignIn id=q user=u time={T}"));
    named("keycloak", &from_logs(&[LOGIN]), &format!("keycloak; {filled}"));
    check(from_logs(&[]), "-; ignored: empty");
    // It is sent now and then to see whether the destination is there.
    let control = from_logs(&["CWL CONTROL MESSAGE: Checking health of destination Firehose."]);
    check(control.replace("DATA", "CONTROL"), "-; ignored: empty");
    check(from_logs(&[LOGIN]).replace("DATA", "OTHER"), "-; refused: unrecognised");
    check(r#"{"messageType":"DATA_MESSAGE","logEvents":17}"#, "-; refused: unrecognised");
}

/// What a container runtime writes in front of a line.
const CRI: &str = "2026-11-22T21:20:28.244798073Z stdout F ";

#[test]
fn a_line_of_a_containers_log_is_read_without_its_prefix() {
    let line = format!("{CRI}{LOGIN}");
    let expected = format!("keycloak; SignIn user=u time={T}");
    check(&line, &expected);
    check(format!("{line}\n"), &expected);
    named("keycloak", &line, &expected);
    named("okta", &line, "-; refused: not_the_format");
    check(format!("{CRI}[{LOGIN}]"), &expected);
    let own = r#"{"type":"LOGIN","realmId":"r","id":"own","time":1}"#;
    check(format!("{CRI}{own}"), "keycloak; SignIn id=own time=1000");
    // As a text, and as a shipper without a parser for it writes it.
    check(quoted(&line), &expected);
    let shipped = format!(r#"{{"@timestamp":"2026-11-22T21:20:29Z","log":{}}}"#, quoted(&line));
    check(&shipped, &expected);
    named("keycloak", &shipped, &expected);
    check(from_sqs(&line), &format!("keycloak; SignIn id=q user=u time={T}"));
    let other = "\0\0\0\0\u{1}".to_owned() + &line;
    check(other, &expected);
}

#[test]
fn a_line_of_keycloaks_log_may_have_a_containers_prefix() {
    let expected = format!("{KEYCLOAK_LINE_READ} time={T}");
    let line = format!("{CRI}{KEYCLOAK_LINE}");
    check(&line, &expected);
    named("keycloak", &line, &expected);
    check(format!(r#"{{"message":{}}}"#, quoted(&line)), &expected);
    let json = format!(r#"{{"loggerName":"org.keycloak.events","message":{}}}"#, quoted(KEYCLOAK_MESSAGE));
    let read = self::line(&Decoder::default(), &record(format!("{CRI}{json}"), &[]));
    assert!(
        read.starts_with("keycloak; SignIn id=") && read.ends_with(&format!("session=s time={T}")),
        "{read}"
    );
    let other = "2026-11-22 21:20:28,244 INFO  [io.quarkus] (main) started";
    check(format!("{CRI}{other}"), "keycloak; ignored: type_not_mapped");
}

#[test]
fn what_is_no_record_is_told_so_behind_a_containers_prefix() {
    let partial = CRI.replace(" F ", " P ");
    check(format!("{partial}{LOGIN}"), "-; refused: partial_line");
    check(format!("{partial}{KEYCLOAK_LINE}"), "-; refused: partial_line");
    named("okta", &format!("{partial}{}", &LOGIN[..10]), "-; refused: partial_line");
    check(format!(r#"{{"log":{}}}"#, quoted(&format!("{partial}{LOGIN}"))), "-; refused: partial_line");
    check(CRI, "-; ignored: tombstone");
    check(format!("{CRI}hello"), "-; refused: not_json");
    check(format!("{CRI}{LOGIN}{LOGIN}"), "-; refused: several_values");
    check(format!("{CRI}{CRI}{LOGIN}"), "-; refused: not_json");
    check(format!(r#"{{"log":{}}}"#, quoted(&format!("{CRI}hello"))), "-; refused: unrecognised");
}

#[test]
fn a_piece_of_an_envelope_is_answered() {
    let connect = format!(r#"{{"schema":{{"type":"bytes"}},"payload":"{}"}}"#, base64(LOGIN));
    let decoder = Decoder::default();
    for value in [
        connect,
        from_sns(&[("m", LOGIN)]),
        from_sqs(LOGIN),
        from_logs(&[LOGIN]),
        event_bridge(LOGIN),
        format!("{CRI}{LOGIN}"),
    ] {
        let whole = line(&decoder, &record(&value, &[]));
        for (at, _) in value.char_indices().skip(1) {
            for piece in [&value[..at], &value[at..]] {
                // A piece may be an event too, but no other one.
                let read = line(&decoder, &record(piece, &[]));
                assert!(
                    read.contains("refused") || read.contains("ignored") || whole.starts_with(&read),
                    "{piece}"
                );
            }
        }
    }
}

#[test]
fn what_docker_writes_into_its_json_file_is_opened() {
    let file = |line: &str| {
        let line = quoted(&format!("{line}\n"));
        format!(r#"{{"log":{line},"stream":"stdout","time":"2026-11-22T21:20:28.244798073Z"}}"#)
    };
    check(file(LOGIN), &format!("keycloak; SignIn user=u time={T}"));
    check(file(KEYCLOAK_LINE), &format!("{KEYCLOAK_LINE_READ} time={T}"));
    let ory = r#"{"name":"SessionIssued","eventAttributes":{"IdentityID":"u","SessionID":"s"}}"#;
    check(file(ory), &format!("ory; SessionStarted user=u session=s time={T}"));
    check(file("hello"), "-; refused: unrecognised");
}

#[test]
fn what_a_shipper_of_logs_writes_is_opened() {
    for value in [
        // Logstash, Filebeat, Vector; Fluent Bit; Docker.
        format!(
            r#"{{"@timestamp":"2026-11-22T21:20:28.244Z","message":{0},"host":{{"name":"h"}}}}"#,
            quoted(LOGIN)
        ),
        format!(r#"{{"log":{{"offset":7,"file":{{"path":"p"}}}},"message":{},"time":{T}}}"#, quoted(LOGIN)),
        format!(r#"{{"timestamp":"2026-11-22T21:20:28.244Z","message":{LOGIN}}}"#),
        format!(
            r#"{{"log":{},"stream":"stdout","time":"2026-11-22T21:20:28.244Z"}}"#,
            quoted(&format!(
                "{LOGIN}
"
            ))
        ),
        format!(r#"{{"log":{LOGIN},"time":{T}}}"#),
        // Logstash with ECS: the message holds other text.
        format!(r#"{{"message":"hello","event":{{"original":{}}},"time":{T}}}"#, quoted(LOGIN)),
        format!(r#"{{"message":"{{","event.original":{},"time":{T}}}"#, quoted(LOGIN)),
    ] {
        let expected = format!("keycloak; SignIn user=u time={T}");
        check(&value, &expected);
        named("keycloak", &value, &expected);
        named("okta", &value, "-; refused: not_the_format");
    }
    let lines = format!(r#"[{{"message":{0}}},{{"message":"hello"}},{{"log":{0}}}]"#, quoted(LOGIN));
    check(lines, "keycloak; SignIn user=u; refused: unrecognised; SignIn user=u");
    let own = r#"{"type":"LOGIN","realmId":"r","id":"own","time":1}"#;
    check(format!(r#"{{"message":{},"time":{T}}}"#, quoted(own)), "keycloak; SignIn id=own time=1000");
    let deleted = quoted(&change("d", "null"));
    check(format!(r#"{{"message":{deleted}}}"#), "-; ignored: deleted_row");
    let okta = r#"{"eventType":"user.session.start","uuid":"o","outcome":{"result":"SUCCESS"},"actor":{"id":"u","type":"User"}}"#;
    check(format!(r#"{{"message":{}}}"#, quoted(okta)), "okta; SignIn id=o user=u");
    check(r#"{"message":"hello","log":"{}","event":{"original":"[]"}}"#, "-; refused: unrecognised");
}

#[test]
fn the_time_beside_a_line_tells_it_from_an_equal_one() {
    let quarkus = "2026-11-22 21:20:28,244 INFO  [io.quarkus] (main) started";
    for (before, after) in [(r#""event":"#, ""), (r#""event":{"original":"#, "}")] {
        let at = |time: &str, text: &str| {
            let value = format!(r#"{{"time":{time},{before}{}{after}}}"#, quoted(text));
            line(&Decoder::default(), &record(value, &[]))
        };
        let read = ["1795382428.244", "1795382488.244"].map(|time| at(time, KEYCLOAK_MESSAGE));
        let ids = read.each_ref().map(|read| read.split_whitespace().find(|word| word.starts_with("id=")));
        assert!(ids[0].is_some() && ids[0] != ids[1], "{read:?}");
        assert!(read[0].ends_with(&format!("user=u session=s time={T}")), "{read:?}");
        assert_eq!(at("1795382428.244", KEYCLOAK_MESSAGE), read[0]);
        // This one states its time itself.
        assert_eq!(at("1795382428.244", KEYCLOAK_LINE), format!("{KEYCLOAK_LINE_READ} time={T}"));
        assert_eq!(at("1795382428.244", quarkus), "keycloak; ignored: type_not_mapped");
        assert_eq!(at("1795382428.244", "hello"), "-; refused: unrecognised");
        assert_eq!(at("null", KEYCLOAK_LINE), KEYCLOAK_LINE_READ);
    }
    check(
        from_sqs(&format!(r#"{{"event":{}}}"#, quoted(KEYCLOAK_LINE))),
        &format!("{KEYCLOAK_LINE_READ} time={T}"),
    );
    for format in Format::ALL.into_iter().filter(|format| *format != Format::CUSTOM) {
        named(
            format.name(),
            &format!(r#"{{"time":{T},"event.original":"hello"}}"#),
            "-; refused: not_the_format",
        );
    }
}

#[test]
fn an_event_beside_fields_of_a_listeners_own_is_opened() {
    check(format!(r#"{{"event":{LOGIN},"username":"anna"}}"#), "keycloak; SignIn user=u");
    check(format!(r#"{{"username":"anna","realmName":"shop","event":{LOGIN}}}"#), "keycloak; SignIn user=u");
    let admin = r#"{"operationType":"ACTION","resourceType":"USER","resourcePath":"users/u/logout"}"#;
    check(format!(r#"{{"adminEvent":{admin}}}"#), "keycloak; SessionsStopped user=u");
    named("keycloak", r#"{"event":{"type":"LOGIN","userId":"u"}}"#, "keycloak; SignIn user=u");
    check(
        r#"{"event":{"type":"user.login.success","createInstant":1795382428244,"id":"f","user":{"id":"u"}}}"#,
        &format!("fusionauth; SignIn id=f user=u time={T}"),
    );
}

#[test]
fn what_a_format_knows_is_not_looked_into() {
    let inner = r#"{"type":"LOGOUT","realmId":"r","userId":"other"}"#;
    for key in ["message", "log", "event", "event.original", "adminEvent"] {
        for inner in [inner.to_owned(), quoted(inner)] {
            let value = format!(r#"{{"type":"LOGIN","realmId":"r","userId":"u","{key}":{inner}}}"#);
            check(&value, "keycloak; SignIn user=u");
            check(quoted(&value), "keycloak; SignIn user=u");
            named(
                "keycloak",
                &value.replace(r#""realmId":"r","userId":"u""#, r#""userId":"u""#),
                "keycloak; SignIn user=u",
            );
        }
    }
    let ignored = format!(r#"{{"type":"UPDATE_TOTP","realmId":"r","message":{inner}}}"#);
    check(ignored, "keycloak; ignored: type_not_mapped");
}

#[test]
fn what_lies_within_has_the_bounds_of_envelopes() {
    let deep = |times| (0..times).fold(LOGIN.to_owned(), |inner, _| format!(r#"{{"message":{inner}}}"#));
    check(deep(5), "keycloak; SignIn user=u");
    check(deep(6), "-; refused: unrecognised");
    let large = quoted(&format!(r#"{{"x":[{}0]}}"#, "0,".repeat(40_000)));
    check(format!(r#"{{"message":{large},"log":{large}}}"#), "-; refused: unrecognised");
    let larger = format!(r#"{{"message":{large},"log":{large},"event.original":{large}}}"#);
    check(larger, "-; refused: too_large");
}

/// A row of `EVENT_ENTITY` in a Debezium envelope.
fn change(op: &str, row: &str) -> String {
    format!(r#"{{"before":null,"after":{row},"source":{{"table":"event_entity"}},"op":"{op}","ts_ms":{T}}}"#)
}

const ROW: &str = r#"{"id":"e","client_id":"web","details_json":null,
    "details_json_long_value":"{\"username\":\"anna\",\"code_id\":\"c\"}","error":null,"ip_address":"192.0.2.1",
    "realm_id":"r","session_id":null,"event_time":1795382428244,"type":"LOGIN","user_id":"u"}"#;

#[test]
fn a_row_of_change_data_is_opened() {
    let expected = format!("keycloak; SignIn id=e user=u session=c ip=192.0.2.1 name=anna time={T}");
    check(change("c", ROW), &expected);
    check(change("r", ROW), &expected);
    check(change("u", ROW), &expected);
    check(format!(r#"{{"schema":{{"type":"struct"}},"payload":{}}}"#, change("c", ROW)), &expected);
    check(change("d", "null"), "-; ignored: deleted_row");
    check(change("t", "null"), "-; ignored: deleted_row");
    check(change("c", "null"), "-; ignored: empty");
    check(change("c", &quoted(ROW)), &expected);
    check(change("c", "17"), "-; refused: not_an_event");
    check(ROW, &expected);
    check(ROW.replace("type", "TYPE").replace("user_id", "USER_ID"), &expected);
    let capitals = r#"{"ID":"e","TYPE":"LOGIN","USER_ID":"u","DETAILS_JSON":"{\"code_id\":\"c\"}"}"#;
    check(change("c", capitals), "keycloak; SignIn id=e user=u session=c");
}

#[test]
fn a_flattened_row_of_change_data_is_read_unless_it_was_deleted() {
    check(
        r#"{"type":"LOGIN","realm_id":"r","user_id":"u","__op":"c","__deleted":"false"}"#,
        "keycloak; SignIn user=u",
    );
    check(r#"{"type":"LOGIN","user_id":"u","__op":"d"}"#, "-; ignored: deleted_row");
    check(r#"{"type":"LOGIN","user_id":"u","__deleted":"true"}"#, "-; ignored: deleted_row");
    check(r#"{"type":"LOGIN","user_id":"u","__deleted":true}"#, "-; ignored: deleted_row");
    check(r#"{"TYPE":"LOGIN","CLIENT_ID":"c","USER_ID":"u","__op":"c"}"#, "keycloak; SignIn user=u");
}

#[test]
fn a_flattened_row_in_capitals_needs_nothing_beside_its_columns() {
    let row = r#"{"ID":"e","TYPE":"LOGIN","USER_ID":"u","REALM_ID":"r","SESSION_ID":"s",
        "EVENT_TIME":1795382428244,"DETAILS_JSON":"{}"}"#;
    let expected = format!("keycloak; SignIn id=e user=u session=s time={T}");
    check(row, &expected);
    check(format!(r#"{{"schema":{{"type":"struct"}},"payload":{row}}}"#), &expected);
    named("keycloak", row, &expected);
    check(
        r#"{"ID":"a","REALM_ID":"r","OPERATION_TYPE":"ACTION","RESOURCE_TYPE":"USER",
            "RESOURCE_PATH":"users/u/logout","ADMIN_EVENT_TIME":1795382428244}"#,
        &format!("keycloak; SessionsStopped id=a user=u time={T}"),
    );
    check(r#"{"ID":"e","TYPE":"LOGIN"}"#, "-; refused: unrecognised");
}

#[test]
fn a_change_in_a_cloud_event_of_debeziums_is_opened() {
    let change = |op: &str, data: &str| {
        format!(
            r#"{{"specversion":"1.0","type":"io.debezium.postgresql.datachangeevent","source":"/debezium",
                "id":"ce","iodebeziumop":"{op}","data":{data}}}"#
        )
    };
    let data = format!(r#"{{"before":null,"after":{ROW}}}"#);
    let expected = format!("keycloak; SignIn id=e user=u session=c ip=192.0.2.1 name=anna time={T}");
    check(change("c", &data), &expected);
    check(change("r", &format!(r#"{{"schema":{{}},"payload":{data}}}"#)), &expected);
    let deleted = format!(r#"{{"before":{ROW},"after":null}}"#);
    check(change("d", &deleted), "-; ignored: deleted_row");
}

#[test]
fn envelopes_lie_in_one_another_five_deep() {
    let changed = change("c", LOGIN);
    let wrapped = format!(r#"{{"schema":null,"payload":{changed}}}"#);
    let filled = format!("keycloak; SignIn id=ce user=u time={T}");
    check(cloud_event(&format!(r#""data":{wrapped}"#)), &filled);
    check(cloud_event(&format!(r#""data":{}"#, quoted(&changed))), &filled);
    check(cloud_event(&format!(r#""data":{}"#, quoted(&wrapped))), &filled);
    check(quoted(&cloud_event(&format!(r#""data":{}"#, quoted(&wrapped)))), &filled);
    let six = quoted(&quoted(&cloud_event(&format!(r#""data":{}"#, quoted(&wrapped)))));
    check(six, "-; refused: unrecognised");
}

/// Returns how many bytes the ids of a record's events have, and how many events were refused for their ids.
fn ids(value: &str, headers: &[(&str, &str)]) -> (usize, usize) {
    let decoder = Decoder::default();
    let record = record(value, headers);
    let events = decoder.decode(&record).events;
    let length = |text: &Option<Cow<'_, str>>| text.as_ref().map_or(0, |text| text.len());
    let ids = events
        .iter()
        .flatten()
        .map(|event| length(&event.id) + length(&event.realm) + length(&event.user) + length(&event.session));
    let refused = events.iter().filter(|item| **item == Err(Refused::TooLarge.into())).count();
    (ids.sum(), refused)
}

#[test]
fn a_long_id_that_many_events_share_does_not_cost_its_length_for_each() {
    let long = "\\u0061".repeat(20_000);
    let list = |event: &str| vec![event; 5_000].join(",");
    let revoked = list(r#"{"id":"s"}"#);
    let uri = "https://schemas.identity.wso2.org/events/session/event-type/sessionRevoked";
    for shared in ["jti", "iss"] {
        let token = format!(r#"{{"{shared}":"{long}","events":{{"{uri}":{{"sessions":[{revoked}]}}}}}}"#);
        let (bytes, refused) = ids(&token, &[]);
        assert!(bytes < 100_000 && refused > 0, "{shared}: {bytes} bytes, {refused} refused");
    }
    let tenant = format!(r#"{{"events":{{"{uri}":{{"tenant":{{"id":"{long}"}},"sessions":[{revoked}]}}}}}}"#);
    let (bytes, refused) = ids(&tenant, &[]);
    assert!(bytes < 100_000 && refused > 0, "{bytes} bytes, {refused} refused");
}

#[test]
fn a_long_id_of_an_envelope_is_given_to_no_event() {
    let events = vec![r#"{"type":"sign_in","user":"u"}"#; 5_000].join(",");
    let data = format!(r#"{{"version":1,"events":[{events}]}}"#);
    let of =
        |id: &str| format!(r#"{{"specversion":"1.0","type":"t","source":"s","id":"{id}","data":{data}}}"#);
    assert_eq!(ids(&of(&"\\u0061".repeat(1_001)), &[]), (5_000, 0));
    assert_eq!(ids(&of("ce"), &[]), (15_000, 0));
    let messages = |id: &str| from_sns(&[(id, &data)]);
    assert_eq!(ids(&messages(&"m".repeat(1_001)), &[]), (5_000, 0));
    assert_eq!(ids(&messages("mm"), &[]), (15_000, 0));
    let long = "i".repeat(1_001);
    assert_eq!(ids(&data, &[("ce_specversion", "1.0"), ("ce_id", &long)]), (5_000, 0));
}

#[test]
fn a_record_becomes_so_many_events_and_has_so_many_values_at_most() {
    let events = |number: usize| format!("[{}]", vec![LOGIN; number].join(","));
    assert_eq!(Decoder::default().decode(&record(events(10_000), &[])).events.len(), 10_000);
    check(events(10_001), "-; refused: too_many_events");
    let documents = vec![r#"{"type":"activity"}"#; 10_001].join(",");
    check(format!(r#"{{"version":1,"events":[{documents}]}}"#), "identity-event; refused: too_many_events");
    let text = quoted(&format!(r#"{{"type":"LOGIN","realmId":"r","x":[{}0]}}"#, "0,".repeat(40_000)));
    check(format!("[{text},{text}]"), "keycloak; SignIn; SignIn");
    check(format!("[{text},{text},{text}]"), "keycloak; SignIn; SignIn; refused: too_large");
}

#[test]
fn a_record_says_the_same_in_an_envelope() {
    for value in include_str!("../../../../tests/data/keycloak-26.4.7.jsonl").lines() {
        let (own, tree) = (record(value, &[]), record(quoted(value), &[]));
        let decoder = Decoder::default().wanting(Wanted { attributes: true });
        let (own, tree) = (decoder.decode(&own), decoder.decode(&tree));
        assert!(own.format == Format::named("keycloak") && own.events == tree.events, "{value}");
    }
}

/// The keys of [`object`]: Keycloak's, each also with an escape; other providers'; and those of envelopes.
const KEYS: [&str; 42] = [
    "id",
    "time",
    "type",
    "realmId",
    "realmName",
    "clientId",
    "userId",
    "sessionId",
    "ipAddress",
    "error",
    "details",
    "i\\u0064",
    "t\\u0079pe",
    "user\\u0049d",
    "detail\\u0073",
    "type",
    "realmId",
    "details",
    "uid",
    "eventId",
    "timestamp",
    "eventType",
    "realm_id",
    "user_id",
    "session_id",
    "username",
    "userAgent",
    "operationType",
    "resourceType",
    "resourcePath",
    "authDetails",
    "details_json",
    "details_json_long_value",
    "version",
    "@class",
    "representation",
    "log_id",
    "uuid",
    "payload",
    "after",
    "__op",
    "specversion",
];

const VALUES: [&str; 26] = [
    "null",
    r#""""#,
    r#""null""#,
    r#""\u006eull""#,
    "true",
    "17",
    "1795382428244",
    "1.5",
    "[]",
    "{}",
    r#"["a"]"#,
    r#"{"userId":"a","sessionId":"b"}"#,
    r#""LOGIN""#,
    r#""LOG\u0049N""#,
    r#""LOGIN_ERROR""#,
    r#""LOGOUT""#,
    r#""access.LOGIN""#,
    r#""admin.USER_SESSION-DELETE""#,
    r#""DELETE""#,
    r#""USER_SESSION""#,
    r#""sessions/s""#,
    r#""sign_in""#,
    r#""x""#,
    r#"{"username":"a","code_id":"c","email":"e","auth":"b"}"#,
    r#"{"code_id":[],"geo_city":"Bern","user_agent":"u","code_id":"d"}"#,
    r#""{\"code_id\":\"t\",\"username\":\"\\u0061\"}""#,
];

/// An object with some of those keys in random order, sometimes with a duplicate. Most keys are Keycloak's.
fn object(random: &mut fastrand::Rng) -> String {
    let keys = if random.bool() { 18 } else { KEYS.len() };
    let mut pairs = vec![r#""type":"LOGIN""#.to_owned(), r#""realmId":"r""#.to_owned()];
    for _ in 0..random.usize(..12) {
        pairs.push(format!(r#""{}":{}"#, KEYS[random.usize(..keys)], VALUES[random.usize(..VALUES.len())]));
    }
    random.shuffle(&mut pairs);
    format!("{{{}}}", pairs.join(","))
}

#[test]
fn what_is_read_at_once_is_what_is_read_after_the_envelopes() {
    let mut random = fastrand::Rng::with_seed(0);
    let record =
        record("", &[("ce_specversion", "1.0"), ("ce_id", "c"), ("ce_time", "2026-11-22T21:20:28Z")]);
    let all = |decoded: Decoded<'_>| {
        let events = decoded.events.into_iter().map(|item| match item {
            Ok(event) => serde_json::to_string(&event).unwrap(),
            Err(reason) => format!("{reason:?}"),
        });
        (decoded.format, events.collect::<Vec<_>>())
    };
    let mut answers = [0; 3];
    for _ in 0..20_000 {
        let value = object(&mut random);
        let wanted = Wanted { attributes: random.bool() };
        let mut tree = parse(value.as_bytes()).ok().unwrap();
        tree.wanted = wanted;
        let Some(item) = keycloak::decode_likely(tree.root()) else {
            answers[0] += 1;
            continue;
        };
        answers[if item.is_ok() { 1 } else { 2 }] += 1;
        let at_once = all(filled(Format::KEYCLOAK, one(item), &Outside::of(&record)));
        for choice in [Choice::Auto, Choice::Named(Format::KEYCLOAK)] {
            let reader = ValueReader { choice, filter: None, wanted };
            let part = Part::whole(Cow::Borrowed(&tree));
            assert_eq!(at_once, all(reader.value(part, &mut Outside::of(&record))), "{value}");
        }
    }
    assert!(answers.iter().all(|count| *count > 1000), "{answers:?}");
}
