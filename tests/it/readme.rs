//! Compares README.md with the binary, the schema and the values of the library.

use std::{collections::BTreeMap, fs, path::Path};

use clap::Parser as _;
use pinpoint_sidecar::{
    cli::Cli,
    core::identity::reason::{Ignored, Refused},
    exit::Exit,
};
use serde_json::Value;

use super::support::service;

/// A metrics page with every family, which the unit tests check.
const METRICS_PAGE: &str =
    "src/edge/admin/metrics/snapshots/pinpoint_sidecar__edge__admin__metrics__tests__eventful.snap";

#[test]
fn every_configuration_passes_the_check() {
    let folder = tempfile::tempdir().expect("a folder");
    for secret in ["username", "password"] {
        fs::write(folder.path().join(secret), "secret\n").expect("a secret's file");
    }
    let configurations = blocks("yaml");
    assert_eq!(
        configurations.len(),
        5,
        "the short one, the one for production, one of destinations, one of roles, and one of endpoints"
    );
    for configuration in configurations {
        let file = folder.path().join("config.yaml");
        let secrets = folder.path().to_str().expect("a path in UTF-8");
        fs::write(&file, configuration.replace("/run/secrets/kafka", secrets)).expect("the file");
        let output =
            service::run(&["check", "--offline", "--config", file.to_str().expect("a path in UTF-8")]);
        assert!(output.status.success(), "{configuration}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_table_of_keys_is_the_schema() {
    let schema = serde_json::from_str(&file("schemas/config.json")).expect("the schema is JSON");
    let mut keys = BTreeMap::new();
    collect("", &schema, &mut keys);
    let written = rows("Configuration");
    assert_eq!(written.keys().collect::<Vec<_>>(), keys.keys().collect::<Vec<_>>());
    for (key, default) in keys {
        assert_eq!(written[&key], default, "the default of {key}");
    }
}

#[test]
fn the_table_of_exit_codes_is_complete() {
    let row = |exit: Exit| ((exit as u8).to_string(), exit.meaning().replace('`', ""));
    assert_eq!(rows("Operating it"), Exit::ALL.map(row).into());
}

#[test]
fn every_reason_is_explained() {
    let readme = file("README.md");
    for code in Ignored::ALL.map(Ignored::code).into_iter().chain(Refused::ALL.map(Refused::code)) {
        assert!(readme.contains(&format!("`{code}`")), "{code} is not explained");
    }
}

#[test]
fn every_metric_exists() {
    let (readme, page) = (file("README.md"), file(METRICS_PAGE));
    let mut names = 0;
    for (at, prefix) in readme.match_indices("pinpoint_sidecar_") {
        let rest = &readme[at + prefix.len()..];
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
        let name = format!("{prefix}{}", &rest[..end]);
        assert!(page.contains(&format!("\n# TYPE {name} ")), "{name} is not a metric");
        names += 1;
    }
    assert!(names > 20, "the names are found");
}

#[test]
fn every_file_that_is_named_exists() {
    let readme = file("README.md");
    let named = readme.split('`').skip(1).step_by(2);
    let is_path = |text: &&str| {
        ["src/", "deploy/", "schemas/", "tests/"].iter().any(|folder| text.starts_with(folder))
            && !text.contains(' ')
    };
    let paths: Vec<_> = named.filter(is_path).collect();
    assert!(paths.len() > 10, "the paths are found");
    for path in paths {
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists(), "{path}");
    }
}

#[test]
fn every_command_is_understood() {
    let shell = blocks("sh").join("\n");
    let commands = shell.lines().filter_map(|line| line.strip_prefix("pinpoint-sidecar "));
    let mut subcommands = Vec::new();
    for command in commands {
        let arguments: Vec<_> = command.split_whitespace().collect();
        subcommands.push(arguments[0]);
        let understood = Cli::try_parse_from(["pinpoint-sidecar"].iter().chain(&arguments));
        assert!(understood.is_ok(), "{command}: {understood:?}");
    }
    assert_eq!(subcommands, ["emulator", "check", "run", "map", "map", "redrive", "redrive"]);
}

fn file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a file of the repository")
}

/// The code blocks in one language.
fn blocks(language: &str) -> Vec<String> {
    let readme = file("README.md");
    let blocks = readme.split("\n```").skip(1).step_by(2);
    let of_language = |block: &str| Some(block.strip_prefix(language)?.strip_prefix('\n')?.to_owned() + "\n");
    blocks.filter_map(of_language).collect()
}

/// The rows of a chapter's tables that begin with a key or a number: their first
/// two cells, without backquotes.
fn rows(chapter: &str) -> BTreeMap<String, String> {
    let readme = file("README.md");
    let chapter = readme.split("\n## ").find_map(|text| text.strip_prefix(chapter)).expect("the chapter");
    let row = |line: &str| {
        let cells: Vec<_> =
            line.strip_prefix("| ")?.split('|').map(|cell| cell.trim().replace('`', "")).collect();
        let is_name = |cell: &str| {
            cell.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._".contains(c))
        };
        // The headings of tables look like keys, too.
        let is_whole = ["destinations", "quotas", "routes", "unrouted"].contains(&&*cells[0]);
        let is_key =
            is_name(&cells[0]) && (cells[0].contains('.') || cells[0].parse::<u8>().is_ok() || is_whole);
        is_key.then(|| (cells[0].clone(), cells[1].clone()))
    };
    chapter.lines().filter_map(row).collect()
}

/// Collects the keys below `schema` that hold a value, with their defaults as a person writes them. A key
/// with alternatives is listed together with their keys.
fn collect(key: &str, schema: &Value, keys: &mut BTreeMap<String, String>) {
    let own = schema["properties"].as_object();
    if own.is_none() {
        let default = match &schema["default"] {
            Value::Object(_) => String::new(),
            Value::String(text) => text.clone(),
            Value::Array(items) => {
                let items: Vec<_> = items.iter().filter_map(Value::as_str).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Number(number) => number.to_string().trim_end_matches(".0").to_owned(),
            // Indexing a schema without a default yields null.
            Value::Null if schema.get("default").is_none() => String::new(),
            other => other.to_string(),
        };
        keys.insert(key.to_owned(), default);
    }
    let alternatives =
        schema["anyOf"].as_array().into_iter().flatten().filter_map(|it| it["properties"].as_object());
    for (name, below) in own.into_iter().chain(alternatives).flatten() {
        let path = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
        collect(&path, below, keys);
    }
}
