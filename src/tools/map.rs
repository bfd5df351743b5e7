//! The `map` command: shows what records become without sending anything. For each record it prints the
//! recognised format, the identity events and the app events, or the reason why there are none.
//!
//! Maps as the service does, with one session index for the whole run. Connects only to Kafka, and only if a
//! topic is named; joins no group and commits nothing. It prints what would be sent, including personal data;
//! the reasons of refusals quote nothing.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, StdoutLock, Write},
    path::Path,
};

use anyhow::{Context as _, Error};
use serde_json::json;

use self::{
    outcome::{Outcome, Taken},
    outline::outline,
    requests::Requests,
    routes::Routes,
    values::Values,
};
use crate::{
    app::kinds,
    cli::{MapArguments, MapOutput},
    config::Config,
    core::{
        decode::{Decoder, Wanted, config::FormatsConfig},
        destination::{Encoder, Request},
        event::Refusal,
        map::{
            Mapper,
            endpoint::{Additions, Locate},
        },
        record::{Ownership, Record},
        time::Moment,
    },
    edge::{clock::Clock, geo::Database},
    exit::{Exit, Failure},
};

mod outcome;
mod outline;
mod requests;
mod routes;
mod topic;
mod values;

/// The topic of records from a file. If an event has no id of its own, the ids of its app
/// events begin with it.
const NO_TOPIC: &str = "input";

/// Prints what records become, from files, standard input or a topic.
///
/// # Errors
///
/// If the filter or the format is wrong, the input cannot be read, or the output is closed.
pub fn run(arguments: &MapArguments, config: &Config) -> Result<Exit, Failure> {
    let mut preview = Preview::new(arguments, config)?;
    match &arguments.topic {
        Some(topic) => {
            let cluster = config.source.cluster();
            let last = topic::Last { topic, records: arguments.last };
            topic::read(&cluster, &config.source.group, last, |record| preview.show(record))?;
        }
        None if arguments.files.is_empty() => preview.read(Path::new("-"))?,
        None => arguments.files.iter().try_for_each(|file| preview.read(file))?,
    }
    preview.finish()
}

struct Preview {
    decoder: Decoder,
    mapper: Mapper,
    encoder: Box<dyn Encoder>,
    output: MapOutput,
    requests: Requests,
    routes: Option<Routes>,
    /// How many records were shown.
    records: i64,
    /// Whether any record or part of a record was refused.
    refused: bool,
    printed: BufWriter<StdoutLock<'static>>,
}

impl Preview {
    fn new(arguments: &MapArguments, config: &Config) -> Result<Self, Failure> {
        let formats = formats(arguments, config)?;
        let decoder = |attributes| {
            let decoder = Decoder::new(&formats).context("source.custom");
            let decoder = decoder.map_err(|error| Failure::new(Exit::Configuration, error))?;
            Ok(decoder.wanting(Wanted { attributes }))
        };
        let additions = Additions::new(config.endpoint.clone(), config.event.clone(), locate(config)?);
        let routes = Routes::new(config).map_err(|error| Failure::new(Exit::Configuration, error))?;
        let additions = if routes.is_some() { additions.with_origins() } else { additions };
        Ok(Self {
            decoder: decoder(true)?,
            mapper: Mapper::new(decoder(config.wants_attributes())?, &config.sessions)
                .with(additions)
                .unsealing(&config.redrive),
            encoder: encoder(arguments, config)?,
            output: arguments.output,
            requests: Requests::default(),
            routes,
            records: 0,
            refused: false,
            printed: BufWriter::new(io::stdout().lock()),
        })
    }

    fn read(&mut self, file: &Path) -> Result<(), Failure> {
        let input: Box<dyn BufRead> = match file.to_str() {
            Some("-") => Box::new(io::stdin().lock()),
            _ => Box::new(BufReader::new(File::open(file).map_err(|error| unreadable(file, error))?)),
        };
        for value in Values::of(input) {
            let value = value.map_err(|error| unreadable(file, error))?;
            let record = self.record(value);
            self.show(record)?;
        }
        Ok(())
    }

    /// The record that `value` would be if it were produced now.
    fn record(&self, value: Vec<u8>) -> Record {
        Record {
            ownership: Ownership(0),
            topic: NO_TOPIC.into(),
            partition: 0,
            offset: self.records,
            timestamp: Some(Clock::wall()),
            key: None,
            value: Some(value.into()),
            headers: Vec::new(),
            redriven: None,
        }
    }

