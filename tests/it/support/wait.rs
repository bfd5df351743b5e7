//! Waits for a condition with a deadline: the only place where a test reads the clock.

use std::{
    thread,
    time::{Duration, Instant},
};

/// The time between two checks of a condition.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until `probe` returns a value, and returns it.
///
/// # Panics
///
/// If it does not `within` this time. The message names `what` it waited for.
#[track_caller]
pub(crate) fn eventually<T>(within: Duration, what: &str, probe: impl FnMut() -> Option<T>) -> T {
    match answer(within, probe) {
        Some(answer) => answer,
        None => panic!("not within {within:?}: {what}"),
    }
}

/// Waits until `probe` returns a value; `None` if it does not `within` this time.
pub(crate) fn answer<T>(within: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let start = now();
    loop {
        if let Some(answer) = probe() {
            return Some(answer);
        }
        if start.elapsed() > within {
            return None;
        }
        thread::sleep(PAUSE);
    }
}

/// The start of a deadline or a measurement.
#[expect(clippy::disallowed_methods, reason = "tests are an edge: their deadlines are in real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
