//! The command line. Its doc comments are the text of `--help`.
//!
//! Knows nothing of how a command is carried out.

use std::{
    fmt,
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    str::FromStr,
};

use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};

use crate::{
    core::{decode::config::Choice, time::Timestamp},
    exit::Exit,
};

mod help;

/// Delivers an identity provider's sign-in and session events from Kafka to Amazon EventBridge, Kinesis,
/// Firehose or Pinpoint, or to Kafka.
///
/// Reads the events of Keycloak and other providers from Kafka topics and delivers them, at
/// least once: a position is committed only when every record before it is delivered, written to the dead
/// letters or deliberately ignored.
#[derive(Debug, Parser)]
#[command(name = "pinpoint-sidecar", version, long_version = help::VERSION.as_str(), max_term_width = 100)]
#[command(after_help = help::EXAMPLES, after_long_help = help::WHOLE.as_str(), arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// The configuration, a YAML file. Without it, the defaults and the environment apply.
    #[arg(long, short, global = true, value_name = "FILE", display_order = 900)]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Deliver events until SIGTERM or SIGINT, then settle the records already read and end.
    #[command(after_help = help::RUN)]
    Run,
    /// Print the effective configuration without secrets, then check what it needs.
    #[command(after_help = help::CHECK)]
    Check(CheckArguments),
    /// Show what records become, and why. Reads files, standard input or a topic.
    #[command(after_help = help::MAP)]
    Map(MapArguments),
    /// Write the records of dead letters back, so that what is missing of them is delivered.
    #[command(after_help = help::REDRIVE)]
    Redrive(RedriveArguments),
    /// Print a JSON Schema.
    #[command(after_help = help::SCHEMA)]
    Schema(SchemaArguments),
    /// Try the service without Kafka and AWS: with an embedded broker, two emulated destinations and many users.
    #[command(after_help = help::DEMO)]
    Demo(DemoArguments),
    /// Answer as Pinpoint, EventBridge, Kinesis, Firehose and STS do, to try a real Kafka without AWS.
    #[command(after_help = help::EMULATOR)]
    Emulator(EmulatorArguments),
}

#[derive(Debug, Args)]
pub struct CheckArguments {
    /// Only read and print the configuration.
    #[arg(long)]
    pub offline: bool,
    /// Print the JSON Schema of the configuration instead, for editors and tools.
    #[arg(long)]
    pub schema: bool,
    /// Try only this destination and its role.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["offline", "schema"])]
    pub destination: Option<String>,
}

#[derive(Debug, Args)]
pub struct MapArguments {
    /// Files with records; `-`, or no file, reads standard input.
    #[arg(value_name = "FILE", conflicts_with = "topic")]
    pub files: Vec<PathBuf>,
    /// The format of all records; overrides the configuration.
    #[arg(long, value_name = "NAME")]
    pub format: Option<Choice>,
    /// The form of the output.
    #[arg(long, default_value = "text", value_name = "FORM")]
    pub output: MapOutput,
    /// The destination whose requests are shown, if there are several; by default the first by name.
    #[arg(long, value_name = "NAME")]
    pub destination: Option<String>,
    /// Read the last records of this Kafka topic instead of files.
    #[arg(long, value_name = "TOPIC")]
    pub topic: Option<String>,
    /// How many records to read from each of its partitions.
    #[arg(long, requires = "topic", default_value_t = 10, value_name = "NUMBER", value_parser = value_parser!(u32).range(1..))]
    pub last: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MapOutput {
    /// An outline for people.
    Text,
    /// A JSON object per record, each on a line.
    Json,
    /// The requests, each on a line: the bodies of PutEvents or PutRecords, or the records of a Kafka topic.
    Request,
}

#[derive(Debug, Default, Args)]
pub struct RedriveArguments {
    /// Only events that this destination refused.
    #[arg(long, value_name = "NAME")]
    pub destination: Option<String>,
    /// Only letters with this reason.
    #[arg(long, value_name = "REASON")]
    pub reason: Option<String>,
    /// Only records from this topic.
    #[arg(long, value_name = "TOPIC")]
    pub topic: Option<String>,
    /// Only letters written at this time or later, such as 2026-11-22T10:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub since: Option<Time>,
    /// Only letters written before this time.
    #[arg(long, value_name = "TIME")]
    pub until: Option<Time>,
    /// Write back this many records at most.
    #[arg(long, value_name = "NUMBER", value_parser = value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Leave out records that were redriven this often.
    #[arg(long, value_name = "NUMBER", value_parser = value_parser!(u32).range(1..))]
    pub max_attempts: Option<u32>,
    /// Also repeat letters that were redriven before.
    #[arg(long)]
    pub again: bool,
    /// Write nothing, and show what would be written.
    #[arg(long)]
    pub dry_run: bool,
}

/// A time, written as in RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Timestamp);

/// A text is not a time since 1970.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time is written like 2026-11-22T10:00:00Z")]
pub struct NoTime;

#[derive(Debug, Args)]
pub struct SchemaArguments {
    /// What to print the schema of.
    pub name: SchemaName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaName {
    /// The configuration.
    Config,
    /// The format identity-event.
    IdentityEvent,
    /// The records that destinations other than Pinpoint get.
    StreamRecord,
}

#[derive(Debug, Args)]
pub struct DemoArguments {
    /// The kind of the two destinations.
    #[arg(long, default_value = "kinesis", value_name = "KIND")]
    pub kind: DemoKind,
    /// How many records to produce.
    #[arg(long, default_value_t = 20_000, value_name = "NUMBER", value_parser = value_parser!(u64).range(1..=10_000_000))]
    pub records: u64,
    /// How many users the records belong to.
    #[arg(long, default_value_t = 1_000, value_name = "NUMBER", value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub users: u32,
    /// The seed of everything random: the same seed gives the same records and faults.
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    pub seed: u64,
    /// Faults: a list of `throttling`, `refused`, `missing`, `lost`, `outage`, `role`; or `all`, or `none`.
    #[arg(long, default_value = "all", value_name = "LIST")]
    pub faults: DemoFaults,
    /// Keep serving the admin pages after the verdict, until SIGINT.
    #[arg(long)]
    pub keep_running: bool,
    /// The address of the admin pages.
    #[arg(long, default_value = "127.0.0.1:9464", value_name = "ADDRESS")]
    pub listen: SocketAddr,
}

/// The kinds of destination that the demo shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DemoKind {
    /// Streams of Kinesis Data Streams.
    Kinesis,
    /// Custom buses of EventBridge, which keep order and recognise copies.
    #[value(name = "eventbridge")]
    EventBridge,
    /// Classic buses of EventBridge.
    #[value(name = "eventbridge-classic")]
    EventBridgeClassic,
    /// Streams of Data Firehose.
    Firehose,
    /// Kafka topics, each on a cluster of its own.
    Kafka,
    /// PutEvents of Pinpoint, whose quota is 15 requests a second.
    Pinpoint,
}

/// The faults of the demo, each at most once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoFaults(pub Vec<DemoFault>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DemoFault {
    /// Requests and events are answered with 429.
    Throttling,
    /// Events are answered with 400.
    Refused,
    /// Answers leave events out.
    Missing,
    /// Events are accepted, but the answer is lost.
    Lost,
    /// Nothing is accepted for a while.
    Outage,
    /// The role of a tenant is refused for a while: its destination is held, spills and is redriven. A Kafka topic
    /// has no role; there, the right to write is refused.
    Role,
}

