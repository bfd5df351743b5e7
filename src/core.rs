//! The pure code that makes all decisions: it takes in what happened and returns what to do.
//!
//! Knows nothing of tokio, rdkafka, AWS, HTTP, the environment and logging, and reads no clock.

pub mod backoff;
pub mod catch_panic;
pub mod code;
pub mod dead_letter;
pub mod decode;
pub mod destination;
pub mod event;
pub mod identity;
pub(crate) mod json;
pub mod map;
pub mod pipeline;
pub mod record;
pub mod redrive;
pub mod route;
pub mod session_table;
pub mod source;
pub mod stream_record;
pub mod time;
pub mod units;
pub mod write_outcome;
