//! The demo as a person starts it: its exit code, its table and its verdict.
//!
//! Needs nothing but the binary.

use std::{
    collections::BTreeMap,
    process::{Command, Output},
    thread,
    time::Duration,
};

use crate::support::process::{Process, Signal};

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

#[test]
fn without_faults_everything_arrives_once() {
    let numbers = numbers(&["--records", "2000", "--users", "200", "--faults", "none"]);
    let of = |name: &str| numbers.get(name).copied().unwrap_or_else(|| panic!("{name}: {numbers:?}"));
    assert_eq!(of("records produced"), 2000);
    assert_eq!(of("delivered") + of("ignored") + of("in the dead letters"), 2000);
    assert!(of("delivered") > 500 && of("ignored") > 500 && of("in the dead letters") > 20, "{numbers:?}");
    // The generator repeats a record from time to time, and nothing else is accepted twice.
    assert!(of("events accepted") > of("delivered"), "{numbers:?}");
    assert!(of("duplicates") < 20, "{numbers:?}");
    assert!(of("in the busiest second") <= 15, "{numbers:?}");
}

#[test]
fn with_all_faults_everything_arrives_at_least_once() {
    let numbers = numbers(&["--records", "3000", "--users", "300"]);
    let of = |name: &str| numbers.get(name).copied().unwrap_or_else(|| panic!("{name}: {numbers:?}"));
    assert_eq!(of("delivered") + of("ignored") + of("in the dead letters"), 3000);
    assert!(of("in the dead letters") > 50, "{numbers:?}");
    assert!(of("in the busiest second") <= 15, "{numbers:?}");
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
        for fault in ["throttling", "refused", "missing", "lost", "outage"] {
            scope.spawn(move || {
                let numbers = numbers(&["--records", "300", "--users", "30", "--faults", fault]);
                assert_eq!(numbers.get("records produced"), Some(&300), "{fault}: {numbers:?}");
            });
        }
    });
}

#[test]
fn a_demo_that_is_ended_early_drains_and_is_judged() {
    let scratch = tempfile::tempdir().unwrap();
    let mut process = Process::start(&mut demo(&["--faults", "none"]), scratch.path());
    assert!(process.says(LONG, "100.0"), "no full request was sent");
    process.signal(Signal::Int);
    assert_eq!(process.wait(LONG).code(), Some(0));
    let lines = process.lines().join("\n");
    assert!(lines.contains("left for the next run") && lines.contains("GOOD: "), "{lines}");
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
