//! Python with boto3, AWS's SDK, with moto, an emulator of AWS that others wrote, and with cfn-lint, AWS's
//! judgement of CloudFormation.
//!
//! `PINPOINT_SIDECAR_PYTHON` names the interpreter; `.ci/run` installs one.

use std::{env, fs, net::SocketAddr, path::Path, process::Command, time::Duration};

use tempfile::TempDir;

use super::{http, port, process::Process, wait::eventually};

/// Longer than Python takes to import everything on a loaded machine.
const START: Duration = Duration::from_mins(1);

/// The interpreter.
#[derive(Clone, Debug)]
pub(crate) struct Python(std::ffi::OsString);

impl Python {
    /// # Errors
    /// If there is none; says what is missing.
    pub(crate) fn find() -> Result<Self, &'static str> {
        let missing = "PINPOINT_SIDECAR_PYTHON, a Python with boto3, moto[server] and cfn-lint";
        env::var_os("PINPOINT_SIDECAR_PYTHON").map(Self).ok_or(missing)
    }

    /// Runs one of the scripts beside the scenarios to its end. Returns what it prints.
    #[track_caller]
    pub(crate) fn run(&self, script: &str, arguments: &[&str]) -> String {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/real/python");
        let mut command = Command::new(&self.0);
        command.arg("-B").arg(scripts.join(script)).args(arguments);
        let output = command.output().expect("Python starts");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script} {arguments:?} failed:\n{error}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// What cfn-lint finds in a template of CloudFormation; nothing if it is valid.
    #[track_caller]
    pub(crate) fn lint(&self, template: &str) -> String {
        let folder = TempDir::new().expect("a folder for the template");
        let file = folder.path().join("template.yaml");
        fs::write(&file, template).expect("a file for the template");
        let mut command = Command::new(&self.0);
        command.args(["-B", "-c", "from cfnlint.runner import main; main()"]).arg(file);
        let output = command.output().expect("Python starts");
        let found = [output.stdout, output.stderr].concat();
        let found = String::from_utf8(found).expect("UTF-8");
        assert_eq!(output.status.success(), found.is_empty(), "{found}");
        found
    }

    /// Starts moto's server, which ends when dropped.
    #[track_caller]
    pub(crate) fn moto(&self) -> Moto {
        let address = SocketAddr::from(([127, 0, 0, 1], port::free()));
        let scratch = TempDir::with_prefix("pinpoint-sidecar-moto-").expect("a folder for moto");
        let mut command = Command::new(&self.0);
        command.args(["-B", "-m", "moto.server", "-H", "127.0.0.1", "-p", &address.port().to_string()]);
        let process = Process::start(&mut command, scratch.path());
        let moto = Moto { url: format!("http://{address}"), _process: process, _scratch: scratch };
        eventually(START, "moto answers", || http::get(address, "/moto-api/data.json").map(drop));
        moto
    }
}

/// A running server of moto.
pub(crate) struct Moto {
    pub(crate) url: String,
    // Declared before the folder, because fields are dropped in order.
    _process: Process,
    _scratch: TempDir,
}
