//! What the consumer and the producer share of librdkafka: how a client is made, its errors as codes,
//! and its log lines.
//!
//! Knows nothing of what is read and written.

pub mod client;
pub mod codes;
pub mod log;
