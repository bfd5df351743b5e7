//! The progress of the run: a table that grows by one row per second, or, on a terminal, one row that is
//! redrawn.
//!
//! Knows nothing of where the numbers come from.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use crate::{cli, core::time::Moment, tools::demo::words::grouped};

/// How often a row is written to a file or pipe.
const WRITTEN: Duration = Duration::from_secs(1);
/// How often the row is redrawn on a terminal.
const DRAWN: Duration = Duration::from_millis(200);

const HEAD: &str = "   time  produced      shop      acme  letters  waiting  requests\n";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    /// Records that the broker has acknowledged.
    pub(super) produced: usize,
    /// Events that the two destinations have accepted.
    pub(super) accepted: [u64; 2],
    /// The dead letters that were read back.
    pub(super) dead_letters: usize,
    /// Records outstanding in the service.
    pub(super) outstanding: usize,
    /// Requests that the emulator has received; Kafka counts none.
    pub(super) requests: Option<u64>,
}

pub(super) struct ProgressTable {
    is_terminal: bool,
    next: Option<Moment>,
}

impl ProgressTable {
    pub(super) fn new() -> Self {
        Self { is_terminal: io::stdout().is_terminal(), next: None }
    }

    /// Shows a row with a note, if it is time.
    pub(super) fn show(&mut self, now: Moment, row: Row, note: Option<&str>) {
        if self.next.is_some_and(|next| now < next) {
            return;
        }
        let head = if self.next.is_none() { HEAD } else { "" };
        let line = line(now, row, note);
        // The cursor waits at the start of the line, so that a line of the log overwrites it. If the output
        // is closed, nobody is reading.
        let _ = if self.is_terminal {
            cli::print(&format!("{head}\r\x1b[K{line}\r"))
        } else {
            cli::print(&format!("{head}{line}\n"))
        };
        self.next = Some(now + if self.is_terminal { DRAWN } else { WRITTEN });
    }

    /// Says something above the row of a terminal, or between the rows.
    pub(super) fn say(&self, now: Moment, words: &str) {
        let (before, time) = (if self.is_terminal { "\r\x1b[K" } else { "" }, now.elapsed().as_secs_f64());
        let _ = cli::print(&format!("{before}{time:>5.1} s  {words}\n"));
    }

    pub(super) fn end(&self) {
        if self.is_terminal {
            let _ = cli::print("\n");
        }
    }
}

fn line(now: Moment, row: Row, note: Option<&str>) -> String {
    let [produced, letters, outstanding] =
        [row.produced, row.dead_letters, row.outstanding].map(|number| grouped(number as u64));
    let [shop, acme] = row.accepted.map(grouped);
    let line = format!(
        "{:>5.1} s  {produced:>8}  {shop:>8}  {acme:>8}  {letters:>7}  {outstanding:>7}  {:>8}  {}",
        now.elapsed().as_secs_f64(),
        row.requests.map_or_else(|| "-".to_owned(), grouped),
        note.unwrap_or_default(),
    );
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(row: Row, note: Option<&str>, expected: &str) {
        let line = line(Moment::after_start(Duration::from_millis(12_340)), row, note);
        assert_eq!(line, expected);
        assert!(line.len() < 80);
    }

    #[test]
    fn a_row_fits_a_small_terminal() {
        let row = Row {
            produced: 20_000,
            accepted: [12_345, 6_789],
            dead_letters: 510,
            outstanding: 7_500,
            requests: Some(123),
        };
        check(row, None, " 12.3 s    20,000    12,345     6,789      510    7,500       123");
        check(
            row,
            Some("throttling"),
            " 12.3 s    20,000    12,345     6,789      510    7,500       123  throttling",
        );
        let row = Row { requests: None, ..row };
        check(row, None, " 12.3 s    20,000    12,345     6,789      510    7,500         -");
    }
}
