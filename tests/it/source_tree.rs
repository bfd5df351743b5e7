//! The source tree keeps the architecture: imports point one way, the pure part names nothing impure, and
//! what only some parts may know is named by no other.
//!
//! Test code is left out: it may use what it likes.

use std::{fs, path::Path};

mod paths;

use paths::{Named, paths};

/// The parts from the bottom up, each with the parts that it may import. A part is a file or a folder of
/// `src` with all that is below it, save what is a part of its own. Each may import only parts that stand
/// above it in this table, so there is no cycle.
///
/// The traits of the edges (`source`, `destination`, `dead_letter`, `table`) are pure and belong to the pipeline's
/// side: they say in its words what it is told and what it asks for. Their implementations lie below them in
/// the folders, and after the pipeline here.
const PARTS: &[(&str, &[&str])] = &[
    ("moment", &[]),
    ("panics", &[]),
    ("setting", &[]),
    ("schedule", &[]),
    ("record", &["moment"]),
    ("event", &["moment"]),
    ("identity", &["event", "moment"]),
    ("decode", &["identity", "moment", "panics", "record"]),
    ("table", &["event"]),
    ("table/config", &["setting"]),
    ("map/config", &["setting", "table/config"]),
    ("map", &["decode", "event", "identity", "map/config", "moment", "record", "setting", "table"]),
    ("source", &["event", "record"]),
    ("destination", &["event"]),
    ("dead_letter", &["event", "record"]),
    ("pipeline/config", &["setting"]),
    (
        "pipeline",
        &[
            "dead_letter",
            "destination",
            "event",
            "moment",
            "pipeline/config",
            "record",
            "schedule",
            "setting",
            "source",
            "table",
        ],
    ),
    // The pure part ends here.
    ("clock", &["moment"]),
    ("log", &[]),
    ("geo", &["identity"]),
    ("admin/config", &[]),
    ("dead_letter/config", &[]),
    ("destination/pinpoint/config", &["setting"]),
    ("source/config", &["decode", "moment", "setting"]),
    ("kafka", &["event", "source/config"]),
    ("exit", &["panics"]),
    ("source/kafka", &["event", "kafka", "moment", "panics", "record", "source", "source/config"]),
    ("outcomes", &[]),
    ("dead_letter/discard", &["dead_letter", "outcomes"]),
    ("dead_letter/kafka", &["dead_letter", "kafka", "outcomes"]),
    ("table/kafka", &["event", "kafka", "outcomes", "panics", "source/config", "table", "table/config"]),
    ("destination/pinpoint", &["destination", "destination/pinpoint/config", "event", "moment"]),
    ("admin", &["admin/config", "event", "map", "moment", "pipeline", "record", "source", "table"]),
    ("metrics", &["admin", "dead_letter", "event", "moment", "pipeline"]),
    (
        "runner",
        &[
            "admin",
            "clock",
            "dead_letter",
            "destination",
            "event",
            "map",
            "metrics",
            "moment",
            "pipeline",
            "record",
            "source",
            "table",
        ],
    ),
    (
        "config",
        &[
            "admin/config",
            "dead_letter/config",
            "decode",
            "destination/pinpoint/config",
            "log",
            "map/config",
            "pipeline/config",
            "setting",
            "source/config",
        ],
    ),
    (
        "check",
        &[
            "config",
            "dead_letter/config",
            "event",
            "geo",
            "kafka",
            "map/config",
            "source/config",
            "table/config",
            "table/kafka",
        ],
    ),
    ("cli", &["decode", "exit"]),
    (
        "preview",
        &[
            "cli",
            "clock",
            "config",
            "decode",
            "destination",
            "destination/pinpoint",
            "event",
            "exit",
            "geo",
            "identity",
            "kafka",
            "map",
            "moment",
            "panics",
            "record",
        ],
    ),
    ("emulator", &["clock", "event", "moment", "setting"]),
    (
        "app",
        &[
            "admin",
            "cli",
            "clock",
            "config",
            "dead_letter",
            "dead_letter/config",
            "dead_letter/discard",
            "dead_letter/kafka",
            "decode",
            "destination",
            "destination/pinpoint",
            "emulator",
            "event",
            "exit",
            "geo",
            "kafka",
            "map",
            "metrics",
            "pipeline",
            "runner",
            "schedule",
            "source/kafka",
            "table/kafka",
        ],
    ),
    (
        "demo",
        &[
            "admin",
            "app",
            "cli",
            "clock",
            "config",
            "dead_letter/config",
            "destination/pinpoint",
            "emulator",
            "event",
            "exit",
            "kafka",
            "map",
            "moment",
            "pipeline",
            "record",
            "setting",
        ],
    ),
    ("main", &["app", "check", "cli", "config", "demo", "exit", "identity", "log", "preview"]),
];

/// The last of the parts without I/O, clock, randomness, environment and logging.
const LAST_PURE: &str = "pipeline";

/// The dependencies that the pure part may name. `schedule` alone may name `backoff`, see there.
const PURE_CRATES: &[&str] = &[
    "backoff",
    "bytesize",
    "jaq_core",
    "jaq_json",
    "jaq_std",
    "jiff",
    "schemars",
    "serde",
    "serde_json",
    "sha2",
    "smallvec",
    "thiserror",
    "woothee",
];

/// What of the standard library the pure part may not name.
const IMPURE_STD: &[&str] = &["env", "fs", "io", "net", "os", "process", "thread"];

