//! Tests of the service from outside: its binary, the embedded broker, and a real Apache Kafka.
//!
//! What they stand on is in `support`; each other module is one kind of scenario.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "the test runner shows it with a failure")]

mod binary;
mod demo;
mod deploy;
mod embedded;
mod emulator;
mod generated;
mod harness;
mod map;
mod panics;
mod providers;
mod readme;
mod real;
mod source_tree;
mod support;
mod wire;
