//! How the process ends: the exit codes, the report of a failure, and the end after a panic.
//!
//! Only this file knows the numbers. They follow `sysexits.h` where it has one that fits.

use std::{
    fmt,
    future::Future,
    io::{self, Write},
    panic::{self, PanicHookInfo},
    process::{self, ExitCode},
    thread,
};

use tokio::runtime::Runtime;
use tracing::dispatcher;

use crate::core::catch_panic;

/// How the process ends. [`Exit::meaning`] explains each code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Clean = 0,
    Unsettled = 1,
    Usage = 64,
    Refused = 65,
    Unreachable = 69,
    Bug = 70,
    Configuration = 78,
    Interrupted = 130,
    Terminated = 143,
}

/// Why the process failed, in words for a person.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub cause: anyhow::Error,
    /// What to do about it, if known.
    pub help: Option<&'static str>,
}

impl Exit {
    pub const ALL: [Self; 9] = [
        Self::Clean,
        Self::Unsettled,
        Self::Usage,
        Self::Refused,
        Self::Unreachable,
        Self::Bug,
        Self::Configuration,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The explanation that the help and README.md give.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Clean => "finished cleanly",
            Self::Unsettled => {
                "the shutdown deadline passed with unsettled records, which will be delivered again"
            }
            Self::Usage => "the command line is invalid, or a file cannot be read (`map`)",
            Self::Refused => "a record was refused (`map`, `redrive`)",
            Self::Unreachable => {
                "a required service is unreachable (`check`, `redrive`); Kafka failed for good, the session table was \
                 not read in time, or `admin.listen` is in use (`run`)"
            }
            Self::Bug => "a bug: a panic anywhere ends the process",
            Self::Configuration => "the configuration is invalid",
            Self::Interrupted => "ended at once by a second SIGINT",
            Self::Terminated => "ended at once by a second SIGTERM",
        }
    }
}

impl Failure {
    pub fn new(exit: Exit, cause: impl Into<anyhow::Error>) -> Self {
        Self { exit, cause: cause.into(), help: None }
    }

    #[must_use]
    pub fn with_help(self, help: &'static str) -> Self {
        Self { help: Some(help), ..self }
    }

    /// Writes the failure, with its chain of causes, to standard error.
    #[must_use]
    pub fn report(&self) -> ExitCode {
        // If standard error is closed, there is nowhere left to report it.
        let _ = write!(io::stderr(), "{self}");
        self.exit.into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.cause)?;
        self.cause.chain().skip(1).try_for_each(|cause| writeln!(f, "caused by: {cause}"))?;
        self.help.map_or(Ok(()), |help| writeln!(f, "help: {help}"))
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Makes a panic on any thread end the process, because the other threads would wait for ever for the one
/// that is gone. The report says where the panic happened but not why, because its text may quote a record.
pub fn on_panic() {
    panic::set_hook(Box::new(|panic| {
        if catch_panic::are_caught() {
            return;
        }
        report_panic(panic);
        process::exit(Exit::Bug as i32);
    }));
}

fn report_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = thread::current();
    let thread = thread.name().unwrap_or_default();
    if dispatcher::has_been_set() {
        tracing::error!(place, thread, "a bug ends the process");
    } else {
        let _ = writeln!(io::stderr(), "error: a bug ends the process (at {place}, in the thread {thread})");
    }
}

/// Runs a command and ends with it. Dropping the runtime would wait for the names that are being looked up, for
/// as long as the resolver hangs.
pub fn run_to_end<T>(runtime: Runtime, command: impl Future<Output = T>) -> T {
    let result = runtime.block_on(command);
    runtime.shutdown_background();
    result
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use anyhow::anyhow;
    use tokio::{runtime, task::spawn_blocking};

    use super::*;

    #[test]
    fn a_resolver_that_hangs_does_not_keep_the_process() {
        let (ended, end) = mpsc::sync_channel(1);
        let run = move || {
            let (_keep, never) = mpsc::sync_channel::<()>(0);
            run_to_end(runtime::Builder::new_current_thread().build().unwrap(), async {
                // As tokio looks names up.
                drop(spawn_blocking(move || never.recv()));
            });
            ended.send(()).unwrap();
        };
        thread::Builder::new().spawn(run).unwrap();
        end.recv_timeout(Duration::from_secs(30)).expect("it ends");
    }

    #[track_caller]
    fn check(failure: &Failure, expected: &str) {
        assert_eq!(failure.to_string(), expected);
    }

    #[test]
    fn a_failure_is_reported_with_its_causes_and_help() {
        let failure = Failure::new(Exit::Unreachable, anyhow!("out of paper").context("cannot print"));
        check(&failure, "error: cannot print\ncaused by: out of paper\n");
        check(
            &failure.with_help("buy some"),
            "error: cannot print\ncaused by: out of paper\nhelp: buy some\n",
        );
    }
}
