//! The bar that shows the progress of a run on a terminal, and nothing elsewhere.
//!
//! Knows nothing of what is counted.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use crate::{cli, core::time::Moment, edge::clock::Clock, tools::demo::words::grouped};

/// How often the bar is redrawn.
const DRAWN: Duration = Duration::from_millis(200);

/// The width of the bar, in characters.
const WIDTH: u64 = 24;

pub(super) struct Progress {
    /// `None` unless the output is a terminal.
    clock: Option<Clock>,
    next: Moment,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { clock: io::stdout().is_terminal().then(Clock::start), next: Moment::START }
    }

    /// No bar, wherever the output goes.
    pub(super) fn none() -> Self {
        Self { clock: None, next: Moment::START }
    }

    /// Redraws the bar, if it is time.
    pub(super) fn show(&mut self, what: &str, (read, of): (u64, u64), written: u64) {
        let Some(now) = self.clock.as_ref().map(Clock::now).filter(|now| *now >= self.next) else { return };
        self.next = now + DRAWN;
        // The cursor waits at the start of the line, so that a line of the log overwrites it. If the output
        // is closed, nobody is reading.
        let _ = cli::print(&format!("\r\x1b[K{}\r", line(what, (read, of), written)));
    }

    /// Removes the bar.
    pub(super) fn end(&self) {
        if self.clock.is_some() {
            let _ = cli::print("\r\x1b[K");
        }
    }
}

fn line(what: &str, (read, of): (u64, u64), written: u64) -> String {
    let part = |whole: u64| (read.min(of) * whole).checked_div(of).unwrap_or(whole);
    let (full, percent) = (usize::try_from(part(WIDTH)).unwrap_or(0), part(100));
    let bar = format!("{:-<1$}", "#".repeat(full), usize::try_from(WIDTH).unwrap_or(0));
    let written = if written > 0 { format!(", {} written", grouped(written)) } else { String::new() };
    format!("{what:<16} [{bar}] {percent:>3} %{written}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills_a_small_terminal_and_no_more() {
        assert_eq!(line("planning", (0, 0), 0), format!("planning         [{}] 100 %", "#".repeat(24)));
        assert_eq!(line("planning", (0, 9), 0), format!("planning         [{}]   0 %", "-".repeat(24)));
        let half = line("writing", (500_000_000, 1_000_000_000), 123_456_789);
        assert_eq!(half, "writing          [############------------]  50 %, 123,456,789 written");
        assert!(line("reading receipts", (9, 9), u64::MAX).len() < 100);
    }
}
