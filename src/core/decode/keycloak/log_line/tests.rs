//! What lines of Keycloak's log become, in each form in which they arrive.

use super::*;
use crate::core::decode::{keycloak, line, tree::parse};

/// The message of a sign-in.
const LOGIN: &str = r#"type="LOGIN", realmId="r", realmName="shop", clientId="web", userId="u", sessionId="s", ipAddress="192.0.2.7", auth_method="openid-connect", code_id="s", username="anna", authSessionParentId="s", authSessionTabId="t""#;

/// The event of that message, without its id and its time.
const EVENT: &str =
    "realm=r realm_name=shop user=u name=anna session=s client=web ip=192.0.2.7 auth_method:openid-connect";

/// The beginning of a line, before the message.
const BEGINNING: &str = "2026-11-22 21:20:28,244 INFO  [org.keycloak.events] (executor-thread-1) ";

fn json(value: &serde_json::Value) -> String {
    line::lines(&value.to_string(), keycloak::decode)
}

/// Decodes a text that is not JSON, and shows the event without its id.
fn text(text: &str) -> String {
    let Some(tree) = log_line(text.as_bytes()) else { return "no line".to_owned() };
    assert!(recognises(tree.root()), "{text}");
    without_id(&line::of(&keycloak::decode(tree.root())))
}

fn without_id(line: &str) -> String {
    let words: Vec<_> = line.split(' ').filter(|word| !word.starts_with("id=")).collect();
    words.join(" ")
}

#[track_caller]
fn check(message: &str, expected: &str) {
    assert_eq!(text(message), expected, "{message}");
    assert_eq!(text(&format!("{BEGINNING}{message}\r\n")), expected, "{message}");
}

#[test]
fn a_line_of_wildfly_has_no_date() {
    let line = |time: &str| format!("{time} WARN  [org.keycloak.events] (default task-1) {LOGIN}");
    assert_eq!(text(&line("21:20:28,244")), format!("SignIn {EVENT}"));
    assert_eq!(text(&line("")), "no line");
    assert_eq!(text(&line("soon")), "no line");
    // The next day is another event.
    let shipped = |day: u8| {
        json(&serde_json::json!({"log": line("21:20:28,244"), "time": format!("2026-11-{day}T21:20:28Z")}))
    };
    let id = |line: String| line.split(' ').find(|word| word.starts_with("id=")).map(str::to_owned);
    assert_ne!(id(shipped(22)), id(shipped(23)));
    let at = |time: f64| id(json(&serde_json::json!({"message": LOGIN, "time": time})));
    assert_ne!(at(1_795_382_428.244), at(1_795_382_488.244));
}

#[test]
fn the_ids_of_a_trace_and_the_context_may_stand_before_the_level() {
    for context in [
        "traceId=b636ac4c665ceb901f7fdc3fc7e80154, parentId=d59cea113d0c2549, spanId=d59cea113d0c2549, sampled=true",
        "{kc.clientId=web, kc.realmName=The Shop}",
        "{}",
        "traceId=b636, sampled=false {kc.realmName=shop}",
    ] {
        let line = |level: &str| {
            format!(
                "2026-11-22 21:20:28,244 {context} {level} [org.keycloak.events] (executor-thread-1) {LOGIN}"
            )
        };
        assert_eq!(text(&line("INFO ")), format!("SignIn {EVENT}"), "{context}");
        assert_eq!(
            without_id(&json(&serde_json::json!({"message": line("WARN ")}))),
            format!("SignIn {EVENT}")
        );
        assert_eq!(text(&line("")), "no line");
    }
    let line =
        format!("2026-11-22 21:20:28,244 anna said INFO [org.keycloak.events] (executor-thread-1) {LOGIN}");
    assert_eq!(text(&line), "no line");
}

