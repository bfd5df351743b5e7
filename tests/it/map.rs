//! The command `map`: its output and its exit codes.

use std::{
    fs,
    io::Write as _,
    process::{Command, Output, Stdio},
};

use insta::assert_snapshot;

use super::support::{last_records, mock::MockKafka};

/// A sign-in, the end of its session, an ignored record and two refused ones.
const RECORDS: &str = r#"{"version":1,"type":"sign_in","id":"e1","time":"2026-11-22T21:20:28.244Z","user":"u1","session":"s1","person":{"email":"anna@example.com"}}
{"version":1,"type":"session_stopped","id":"e2","time":1795382488244,"user":"u1","session":"s1","reason":"logout"}
[]
{"version":1,"type":"sign_in","user":["s3cret"]}
{"type":"s3cret
"#;

/// Runs `map` with `arguments` and `input`.
fn started(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pinpoint-sidecar"));
    command.arg("map").args(arguments).env_clear();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    // If it does not read all of its input, its output says why.
    let _ = process.stdin.take().unwrap().write_all(input.as_bytes());
    process.wait_with_output().unwrap()
}

/// Both outputs of `map`, and its exit code.
fn output(arguments: &[&str], input: &str) -> String {
    let output = started(arguments, input);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{out}{err}exit code {}", output.status.code().unwrap())
}

#[test]
fn records_are_shown_in_three_forms() {
    let format = ["--format", "identity-event"];
    let shown = |form: &str| output(&[&format[..], &["--output", form]].concat(), RECORDS);
    assert_snapshot!("text", shown("text"));
    assert_snapshot!("json", shown("json"));
    assert_snapshot!("request", shown("request"));
}

#[test]
fn where_each_event_goes_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    let yaml = "destinations: { shop: {}, lab: {} }\nunrouted: ignore\nroutes:\n\
                - { provider: mine, event: _session.start, to: [shop, lab] }\n- { client: web, to: lab }\n";
    fs::write(&file, yaml).unwrap();
    let input = concat!(
        r#"{"type":"sign_in","id":"e1","time":1795382428244,"user":"u","session":"s","client":"web","provider":"mine"}"#,
        "\n",
        r#"{"type":"sign_up","id":"e2","time":1795382428244,"user":"u","provider":"mine"}"#
    );
    let map = |form: &str| {
        let arguments = ["--config", file.to_str().unwrap(), "--format", "identity-event", "--output", form];
        output(&arguments, input)
    };
    let text = map("text");
    assert!(text.contains("  destinations\n    e1:sign_in: lab\n    e1:session: lab, shop\n"), "{text}");
    assert!(text.contains("  destinations\n    e2:sign_up: ignored\n"), "{text}");
    let json = map("json");
    let places = r#""destinations":{"e1:sign_in":["lab"],"e1:session":["lab","shop"]}"#;
    assert!(json.contains(places), "{json}");
}

#[test]
fn lines_an_array_and_a_record_over_many_lines_are_read_alike() {
    let lines = r#"{"type":"sign_up","id":"e1","time":1795382428244,"user":"u1"}"#;
    let array = format!("[\n{lines}\n]");
    let pretty = format!("{:#}\n", serde_json::from_str::<serde_json::Value>(lines).unwrap());
    let map = |input: &str| output(&["--format", "identity-event"], input);
    assert!(map(lines).contains("_userauth.sign_up"), "{}", map(lines));
    assert_eq!(map(&array), map(lines));
    assert_eq!(map(&pretty), map(lines));
}

#[test]
fn the_configuration_gives_the_format_and_the_filter() {
    let folder = tempfile::tempdir().unwrap();
    let (config, records) = (folder.path().join("config.yaml"), folder.path().join("records.jsonl"));
    fs::write(
        &config,
        "source:\n  format: custom\n  custom: |\n    {type: \"sign_up\", id: .i, time: .t, user: .u}\n",
    )
    .unwrap();
    fs::write(&records, r#"{"i":"e1","t":1795382428,"u":"u1"}"#).unwrap();
    let (config, records) = (config.to_str().unwrap(), records.to_str().unwrap());
    let shown = output(&["--config", config, records], "");
    assert!(shown.starts_with("record 1: custom\n") && shown.contains("_userauth.sign_up"), "{shown}");
    assert!(shown.ends_with("exit code 0"), "{shown}");
}

#[test]
fn mistakes_are_reported() {
    let custom = output(&["--format", "custom"], "");
    assert!(custom.contains("error: the format custom needs a filter") && custom.ends_with("exit code 64"));
    let missing = output(&["nowhere.json"], "");
    assert!(missing.contains("error: nowhere.json cannot be read") && missing.ends_with("exit code 64"));
    let wrong = started(&["--config", "nowhere.yaml"], "");
    assert_eq!(wrong.status.code(), Some(78));
}

#[test]
fn the_last_records_of_a_topic_are_read_and_nothing_is_committed() {
    let kafka = MockKafka::start();
    kafka.create_topic("events", 1);
    last_records::check(&kafka.client, "events");
}
