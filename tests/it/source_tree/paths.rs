//! What a source file names: the paths in its `use` declarations and in its code, braces unfolded.
//!
//! Reads Rust only as far as that takes. Knows nothing of which paths are allowed.

use std::fmt;

/// Something of another module or crate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Named {
    /// In this crate: `part/module/Item`.
    Crate(String),
    /// In the standard library, without its name: `time::Duration`.
    Std(String),
    /// In a dependency: `tokio::select`.
    Dependency(String),
}

impl Named {
    /// The path within this crate.
    pub(super) fn in_the_crate(&self) -> Option<&str> {
        match self {
            Self::Crate(path) => Some(path),
            Self::Std(_) | Self::Dependency(_) => None,
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crate(path) => write!(f, "crate::{}", path.replace('/', "::")),
            Self::Std(path) => write!(f, "std::{path}"),
            Self::Dependency(path) => f.write_str(path),
        }
    }
}

/// The code of a file without the lines that are comments, and without its tests, which stand last.
pub(super) fn code(text: &str) -> String {
    let mut code = text;
    for (at, _) in text.match_indices("#[cfg(test)]\n") {
        let module = text[at..].lines().find(|line| line.contains("mod ")).unwrap_or_default();
        if module.ends_with('{') {
            code = &text[..at];
            break;
        }
    }
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .fold(String::new(), |code, line| code + line + "\n")
}

/// The modules that `file` declares for tests alone: `part/tests`.
pub(super) fn test_modules(file: &str, text: &str) -> Vec<String> {
    let module = file.trim_end_matches(".rs");
    let declared = |(at, _): (usize, &str)| {
        let line = text[at..].lines().find(|line| line.contains("mod "))?;
        let name = line.split("mod ").nth(1)?.strip_suffix(';')?;
        Some(format!("{module}/{name}"))
    };
    text.match_indices("#[cfg(test)]\n").filter_map(declared).collect()
}

/// What the `code` of `module` (`part/module`) names.
pub(super) fn paths(code: &str, module: &str, dependencies: &[String]) -> Vec<Named> {
    let tokens = tokens(code);
    let children = tokens.windows(2).filter(|pair| pair[0] == "mod").map(|pair| pair[1]).collect();
    let scope = Scope { module, children, dependencies };
    let mut named = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        // The rest of a path is read with its beginning, and what follows a dot is no path.
        let begins = is_name(tokens[at]) && (at == 0 || !matches!(tokens[at - 1], "::" | "."));
        if begins && tokens.get(at + 1) == Some(&"::") || begins && at > 0 && tokens[at - 1] == "use" {
            let mut found = Vec::new();
            at = unfold(&tokens, at, "", &mut found).max(at + 1);
            named.extend(found.iter().filter_map(|path| scope.resolve(path)));
        } else {
            at += 1;
        }
    }
    named.sort();
    named.dedup();
    named
}

/// Reads one path that begins at `at`, with all that its braces hold; returns where it ends.
fn unfold(tokens: &[&str], mut at: usize, prefix: &str, found: &mut Vec<String>) -> usize {
    let mut path = prefix.to_owned();
    while let Some(token) = tokens.get(at) {
        match *token {
            "::" => path += "::",
            "{" if path.ends_with("::") => {
                at += 1;
                while let Some(token) = tokens.get(at).filter(|token| **token != "}") {
                    at = match *token {
                        "," => at + 1,
                        "as" => at + 2,
                        _ => unfold(tokens, at, &path, found).max(at + 1),
                    };
                }
                return at + 1;
            }
            name if is_name(name) && (path.is_empty() || path.ends_with("::")) => path += name,
            _ => break,
        }
        at += 1;
    }
    found.push(path.trim_end_matches("::").to_owned());
    at
}

/// Where a file's relative paths lead.
struct Scope<'a> {
    module: &'a str,
    children: Vec<&'a str>,
    dependencies: &'a [String],
}

impl Scope<'_> {
    fn resolve(&self, path: &str) -> Option<Named> {
        let segments: Vec<_> = path.split("::").collect();
        let first = segments[0];
        let in_the_crate = |module: &[&str], rest: &[&str]| {
            Some(Named::Crate([module, rest].concat().join("/")))
                .filter(|path| path != &Named::Crate(String::new()))
        };
        let here: Vec<_> = self.module.split('/').collect();
        match first {
            "crate" | "pinpoint_sidecar" => in_the_crate(&[], &segments[1..]),
            "self" => in_the_crate(&here, &segments[1..]),
            "super" => {
                let ups = segments.iter().take_while(|segment| **segment == "super").count();
                in_the_crate(&here[..here.len().checked_sub(ups)?], &segments[ups..])
            }
            "std" => Some(Named::Std(segments[1..].join("::"))),
            child if self.children.contains(&child) => in_the_crate(&here, &segments),
            name if self.dependencies.iter().any(|dependency| dependency == name) => {
                Some(Named::Dependency(path.to_owned()))
            }
            _ => None,
        }
    }
}

/// Names, `::` and single other characters; no white space.
fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("::") {
            2
        } else if is_of_name(first) {
            rest.find(|c| !is_of_name(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    tokens
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &str, expected: &[&str]) {
        let named = paths(code, "part/module", &["tokio".to_owned()]);
        assert_eq!(named.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn braces_are_unfolded() {
        check("use crate::a::b;", &["crate::a::b"]);
        check("use crate::{a::{b, c as d}, e};", &["crate::a::b", "crate::a::c", "crate::e"]);
        check("use std::{fs, time::Duration};", &["std::fs", "std::time::Duration"]);
        check("use tokio;", &["tokio"]);
    }

    #[test]
    fn paths_in_code_count_too() {
        check("fn f() { tokio::spawn(g()); x.tokio(); }", &["tokio::spawn"]);
        check("let x: Vec<crate::a::B> = unknown::c();", &["crate::a::B"]);
        check("const X: Option<std::time::Instant> = None;", &["std::time::Instant"]);
    }

    #[test]
    fn relative_paths_lead_somewhere() {
        check("use super::a;", &["crate::part::a"]);
        check("use super::super::a;", &["crate::a"]);
        check("use self::a::b;", &["crate::part::module::a::b"]);
        check("mod a; use a::b; use c::d;", &["crate::part::module::a::b"]);
    }

    #[test]
    fn comments_and_tests_are_no_code() {
        assert_eq!(code("a\n    // b\nc\n#[cfg(test)]\nmod tests {\n    d\n}\n"), "a\nc\n");
        assert_eq!(code("a\n#[cfg(test)]\nmod tests;\n"), "a\n#[cfg(test)]\nmod tests;\n");
        let text = "#[cfg(test)]\n#[expect(x)]\npub(crate) mod tests;\nmod other;\n";
        assert_eq!(test_modules("part/module.rs", text), ["part/module/tests"]);
    }
}
