//! The demo as a person starts it: its exit code, its table and its verdict.
//!
//! Needs nothing but the binary.

use std::{
    collections::BTreeMap,
    process::{Command, Output},
    thread,
    time::Duration,
};

use crate::support::{
    process::{Process, Signal},
    wait::eventually,
};

/// Longer than any of these takes on a loaded machine.
const LONG: Duration = Duration::from_mins(2);

/// Texts that would be personal data in a real record, and beginnings of texts that the service could quote.
const PERSONAL: [&str; 6] = ["@example.com", "203.0.113.", "198.51.100.", "Anna", "Haddad", "jndi"];

fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pinpoint-sidecar"));
    command.arg("demo").args(arguments).args(["--listen", "127.0.0.1:0"]).env_clear();
    command
}

/// Runs the demo, whose verdict must be good. Returns the numbers of its table by name.
#[track_caller]
fn numbers(arguments: &[&str]) -> BTreeMap<String, u64> {
    output(arguments).lines().filter_map(number).collect()
}

/// Runs the demo, whose verdict must be good. Returns its output.
#[track_caller]
fn output(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = demo(arguments).output().expect("the binary starts");
    let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert_eq!(status.code(), Some(0), "{out}\n{err}");
    assert!(out.contains("\nGOOD: "), "{out}\n{err}");
    for personal in PERSONAL {
        assert!(!out.contains(personal) && !err.contains(personal), "{personal}: {out}\n{err}");
    }
    out.into_owned()
}

/// The name and the number in a line of the table.
fn number(line: &str) -> Option<(String, u64)> {
    let (name, rest) = line.split_at_checked(23)?;
    let number = rest.split_whitespace().next()?.replace(',', "").parse().ok()?;
    Some((name.trim().to_owned(), number))
}

/// All kinds, the default first.
const KINDS: [&str; 6] = ["kinesis", "eventbridge", "eventbridge-classic", "firehose", "kafka", "pinpoint"];

/// Runs `check` for each kind at once.
fn of_each_kind(check: impl Fn(&str) + Sync) {
    thread::scope(|scope| {
        for kind in KINDS {
            let check = &check;
            scope.spawn(move || check(kind));
        }
    });
}

#[test]
fn without_faults_everything_arrives_once() {
    of_each_kind(|kind| {
        let numbers = numbers(&["--kind", kind, "--records", "1000", "--users", "100", "--faults", "none"]);
        let of =
            |name: &str| numbers.get(name).copied().unwrap_or_else(|| panic!("{kind}: {name}: {numbers:?}"));
        assert_eq!(of("records produced"), 1000);
        assert_eq!(of("delivered") + of("ignored") + of("in the dead letters"), 1000);
        assert!(of("delivered") > 250 && of("ignored") > 250, "{kind}: {numbers:?}");
        assert!(of("in the dead letters") > 10, "{kind}: {numbers:?}");
        assert!(of("at shop") > of("at acme") && of("at acme") > 100, "{kind}: {numbers:?}");
        assert_eq!(of("at shop") + of("at acme"), of("events accepted"));
        // The generator repeats a record from time to time, and nothing else is accepted twice.
        assert!(of("duplicates") < 20, "{kind}: {numbers:?}");
    });
}

#[test]
fn with_all_faults_a_tenant_spills_and_is_redriven_and_everything_arrives() {
    of_each_kind(|kind| {
        let output = output(&["--kind", kind, "--records", "1500", "--users", "150"]);
        let numbers: BTreeMap<_, _> = output.lines().filter_map(number).collect();
        let of =
            |name: &str| numbers.get(name).copied().unwrap_or_else(|| panic!("{kind}: {name}: {output}"));
        assert_eq!(of("delivered") + of("ignored") + of("in the dead letters"), 1500, "{output}");
        assert!(of("events spilled") > 10, "{output}");
        assert!(of("records redriven") > 5 && of("records redriven") <= of("events spilled"), "{output}");
        let told = [
            "is refused",
            "acme is held (",
            "events spill to the dead letters",
            "is granted again",
            "acme is back after ",
            "redrive --destination acme --reason spilled",
            " records were written back",
            "While acme was held, shop did not wait.",
            "What acme spilled was redriven once",
        ];
        let mut rest = &*output;
        for words in told {
            let Some((_, later)) = rest.split_once(words) else { panic!("{kind}: {words}: {output}") };
            rest = later;
        }
        let promised = |words: &str, kinds: &[&str]| {
            assert_eq!(output.contains(words), kinds.contains(&kind), "{kind}: {words}: {output}");
        };
        promised("in the order of their records,\nexcept those", &["kinesis", "eventbridge", "kafka"]);
        promised("recognised all copies", &["eventbridge"]);
        promised("not shown, because", &["kafka"]);
        let destinations = output.lines().find(|line| line.starts_with("To  ")).expect("the destinations");
        let named = match kind {
            "kafka" => "two Kafka topics",
            "eventbridge" => "two custom buses",
            "eventbridge-classic" => "two classic buses",
            "kinesis" => "two streams of Kinesis",
            "firehose" => "two streams of Firehose",
            _ => "two applications of Pinpoint",
        };
        assert!(destinations.contains(named), "{destinations}");
    });
}

