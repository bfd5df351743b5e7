//! What `redrive` needs of Kafka: a reader of the dead letters, and a writer of records and receipts.
//!
//! Knows nothing of which letters are redriven.

pub mod reader;
pub mod writer;
