//! The PutEvents server that the service sends to, on a thread of its own in the test process.
//!
//! Watched and changed through its [`Control`]; it ends when it is dropped.

use std::{net::SocketAddr, thread, time::Duration};

use pinpoint_sidecar::tools::emulator::{Control, Counts, Emulator, Options};
use tokio::runtime;
use tokio_util::sync::CancellationToken;

use super::wait::eventually;

/// A running PutEvents server.
pub(crate) struct PutEvents {
    /// What the service is given as `destination.pinpoint.endpoint_url`.
    pub(crate) url: String,
    /// Faults, quota, counts and accepted events.
    pub(crate) control: Control,
    shutdown: CancellationToken,
    thread: Option<thread::JoinHandle<()>>,
}

impl PutEvents {
    /// Starts it on a free port.
    #[track_caller]
    pub(crate) fn start(options: Options) -> Self {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let emulator = runtime.block_on(Emulator::bind(address, options)).expect("a free port");
        let (url, control) = (emulator.url(), emulator.control());
        let shutdown = CancellationToken::new();
        let run = emulator.run(shutdown.clone());
        let thread = thread::Builder::new().name("PutEvents".to_owned()).spawn(move || runtime.block_on(run));
        Self { url, control, shutdown, thread: Some(thread.expect("a thread")) }
    }

    /// The id of each accepted event with its endpoint's, in the order in which they were taken.
    pub(crate) fn accepted(&self) -> Vec<String> {
        let events = self.control.events(0);
        events.iter().map(|event| format!("{}/{}", event.endpoint_id, event.event_id)).collect()
    }

    /// Waits until the counts are as `enough` wants them.
    #[track_caller]
    pub(crate) fn wait(&self, within: Duration, what: &str, enough: impl Fn(&Counts) -> bool) {
        eventually(within, what, || enough(&self.control.counts()).then_some(()));
    }
}

/// Ends it; what went wrong in it is the test's failure.
impl Drop for PutEvents {
    fn drop(&mut self) {
        self.shutdown.cancel();
        let ended = self.thread.take().map(thread::JoinHandle::join);
        assert!(thread::panicking() || matches!(ended, Some(Ok(()))), "the PutEvents server failed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::http;

    #[test]
    fn the_server_answers_and_ends() {
        let server = PutEvents::start(Options::default());
        let address = server.url.strip_prefix("http://").unwrap().parse().unwrap();
        let refused = http::send(address, "POST", "/v1/apps/a/events", "no JSON").unwrap();
        assert!((400..500).contains(&refused.status), "{refused:?}");
        server.wait(Duration::from_secs(20), "the request is counted", |counts| counts.requests == 1);
        assert_eq!(http::get(address, "/_emulator/counts").unwrap().status, 200);
        assert!(server.accepted().is_empty());
        drop(server);
        assert!(http::get(address, "/_emulator/counts").is_none());
    }
}
