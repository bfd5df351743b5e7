//! How it goes, in a table that grows by a row a second; on a terminal its last row is drawn over.
//!
//! Knows nothing of where the numbers come from.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use crate::{cli, core::time::Moment, tools::demo::words::grouped};

/// How often a row is written, and how often it is drawn on a terminal.
const WRITTEN: Duration = Duration::from_secs(1);
const DRAWN: Duration = Duration::from_millis(200);

const HEAD: &str = "   time  produced  accepted  refused  outstanding  requests  each\n";

/// One moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Row {
    /// Records that the broker has taken.
    pub(super) produced: usize,
    /// Events that the server has taken.
    pub(super) accepted: u64,
    /// Dead letters read back.
    pub(super) letters: usize,
    /// Records outstanding in the service.
    pub(super) outstanding: usize,
    /// Requests that the server was sent.
    pub(super) requests: u64,
    /// Events in a request that was served, on average.
    pub(super) each: f64,
}

/// Shows rows, not too often.
pub(super) struct Progress {
    is_terminal: bool,
    next: Option<Moment>,
}

impl Progress {
    /// Shows them on the standard output.
    pub(super) fn new() -> Self {
        Self { is_terminal: io::stdout().is_terminal(), next: None }
    }

    /// Shows a row, and what is out of the ordinary, if it is time.
    pub(super) fn show(&mut self, now: Moment, row: Row, note: Option<&str>) {
        if self.next.is_some_and(|next| now < next) {
            return;
        }
        let head = if self.next.is_none() { HEAD } else { "" };
        let line = line(now, row, note);
        // The cursor waits at the start of the line, so that a line of the log takes its place. Nobody
        // reads what cannot be written.
        let _ = if self.is_terminal {
            cli::print(&format!("{head}\r\x1b[K{line}\r"))
        } else {
            cli::print(&format!("{head}{line}\n"))
        };
        self.next = Some(now + if self.is_terminal { DRAWN } else { WRITTEN });
    }

    /// Ends the row that is drawn.
    pub(super) fn end(&self) {
        if self.is_terminal {
            let _ = cli::print("\n");
        }
    }
}

fn line(now: Moment, row: Row, note: Option<&str>) -> String {
    let [produced, letters, outstanding] =
        [row.produced, row.letters, row.outstanding].map(|number| grouped(number as u64));
    let line = format!(
        "{:>5.1} s  {produced:>8}  {:>8}  {letters:>7}  {outstanding:>11}  {:>8}  {:>4.1}  {}",
        now.elapsed().as_secs_f64(),
        grouped(row.accepted),
        grouped(row.requests),
        row.each,
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
            accepted: 12_345,
            letters: 510,
            outstanding: 7_500,
            requests: 123,
            each: 98.76,
        };
        check(row, None, " 12.3 s    20,000    12,345      510        7,500       123  98.8");
        check(
            row,
            Some("throttling"),
            " 12.3 s    20,000    12,345      510        7,500       123  98.8  throttling",
        );
    }
}
