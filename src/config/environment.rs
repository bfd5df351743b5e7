//! The environment, whose variables override the file.
//!
//! A variable's name is `PINPOINT_SIDECAR` and the parts of the key, joined by `__`, in capitals. Its value
//! is YAML and replaces the whole key. In the name of a librdkafka property `_` stands for each dot, because
//! many shells allow no dots: `PINPOINT_SIDECAR__SOURCE__PROPERTIES__SASL_PASSWORD`. In the name of a
//! destination `_` stands for each hyphen. A variable changes a destination of the file and never creates
//! one: a forgotten variable must not send events anywhere.

use std::ffi::OsString;

use crate::config::{
    problem::{Problems, SettingOrigin, WHOLE},
    schema::Schema,
    tree::YamlNode,
    yaml,
};

const PREFIX: &str = "PINPOINT_SIDECAR__";

/// Applies the variables to `tree`, those of sections before those of their keys.
pub(super) fn lay_over(
    tree: &mut YamlNode,
    environment: &[(OsString, OsString)],
    schema: Schema<'_>,
    problems: &mut Problems,
) {
    let mut variables: Vec<_> = (environment.iter())
        .map(|(name, value)| (name.to_string_lossy(), value))
        .filter(|(name, _)| name.starts_with(PREFIX))
        .map(|(name, value)| (name[PREFIX.len()..].split("__").map(str::to_owned).collect::<Vec<_>>(), value))
        .collect();
    variables.sort_by_key(|(parts, _)| (parts.len(), parts.clone()));
    for (parts, value) in variables {
        let name = format!("{PREFIX}{}", parts.join("__"));
        let origin = SettingOrigin::Variable(name.as_str().into());
        match (key(&parts, schema), value.to_str()) {
            (None, _) => problems.add(WHOLE, Some(origin), unknown(&name, schema)),
            (Some(key), None) => problems.add(&key, Some(origin), "is not UTF-8"),
            (Some(key), _) if makes_destination(&key, tree) => problems.add(
                &key,
                Some(origin),
                "must be written in the configuration file: a variable only changes keys of an existing \
                 destination",
            ),
            (Some(key), Some(value)) => {
                if let Some(node) = yaml::parse(value, &origin, &key, problems) {
                    tree.set(&key, node);
                }
            }
        }
    }
}

fn makes_destination(key: &[String], tree: &YamlNode) -> bool {
    key[0] == "destinations" && (key.len() < 3 || tree.at(&key[..2]).is_none())
}

/// The key that the parts of a variable's name denote.
fn key(parts: &[String], mut schema: Schema<'_>) -> Option<Vec<String>> {
    let mut key = Vec::new();
    for part in parts {
        let name = match schema.keys().find(|name| name.to_uppercase() == **part) {
            Some(name) => name.to_owned(),
            None if schema.has_names() => part.to_lowercase().replace('_', "-"),
            None if schema.has_any_keys() && !part.is_empty() => part.to_lowercase().replace('_', "."),
            None => return None,
        };
        schema = schema.child(&name)?;
        key.push(name);
    }
    Some(key)
}

fn unknown(name: &str, schema: Schema<'_>) -> String {
    let known: Vec<_> = schema.paths().iter().map(|path| variable(path)).collect();
    match nearest(name, known.iter().map(String::as_str)) {
        Some(nearest) => format!("is an unknown variable; did you mean {nearest}?"),
        None => "is an unknown variable; `--help` explains how variables are named".to_owned(),
    }
}

fn variable(path: &[String]) -> String {
    format!("{PREFIX}{}", path.join("__").to_uppercase())
}

/// The one of `known` that is nearest to `name`, if it is near enough to have been meant.
pub(super) fn nearest<'known>(name: &str, known: impl Iterator<Item = &'known str>) -> Option<&'known str> {
    let near = |known| (strsim::damerau_levenshtein(name, known), known);
    let enough = 1 + name.len() / 4;
    known.map(near).filter(|(distance, _)| *distance <= enough.min(4)).min().map(|(_, known)| known)
}
