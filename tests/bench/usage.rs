//! The resources that a process has used, as Linux reports them.

use std::{fs, time::Instant};

use crate::it::support::wait;

/// The number of ticks per second in which Linux counts processor time.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a process had used when this many events had arrived.
pub(crate) struct Usage {
    at: Instant,
    events: u64,
    /// User and system time of all its threads, in ticks.
    ticks: u64,
}

impl Usage {
    /// What the process has used so far.
    pub(crate) fn of(process: u32, events: u64) -> Self {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("a running process on Linux");
        // The name in parentheses may contain anything. After it, these are the 12th and 13th fields.
        let (_, fields) = stat.rsplit_once(')').expect("a name in parentheses");
        let ticks =
            fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        Self { at: wait::now(), events, ticks }
    }

    /// Events per second since `earlier`.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub(crate) fn events_per_second(&self, earlier: &Self) -> f64 {
        (self.events - earlier.events) as f64 / (self.at - earlier.at).as_secs_f64()
    }

    /// Microseconds of processor time per event since `earlier`.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub(crate) fn cost(&self, earlier: &Self) -> f64 {
        let seconds = (self.ticks - earlier.ticks) as f64 / TICKS_PER_SECOND;
        seconds * 1e6 / (self.events - earlier.events) as f64
    }
}

/// The resident memory of a process, in KiB: current and maximum.
pub(crate) fn memory(process: u32) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("a running process on Linux");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a field of a status");
        line.trim().trim_end_matches(" kB").parse().expect("KiB")
    };
    (field("VmRSS:"), field("VmHWM:"))
}
