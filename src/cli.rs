//! The command line: what can be asked for, and the words about it.
//!
//! Knows nothing of how anything is done. What is written here is what `--help` shows.

use std::{
    fmt,
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    str::FromStr,
};

use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};

use crate::{core::decode::config::Choice, exit::Exit};

mod help;

/// Delivers an identity provider's sign-in and session events from Kafka to Amazon Pinpoint.
///
/// Reads Keycloak's events from Kafka topics and sends them with PutEvents, at least once: a position is
/// committed only when all before it is delivered, written to the dead letters, or of no interest.
#[derive(Debug, Parser)]
#[command(name = "pinpoint-sidecar", version, long_version = help::VERSION.as_str(), max_term_width = 100)]
#[command(after_help = help::EXAMPLES, after_long_help = help::WHOLE, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// The configuration, a YAML file; without one, the defaults and the environment count.
    #[arg(long, short, global = true, value_name = "FILE", display_order = 900)]
    pub config: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Deliver until SIGTERM or SIGINT, then settle what was read and end.
    #[command(after_help = help::RUN)]
    Run,
    /// Print the effective configuration without secrets, then try what it names.
    #[command(after_help = help::CHECK)]
    Check(CheckArguments),
    /// See what records become, and why: from files, the standard input or a topic.
    #[command(after_help = help::MAP)]
    Map(MapArguments),
    /// Print a JSON Schema.
    #[command(after_help = help::SCHEMA)]
    Schema(SchemaArguments),
    /// See it work, without Kafka and AWS: an embedded broker, PutEvents server and many users.
    #[command(after_help = help::DEMO)]
    Demo(DemoArguments),
    /// Answer PutEvents as Pinpoint does, for trying a real Kafka without AWS.
    #[command(after_help = help::EMULATOR)]
    Emulator(EmulatorArguments),
}

/// What `check` takes.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// Only read and print the configuration.
    #[arg(long)]
    pub offline: bool,
    /// Print the JSON Schema of the configuration instead, for editors and tools.
    #[arg(long)]
    pub schema: bool,
}

/// What `map` takes.
#[derive(Debug, Args)]
pub struct MapArguments {
    /// What holds the records; `-`, or none, is the standard input.
    #[arg(value_name = "FILE", conflicts_with = "topic")]
    pub files: Vec<PathBuf>,
    /// The format of all records, whatever the configuration says.
    #[arg(long, value_name = "NAME")]
    pub format: Option<Choice>,
    /// How the outcome is written.
    #[arg(long, default_value = "text", value_name = "FORM")]
    pub output: MapOutput,
    /// Read the last records of this Kafka topic instead.
    #[arg(long, value_name = "TOPIC")]
    pub topic: Option<String>,
    /// How many records of each of its partitions are read.
    #[arg(long, requires = "topic", default_value_t = 10, value_name = "NUMBER", value_parser = value_parser!(u32).range(1..))]
    pub last: u32,
}

/// How the outcome of `map` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MapOutput {
    /// An outline for people.
    Text,
    /// A JSON object to a line for each record.
    Json,
    /// The bodies of PutEvents, each on a line.
    Request,
}

/// What `schema` takes.
#[derive(Debug, Args)]
pub struct SchemaArguments {
    /// Of what.
    pub name: SchemaName,
}

/// What there is a schema of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaName {
    /// The configuration.
    Config,
    /// The format identity-event.
    IdentityEvent,
}

/// What `demo` takes.
#[derive(Debug, Args)]
pub struct DemoArguments {
    /// How many records are produced.
    #[arg(long, default_value_t = 20_000, value_name = "NUMBER", value_parser = value_parser!(u64).range(1..=10_000_000))]
    pub records: u64,
    /// How many users they are of.
    #[arg(long, default_value_t = 1_000, value_name = "NUMBER", value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub users: u32,
    /// The seed of all that is drawn by chance; the same seed makes the same records and faults.
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    pub seed: u64,
    /// What goes wrong: a list of `throttling`, `refused`, `missing`, `lost`, `outage`; or `all`, or `none`.
    #[arg(long, default_value = "all", value_name = "LIST")]
    pub faults: DemoFaults,
    /// Go on serving the admin pages after the verdict, until SIGINT.
    #[arg(long)]
    pub keep_running: bool,
    /// Where the admin pages are served.
    #[arg(long, default_value = "127.0.0.1:9464", value_name = "ADDRESS")]
    pub listen: SocketAddr,
}

/// What goes wrong in the demo; each at most once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoFaults(pub Vec<DemoFault>);

/// Something that goes wrong in the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DemoFault {
    /// Requests and events are answered with 429.
    Throttling,
    /// Events are answered with 400.
    Refused,
    /// Events are left out of the answer.
    Missing,
    /// Events are taken, and the answer is lost.
    Lost,
    /// Nothing is answered for a while.
    Outage,
}

/// What `emulator` takes.
#[derive(Debug, Args)]
pub struct EmulatorArguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8081", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// How many requests are taken in any second; 0 takes all.
    #[arg(long, default_value_t = 15, value_name = "NUMBER")]
    pub requests_per_second: usize,
    /// How many requests are answered at one time.
    #[arg(long, default_value_t = 15, value_name = "NUMBER")]
    pub in_flight: usize,
    /// What goes wrong; can be given many times.
    #[arg(long = "fault", value_name = "NAME=VALUE")]
    pub faults: Vec<Fault>,
    /// The seed of what goes wrong by chance.
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    pub seed: u64,
}

/// A fault of the emulator as it is written: its name, and JSON or a bare text.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The name, as the emulator's `/_emulator/faults` has it.
    pub name: String,
    /// The value.
    pub value: serde_json::Value,
}

/// A fault of the demo that there is not.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the faults are throttling, refused, missing, lost and outage, separated by commas; or all; or none")]
pub struct Misnamed;

/// A fault of the emulator without a name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fault is written NAME=VALUE, such as throttled=0.1")]
pub struct Unnamed;

/// Writes what `clap` has to say, which may be the help that was asked for.
#[must_use]
pub fn explain(error: &clap::Error) -> ExitCode {
    let exit = if error.use_stderr() { Exit::Usage } else { Exit::Clean };
    // There is nowhere left to say that the output is closed.
    let _ = error.print();
    exit.into()
}

/// Writes a result to the standard output.
///
/// # Errors
/// When the output is closed.
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

/// The names, as they are read.
impl fmt::Display for DemoFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = self.0.iter().filter_map(ValueEnum::to_possible_value);
        f.write_str(&values.map(|value| value.get_name().to_owned()).collect::<Vec<_>>().join(", "))
    }
}

impl FromStr for Fault {
    type Err = Unnamed;

    fn from_str(text: &str) -> Result<Self, Unnamed> {
        let (name, value) = text.split_once('=').ok_or(Unnamed)?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        Ok(Self { name: name.replace('-', "_"), value })
    }
}

#[cfg(test)]
mod tests;
