//! `redrive`: writes the original records of dead letters back, so that the service delivers what is missing.
//!
//! Letters are read three times: first for the receipts of those that were redriven before, then to plan
//! which records to write, and then to write them. After each record a receipt is written beside its letters.
//! Knows nothing of how letters are read and sealed.

use std::sync::Arc;

use anyhow::{Error, anyhow};
use tokio::{select, task::spawn_blocking};
use tokio_util::sync::CancellationToken;

use crate::{
    app::signals,
    cli::{self, RedriveArguments},
    config::Config,
    core::{
        dead_letter::config::DeadLetterConfig,
        redrive::{filter::Filter, plan::Bounds, seal::Seal},
        units::text::TopicName,
    },
    edge::kafka::redrive::{
        reader::{LetterReader, ReadError},
        writer::RedriveWriter,
    },
    exit::{Exit, Failure},
    tools::redrive::{
        progress::Progress,
        rounds::{Job, Rounds},
        writing::Writing,
    },
};

mod progress;
mod rounds;
mod table;
mod writing;

/// Redrives dead letters as the command line asks, and prints a table.
///
/// # Errors
/// If the configuration does not allow it, or Kafka cannot be read or written.
pub async fn run(arguments: RedriveArguments, config: Config) -> Result<Exit, Failure> {
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let work = spawn_blocking(move || redrive(&arguments, &config, stopped));
    select! {
        ended = work => ended.unwrap_or_else(|error| Err(Failure::new(Exit::Bug, error))),
        exit = signals::drain_then_end(&stop) => exit,
    }
}

/// What a run did.
pub(in crate::tools) struct Redriven {
    /// Letters that were redriven.
    pub(in crate::tools) letters: u64,
    /// Records that were written.
    pub(in crate::tools) records: u64,
}

/// Redrives dead letters, and prints nothing. Blocks until that is done.
///
/// # Errors
/// As [`run`].
pub(in crate::tools) fn quietly(
    arguments: &RedriveArguments,
    config: &Config,
    stop: CancellationToken,
) -> Result<Redriven, Failure> {
    let mut rounds = rounds(arguments, config, Progress::none(), stop)?;
    rounds.run()?;
    let table = rounds.table();
    Ok(Redriven { letters: table.matched, records: table.written })
}

fn redrive(arguments: &RedriveArguments, config: &Config, stop: CancellationToken) -> Result<Exit, Failure> {
    let mut rounds = rounds(arguments, config, Progress::new(), stop)?;
    let ended = rounds.run();
    let printed = cli::print(&rounds.table().to_string());
    ended?;
    printed.map_err(|error| {
        Failure::new(Exit::Unreachable, Error::new(error).context("the output is closed"))
    })?;
    Ok(rounds.exit())
}

fn rounds(
    arguments: &RedriveArguments,
    config: &Config,
    progress: Progress,
    stop: CancellationToken,
) -> Result<Rounds, Failure> {
    let letters = letters(config)?;
    let job = job(arguments, config, letters)?;
    let cluster = config.source.cluster();
    let since = arguments.since.map(|time| time.0);
    let reader = LetterReader::open(&cluster, &config.source.group, letters, since).map_err(not_read)?;
    let writer = (!arguments.dry_run).then(|| RedriveWriter::start(&cluster)).transpose();
    let writer = writer.map_err(|error| not_read(error.into()))?;
    let writing = Writing::new(writer, letters.as_str().into());
    Ok(Rounds::new(job, reader, writing, progress, stop))
}

/// The topic of the dead letters.
fn letters(config: &Config) -> Result<&TopicName, Failure> {
    match &config.dead_letter.target {
        DeadLetterConfig::Topic(topic) => Ok(topic),
        DeadLetterConfig::Discard => {
            let cause = anyhow!("there are no dead letters: `dead_letter.discard` is set");
            Err(Failure::new(Exit::Configuration, cause).with_help("set `dead_letter.topic`"))
        }
    }
}

fn job(arguments: &RedriveArguments, config: &Config, letters: &TopicName) -> Result<Job, Failure> {
    let seal = config.redrive.secret.as_ref().map(Seal::new);
    if seal.is_none() && !arguments.dry_run {
        let cause =
            anyhow!("`redrive.secret` is not set: the service would not know what the records are for");
        let help = "set it to the same text of 16 characters or more for `redrive` and for each replica of the service";
        return Err(Failure::new(Exit::Configuration, cause).with_help(help));
    }
    let destinations = config.destinations();
    let is_unknown = |name: &&String| !destinations.iter().any(|one| *one.name == ***name);
    if let Some(name) = arguments.destination.as_ref().filter(is_unknown) {
        let names: Vec<_> = destinations.iter().map(|one| one.name.as_str()).collect();
        let cause =
            anyhow!("--destination {name} is no destination of the configuration: {}", names.join(", "));
        return Err(Failure::new(Exit::Usage, cause));
    }
    let text = |text: &Option<String>| text.as_deref().map(Into::into);
    let to = config.redrive.topic.as_ref().map(|topic| Arc::from(topic.as_str()));
    let sources = config.source.topics.iter().map(|topic| Arc::from(topic.as_str()));
    let filter = Filter {
        destination: text(&arguments.destination),
        reason: text(&arguments.reason),
        topic: text(&arguments.topic),
        since: arguments.since.map(|time| time.0),
        until: arguments.until.map(|time| time.0),
        max_attempts: arguments.max_attempts,
        destinations: destinations.iter().map(|one| Arc::from(one.name.as_str())).collect(),
        topics: to.is_none().then(|| sources.collect()),
    };
    Ok(Job {
        filter,
        seal,
        to,
        again: arguments.again,
        limit: arguments.limit,
        bounds: Bounds::default(),
        letters: Arc::from(letters.as_str()),
    })
}

/// The failure to read letters.
fn not_read(error: ReadError) -> Failure {
    let help = "`pinpoint-sidecar check` tries the brokers and the topics of the configuration; redriving needs \
                the rights to read and write the dead-letter topic, and to write to the source topics";
    let exit = match error {
        ReadError::Start(_) => Exit::Configuration,
        ReadError::Missing { .. } | ReadError::Unreadable { .. } => Exit::Unreachable,
    };
    Failure::new(exit, error).with_help(help)
}

#[cfg(test)]
mod tests;
