//! librdkafka's log lines, written as ours or dropped.
//!
//! Its lines are about brokers, groups, topics and its own state, never about the content of a record. Lines
//! below a warning are dropped, whatever our own level is.

use rdkafka::{ClientContext, config::RDKafkaLogLevel, consumer::ConsumerContext, error::KafkaError};

/// Logs a line; `facility` is librdkafka's word for the part of it that wrote the line.
pub fn line(level: RDKafkaLogLevel, facility: &str, text: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error
        // At most a warning: librdkafka recovers from its errors or returns them to us, so nobody must act.
        | RDKafkaLogLevel::Warning => tracing::warn!(target: "librdkafka", facility, text, "librdkafka reports"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {}
    }
}

/// The callbacks of a client whose lines are logged. Errors need no callback: `poll` returns them too.
pub struct Logged;

impl ClientContext for Logged {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        line(level, facility, text);
    }

    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Logged {}

/// The callbacks of a client that logs nothing, because its caller gets every error and shows it.
pub struct Silent;

impl ClientContext for Silent {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Silent {}
