//! The binary: its outputs and its exit codes.
//!
//! Needs nothing else: none of the services that these tests name answers.

use std::{
    fs,
    process::{Command, Output},
};

/// Runs the binary with `arguments` and `environment`.
fn started(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pinpoint-sidecar"));
    command.args(arguments).env_clear().envs(environment.iter().copied()).output().unwrap()
}

/// Checks the exit code and the two outputs: each contains its text, and is empty if the text is.
#[track_caller]
fn check(arguments: &[&str], environment: &[(&str, &str)], code: i32, stdout: &str, stderr: &str) {
    let output = started(arguments, environment);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let holds =
        |output: &str, text: &str| if text.is_empty() { output.is_empty() } else { output.contains(text) };
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    assert!(holds(&out, stdout), "stdout: {out}");
    assert!(holds(&err, stderr), "stderr: {err}");
}

const ENOUGH: [(&str, &str); 2] = [
    ("PINPOINT_SIDECAR__DESTINATION__PINPOINT__APPLICATION", "0123456789abcdef0123456789abcdef"),
    ("PINPOINT_SIDECAR__DEAD_LETTER__DISCARD", "true"),
];

#[test]
fn help_and_version_are_results() {
    check(&["--help"], &[], 0, "Exit codes:", "");
    check(&["help", "run"], &[], 0, "Usage: pinpoint-sidecar run", "");
    check(&["-V"], &[], 0, concat!("pinpoint-sidecar ", env!("CARGO_PKG_VERSION")), "");
    check(&["--version"], &[], 0, "librdkafka", "");
}

#[test]
fn an_invalid_command_line_is_64() {
    check(&[], &[], 64, "", "Usage:");
    check(&["rnu"], &[], 64, "", "error: unrecognized subcommand");
    check(&["run", "--confg", "x"], &[], 64, "", "--config");
    check(&["demo", "--records", "many"], &[], 64, "", "error: invalid value");
}

#[test]
fn a_configuration_with_problems_is_78() {
    check(&["run"], &[], 78, "", "destination.pinpoint.application (not written): must be given");
    check(&["check", "--offline"], &[], 78, "", "dead_letter (not written): needs either `topic`");
    check(
        &["run", "--config", "nowhere.yaml"],
        &[],
        78,
        "",
        "error: the configuration file nowhere.yaml cannot be read\ncaused by: ",
    );
    let misspelt = [ENOUGH[0], ENOUGH[1], ("PINPOINT_SIDECAR__LOG__LEVLE", "info")];
    check(&["run"], &misspelt, 78, "", "did you mean PINPOINT_SIDECAR__LOG__LEVEL?");
}

#[test]
fn all_problems_of_a_configuration_are_reported_at_once_and_no_value() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    let wrong =
        "sorce: {}\nbatch: { linger: s3cret }\nsource: { properties: { enable.auto.commit: s3cret } }\n";
    fs::write(&file, wrong).unwrap();
    let environment = [ENOUGH[0], ("PINPOINT_SIDECAR__LOG__LEVEL", "s3cret")];
    let output = started(&["run", "--config", &file.to_string_lossy()], &environment);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{errors}");
    for problem in [
        "sorce",
        "did you mean",
        "batch.linger",
        "enable.auto.commit",
        "PINPOINT_SIDECAR__LOG__LEVEL",
        "dead_letter",
    ] {
        assert!(errors.contains(problem), "no {problem} in {errors}");
    }
    assert!(!errors.contains("s3cret"), "{errors}");
}

#[test]
fn check_prints_the_effective_configuration_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let (file, secret) = (folder.path().join("config.yaml"), folder.path().join("secret"));
    fs::write(&secret, "s3cret\n").unwrap();
    fs::write(
        &file,
        format!("source: {{ properties: {{ sasl.password: {{ file: {} }} }} }}", secret.display()),
    )
    .unwrap();
    let file = file.to_string_lossy();
    check(&["check", "--offline", "--config", &file], &ENOUGH, 0, "sasl.password: \"***\"", "");
    let output = started(&["--config", &file, "check", "--offline"], &ENOUGH);
    assert!(!String::from_utf8_lossy(&output.stdout).contains("s3cret"));
}

#[test]
fn check_shows_where_events_go() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    let application = "{ pinpoint: { application: 0123456789abcdef0123456789abcdef } }";
    let yaml = format!(
        "destinations: {{ shop: {application}, lab: {application} }}\nunrouted: dead_letter\n\
         dead_letter: {{ topic: dead }}\nroutes: [{{ realm: [a, b], to: shop }}, {{ topic: t, to: lab }}]\n"
    );
    fs::write(&file, yaml).unwrap();
    let file = file.to_string_lossy();
    let expected = "  realm a or b -> shop\n  topic t -> lab\n  all others -> the dead letters\n";
    check(&["check", "--offline", "--config", &file], &[], 0, expected, "");
}

#[test]
fn a_missing_or_broken_database_of_places_is_reported_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let (broken, missing) = (folder.path().join("s3cret.mmdb"), folder.path().join("s3cret-too.mmdb"));
    fs::write(&broken, "no database").unwrap();
    let causes =
        [(&missing, "the database cannot be read"), (&broken, "the file is not a whole MaxMind database")];
    for (file, cause) in causes {
        let location = format!("{{ from: [ip], database: {} }}", file.display());
        let environment = [
            ENOUGH[0],
            ENOUGH[1],
            ("PINPOINT_SIDECAR__ENDPOINT__LOCATION", &location),
            ("PINPOINT_SIDECAR__DESTINATION__PINPOINT__REGION", "us-east-1"),
            ("PINPOINT_SIDECAR__ADMIN__LISTEN", "127.0.0.1:0"),
            ("PINPOINT_SIDECAR__SOURCE__BROKERS", "127.0.0.1:1"),
        ];
        let error = format!("error: endpoint.location.database cannot be used\ncaused by: {cause}");
        check(&["run"], &environment, 78, "", &error);
        check(&["map"], &environment, 78, "", &error);
        check(&["check"], &environment, 69, &format!("FAILS  the location database: {cause}"), "");
        let output = started(&["run"], &environment);
        assert!(
            !String::from_utf8_lossy(&output.stderr).contains("s3cret"),
            "the file's name is not reported"
        );
    }
}

#[test]
fn a_service_that_does_not_answer_is_69() {
    let environment = [ENOUGH[0], ENOUGH[1], ("PINPOINT_SIDECAR__SOURCE__BROKERS", "127.0.0.1:1")];
    check(&["check"], &environment, 69, "FAILS  brokers: no broker answers", "");
}
