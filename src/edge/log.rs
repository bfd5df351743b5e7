//! The log: its levels, its form and its output.
//!
//! It goes to standard error, because standard output is for results. Our own lines are written from the
//! configured level up. Other crates stay at `warn` whatever our level is, because we cannot keep what they
//! log about a request or a record private. librdkafka's log arrives as our own lines, through the contexts
//! of the Kafka clients. `log` records of other crates are ignored.

use std::io;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    registry,
    util::{SubscriberInitExt, TryInitError},
};

/// `log`: the form of the log, and what is logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// The form of a line.
    pub format: Format,
    /// The lowest level at which our own lines are written.
    pub level: Level,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("x-allowed" = "json or text"))]
pub enum Format {
    /// One JSON object.
    Json,
    /// Plain text for people.
    Text,
}

/// The importance of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("x-allowed" = "error, warn, info, debug or trace"))]
pub enum Level {
    /// A person must act.
    Error,
    /// Something is wrong but is being dealt with.
    Warn,
    /// Changes of state.
    Info,
    /// The reasons for decisions.
    Debug,
    /// Everything.
    Trace,
}

/// Starts the log for the process.
///
/// # Errors
/// If it was started before.
pub fn start(config: &LogConfig) -> Result<(), TryInitError> {
    subscriber(config, io::stderr).try_init()
}

fn subscriber<W>(config: &LogConfig, to: W) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(to);
    let lines = match config.format {
        Format::Json => {
            lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
        }
        Format::Text => lines.with_ansi(false).boxed(),
    };
    let targets = Targets::new()
        .with_default(LevelFilter::WARN.min(config.level.into()))
        .with_target(env!("CARGO_CRATE_NAME"), config.level);
    registry().with(lines.with_filter(targets))
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
            Level::Trace => Self::TRACE,
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: Format::Json, level: Level::Info }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    use tracing::{debug, error, info, subscriber, trace, warn};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: Format, level: Level, lines: impl FnOnce()) -> String {
        let page = Page::default();
        let to = page.clone();
        let subscriber = super::subscriber(&LogConfig { format, level }, move || to.clone());
        subscriber::with_default(subscriber, lines);
        String::from_utf8(page.0.lock().unwrap().clone()).unwrap()
    }

    /// The levels that are written, from `error` to `trace`. Ours are in capitals, those of
    /// other crates are not.
    fn written(level: Level) -> String {
        let lines = logged(Format::Text, level, || {
            error!("E.");
            warn!("W.");
            info!("I.");
            debug!("D.");
            trace!("T.");
            error!(target: "hyper", "e.");
            warn!(target: "aws_config::profile", "w.");
            info!(target: "hyper::client", "i.");
            debug!(target: "rustls::client", "d.");
            trace!(target: "hyper", "t.");
        });
        lines.lines().filter_map(|line| line.strip_suffix('.')?.chars().last()).collect()
    }

    #[test]
    fn other_crates_stay_at_warn_whatever_our_level() {
        assert_eq!(written(Level::Error), "Ee");
        assert_eq!(written(Level::Warn), "EWew");
        assert_eq!(written(Level::Info), "EWIew");
        assert_eq!(written(Level::Debug), "EWIDew");
        assert_eq!(written(Level::Trace), "EWIDTew");
    }

    #[test]
    fn a_line_is_json_or_for_people() {
        let line = || info!(partition = 3, "partition is assigned");
        let json: serde_json::Value = logged(Format::Json, Level::Info, line).parse().unwrap();
        let shown = ["level", "message", "partition", "target"].map(|key| json[key].to_string());
        assert_eq!(
            shown,
            [r#""INFO""#, r#""partition is assigned""#, "3", r#""pinpoint_sidecar::edge::log::tests""#]
        );
        let text = logged(Format::Text, Level::Info, line);
        assert!(
            text.ends_with(" INFO pinpoint_sidecar::edge::log::tests: partition is assigned partition=3\n"),
            "{text}"
        );
    }
}
