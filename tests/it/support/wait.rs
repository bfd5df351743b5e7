//! Waiting for a condition with a deadline: the one place where a test looks at the clock.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How long lies between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until `probe` answers, and gives its answer.
///
/// # Panics
///
/// When it has not answered `within` that time; the message says `what` was waited for.
#[track_caller]
pub(crate) fn eventually<T>(within: Duration, what: &str, probe: impl FnMut() -> Option<T>) -> T {
    match answer(within, probe) {
        Some(answer) => answer,
        None => panic!("not within {within:?}: {what}"),
    }
}

/// Waits until `probe` answers; `None` when it has not `within` that time.
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

/// The point in time that a deadline or a measurement starts from.
#[expect(clippy::disallowed_methods, reason = "tests are an edge: their deadlines are in real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
