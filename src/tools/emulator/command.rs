//! The `emulator` command: an emulator with the options of the command line, until a signal.

use std::num::NonZeroUsize;

use anyhow::Context as _;
use tokio::join;
use tokio_util::sync::CancellationToken;

use super::{Emulator, Options, Quota};
use crate::{
    app::signals,
    cli::{self, EmulatorArguments},
    exit::{Exit, Failure},
};

/// Answers `PutEvents` until a signal.
///
/// # Errors
/// If it cannot listen on the address.
pub async fn run(arguments: EmulatorArguments) -> Result<Exit, Failure> {
    let options = options(&arguments)?;
    let listening = Emulator::bind(arguments.listen, options).await;
    let emulator = listening.with_context(|| format!("cannot listen on {}", arguments.listen));
    let help = "another process may listen there; choose another address with --listen";
    let emulator = emulator.map_err(|cause| Failure::new(Exit::Unreachable, cause).with_help(help))?;
    cli::print(&format!("{}\n", emulator.usage())).map_err(|error| Failure::new(Exit::Unreachable, error))?;
    let shutdown = CancellationToken::new();
    let serving = emulator.run(shutdown.clone());
    let signalled = async {
        let signalled = signals::first().await;
        shutdown.cancel();
        signalled
    };
    let ((), signalled) = join!(serving, signalled);
    signalled.map(|()| Exit::Clean)
}

/// The options of the command line. Faults have the names and values of `/_emulator/faults`.
fn options(arguments: &EmulatorArguments) -> Result<Options, Failure> {
    let faults: serde_json::Map<_, _> =
        arguments.faults.iter().map(|fault| (fault.name.clone(), fault.value.clone())).collect();
    let faults = serde_json::from_value(faults.into()).context("--fault: unknown fault, or wrong value");
    let help = "GET /_emulator/faults of a running emulator lists the faults and their values";
    let faults = faults.map_err(|cause| Failure::new(Exit::Usage, cause).with_help(help))?;
    let quota = NonZeroUsize::new(arguments.requests_per_second).map(|_| Quota {
        requests_per_second: arguments.requests_per_second,
        in_flight: arguments.in_flight,
    });
    Ok(Options { quota, faults, seed: arguments.seed, ..Options::default() })
}
