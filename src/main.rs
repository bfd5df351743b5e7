//! The `pinpoint-sidecar` binary: asks the library for what the command line says, and exits with its result.

use std::{env, path::PathBuf, process::ExitCode, slice};

use clap::Parser;
use pinpoint_sidecar::{
    app,
    cli::{self, CheckArguments, Cli, Command, SchemaName},
    config::{self, Config, LoadError, Sources},
    core::{identity::document, stream_record},
    edge::log::{self, Format, Level, LogConfig},
    exit::{self, Exit, Failure},
    tools::{
        check::{self, Finding},
        demo, emulator, map, redrive,
    },
};
use tikv_jemallocator::Jemalloc;
use tokio::runtime::{self, Runtime};

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    exit::on_panic();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return cli::explain(&error),
    };
    match carry_out(cli) {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report(),
    }
}

fn carry_out(cli: Cli) -> Result<Exit, Failure> {
    let Cli { command, config } = cli;
    match command {
        Command::Run => {
            let config = load(config)?;
            start_log(&config.log)?;
            exit::run_to_end(runtime()?, app::run(config))
        }
        Command::Check(arguments) => check(&arguments, config),
        Command::Map(arguments) => map::run(&arguments, &load_by(config, config::load_for_mapping)?),
        Command::Redrive(arguments) => {
            let config = load(config)?;
            start_log(&LogConfig { format: Format::Text, level: Level::Warn })?;
            exit::run_to_end(runtime()?, redrive::run(arguments, config))
        }
        Command::Schema(arguments) => print(&format!("{:#}\n", schema(arguments.name))),
        Command::Demo(arguments) => {
            start_log(&LogConfig { format: Format::Text, level: Level::Warn })?;
            exit::run_to_end(runtime()?, demo::run(arguments))
        }
        Command::Emulator(arguments) => {
            start_log(&LogConfig { format: Format::Text, level: Level::Info })?;
            exit::run_to_end(runtime()?, emulator::run(arguments))
        }
    }
}

fn check(arguments: &CheckArguments, file: Option<PathBuf>) -> Result<Exit, Failure> {
    if arguments.schema {
        return print(&format!("{:#}\n", config::schema()));
    }
    let config = load(file)?;
    if let Some(name) = &arguments.destination {
        let destination = config.destination(name).map_err(|error| Failure::new(Exit::Usage, error))?;
        let mut findings = check::destination_topics(&config, slice::from_ref(&destination));
        let tried = exit::run_to_end(runtime()?, check::at_aws(&config, vec![destination]));
        findings.extend(tried.findings);
        return report(&findings, &tried.policies);
    }
    print(&config.effective())?;
    print(&format!("\n{}\n", check::sent(&config)))?;
    if let Some(routes) = check::routes(&config) {
        print(&format!("{routes}\n"))?;
    }
    if arguments.offline {
        return Ok(Exit::Clean);
    }
    let destinations = config.destinations();
    let mut findings = check::kafka(&config);
    findings.extend(check::destination_topics(&config, &destinations));
    findings.extend(check::places(&config));
    let tried = exit::run_to_end(runtime()?, check::at_aws(&config, destinations));
    findings.extend(tried.findings);
    report(&findings, &tried.policies)
}

fn report(findings: &[Finding], policies: &str) -> Result<Exit, Failure> {
    print(&check::report(findings))?;
    print(policies)?;
    Ok(if check::all_well(findings) { Exit::Clean } else { Exit::Unreachable })
}

fn schema(name: SchemaName) -> serde_json::Value {
    match name {
        SchemaName::Config => config::schema(),
        SchemaName::IdentityEvent => document::schema(),
        SchemaName::StreamRecord => stream_record::schema::schema(),
    }
}

fn load(file: Option<PathBuf>) -> Result<Config, Failure> {
    load_by(file, config::load)
}

fn load_by(
    file: Option<PathBuf>,
    load: fn(&Sources) -> Result<Config, LoadError>,
) -> Result<Config, Failure> {
    let sources = Sources { file, environment: env::vars_os().collect() };
    load(&sources).map_err(|error| {
        let help = match error {
            LoadError::Unreadable { .. } => "`--config` names the file; without it, the defaults and the environment apply",
            LoadError::Invalid(_) => {
                "write it in the file that `--config` names or in a variable, such as \
                 PINPOINT_SIDECAR__DESTINATION__PINPOINT__APPLICATION; `pinpoint-sidecar check --schema` prints all keys"
            }
        };
        Failure::new(Exit::Configuration, error).with_help(help)
    })
}

fn print(result: &str) -> Result<Exit, Failure> {
    let closed =
        |error| Failure::new(Exit::Unreachable, anyhow::Error::new(error).context("the output is closed"));
    cli::print(result).map(|()| Exit::Clean).map_err(closed)
}

fn start_log(config: &LogConfig) -> Result<(), Failure> {
    log::start(config).map_err(|error| Failure::new(Exit::Bug, error))
}

/// Runs everything on one thread, except for the Kafka edges, which have threads of their own.
fn runtime() -> Result<Runtime, Failure> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| {
        Failure::new(Exit::Bug, anyhow::Error::new(error).context("cannot start the runtime"))
    })
}
