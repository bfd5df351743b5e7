//! librdkafka's log lines, as ours.
//!
//! Its lines speak of brokers, groups, topics and its own state, never of what a record says; those
//! under a warning are left out whatever our level.

use rdkafka::config::RDKafkaLogLevel;

/// Writes a line of librdkafka's: `facility` is its own word for the part that speaks.
pub fn line(level: RDKafkaLogLevel, facility: &str, text: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error
        // librdkafka's errors mend themselves or come back as one of ours: nobody must act on these.
        | RDKafkaLogLevel::Warning => tracing::warn!(target: "librdkafka", facility, text, "librdkafka reports"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {}
    }
}
