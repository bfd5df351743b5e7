//! The pages of `deploy/providers`: each example record, mapped with the page's configuration, becomes what
//! the page shows.
//!
//! A page has a `yaml` block that begins with `source:` (the first one counts), and `json` blocks, each
//! followed by a `text` block. `INSTA_UPDATE=always` rewrites the `text` blocks, like snapshots.

use std::{env, fs, path::Path};

use super::support::service;

#[test]
fn each_example_becomes_what_its_page_shows() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/providers");
    let update = env::var_os("INSTA_UPDATE").is_some_and(|how| how == "always");
    let mut examples = 0;
    for page in fs::read_dir(pages).expect("the pages") {
        let page = page.expect("a page").path();
        let text = fs::read_to_string(&page).expect("a page in UTF-8");
        let (expected, count) = mapped(&text);
        assert!(count > 0, "{} has no example", page.display());
        examples += count;
        if update && text != expected {
            fs::write(&page, expected).expect("the page can be written");
        } else {
            assert_eq!(text, expected, "{}: INSTA_UPDATE=always rewrites it", page.display());
        }
    }
    assert!(examples >= 2, "the pages are found");
}

/// The page with up-to-date `text` blocks, and their number.
fn mapped(page: &str) -> (String, usize) {
    let mut parts: Vec<_> = page.split("```").map(str::to_owned).collect();
    let (mut config, mut record, mut count) = (None, None, 0);
    // Between two marks is a block, with its language on the first line.
    for block in parts.iter_mut().skip(1).step_by(2) {
        let Some((language, body)) = block.split_once('\n') else { continue };
        match language {
            // The tests have no files with secrets.
            "yaml" if config.is_none() && body.starts_with("source:") && !body.contains("file:") => {
                config = Some(body.to_owned());
            }
            "json" => record = Some(body.to_owned()),
            "text" => {
                let Some(record) = record.take() else { continue };
                let config = config.as_deref().expect("a configuration before the example");
                *block = format!("text\n{}", map(config, &record));
                count += 1;
            }
            _ => {}
        }
    }
    (parts.join("```"), count)
}

fn map(config: &str, record: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::write(&file, text).expect("a file");
        file.to_str().expect("a path in UTF-8").to_owned()
    };
    let output = service::run(&["map", "--config", &write("c.yaml", config), &write("r.json", record)]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.is_empty(), "{config}{record}{error}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| without_now(line) + "\n").collect()
}

/// The line, with its time replaced if it is that of the record, which is the current time. An event without an
/// id has it in its own.
fn without_now(line: &str) -> String {
    if let Some((before, key)) = line.split_once("input-0-0-") {
        let after = key.trim_start_matches(|character: char| character.is_ascii_digit());
        return format!("{before}input-0-0-TIMESTAMP{after}");
    }
    let Some((name, value)) = line.split_once("Timestamp: ") else { return line.to_owned() };
    let age = value.parse().map(|time: jiff::Timestamp| jiff::Timestamp::now().duration_since(time));
    let is_now = age.is_ok_and(|age| age.as_secs().abs() < 3600);
    if is_now { format!("{name}Timestamp: (the record's own)") } else { line.to_owned() }
}
