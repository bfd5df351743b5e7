//! Signals: the first SIGTERM or SIGINT begins the drain, and a second one ends the process at once.

use std::future::pending;

use anyhow::Context as _;
use tokio::{
    select,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::exit::{Exit, Failure};

/// Cancels `drain` on the first signal, and returns on the second one.
///
/// # Errors
/// If signals cannot be received.
pub(crate) async fn drain_then_end(drain: &CancellationToken) -> Result<Exit, Failure> {
    let mut signals = Signals::new()?;
    // Not inside the log statement: its fields are not evaluated if its level is off.
    let (name, _) = signals.next().await;
    info!(signal = name, "signal received: draining; a second signal ends at once");
    drain.cancel();
    let (name, exit) = signals.next().await;
    warn!(signal = name, "second signal received: ending at once; unsettled records are delivered again");
    Ok(exit)
}

/// Returns on the first signal.
///
/// # Errors
/// If signals cannot be received.
pub(crate) async fn first() -> Result<(), Failure> {
    Signals::new()?.next().await;
    Ok(())
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let listen = |kind| {
            let signal = signal(kind).context("cannot receive signals");
            signal.map_err(|cause| Failure::new(Exit::Bug, cause))
        };
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> (&'static str, Exit) {
        let Self { terminate, interrupt } = self;
        select! {
            Some(()) = terminate.recv() => ("SIGTERM", Exit::Terminated),
            Some(()) = interrupt.recv() => ("SIGINT", Exit::Interrupted),
            else => pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn nothing_is_drained_before_a_signal_though_nothing_is_logged() {
        let drain = CancellationToken::new();
        let mut ending = pin!(drain_then_end(&drain));
        select! {
            biased;
            _ = ending.as_mut() => panic!("it ended without a signal"),
            () = yield_now() => {}
        }
        assert!(!drain.is_cancelled());
    }
}
