//! The target of libFuzzer, see `input.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;

mod input;

/// The configuration of all mappers and destinations.
const EVERYTHING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/everything.yaml");

fuzz_target!(|data: &[u8]| input::check_input(data));
