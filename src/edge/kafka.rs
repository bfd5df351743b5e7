//! What the clients of Kafka share: how one is made, a producer of what must not be lost, what an
//! administrator can do, librdkafka's errors as codes, and its log lines.
//!
//! Knows nothing of what is read and written.

pub mod admin;
pub mod client;
pub mod codes;
pub mod config;
pub mod consumer;
pub mod dead_letters;
pub mod log;
pub mod producer;
pub mod session_table;
