//! The configuration as it was written: a tree that remembers the origin of each value.
//!
//! Knows nothing of which keys exist. A scalar keeps its text, because the key decides whether `0123` is a
//! number. Has no `Debug`, because it holds secrets.

use std::collections::BTreeMap;

use crate::config::problem::SettingOrigin;

#[derive(Default)]
pub(super) struct YamlNode {
    /// `None` only for the root, if there is no file.
    pub origin: Option<SettingOrigin>,
    pub value: YamlValue,
}

pub(super) enum YamlValue {
    Scalar(YamlScalar),
    List(Vec<YamlNode>),
    Mapping(BTreeMap<String, YamlNode>),
}

/// A scalar that is not plain was quoted or tagged, and is always a text.
pub(super) struct YamlScalar {
    pub text: String,
    pub plain: bool,
}

impl YamlNode {
    /// Where the value at `path` was written, or the nearest section around it.
    pub(super) fn origin_of(&self, path: &[impl AsRef<str>]) -> Option<SettingOrigin> {
        let (key, rest) = path.split_first()?;
        let child = self.child(key.as_ref())?;
        child.origin_of(rest).or_else(|| child.origin.clone())
    }

    pub(super) fn at(&self, path: &[impl AsRef<str>]) -> Option<&Self> {
        match path.split_first() {
            Some((key, rest)) => self.child(key.as_ref())?.at(rest),
            None => Some(self),
        }
    }

    /// Replaces the value at `path`, and creates the mappings that lead to it.
    pub(super) fn set(&mut self, path: &[String], node: Self) {
        let Some((key, rest)) = path.split_first() else {
            *self = node;
            return;
        };
        if !matches!(self.value, YamlValue::Mapping(_)) {
            *self = Self { origin: node.origin.clone(), value: YamlValue::default() };
        }
        if let YamlValue::Mapping(entries) = &mut self.value {
            entries.entry(key.clone()).or_default().set(rest, node);
        }
    }

    fn child(&self, key: &str) -> Option<&Self> {
        match &self.value {
            YamlValue::Mapping(entries) => entries.get(key),
            YamlValue::List(items) => items.get(key.parse::<usize>().ok()?),
            YamlValue::Scalar(_) => None,
        }
    }
}

impl YamlScalar {
    pub(super) fn is_null(&self) -> bool {
        self.plain && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }
}

impl Default for YamlValue {
    fn default() -> Self {
        Self::Mapping(BTreeMap::new())
    }
}
