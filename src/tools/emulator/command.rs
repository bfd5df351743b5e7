//! The `emulator` command: a server with the options of the command line, until a signal.

use std::num::{NonZeroU32, NonZeroUsize};

use anyhow::Context as _;
use tokio::join;
use tokio_util::sync::CancellationToken;

use super::{Emulator, Faults, Only, Options, Quota, Streams};
use crate::{
    app::signals,
    cli::{self, EmulatorArguments, Fault},
    exit::{Exit, Failure},
};

/// Answers as AWS until a signal.
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
    let faults = faults(&arguments.faults).context("--fault: unknown fault, or wrong value");
    let help = "GET /_emulator/faults of a running emulator lists the faults and their values";
    let faults = faults.map_err(|cause| Failure::new(Exit::Usage, cause).with_help(help))?;
    let quota = NonZeroUsize::new(arguments.requests_per_second).map(|_| Quota {
        requests_per_second: arguments.requests_per_second,
        in_flight: arguments.in_flight,
    });
    let streams = match NonZeroU32::new(arguments.shards) {
        Some(shards) => Streams { shards, ..Streams::default() },
        None => Streams { limit: None, ..Streams::default() },
    };
    Ok(Options { quota, streams, faults, seed: arguments.seed, ..Options::default() })
}

/// The faults of all calls, and those of some calls.
fn faults(faults: &[Fault]) -> serde_json::Result<Faults> {
    let mut named = serde_json::Map::new();
    let mut only: Vec<(_, serde_json::Map<_, _>)> = Vec::new();
    for Fault { only: of, name, value } in faults {
        let (name, value) = (name.clone(), value.clone());
        match (of, only.iter_mut().find(|(other, _)| of.as_ref() == Some(*other))) {
            (None, _) => drop(named.insert(name, value)),
            (Some(_), Some((_, faults))) => drop(faults.insert(name, value)),
            (Some(of), None) => only.push((of, [(name, value)].into_iter().collect())),
        }
    }
    let mut all: Faults = serde_json::from_value(named.into())?;
    // Those of an operation come before those of its service.
    only.sort_by_key(|((_, operation), _)| operation.is_none());
    for ((service, operation), faults) in only {
        let (service, operation) = (Some(service.clone()), operation.clone());
        all.only.push(Only {
            service,
            operation,
            destination: None,
            faults: serde_json::from_value(faults.into())?,
        });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_can_be_those_of_a_service_or_an_operation() {
        let parse = |text: &str| text.parse::<Fault>().unwrap();
        let given =
            ["failed=0.1", "kinesis.failed=0.2", "kinesis.latency=1s", "kinesis.PutRecords.failed=0.3"];
        let all = faults(&given.map(parse)).unwrap();
        let found = all.only.iter().map(|only| (only.service.as_deref(), only.operation.as_deref()));
        assert_eq!(
            found.collect::<Vec<_>>(),
            [(Some("kinesis"), Some("PutRecords")), (Some("kinesis"), None)]
        );
        let shares = all.only.iter().map(|only| only.faults.failed).chain([all.failed]);
        assert_eq!(shares.collect::<Vec<_>>(), [0.3, 0.2, 0.1]);
        assert!(all.only[1].faults.latency.is_some() && all.only[0].faults.latency.is_none());
        assert!(faults(&[parse("kinesis.fail=1")]).is_err());
    }
}
