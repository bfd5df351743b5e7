//! What the commit of a group declares settled: everything before the position, and the runs of the tail in
//! the commit's metadata.
//!
//! Reads the text with its own implementation of the documented format, independent of the service's reader.

use std::ops::RangeInclusive;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};

/// The size of version and partition.
const HEAD: usize = 1 + 8;

const HASH: usize = 8;

const CHECKSUM: usize = 4;

/// A commit of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) position: i64,
    /// The offsets that the tail names.
    pub(crate) runs: Vec<RangeInclusive<i64>>,
}

impl Settled {
    /// Metadata that is not a tail for this position names nothing.
    pub(crate) fn of(position: i64, metadata: &str) -> Self {
        let runs = runs(metadata, position).unwrap_or_default();
        Self { position, runs }
    }

    pub(crate) fn holds(&self, offset: i64) -> bool {
        offset < self.position || self.runs.iter().any(|run| run.contains(&offset))
    }
}

fn runs(text: &str, position: i64) -> Option<Vec<RangeInclusive<i64>>> {
    let bytes = STANDARD_NO_PAD.decode(text).ok()?;
    let body = bytes.get(HEAD..bytes.len().checked_sub(CHECKSUM)?)?;
    let rest = &mut body.iter().copied();
    if number(rest)? != position {
        return None;
    }
    if rest.next()? == 1 {
        rest.nth(HASH - 1)?;
    }
    let (mut runs, mut next) = (Vec::new(), position);
    while rest.len() > 0 {
        let first = next + number(rest)?;
        let last = first + number(rest)?;
        let _gaps = number(rest)?;
        rest.nth(HASH - 1)?;
        runs.push(first..=last);
        next = last + 1;
    }
    Some(runs)
}

/// Reads a number in LEB128.
fn number(bytes: &mut impl Iterator<Item = u8>) -> Option<i64> {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = bytes.next()?;
        number |= i64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return Some(number);
        }
    }
}
