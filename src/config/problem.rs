//! The problems of a configuration, in words that never repeat a value.

use std::{fmt, path::Path, sync::Arc};

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SettingOrigin {
    /// A file, under the name by which it was given. Lines count from 1.
    File { name: Arc<str>, line: usize },
    /// A variable of the environment, by name.
    Variable(Arc<str>),
}

/// The path of the whole configuration.
pub const WHOLE: &[&str] = &[];

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// `None` if the key was not written at all.
    pub origin: Option<SettingOrigin>,
    /// The parts of the key, joined by dots; empty if the problem concerns the whole.
    pub key: String,
    /// What is wrong, and what is allowed.
    pub text: String,
}

/// All problems of a configuration.
#[derive(Debug, Default, thiserror::Error)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds a problem with the key at `path`. Only the first problem of a key is kept, because the
    /// others follow from it.
    pub fn add(&mut self, path: &[impl AsRef<str>], origin: Option<SettingOrigin>, text: impl Into<String>) {
        let key = path.iter().map(|part| printable(part.as_ref())).collect::<Vec<_>>().join(".");
        if key.is_empty() || !self.0.iter().any(|known| known.key == key) {
            self.0.push(Problem { origin, key, text: text.into() });
        }
    }

    /// Whether the key at `path` has a problem.
    #[must_use]
    pub fn has(&self, path: &[&str]) -> bool {
        let key = path.join(".");
        self.0.iter().any(|known| known.key == key)
    }

    /// Whether a key below `path` has a problem.
    #[must_use]
    pub fn has_below(&self, path: &[impl AsRef<str>]) -> bool {
        let path: Vec<_> = path.iter().map(AsRef::as_ref).collect();
        let section = path.join(".") + ".";
        self.0.iter().any(|known| known.key.starts_with(&section))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A part of a key, or a question mark if it does not look like one: somebody may have written a secret
/// in the wrong place.
fn printable(part: &str) -> &str {
    let legal = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    if part.len() <= 64 && part.chars().all(legal) { part } else { "?" }
}

impl SettingOrigin {
    /// The start of a file.
    #[must_use]
    pub fn file(path: &Path) -> Self {
        Self::File { name: path.display().to_string().into(), line: 1 }
    }

    /// The same file at another line. A variable has no lines and is returned unchanged.
    #[must_use]
    pub fn at(&self, line: usize) -> Self {
        match self {
            Self::File { name, .. } => Self::File { name: Arc::clone(name), line },
            variable @ Self::Variable(_) => variable.clone(),
        }
    }
}

impl fmt::Display for SettingOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "{} ", self.key)?;
        }
        match &self.origin {
            Some(origin) if self.key.is_empty() => write!(f, "{origin}: ")?,
            Some(origin) => write!(f, "({origin}): ")?,
            None => f.write_str("(not written): ")?,
        }
        f.write_str(&self.text)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("the configuration has a problem")?,
            number => write!(f, "the configuration has {number} problems")?,
        }
        // Ordered by line, then by variable. Keys that were not written come last, because a misspelt key
        // before them is often the reason.
        let mut problems: Vec<_> = self.0.iter().collect();
        problems.sort_by_key(|problem| (problem.origin.is_none(), *problem));
        problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}
