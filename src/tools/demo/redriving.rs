//! The redrive of what the tenant's destination has spilled, as the `redrive` command does it; and a look at what
//! it has written.

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use crate::{
    cli::RedriveArguments,
    config::Config,
    exit::{Exit, Failure},
    tools::{
        demo::{
            evidence::{RedrivenRecord, SPILLED},
            generate::Realm,
            inspect,
        },
        redrive,
    },
};

/// What a redrive did.
pub(super) struct Redrive {
    /// Letters that it read and matched.
    pub(super) letters: u64,
    /// Records that it wrote, by its own count.
    pub(super) records: u64,
    /// Redriven records that were found in the source topic.
    pub(super) found: Vec<RedrivenRecord>,
}

/// Redrives. Blocks until that is done, or until `stop`.
///
/// # Errors
/// If Kafka cannot be read or written.
pub(super) fn redrive(config: &Config, stop: CancellationToken) -> Result<Redrive, Failure> {
    let brokers = &config.source.brokers;
    let ends = || {
        let ends = inspect::ends(brokers).context("the embedded broker does not answer");
        ends.map_err(|error| Failure::new(Exit::Unreachable, error))
    };
    let before = ends()?;
    let redrive::Redriven { letters, records } = redrive::quietly(&arguments(), config, stop)?;
    let found = inspect::redriven(brokers, &before, &ends()?).context("the embedded broker does not answer");
    let found = found.map_err(|error| Failure::new(Exit::Unreachable, error))?;
    Ok(Redrive { letters, records, found })
}

/// `redrive --destination acme --reason spilled`.
fn arguments() -> RedriveArguments {
    RedriveArguments {
        destination: Some(Realm::Acme.name().to_owned()),
        reason: Some(SPILLED.to_owned()),
        ..RedriveArguments::default()
    }
}
