//! AWS's SDK for Python calls the emulator, every operation of it.

use std::{process::Command, time::Duration};

use crate::support::{process::Process, python::Python};

/// Longer than the binary takes to start on a loaded machine.
const START: Duration = Duration::from_secs(30);

pub(crate) fn every_operation_of_the_emulator_is_as_boto3_expects(python: &Python) {
    let scratch = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_pinpoint-sidecar"));
    command.args(["emulator", "--listen", "127.0.0.1:0"]).env_clear();
    let emulator = Process::start(&mut command, scratch.path());
    assert!(emulator.says(START, "AWS is answered on "), "{:?}", emulator.lines());
    let lines = emulator.lines();
    let mut words = lines.iter().flat_map(|line| line.split_whitespace());
    let url = words.find(|word| word.starts_with("http://")).expect("a URL");
    let printed = python.run("boto3_calls.py", &[url]);
    assert_eq!(printed.matches("as it should be").count(), 6, "{printed}");
}
