//! Texts in files of their own, such as secrets: `{ file: /run/secrets/password }`.
//!
//! Knows nothing of keys. Errors repeat neither the name of a file nor its content.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, ErrorKind, Read},
};

use crate::config::tree::{YamlNode, YamlValue};

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the file that it names cannot be read: {}", reason(.0.kind()))]
pub(super) struct Unreadable(io::Error);

/// The file that a mapping names, if the mapping has no other key.
pub(super) fn named(entries: &BTreeMap<String, YamlNode>) -> Option<&str> {
    match entries.get("file").map(|node| &node.value) {
        Some(YamlValue::Scalar(path)) if entries.len() == 1 && !path.is_null() => Some(&path.text),
        _ => None,
    }
}

/// The text of a file, without the line break that editors and tools put at its end.
///
/// # Errors
/// If the file cannot be read, or is longer than any setting.
pub(super) fn content(path: &str) -> Result<String, Unreadable> {
    let mut text = String::new();
    // A device, or a file that was named by mistake, may have no end.
    let read = File::open(path).and_then(|file| file.take(LONGEST).read_to_string(&mut text));
    match read {
        Ok(length) if length as u64 == LONGEST => Err(Unreadable(ErrorKind::FileTooLarge.into())),
        Ok(_) => {
            let line = text.strip_suffix('\n').unwrap_or(&text);
            Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
        }
        Err(error) => Err(Unreadable(error)),
    }
}

/// More than any certificate chain needs.
const LONGEST: u64 = 1 << 20;

fn reason(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "there is no such file",
        ErrorKind::PermissionDenied => "permission denied",
        ErrorKind::IsADirectory => "it is a folder",
        ErrorKind::InvalidData => "it is not UTF-8",
        ErrorKind::FileTooLarge => "it is larger than 1 MiB",
        _ => "input or output failed",
    }
}
