//! The PutEvents server that the service sends to, on its own thread in the test process.
//!
//! Its [`Control`] watches and changes it. It ends when dropped.

use std::{net::SocketAddr, thread, time::Duration};

use pinpoint_sidecar::tools::emulator::{Control, Counts, Emulator, Options};
use tokio::runtime;
use tokio_util::sync::CancellationToken;

use super::wait::eventually;

pub(crate) struct PutEvents {
    /// The value for `destination.pinpoint.endpoint_url`.
    pub(crate) url: String,
    /// The faults, quota, counts and accepted events.
    pub(crate) control: Control,
    shutdown: CancellationToken,
    thread: Option<thread::JoinHandle<()>>,
}

impl PutEvents {
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

    /// The ids of each accepted event's endpoint and of the event, in the order of acceptance.
    pub(crate) fn accepted(&self) -> Vec<String> {
        let events = self.control.events(0);
        events.iter().map(|event| format!("{}/{}", event.endpoint_id, event.event_id)).collect()
    }

    /// Waits until `enough` holds for the counts.
    #[track_caller]
    pub(crate) fn wait(&self, within: Duration, what: &str, enough: impl Fn(&Counts) -> bool) {
        eventually(within, what, || enough(&self.control.counts()).then_some(()));
    }
}

/// A failure of the server is a failure of the test.
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
