//! Shows what records become, before anything is sent: what each was recognised as, the identity events, the
//! app events, or why there are none. The `map` command.
//!
//! Maps as the service does, with one index of sessions over the whole run. Connects to nothing but, where a
//! topic is named, to Kafka; joins no group, commits nothing and sends nothing. What is printed is what
//! would be sent, personal data included; the words about what is refused quote nothing.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, StdoutLock, Write},
    path::Path,
};

use anyhow::{Context as _, Error};

use self::{outcome::Outcome, requests::Requests, values::Values};
use crate::{
    cli::{MapArguments, MapOutput},
    config::Config,
    core::{
        decode::{Decoder, Wanted, config::FormatsConfig},
        event::{Mapped, Refusal},
        map::{
            Mapper,
            endpoint::{Additions, Locate},
        },
        record::{Ownership, Record},
        time::Moment,
    },
    edge::{aws::pinpoint, clock::Clock, geo::Database, kafka::client::Cluster},
    exit::{Exit, Failure},
};

mod outcome;
mod outline;
mod requests;
mod topic;
mod values;

/// The topic of records that were read from no topic. Where an event has no id of its own, the ids of its
/// app events begin with it.
const NO_TOPIC: &str = "input";

/// Prints what records become, from files, the standard input or a topic.
///
/// # Errors
///
/// When the filter or the format is wrong, the input cannot be read, or the output is closed.
pub fn run(arguments: &MapArguments, config: &Config) -> Result<Exit, Failure> {
    let mut preview = Preview::new(arguments, config)?;
    match &arguments.topic {
        Some(topic) => {
            let cluster = Cluster { brokers: &config.source.brokers, properties: &config.source.properties };
            let last = topic::Last { topic, records: arguments.last };
            topic::read(&cluster, &config.source.group, last, |record| preview.show(&record))?;
        }
        None if arguments.files.is_empty() => preview.read(Path::new("-"))?,
        None => arguments.files.iter().try_for_each(|file| preview.read(file))?,
    }
    preview.finish()
}

struct Preview {
    decoder: Decoder,
    mapper: Mapper,
    output: MapOutput,
    requests: Requests,
    /// How many records were shown.
    records: i64,
    /// Whether any was refused, or a part of it.
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
        Ok(Self {
            decoder: decoder(true)?,
            mapper: Mapper::new(decoder(config.wants_attributes())?, &config.sessions).with(additions),
            output: arguments.output,
            requests: Requests::default(),
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
            self.show(&record)?;
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
        }
    }

    fn show(&mut self, record: &Record) -> Result<(), Failure> {
        let decoded = self.decoder.decode(record);
        // Time stands still: what a session's end needs is remembered for as long as this runs.
        let mapped = self.mapper.map(record, Moment::START).mapped;
        self.records += 1;
        self.refused |= matches!(mapped, Mapped::Partly(..) | Mapped::Refused(_));
        let outcome = Outcome { number: self.records, record, decoded: &decoded, mapped: &mapped };
        let printed = match self.output {
            MapOutput::Text => write!(self.printed, "{}", outcome.text()),
            MapOutput::Json => writeln!(self.printed, "{}", outcome.json()),
            MapOutput::Request => self.request(mapped),
        };
        // Each is seen at once where records come slowly.
        printed.and_then(|()| self.printed.flush()).map_err(closed)
    }

    /// Prints the requests that are full; says of what is refused why, beside them.
    fn request(&mut self, mapped: Mapped) -> io::Result<()> {
        let (deliveries, refusal) = match mapped {
            Mapped::Deliver(deliveries) => (deliveries, None),
            Mapped::Partly(deliveries, refusal) => (deliveries, Some(refusal)),
            Mapped::Refused(refusal) => (Vec::new(), Some(refusal)),
            Mapped::Ignored(_) => (Vec::new(), None),
        };
        if let Some(Refusal { code, message }) = refusal {
            writeln!(io::stderr(), "record {} is refused: {code}: {message}", self.records)?;
        }
        for delivery in deliveries {
            if let Some(full) = self.requests.add(delivery) {
                print(&mut self.printed, &full)?;
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Exit, Failure> {
        if let Some(last) = self.requests.take() {
            print(&mut self.printed, &last).and_then(|()| self.printed.flush()).map_err(closed)?;
        }
        Ok(if self.refused { Exit::Refused } else { Exit::Clean })
    }
}

/// How the places of ip addresses are found.
fn locate(config: &Config) -> Result<Locate, Failure> {
    let Some(path) = config.endpoint.database() else { return Ok(Box::new(|_| None)) };
    let database = Database::open(Path::new(path)).context("endpoint.location.database cannot be used");
    Ok(Box::new(database.map_err(|cause| Failure::new(Exit::Configuration, cause))?.locate()))
}

/// The formats of the configuration, or the one of the command line for all.
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

fn print(to: &mut impl Write, request: &crate::core::destination::Request) -> io::Result<()> {
    to.write_all(&pinpoint::write_body(request))?;
    to.write_all(b"\n")
}

fn unreadable(file: &Path, error: io::Error) -> Failure {
    let error = Error::new(error).context(format!("{} cannot be read", file.display()));
    Failure::new(Exit::Usage, error).with_help("name files that can be read, or `-` for the standard input")
}

fn closed(error: io::Error) -> Failure {
    Failure::new(Exit::Unreachable, Error::new(error).context("the output is closed"))
}