    fn show(&mut self, mut record: Record) -> Result<(), Failure> {
        self.mapper.unseal(&mut record);
        let record = &record;
        let decoded = self.decoder.decode(record);
        // Time stands still, so no session is forgotten.
        let mapped = self.mapper.map(record, Moment::START).mapped.in_full();
        let routed =
            self.routes.as_ref().map(|routes| routes.of(record.original().topic, &mapped.deliveries));
        let taken = Taken::of(mapped, &*self.encoder);
        self.records += 1;
        self.refused |= taken.refused.is_some();
        let (number, encoder) = (self.records, &*self.encoder);
        let outcome = Outcome { number, record, decoded: &decoded, taken: &taken, encoder };
        let printed = match self.output {
            MapOutput::Text => {
                let mut text = outcome.text();
                if let Some(routed) = routed {
                    outline(&mut text, 2, &json!({ "destinations": routed }));
                }
                write!(self.printed, "{text}")
            }
            MapOutput::Json => {
                let mut json = outcome.json();
                if let Some(routed) = routed {
                    json["destinations"] = routed;
                }
                writeln!(self.printed, "{json}")
            }
            MapOutput::Request => self.request(taken),
        };
        // If records come slowly, each is shown at once.
        printed.and_then(|()| self.printed.flush()).map_err(closed)
    }

    /// Prints the requests that are full, and the reasons for refusals on standard error.
    fn request(&mut self, taken: Taken) -> io::Result<()> {
        if let Some(Refusal { code, message }) = taken.refused {
            writeln!(io::stderr(), "record {} is refused: {code}: {message}", self.records)?;
        }
        for event in taken.events {
            if let Some(full) = self.requests.add(event, &*self.encoder) {
                self.print(&full)?;
            }
        }
        Ok(())
    }

    fn print(&mut self, request: &Request) -> io::Result<()> {
        self.printed.write_all(&self.encoder.body(request, Clock::wall()))?;
        self.printed.write_all(b"\n")
    }

    fn finish(mut self) -> Result<Exit, Failure> {
        if let Some(last) = self.requests.take() {
            self.print(&last).and_then(|()| self.printed.flush()).map_err(closed)?;
        }
        Ok(if self.refused { Exit::Refused } else { Exit::Clean })
    }
}

/// The encoder of the destination that the command line names, or of the first one.
fn encoder(arguments: &MapArguments, config: &Config) -> Result<Box<dyn Encoder>, Failure> {
    let shown = match &arguments.destination {
        Some(name) => config.destination(name).map_err(|error| Failure::new(Exit::Usage, error))?,
        None => config.destinations().remove(0),
    };
    Ok(kinds::encoder(&shown))
}

/// The lookup of IP addresses.
fn locate(config: &Config) -> Result<Locate, Failure> {
    let Some(path) = config.endpoint.database() else { return Ok(Box::new(|_| None)) };
    let database = Database::open(Path::new(path)).context("endpoint.location.database cannot be used");
    Ok(Box::new(database.map_err(|cause| Failure::new(Exit::Configuration, cause))?.locate()))
}

/// The formats of the configuration, or the one format of the command line.
fn formats(arguments: &MapArguments, config: &Config) -> Result<FormatsConfig, Failure> {
    let configured = config.source.formats();
    let Some(format) = arguments.format else { return Ok(configured) };
    if format.name() == "custom" && configured.custom.is_none() {
        let error = Error::msg("the format custom needs a filter");
        let help =
            "write it in `source.custom` of the file that `--config` names, with `source.format: custom`";
        return Err(Failure::new(Exit::Usage, error).with_help(help));
    }
    Ok(FormatsConfig { format, custom: configured.custom, ..FormatsConfig::default() })
}

fn unreadable(file: &Path, error: io::Error) -> Failure {
    let error = Error::new(error).context(format!("{} cannot be read", file.display()));
    Failure::new(Exit::Usage, error).with_help("name files that can be read, or `-` for the standard input")
}

fn closed(error: io::Error) -> Failure {
    Failure::new(Exit::Unreachable, Error::new(error).context("the output is closed"))
}