#[test]
fn the_records_are_of_several_providers_and_the_table_names_them() {
    let output = output(&["--records", "1000", "--users", "100", "--faults", "none"]);
    let (_, produced) = output.split_once("records produced").expect("the first row");
    let (produced, _) = produced.split_once("delivered").expect("the second row");
    for provider in ["keycloak", "okta", "auth0", "fusionauth", "identity-event", "hostile"] {
        assert!(produced.contains(provider), "{provider}: {output}");
    }
}

#[test]
fn each_fault_can_be_asked_for_alone() {
    thread::scope(|scope| {
        for fault in ["throttling", "refused", "missing", "lost", "outage", "role"] {
            scope.spawn(move || {
                let numbers = numbers(&["--records", "300", "--users", "30", "--faults", fault]);
                assert_eq!(numbers.get("records produced"), Some(&300), "{fault}: {numbers:?}");
            });
        }
    });
}

/// How many records were produced, by a row of the progress.
fn row(line: &str) -> Option<u64> {
    let (time, rest) = line.split_once(" s  ")?;
    time.trim().parse::<f64>().ok()?;
    rest.split_whitespace().next()?.replace(',', "").parse().ok()
}

#[test]
fn a_demo_that_is_ended_early_drains_and_is_judged() {
    let scratch = tempfile::tempdir().unwrap();
    let mut process = Process::start(&mut demo(&["--faults", "none"]), scratch.path());
    // The first row after the service has joined its group.
    let works = || process.lines().iter().any(|line| row(line).is_some_and(|produced| produced > 4000));
    eventually(LONG, "records are read", || works().then_some(()));
    process.signal(Signal::Int);
    assert_eq!(process.wait(LONG).code(), Some(0));
    let lines = process.lines().join("\n");
    assert!(lines.contains("left for the next run") && lines.contains("GOOD: "), "{lines}");
}

#[test]
fn a_demo_that_is_ended_while_the_tenant_is_held_drains_and_is_judged() {
    let scratch = tempfile::tempdir().unwrap();
    let arguments = ["--faults", "role", "--records", "1500", "--users", "150"];
    let mut process = Process::start(&mut demo(&arguments), scratch.path());
    assert!(process.says(LONG, "events spill to the dead letters"), "nothing spills");
    process.signal(Signal::Int);
    process.wait(LONG);
    let lines = process.lines().join("\n");
    assert!(lines.contains("acme held") && lines.contains("GOOD: "), "{lines}");
}

#[test]
fn a_demo_that_keeps_running_serves_its_pages_after_the_verdict() {
    let scratch = tempfile::tempdir().unwrap();
    let arguments = ["--records", "300", "--faults", "none", "--keep-running"];
    let mut process = Process::start(&mut demo(&arguments), scratch.path());
    assert!(process.says(LONG, "Still running"), "there is no verdict");
    let lines = process.lines();
    let admin = lines.iter().find_map(|line| line.strip_prefix("Admin      http://")?.split('/').next());
    let page = crate::support::http::get(admin.unwrap().parse().unwrap(), "/readyz").unwrap();
    assert_eq!((page.status, &*page.body), (200, "ready\n"));
    process.signal(Signal::Term);
    assert_eq!(process.wait(LONG).code(), Some(0));
}