#[test]
fn the_json_of_an_event_may_be_logged() {
    let event = r#"{"type":"LOGIN","realmId":"r","userId":"u","code_id":"s","username":"anna"}"#;
    let read = "SignIn realm=r user=u name=anna session=s";
    let line =
        |category: &str| format!("2026-11-22 21:20:28,244 INFO  [{category}] (executor-thread-1) {event}");
    assert_eq!(text(&line(CATEGORY)), read);
    assert_eq!(text(&line("com.example.EventSender")), read);
    assert_eq!(text(&line("org.keycloak.services")), "ignored: type_not_mapped");
    assert_eq!(text(&line(CATEGORY).replace("LOGIN", "CUSTOM")), "ignored: type_not_mapped");
    assert_eq!(text(&line(CATEGORY).replace("realmId", "x")), "ignored: type_not_mapped");
    assert_eq!(text(&line(CATEGORY).replace("\"}", "")), "ignored: type_not_mapped");
    let logged = |category: &str| {
        json(&serde_json::json!({
            "timestamp": "2026-11-22T21:20:28.244Z", "sequence": 5, "loggerName": category, "level": "INFO",
            "message": event, "hostName": "h", "processId": 1,
        }))
    };
    let id = "id=h-1-5-2026-11-22T21:20:28.244Z";
    let read = format!("SignIn {id} time=1795382428244 realm=r user=u name=anna session=s");
    assert_eq!(logged(CATEGORY), read);
    assert_eq!(logged("com.example.EventSender"), read);
    assert_eq!(logged("org.keycloak.services"), "ignored: type_not_mapped");
    // Without a time, nothing tells two sign-ins apart.
    let read = json(
        &serde_json::json!({"instant": {"epochSecond": 1}, "loggerName": "com.example.A", "message": event}),
    );
    assert_eq!(read, "SignIn realm=r user=u name=anna session=s");
}

