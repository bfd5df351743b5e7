//! The command `emulator`: its options, its pages and its end.
//!
//! Needs nothing but the binary.

use std::{
    net::{SocketAddr, TcpListener},
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::{
    http::{self, Page},
    process::{Process, Signal},
    service,
};

/// Longer than any of these takes on a loaded machine.
const SOON: Duration = Duration::from_secs(40);

/// A running emulator, which is killed when dropped.
struct Started {
    process: Process,
    address: SocketAddr,
    _scratch: TempDir,
}

impl Started {
    #[track_caller]
    fn with(arguments: &[&str]) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_pinpoint-sidecar"));
        command.args(["emulator", "--listen", "127.0.0.1:0"]).args(arguments).env_clear();
        let process = Process::start(&mut command, scratch.path());
        assert!(process.says(SOON, "AWS is answered on http://"), "{:?}", process.lines());
        let lines = process.lines();
        let address =
            lines.iter().find_map(|line| line.split("answered on http://").nth(1)?.split(' ').next());
        let address = address.expect("an address").parse().expect("an address");
        Self { process, address, _scratch: scratch }
    }

    /// Sends one event. Returns the HTTP status.
    #[track_caller]
    fn send(&self, id: &str) -> u16 {
        let event = json!({ "EventType": "_userauth.sign_in", "Timestamp": "2026-11-22T21:20:28.244Z" });
        let batch = json!({ "Endpoint": { "User": { "UserId": "u" } }, "Events": { id: event } });
        let body = json!({ "BatchItem": { "e": batch } }).to_string();
        http::signed(self.address, "/v1/apps/app/events", &body).expect("an answer").status
    }

    #[track_caller]
    fn page(&self, path: &str) -> Page {
        http::get(self.address, path).expect("a page")
    }

    #[track_caller]
    fn counts(&self) -> Value {
        serde_json::from_str(&self.page("/_emulator/counts").body).expect("JSON")
    }

    /// Stops the emulator. Returns the exit code.
    #[track_caller]
    fn stop(mut self, signal: Signal) -> Option<i32> {
        self.process.signal(signal);
        self.process.wait(SOON).code()
    }
}

#[test]
fn accepted_events_are_listed_as_json_lines_and_counted() {
    let emulator = Started::with(&[]);
    assert_eq!(["one", "two", "three"].map(|id| emulator.send(id)), [202; 3]);
    let lines = emulator.page("/_emulator/events").body;
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let ids: Vec<_> = events.iter().map(|event| event["event_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["one", "two", "three"]);
    let counts = emulator.counts();
    assert_eq!((&counts["events_accepted"], &counts["requests"]), (&3.into(), &3.into()), "{counts}");
    assert_eq!(counts["events_by_type"]["_userauth.sign_in"], 3, "{counts}");
    assert_eq!(emulator.stop(Signal::Term), Some(0));
}

#[test]
fn faults_and_quota_are_taken_from_the_options() {
    let emulator = Started::with(&["--fault", "throttled=1", "--seed", "7", "--fault", "retry-after=2s"]);
    assert_eq!(emulator.send("one"), 429);
    let faults: Value = serde_json::from_str(&emulator.page("/_emulator/faults").body).expect("JSON");
    assert_eq!((&faults["throttled"], &faults["retry_after"]), (&1.0.into(), &"2s".into()), "{faults}");
    assert_eq!(http::send(emulator.address, "PUT", "/_emulator/faults", "{}").unwrap().status, 200);
    assert_eq!(emulator.send("one"), 202);
    assert_eq!(emulator.stop(Signal::Int), Some(0));

    let emulator = Started::with(&["--requests-per-second", "2", "--in-flight", "3"]);
    let quota: Value = serde_json::from_str(&emulator.page("/_emulator/quota").body).expect("JSON");
    assert_eq!(quota, json!({ "requests_per_second": 2, "in_flight": 3 }));
    let refused = (0..200).find(|number| emulator.send(&number.to_string()) == 429);
    assert!(refused.is_some_and(|number| number >= 2), "{refused:?}");
    assert_eq!(emulator.counts()["over_quota"], 1);
    assert_eq!(emulator.stop(Signal::Term), Some(0));
}

#[test]
fn a_seed_decides_which_requests_fail() {
    let answers = |seed: &str| {
        let arguments = ["--requests-per-second", "0", "--fault", "throttled=0.5", "--seed", seed];
        let emulator = Started::with(&arguments);
        (0..24).map(|number| emulator.send(&number.to_string())).collect::<Vec<_>>()
    };
    let first = answers("5");
    assert!(first.contains(&202) && first.contains(&429), "{first:?}");
    assert_eq!(answers("5"), first);
    assert_ne!(answers("6"), first);
}

#[test]
fn an_unknown_fault_is_64_and_an_address_in_use_69() {
    let check = |arguments: &[&str], code: i32, message: &str| {
        let output = service::run(&[&["emulator"], arguments].concat());
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(error.contains(message), "{error}");
    };
    check(&["--fault", "trottled=1"], 64, "error: --fault: unknown fault, or wrong value");
    check(&["--fault", "throttled=often"], 64, "error: --fault: unknown fault, or wrong value");
    check(&["--fault", "throttled"], 64, "a fault is written NAME=VALUE");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    check(&["--listen", &address], 69, &format!("error: cannot listen on {address}"));
}
