//! Scenarios on the embedded broker: records on a topic, the service as a process, the PutEvents server in
//! the test process, and the oracle. They need no other installation.
//!
//! `scene` and `load` hold what they have in common; each other module is one kind of scenario.

mod aws_kinds;
mod check;
mod delivery;
mod emulated_kinds;
mod faults;
mod formats;
mod holds;
mod hostile_server;
mod kafka_destination;
mod kinesis;
mod load;
mod marked;
mod privacy;
mod rebalance;
mod redrive;
mod restart;
mod roles;
mod scene;
mod second_kind;
