//! Scenarios on a real Apache Kafka: records on a topic, the service as a process or several, a PutEvents
//! server, and the oracle.
//!
//! Each ends in the same way: every id that the records stand for is accepted or in the dead letters, and
//! the group's commits are the ends of the topic (see [`scene`]). On a machine without Java each says that
//! it was left out.

mod broker;
mod compression;
mod delivery;
mod faults;
mod letters;
mod metadata;
mod replicas;
mod restart;
mod rests;
mod rolling;
mod scene;
mod start;
mod table;
mod topics;
