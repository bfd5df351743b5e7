//! How the process ends: its exit codes, the words about a failure, and the end after a bug.
//!
//! The only place that knows the numbers. They follow `sysexits.h` where it has one that fits.

use std::{
    fmt, io,
    io::Write,
    panic::{self, PanicHookInfo},
    process::{self, ExitCode},
    thread,
};

use tracing::dispatcher;

use crate::core::catch_panic;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Finished cleanly.
    Clean = 0,
    /// The shutdown deadline passed with records unsettled; they are delivered again.
    Unsettled = 1,
    /// The command line is not understood, or a file cannot be read (`map`).
    Usage = 64,
    /// A record was refused (`map`).
    Refused = 65,
    /// A needed service is unreachable (`check`); Kafka failed for good, the sessions' table was not read in
    /// time, or `admin.listen` is taken (`run`).
    Unreachable = 69,
    /// A bug: a panic anywhere ends the process.
    Bug = 70,
    /// There is something wrong with the configuration.
    Configuration = 78,
    /// Ended at once by a second SIGINT.
    Interrupted = 130,
    /// Ended at once by a second SIGTERM.
    Terminated = 143,
}

/// Why the process ends otherwise than cleanly, in words for a person.
#[derive(Debug)]
pub struct Failure {
    /// How it ends.
    pub exit: Exit,
    /// Why.
    pub cause: anyhow::Error,
    /// What to do about it, where that is known.
    pub help: Option<&'static str>,
}

impl Failure {
    /// A failure of which nothing is known that would help.
    pub fn new(exit: Exit, cause: impl Into<anyhow::Error>) -> Self {
        Self { exit, cause: cause.into(), help: None }
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn with_help(self, help: &'static str) -> Self {
        Self { help: Some(help), ..self }
    }

    /// Writes the failure, with its chain of causes, to the standard error.
    #[must_use]
    pub fn report(&self) -> ExitCode {
        // There is nowhere left to say that the standard error is closed.
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

/// Lets a panic anywhere end the process: a part that is gone would leave the others waiting for ever.
/// Says where it was and not why: a panic's text may quote a record.
pub fn on_panic() {
    panic::set_hook(Box::new(|panic| {
        if catch_panic::are_caught() {
            return;
        }
        tell(panic);
        process::exit(Exit::Bug as i32);
    }));
}

fn tell(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = thread::current();
    let thread = thread.name().unwrap_or_default();
    if dispatcher::has_been_set() {
        tracing::error!(place, thread, "a bug ends the process");
    } else {
        let _ = writeln!(io::stderr(), "error: a bug ends the process (at {place}, in the thread {thread})");
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[track_caller]
    fn check(failure: &Failure, expected: &str) {
        assert_eq!(failure.to_string(), expected);
    }

    #[test]
    fn a_failure_is_told_with_its_causes_and_what_helps() {
        let failure = Failure::new(Exit::Unreachable, anyhow!("out of paper").context("cannot print"));
        check(&failure, "error: cannot print\ncaused by: out of paper\n");
        check(
            &failure.with_help("buy some"),
            "error: cannot print\ncaused by: out of paper\nhelp: buy some\n",
        );
    }
}