#[test]
fn a_line_becomes_what_a_publisher_makes_of_the_event() {
    check(LOGIN, &format!("SignIn {EVENT}"));
    check(
        r#"type="REGISTER", realmId="r", realmName="shop", clientId="web", userId="u", ipAddress="192.0.2.7", register_method="form", last_name="Berg", first_name="Anna", code_id="s", email="anna@example.com", username="anna""#,
        "SignUp realm=r realm_name=shop user=u name=anna client=web ip=192.0.2.7 \
         person.email=anna@example.com person.given_name=Anna person.family_name=Berg register_method:form",
    );
    check(
        r#"type="LOGIN_ERROR", realmId="r", realmName="shop", clientId="web", userId="null", ipAddress="192.0.2.7", error="user_not_found", username="no \"body\"""#,
        r#"SignInFailed realm=r realm_name=shop name=no "body" client=web reason=user_not_found ip=192.0.2.7"#,
    );
    check(
        r#"type="LOGOUT", realmId="r", realmName="shop", clientId="web", userId="u", sessionId="s", ipAddress="null", redirect_uri="https://example.com/""#,
        "SessionStopped realm=r realm_name=shop user=u session=s client=web reason=logout \
         redirect_uri:https://example.com/",
    );
    check(
        r#"type="REFRESH_TOKEN", realmId="r", clientId="web", userId="u", sessionId="s""#,
        "Activity realm=r user=u session=s client=web",
    );
    check(r#"type="CLIENT_LOGIN", realmId="r", userId="u""#, "ignored: type_not_mapped");
    check(r#"type="LOGIN_ERROR", realmId="r", error="client_not_found""#, "ignored: client_failure");
}

/// The message that Keycloak logs for an event in JSON.
fn logged(event: &serde_json::Value) -> String {
    let is_admin = !event["operationType"].is_null();
    let of = |object: &serde_json::Value, keys: &[&'static str]| -> Vec<(String, serde_json::Value)> {
        keys.iter().map(|key| ((*key).to_owned(), object[*key].clone())).collect()
    };
    let mut pairs = if is_admin {
        let by = of(&event["authDetails"], &["realmId", "realmName", "clientId", "userId", "ipAddress"]);
        let about = of(event, &["resourceType", "resourcePath", "error"]);
        [of(event, &["operationType"]), by, about].concat()
    } else {
        of(event, &["type", "realmId", "realmName", "clientId", "userId", "sessionId", "ipAddress", "error"])
    };
    pairs.retain(|(key, value)| !(value.is_null() && ["sessionId", "error"].contains(&&**key)));
    pairs.extend(event["details"].as_object().cloned().into_iter().flatten());
    let pair = |(key, value): (String, serde_json::Value)| {
        format!(r#"{key}="{}""#, value.as_str().unwrap_or("null").replace('"', r#"\""#))
    };
    pairs.into_iter().map(pair).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_line_of_an_event_says_what_a_publisher_says() {
    let mut events = 0;
    for value in include_str!("../../../../../tests/data/keycloak-26.4.7.jsonl").lines() {
        let event: serde_json::Value = serde_json::from_str(value).unwrap();
        let line = serde_json::json!({"timestamp": event["time"], "message": logged(&event)});
        let mut expected = without_id(&line::lines(value, keycloak::decode));
        if !event["operationType"].is_null() {
            let words: Vec<_> = expected.split(' ').filter(|word| !word.starts_with("realm")).collect();
            expected = words.join(" ");
        }
        assert_eq!(without_id(&json(&line)), expected, "{value}");
        events += usize::from(!expected.starts_with("ignored"));
    }
    assert!(events > 20, "{events}");
}

#[test]
fn a_line_before_version_22_has_no_quotes() {
    check(
        "type=LOGIN, realmId=r, clientId=web, userId=u, ipAddress=192.0.2.7, scope='openid email', code_id=s, \
         username=anna, authSessionParentId=s, authSessionTabId=t",
        "SignIn realm=r user=u name=anna session=s client=web ip=192.0.2.7 scope:openid email",
    );
    check(
        "type=LOGIN_ERROR, realmId=r, clientId=web, userId=null, ipAddress=192.0.2.7, error=user_not_found, username=a",
        "SignInFailed realm=r name=a client=web reason=user_not_found ip=192.0.2.7",
    );
}

/// An admin event of this operation, with `rest` after the administrator.
fn admin(operation: &str, rest: &str) -> String {
    format!(
        r#"operationType="{operation}", realmId="master", realmName="master", clientId="console", userId="boss", ipAddress="192.0.2.9", {rest}"#
    )
}

#[test]
fn an_admin_event_is_about_the_one_in_its_path() {
    check(
        &admin("ACTION", r#"resourceType="USER", resourcePath="users/u/logout""#),
        "SessionsStopped user=u reason=admin_logout",
    );
    check(
        &admin("DELETE", r#"resourceType="USER_SESSION", resourcePath="sessions/s""#),
        "SessionStopped session=s reason=admin_logout",
    );
    check(
        &admin("DELETE", r#"resourceType="USER_SESSION", resourcePath="sessions/s", error="not_found""#),
        "ignored: admin_event",
    );
    check(&admin("CREATE", r#"resourceType="REALM", resourcePath="shop""#), "ignored: admin_event");
}

#[test]
fn nobody_can_type_what_is_keycloaks_own() {
    let of = |username: &str| {
        let username = username.replace('"', r#"\""#);
        format!(r#"type="LOGIN", realmId="r", userId="u", username="{username}""#)
    };
    check(&of(r#"a", userId="v"#), r#"SignIn realm=r user=u name=a", userId="v"#);
    check(
        r#"type="LOGIN", realmId="r", userId="u", x="y", userId="v""#,
        "SignIn realm=r user=u x:y userId:v",
    );
    check(r#"type="LOGIN", realmId="r", userId="u", userId="v""#, "SignIn realm=r user=u userId:v");
    let typed = format!("2026-11-22 21:20:28,244 WARN  [org.keycloak.services] (x) {BEGINNING}{LOGIN}");
    assert_eq!(text(&typed), "ignored: type_not_mapped");
    let typed = format!("2026-11-22 21:20:28,244 WARN  [a] (x) [org.keycloak.events] (y) {LOGIN}");
    assert_eq!(text(&typed), "ignored: type_not_mapped");
}

#[test]
fn other_lines_are_ignored_and_other_texts_are_none() {
    let started = "2026-11-22 21:20:28,244 INFO  [io.quarkus] (main) Keycloak 26.7.3 on JVM started";
    assert_eq!(text(started), "ignored: type_not_mapped");
    assert_eq!(text(&format!("{BEGINNING}something else")), "ignored: type_not_mapped");
    assert_eq!(text("\tat org.keycloak.events.Event.of(Event.java:1)"), "no line");
    assert_eq!(text("LOGIN"), "no line");
    assert_eq!(text(""), "no line");
    assert_eq!(text(r#"type="LOGIN""#), "no line");
    assert_eq!(text("[org.keycloak.events] (x) y"), "no line");
    assert_eq!(text("2026-11-22 21:20:28,244 LOUD [org.keycloak.events] (x) y"), "no line");
    assert!(log_line(b"\xff").is_none());
}

#[test]
fn each_json_log_is_read() {
    let default = serde_json::json!({
        "timestamp": "2026-11-22T21:20:28.244798073Z", "sequence": 9510, "loggerClassName": "org.jboss.logging.Logger",
        "loggerName": "org.keycloak.events", "level": "DEBUG", "message": LOGIN, "threadName": "executor-thread-7",
        "hostName": "kc", "processId": 1,
    });
    let id = "id=kc-1-9510-2026-11-22T21:20:28.244798073Z time=1795382428244";
    assert_eq!(json(&default), format!("SignIn {id} {EVENT}"));
    let flat = serde_json::json!({
        "@timestamp": "2026-11-22T21:20:28.244798073Z", "event.sequence": 9510, "log.logger": "org.keycloak.events",
        "log.level": "INFO", "message": LOGIN, "host.hostname": "kc", "process.pid": 1,
    });
    assert_eq!(json(&flat), format!("SignIn {id} {EVENT}"));
    let nested = serde_json::json!({
        "@timestamp": "2026-11-22T21:20:28.244798073Z", "event": {"sequence": 9510},
        "log": {"logger": "org.keycloak.events"}, "message": LOGIN, "host": {"hostname": "kc"}, "process": {"pid": 1},
    });
    assert_eq!(json(&nested), format!("SignIn {id} {EVENT}"));
}

#[test]
fn what_a_shipper_wrapped_is_read() {
    let time = "2026-11-22T21:20:28.244Z";
    let line = format!("{BEGINNING}{LOGIN}\n");
    for value in [
        serde_json::json!({"@timestamp": time, "message": line, "host": {"name": "h"}}),
        serde_json::json!({"@timestamp": time, "message": LOGIN}),
        serde_json::json!({"@timestamp": 1_795_382_428.244, "log": line}),
        serde_json::json!({"log": line, "stream": "stdout", "time": time}),
    ] {
        assert_eq!(without_id(&json(&value)), format!("SignIn time=1795382428244 {EVENT}"), "{value}");
    }
}

#[test]
fn an_id_is_the_same_in_each_copy_and_another_for_each_line() {
    let id = |value: &serde_json::Value| {
        json(value).split(' ').find_map(|word| Some(word.strip_prefix("id=")?.to_owned())).unwrap()
    };
    let line = format!("{BEGINNING}{LOGIN}");
    let shipped = |time: &str| serde_json::json!({"@timestamp": time, "log": line});
    assert_eq!(id(&shipped("2026-11-22T21:20:29Z")), id(&shipped("2026-11-22T21:20:30Z")));
    assert_eq!(
        id(&serde_json::json!({"log": format!("{line}\n")})),
        id(&serde_json::json!({"message": line}))
    );
    let other = line.replace("28,244", "28,245");
    assert_ne!(id(&serde_json::json!({"log": other})), id(&serde_json::json!({"log": line})));
    // A message alone has no time of its own.
    let message = |time: &str| serde_json::json!({"timestamp": time, "message": LOGIN});
    assert_ne!(id(&message("2026-11-22T21:20:29Z")), id(&message("2026-11-22T21:20:30Z")));
    assert_eq!(id(&serde_json::json!({"message": line})).len(), 32);
}

#[test]
fn its_own_records_are_recognised() {
    let check = |value: serde_json::Value, expected: bool| {
        let value = value.to_string();
        assert_eq!(recognises(parse(value.as_bytes()).ok().unwrap().root()), expected, "{value}");
    };
    check(serde_json::json!({"message": LOGIN}), true);
    check(serde_json::json!({"loggerName": "org.keycloak.services", "message": "x"}), true);
    check(serde_json::json!({"loggerName": "io.quarkus", "message": "x", "service.name": "keycloak"}), true);
    check(serde_json::json!({"loggerName": "io.quarkus", "message": "x"}), false);
    check(serde_json::json!({"log": {"logger": "com.example"}, "message": LOGIN}), false);
    check(serde_json::json!({"message": "hello", "type": "LOGIN"}), false);
    check(serde_json::json!({}), false);
    // If the topic is configured as Keycloak's, its other lines are ignored.
    assert_eq!(
        json(&serde_json::json!({"loggerName": "io.quarkus", "message": "x"})),
        "ignored: type_not_mapped"
    );
}

#[test]
fn odd_lines_are_answered() {
    let line = format!("{BEGINNING}{LOGIN}");
    for (at, _) in line.char_indices() {
        text(&line[..at]);
        text(&line[at..]);
        for piece in ["\"", "\\", "'", "[", "] (", ") ", "=", ", ", "\u{0}", "ü"] {
            text(&format!("{}{piece}{}", &line[..at], &line[at..]));
        }
    }
    let many = format!(r#"type="LOGIN", realmId="r"{}"#, r#", a="b""#.repeat(100_000));
    assert!(text(&many).len() < 10_000);
}
