//! What the coverage-guided fuzzer does with one input, for the examples of all providers and the cases from the
//! field, in every format: the fuzzer itself is not part of the tests.

use std::{fs, path::Path};

#[path = "../fuzz/input.rs"]
mod input;

const EVERYTHING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/everything.yaml");

/// Whether the record is a CloudEvent, in four ways, for each kind of destination.
const CHOICES: u8 = 4 * 6;

#[test]
fn examples_keep_the_rules_that_arbitrary_inputs_keep() {
    let records = records();
    assert!(records.len() > 40, "{}", records.len());
    for record in records {
        for format in 0..input::CHOICES {
            for choices in 0..CHOICES {
                input::check_input(&[&[u8::try_from(format).unwrap(), choices], record.as_slice()].concat());
            }
        }
    }
}

fn records() -> Vec<Vec<u8>> {
    let folder = |name| fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("a folder");
    let files = |name| folder(name).map(|file| fs::read(file.expect("a file").path()).expect("a file"));
    let mut records: Vec<_> = files("tests/data/cases").collect();
    for page in files("deploy/providers") {
        let page = String::from_utf8(page).expect("a page in UTF-8");
        let examples = page.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
        records.extend(examples.map(|example| example.as_bytes().to_vec()));
    }
    records
}
