//! Checks the architecture of the source tree: imports point one way, from `main` down to `core`, no files
//! import each other in a circle, and `core` is pure.
//!
//! Reads the text of each file up to its inline tests, and skips files that are compiled only for tests.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The folders of `src`, from the bottom up: each may import only itself and those above it in this list.
const ROOMS: &[&str] = &["core", "edge", "exit", "cli", "config", "app", "tools", "main"];

/// The parts of `edge` that the others may import. The rest import only `core`.
const SHARED_EDGES: &[&str] = &["acks"];

/// What `core` must not name. A word may be the beginning of a name.
const IMPURE: &[&str] = &[
    "tokio",
    "rdkafka",
    "aws_",
    "hyper",
    "http_body",
    "tracing",
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
    "Instant",
    "SystemTime",
    "Timestamp::now",
    "Zoned::now",
];

#[test]
fn imports_point_one_way() {
    let mut wrong = Vec::new();
    for source in sources() {
        let rank = |room: &str| ROOMS.iter().position(|other| *other == room);
        let own = rank(&source.path[0]).unwrap_or_else(|| panic!("{} is in no room", source.file));
        for import in source.imports() {
            let up = rank(&import[0]).is_some_and(|imported| imported > own);
            let across = source.path[0] == "edge"
                && import[0] == "edge"
                && import.get(1) != source.path.get(1)
                && !import.get(1).is_some_and(|part| SHARED_EDGES.contains(&part.as_str()));
            if up || across {
                wrong.push(format!("{} imports {}", source.file, import.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let sources: Vec<_> = sources().collect();
    let files: BTreeSet<_> = sources.iter().map(|source| &*source.path).collect();
    // A file and the files below it are one part, within which imports may go both ways.
    let related = |one: &[String], other: &[String]| one.starts_with(other) || other.starts_with(one);
    let mut imports: BTreeMap<&[String], BTreeSet<&[String]>> = BTreeMap::new();
    for source in &sources {
        let paths = source.imports().into_iter();
        let imported = paths
            .filter_map(|path| (1..=path.len()).rev().find_map(|length| files.get(&path[..length]).copied()));
        let others = imported.filter(|file| !related(file, &source.path));
        imports.insert(&source.path, others.collect());
    }
    // A file that imports no remaining file, or that no remaining file imports, is in no circle.
    loop {
        let before = imports.len();
        let left: BTreeSet<_> = imports.keys().copied().collect();
        let imported: BTreeSet<_> = imports.values().flatten().copied().collect();
        imports.retain(|file, others| imported.contains(file) && !others.is_disjoint(&left));
        if imports.len() == before {
            break;
        }
    }
    let circle: Vec<_> = imports.keys().map(|path| path.join("::")).collect();
    assert!(circle.is_empty(), "in or between circles:\n{}", circle.join("\n"));
}

#[test]
fn core_is_pure() {
    let mut wrong = Vec::new();
    for source in sources().filter(|source| source.path[0] == "core") {
        for word in IMPURE.iter().filter(|word| source.names(word)) {
            wrong.push(format!("{} names {word}", source.file));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn metrics_have_their_names_in_one_file() {
    let named = sources().filter(|source| source.code.contains("\"pinpoint_sidecar_"));
    let files: Vec<_> = named.map(|source| source.file).collect();
    assert_eq!(files, ["edge/admin/metrics/families.rs"]);
}

#[test]
fn every_file_begins_with_a_description() {
    let silent: Vec<_> = sources().filter(|source| !source.says_what_it_is).map(|it| it.file).collect();
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

struct Source {
    file: String,
    /// The names of the file's module: `["core", "pipeline", "ledger"]`.
    path: Vec<String>,
    /// Its text without comments and inline tests.
    code: String,
    says_what_it_is: bool,
}

impl Source {
    /// The paths from the crate's root that its code names.
    fn imports(&self) -> Vec<Vec<String>> {
        let mut imports = Vec::new();
        for (at, _) in self.code.match_indices("super::").filter(|(at, _)| !self.code[..*at].ends_with("::"))
        {
            let mut below = &self.code[at..];
            let mut above = &*self.path;
            while let Some(rest) = below.strip_prefix("super::") {
                (below, above) = (rest, above.split_last().map_or(above, |(_, parent)| parent));
            }
            flatten(below, above, &mut imports);
        }
        for root in ["crate::", "pinpoint_sidecar::"] {
            for (at, _) in self.code.match_indices(root) {
                flatten(&self.code[at + root.len()..], &[], &mut imports);
            }
        }
        imports
    }

    /// Whether its code names `word`, or a name that begins with it.
    fn names(&self, word: &str) -> bool {
        let inside_a_name =
            |at: usize| self.code[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        self.code.match_indices(word).any(|(at, _)| !inside_a_name(at))
    }
}

/// Adds the paths of the `use` tree at the beginning of `text`. Returns the rest of the text.
fn flatten<'t>(text: &'t str, above: &[String], paths: &mut Vec<Vec<String>>) -> &'t str {
    let text = text.trim_start();
    if let Some(mut inner) = text.strip_prefix('{') {
        loop {
            inner = inner.trim_start().trim_start_matches(',').trim_start();
            if inner.is_empty() || inner.starts_with('}') {
                return inner.strip_prefix('}').unwrap_or(inner);
            }
            inner = flatten(inner, above, paths);
        }
    }
    let length = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let path: Vec<_> = above.iter().cloned().chain([text[..length].to_owned()]).collect();
    if let Some(below) = text[length..].strip_prefix("::") {
        return flatten(below, &path, paths);
    }
    paths.push(path);
    // After a name in braces, `as`, a comma or the end follows.
    let rest = &text[length..];
    &rest[rest.find([',', '}', ';']).unwrap_or(rest.len())..]
}

/// All files of `src`, except `lib.rs`, which only lists the rooms, and files that are
/// compiled only for tests.
fn sources() -> impl Iterator<Item = Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    let mut files: Vec<(String, String)> =
        paths.into_iter().map(|path| (name(&root, &path), read(&path))).collect();
    let tests: Vec<String> = files.iter().flat_map(|(file, text)| test_modules(file, text)).collect();
    files.retain(|(file, _)| {
        let module = file.trim_end_matches(".rs");
        let within = |test: &String| {
            module.strip_prefix(&**test).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        module != "lib" && !tests.iter().any(within)
    });
    files.into_iter().map(|(file, text)| {
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        Source {
            path: file.trim_end_matches(".rs").split('/').map(str::to_owned).collect(),
            code: code.collect::<Vec<_>>().join("\n"),
            says_what_it_is: text.starts_with("//! "),
            file,
        }
    })
}

/// The modules that `text` declares for tests only, in files of their own.
fn test_modules(file: &str, text: &str) -> Vec<String> {
    let folder = file.trim_end_matches(".rs");
    let declared = text.split("#[cfg(test)]\n").skip(1).filter_map(|after| {
        let line = after.lines().find(|line| !line.trim_start().starts_with("#["))?;
        let name = line.trim().rsplit_once("mod ")?.1.strip_suffix(';')?;
        Some(format!("{folder}/{name}"))
    });
    declared.collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of src") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn name(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).expect("a file of src").to_str().expect("a path in UTF-8").to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("a source file")
}