#[derive(Debug, Args)]
pub struct EmulatorArguments {
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1:8081", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// How many of Pinpoint's requests are accepted in any second; 0 accepts all.
    #[arg(long, default_value_t = 15, value_name = "NUMBER")]
    pub requests_per_second: usize,
    /// How many of Pinpoint's requests are served at the same time.
    #[arg(long, default_value_t = 15, value_name = "NUMBER")]
    pub in_flight: usize,
    /// The shards of each stream of Kinesis; with 0, shards have no limits.
    #[arg(long, default_value_t = 4, value_name = "NUMBER")]
    pub shards: u32,
    /// A fault; can be given several times. SERVICE.NAME=VALUE and SERVICE.OPERATION.NAME=VALUE are faults of
    /// these calls only.
    #[arg(long = "fault", value_name = "NAME=VALUE")]
    pub faults: Vec<Fault>,
    /// The seed of random faults.
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    pub seed: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The service and the operation, if it is not a fault of all.
    pub only: Option<(String, Option<String>)>,
    /// The name, as in `/_emulator/faults`.
    pub name: String,
    pub value: serde_json::Value,
}

/// An unknown fault of the demo was given.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the faults are throttling, refused, missing, lost, outage and role, separated by commas; or all; or none"
)]
pub struct Misnamed;

/// A fault of the emulator was given without its name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fault is written NAME=VALUE, such as throttled=0.1")]
pub struct Unnamed;

/// Prints the message of `clap`, which may be the help that was asked for.
#[must_use]
pub fn explain(error: &clap::Error) -> ExitCode {
    let exit = if error.use_stderr() { Exit::Usage } else { Exit::Clean };
    // If the output is closed, there is nowhere left to report it.
    let _ = error.print();
    exit.into()
}

/// Writes a result to standard output.
///
/// # Errors
/// If the output is closed.
pub fn print(result: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(result.as_bytes())?;
    output.flush()
}

impl FromStr for DemoFaults {
    type Err = Misnamed;

    fn from_str(list: &str) -> Result<Self, Misnamed> {
        match list {
            "all" => return Ok(Self(DemoFault::value_variants().to_vec())),
            "none" => return Ok(Self(Vec::new())),
            _ => {}
        }
        let mut faults = Vec::new();
        for name in list.split(',') {
            let fault = DemoFault::from_str(name.trim(), true).map_err(|_| Misnamed)?;
            if !faults.contains(&fault) {
                faults.push(fault);
            }
        }
        Ok(Self(faults))
    }
}

/// Writes the names as they are read from the command line.
impl fmt::Display for DemoFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = self.0.iter().filter_map(ValueEnum::to_possible_value);
        f.write_str(&values.map(|value| value.get_name().to_owned()).collect::<Vec<_>>().join(", "))
    }
}

impl FromStr for Time {
    type Err = NoTime;

    fn from_str(text: &str) -> Result<Self, NoTime> {
        let time: jiff::Timestamp = text.parse().map_err(|_| NoTime)?;
        // Kafka gives negative times another meaning.
        let time = Some(time.as_millisecond()).filter(|time| *time >= 0).ok_or(NoTime)?;
        Ok(Self(Timestamp(time)))
    }
}

impl FromStr for Fault {
    type Err = Unnamed;

    fn from_str(text: &str) -> Result<Self, Unnamed> {
        let (name, value) = text.split_once('=').ok_or(Unnamed)?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        let (only, name) = match name.split('.').collect::<Vec<_>>()[..] {
            [name] => (None, name),
            [service, name] => (Some((service.to_owned(), None)), name),
            [service, operation, name] => (Some((service.to_owned(), Some(operation.to_owned()))), name),
            _ => return Err(Unnamed),
        };
        Ok(Self { only, name: name.replace('-', "_"), value })
    }
}

#[cfg(test)]
mod tests;
