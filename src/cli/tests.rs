//! Command lines that people may write, and how they are answered.

use clap::CommandFactory;
use insta::assert_snapshot;

use super::*;

fn parsed(line: &str) -> Result<Cli, String> {
    Cli::try_parse_from(line.split(' ')).map_err(|error| error.to_string())
}

/// The long help of a subcommand, or of the whole program, on a terminal of 100 columns.
fn help(subcommand: &str) -> String {
    let mut whole = Cli::command().term_width(100);
    whole.build();
    let command = whole.find_subcommand_mut(subcommand);
    command
        .map_or_else(|| Cli::command().term_width(100).render_long_help(), clap::Command::render_long_help)
        .to_string()
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn help_is_worth_reading() {
    assert_snapshot!("help", help(""));
    assert_snapshot!("help_run", help("run"));
    assert_snapshot!("help_check", help("check"));
    assert_snapshot!("help_map", help("map"));
    assert_snapshot!("help_schema", help("schema"));
    assert_snapshot!("help_demo", help("demo"));
    assert_snapshot!("help_emulator", help("emulator"));
}

#[test]
fn the_version_names_librdkafka() {
    let version = Cli::command().render_long_version();
    assert!(version.starts_with("pinpoint-sidecar ") && version.contains("librdkafka 2."), "{version}");
}

#[test]
fn mistakes_are_explained() {
    let mistakes = [
        "p rnu",
        "p run --confg x",
        "p demo --faults rain",
        "p emulator --fault throttled",
        "p demo --users x",
        "p map --format ldap",
        "p map --last 3",
        "p map --topic t file",
        "p schema record",
    ];
    assert_snapshot!(mistakes.map(|line| parsed(line).unwrap_err()).join("\n"));
}

#[track_caller]
fn faults(list: &str, expected: &[DemoFault]) {
    assert_eq!(list.parse::<DemoFaults>().unwrap().0, expected);
}

#[test]
fn the_demo_takes_a_list_of_faults() {
    use DemoFault::{Lost, Missing, Outage, Refused, Role, Throttling};
    faults("none", &[]);
    faults("all", &[Throttling, Refused, Missing, Lost, Outage, Role]);
    faults("outage", &[Outage]);
    faults("outage, lost,outage", &[Outage, Lost]);
}

#[track_caller]
fn fault(text: &str, name: &str, value: serde_json::Value) {
    assert_eq!(text.parse(), Ok(Fault { only: None, name: name.to_owned(), value }));
}

#[test]
fn a_fault_of_the_emulator_is_a_name_and_json_or_a_text() {
    fault("throttled=0.1", "throttled", 0.1.into());
    fault("answer-lost=1", "answer_lost", 1.into());
    fault("latency=50ms", "latency", "50ms".into());
    fault(r#"outage={"how":"hang"}"#, "outage", serde_json::json!({ "how": "hang" }));
    assert_eq!("throttled".parse::<Fault>(), Err(Unnamed));
    let only = |text: &str| text.parse::<Fault>().map(|fault| (fault.only, fault.name));
    let kinesis = |operation: Option<&str>| Some(("kinesis".to_owned(), operation.map(str::to_owned)));
    assert_eq!(only("kinesis.events-failed=1"), Ok((kinesis(None), "events_failed".to_owned())));
    let put_records = kinesis(Some("PutRecords"));
    assert_eq!(only("kinesis.PutRecords.throttled=1"), Ok((put_records, "throttled".to_owned())));
    assert_eq!(only("a.b.c.d=1"), Err(Unnamed));
}

#[test]
fn the_configuration_can_be_named_before_and_after_the_command() {
    let config = |line: &str| parsed(line).unwrap().config;
    assert_eq!(config("p run"), None);
    assert_eq!(config("p run --config c.yaml"), Some("c.yaml".into()));
    assert_eq!(config("p -c c.yaml check --offline"), Some("c.yaml".into()));
}