/// Dependencies (by the first letters of their names) that only some parts may name.
const KNOWN_TO: &[(&str, &[&str])] = &[
    ("anyhow", &["app", "demo", "exit", "main", "preview"]),
    ("aws_", &["destination/pinpoint"]),
    ("backoff", &["schedule"]),
    ("clap", &["cli", "main"]),
    ("jaq_", &["decode"]),
    ("hyper", &["admin", "destination/pinpoint", "emulator"]),
    ("maxminddb", &["geo"]),
    ("prometheus", &["metrics"]),
    (
        "rdkafka",
        &[
            "check",
            "cli",
            "dead_letter/kafka",
            "demo",
            "kafka",
            "preview",
            "source/config",
            "source/kafka",
            "table/kafka",
        ],
    ),
    ("saphyr_parser", &["config"]),
    ("tracing_subscriber", &["log"]),
    ("woothee", &["map"]),
];

#[test]
fn the_table_has_no_cycle() {
    for (index, (part, imports)) in PARTS.iter().enumerate() {
        for import in *imports {
            let earlier = PARTS[..index].iter().any(|(part, _)| part == import);
            assert!(earlier, "{part} may import {import}, which does not stand above it");
        }
    }
}

#[test]
fn imports_point_one_way() {
    let mut wrong = Vec::new();
    for source in sources() {
        let allowed = PARTS.iter().find(|(part, _)| *part == source.part).map_or(&[][..], |part| part.1);
        for import in source.named.iter().filter_map(Named::in_the_crate) {
            // What is of no part is of an inline module: `lib.rs` has nothing but parts.
            let Some(imported) = part_of(import) else { continue };
            if imported != source.part && !allowed.contains(&imported) {
                wrong.push(format!("{} imports {import}", source.file));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn the_pure_part_names_nothing_impure() {
    let last = PARTS.iter().position(|(part, _)| *part == LAST_PURE).expect("the part is in the table");
    let mut wrong = Vec::new();
    for source in sources() {
        if PARTS.iter().position(|(part, _)| *part == source.part) > Some(last) {
            continue;
        }
        for named in &source.named {
            let is_impure = match named {
                Named::Std(path) => {
                    let first = path.split("::").next().unwrap_or_default();
                    let is_clock = path.contains("time::Instant") || path.contains("time::SystemTime");
                    IMPURE_STD.contains(&first) || is_clock
                }
                Named::Dependency(path) => {
                    let name = path.split("::").next().unwrap_or_default();
                    !PURE_CRATES.contains(&name) || path.ends_with("::now")
                }
                Named::Crate(_) => false,
            };
            if is_impure {
                wrong.push(format!("{} names {named}", source.file));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn what_few_parts_know_no_other_names() {
    let mut wrong = Vec::new();
    for source in sources() {
        for named in &source.named {
            let Named::Dependency(path) = named else { continue };
            let knowing = KNOWN_TO.iter().find(|(name, _)| path.starts_with(name));
            if knowing.is_some_and(|(_, parts)| !parts.contains(&source.part)) {
                wrong.push(format!("{} names {path}", source.file));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn metrics_have_their_names_in_one_file() {
    let named = |source: &Source| source.code.contains("\"pinpoint_sidecar_");
    let files: Vec<_> = sources().into_iter().filter(named).map(|source| source.file).collect();
    assert_eq!(files, ["metrics/families.rs"]);
}

#[test]
fn every_file_says_what_it_is() {
    let says = |source: &Source| source.text.starts_with("//! ");
    let silent: Vec<_> = sources().into_iter().filter(|source| !says(source)).map(|it| it.file).collect();
    assert_none(&silent);
}

/// A file of `src`.
struct Source {
    /// Its path below `src`.
    file: String,
    /// The part that it belongs to.
    part: &'static str,
    /// All of it.
    text: String,
    /// It without comments and tests.
    code: String,
    /// What its code names of other modules and crates.
    named: Vec<Named>,
}

/// All files of `src` but `lib.rs`, which only lists the parts, and those that are compiled for tests alone.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dependencies = dependencies(&fs::read_to_string(root.join("Cargo.toml")).expect("Cargo.toml"));
    let mut files = Vec::new();
    collect(&root.join("src"), "", &mut files);
    files.sort();
    let tests: Vec<_> = files.iter().flat_map(|(file, text)| paths::test_modules(file, text)).collect();
    let is_test = |module: &str| {
        tests.iter().any(|test| {
            module.strip_prefix(&**test).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    let source = |(file, text): (String, String)| {
        let module = file.trim_end_matches(".rs").to_owned();
        if module == "lib" || is_test(&module) {
            return None;
        }
        let part = part_of(&module).unwrap_or_else(|| panic!("{file} belongs to no part of the table"));
        let code = paths::code(&text);
        let named = paths(&code, &module, &dependencies);
        Some(Source { file, part, text, code, named })
    };
    files.into_iter().filter_map(source).collect()
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder of src") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_str().expect("a name in UTF-8");
        if path.is_dir() {
            collect(&path, &format!("{prefix}{name}/"), files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push((format!("{prefix}{name}"), fs::read_to_string(&path).expect("a source file")));
        }
    }
}

/// The part with the longest name that `module` is or lies below.
fn part_of(module: &str) -> Option<&'static str> {
    let holds =
        |part: &&str| module.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    PARTS.iter().map(|(part, _)| *part).filter(holds).max_by_key(|part| part.len())
}

/// The names of the crate's dependencies, as the code writes them.
fn dependencies(manifest: &str) -> Vec<String> {
    let section = manifest.split("\n[").find_map(|section| section.strip_prefix("dependencies]\n"));
    let lines = section.expect("dependencies").lines();
    lines.filter_map(|line| Some(line.split_once(" = ")?.0.replace('-', "_"))).collect()
}

#[track_caller]
fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
