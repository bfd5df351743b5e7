//! The parts that tests are built from: brokers, a PutEvents server, the service as a process, and the
//! oracle, which compares the records that were produced with the events that arrived.
//!
//! Nothing here outlives the test process, however it ends, and nothing waits without a deadline.

pub(crate) mod answering;
pub(crate) mod client;
pub(crate) mod http;
pub(crate) mod kafka;
pub(crate) mod last_records;
pub(crate) mod mock;
pub(crate) mod oracle;
pub(crate) mod port;
pub(crate) mod process;
pub(crate) mod putevents;
pub(crate) mod python;
pub(crate) mod schema;
pub(crate) mod service;
pub(crate) mod settled;
pub(crate) mod wait;
