//! Kafka: what all clients share, and the consumer, the dead letters, the session table and the destination,
//! which use it.
//!
//! The shared files know nothing of what is read and written. They hold the access to a cluster, the queries
//! to the brokers, a writer that reports every outcome, and librdkafka's errors, lists and log lines in our
//! own terms.

pub mod admin;
pub mod cluster;
pub mod codes;
pub mod connection;
pub mod consumer;
pub mod dead_letters;
pub mod destination;
pub mod log;
pub mod lookups;
pub mod partition_list;
pub mod producer;
pub mod properties;
pub mod reader;
pub mod record;
pub mod redrive;
pub mod session_table;
pub mod topic_creation;
pub mod topic_settings;
pub mod write;
pub mod writer;
