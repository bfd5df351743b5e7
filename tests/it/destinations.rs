//! The pages of `deploy/guide`: their configurations pass the check, and the example record
//! becomes what the page shows.
//!
//! The first `yaml` block of a page is the configuration of the example. Of its `json` blocks, the first is a
//! record of the source, and the second is the last record that it becomes. `INSTA_UPDATE=always` rewrites
//! the second one.

use std::{env, fs, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;

use super::support::{schema::Schema, service};

#[test]
fn each_page_shows_what_the_service_does() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/guide/destinations");
    let update = env::var_os("INSTA_UPDATE").is_some_and(|how| how == "always");
    for page in fs::read_dir(pages).expect("the pages") {
        let page = page.expect("a page").path();
        let text = fs::read_to_string(&page).expect("a page in UTF-8");
        let expected = checked(&text);
        if update && text != expected {
            fs::write(&page, expected).expect("the page can be written");
        } else {
            assert_eq!(text, expected, "{}: INSTA_UPDATE=always rewrites it", page.display());
        }
    }
}

#[test]
fn the_page_for_those_who_come_from_pinpoint_shows_configurations_that_pass_the_check() {
    let page = include_str!("../../deploy/guide/coming-from-pinpoint.md");
    let blocks: Vec<_> =
        page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let [record, destinations] = blocks[..] else { panic!("{} blocks", blocks.len()) };
    check(&format!("{destinations}{record}"));
}

/// The page with an up-to-date example.
#[track_caller]
fn checked(page: &str) -> String {
    let mut parts: Vec<_> = page.split("```").map(str::to_owned).collect();
    let (mut config, mut record) = (None, None);
    // Between two marks is a block, with its language on the first line.
    for block in parts.iter_mut().skip(1).step_by(2) {
        let Some((language, body)) = block.split_once('\n') else { continue };
        match (language, &config, &record) {
            ("yaml", _, _) if body.contains("destination") => {
                check(body);
                config = config.or_else(|| Some(body.to_owned()));
            }
            ("json", Some(_), None) => record = Some(body.to_owned()),
            ("json", Some(config), Some(record)) => *block = format!("json\n{}", becomes(config, record)),
            _ => {}
        }
    }
    assert!(record.is_some(), "the page has an example");
    parts.join("```")
}

/// Checks that a configuration has no problems.
#[track_caller]
fn check(config: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("password"), "secret").expect("a secret's file");
    let secrets = folder.path().to_str().expect("a path in UTF-8");
    let file = folder.path().join("c.yaml");
    fs::write(&file, config.replace("/run/secrets/kafka", secrets)).expect("a file");
    let output = service::run(&["check", "--offline", "--config", file.to_str().expect("UTF-8")]);
    assert!(output.status.success(), "{config}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// The last record that a record of the source becomes, over several lines.
#[track_caller]
fn becomes(config: &str, record: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::write(&file, text).expect("a file");
        file.to_str().expect("a path in UTF-8").to_owned()
    };
    let (config, record) = (write("c.yaml", config), write("r.json", record));
    let output = service::run(&["map", "--config", &config, "--output", "request", &record]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let request: Value = serde_json::from_slice(&output.stdout).expect("one line of JSON");
    let mut value = last_of(&request);
    Schema::published("stream-record.json").assert_valid(&value);
    // The time of sending is now.
    value["arrival_timestamp"] = value["event_timestamp"].as_i64().map(|time| time + 1234).into();
    format!("{value:#}\n")
}

/// The last record in a request of any kind.
#[track_caller]
fn last_of(request: &Value) -> Value {
    let records = ["records", "Records", "Entries"].iter().find_map(|list| request[list].as_array());
    let last = records.and_then(|records| records.last()).expect("a record");
    let text = match (last["Data"].as_str(), last["Detail"].as_str()) {
        (Some(data), _) => String::from_utf8(BASE64_STANDARD.decode(data).expect("base64")).expect("UTF-8"),
        (None, Some(detail)) => detail.to_owned(),
        (None, None) => return last["value"].clone(),
    };
    // A record of Firehose may have several lines.
    serde_json::from_str(text.lines().last().expect("a line")).expect("JSON")
}
