//! The table that ends a run.

use std::{collections::BTreeMap, fmt};

use crate::{
    core::{code::Code, redrive::filter::Skipped},
    tools::demo::words::grouped,
};

/// What became of the letters of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) topic: String,
    pub(super) is_dry: bool,
    /// Whether a signal ended the run.
    pub(super) is_interrupted: bool,
    /// Letters that were read, and records that are none.
    pub(super) read: u64,
    /// Letters that are redriven.
    pub(super) matched: u64,
    /// Records that were written and acknowledged.
    pub(super) written: u64,
    pub(super) skipped: BTreeMap<Skipped, u64>,
    /// Records that the broker refused.
    pub(super) refused: BTreeMap<Code, u64>,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = if self.is_dry { "records that would be written" } else { "records written" };
        writeln!(f, "dead letters in {}", self.topic)?;
        row(f, 2, "read", self.read)?;
        row(f, 2, "matched", self.matched)?;
        row(f, 2, written, self.written)?;
        row(f, 2, "skipped", self.skipped.values().sum())?;
        for (reason, letters) in &self.skipped {
            row(f, 4, reason.words(), *letters)?;
        }
        if !self.refused.is_empty() {
            row(f, 2, "records refused by the broker", self.refused.values().sum())?;
            for (code, records) in &self.refused {
                row(f, 4, code.0, *records)?;
            }
        }
        if self.is_interrupted {
            writeln!(f, "interrupted: the next run goes on")?;
        }
        Ok(())
    }
}

fn row(f: &mut fmt::Formatter<'_>, indent: usize, what: &str, number: u64) -> fmt::Result {
    let width = 56 - indent;
    writeln!(f, "{:indent$}{what:<width$} {:>12}", "", grouped(number))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn a_table_says_what_became_of_each_letter() {
        let mut table = Table { topic: "letters".into(), read: 12_345, ..Table::default() };
        (table.matched, table.written) = (2_000, 1_000);
        assert_snapshot!(table.to_string());
        table.skipped = [(Skipped::Redriven, 10_000), (Skipped::NotAskedFor, 345)].into();
        table.refused = [(Code("message_size_too_large"), 1)].into();
        (table.is_dry, table.is_interrupted) = (true, true);
        assert_snapshot!(table.to_string());
    }

    #[test]
    fn every_reason_fits_into_the_table() {
        for reason in [
            Skipped::NotAskedFor,
            Skipped::Redriven,
            Skipped::TooOften,
            Skipped::UnknownDestination,
            Skipped::UnreadTopic,
            Skipped::Unreadable,
            Skipped::OverLimit,
            Skipped::Expired,
        ] {
            assert!(reason.words().len() <= 52, "{}", reason.words());
        }
    }
}
