//! Tests of the service from outside, with its binary and the embedded broker.
//!
//! `support` holds the parts that the tests share; each other module is one kind of scenario. The scenarios
//! on a real Apache Kafka are a separate program, `real/main.rs`.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "the test runner shows it with a failure")]

mod binary;
mod demo;
mod deploy;
mod destinations;
mod embedded;
mod emulator;
mod fuzz;
mod generated;
mod harness;
mod map;
mod panics;
mod providers;
mod readme;
mod source_tree;
#[allow(dead_code, reason = "the tests with a real Kafka use the rest of it")]
mod support;
mod wire;
