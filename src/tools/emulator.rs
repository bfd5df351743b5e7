//! A server that answers `PutEvents` as Amazon Pinpoint does, or did: with the quota, strict about what
//! is sent, and with faults on demand. No emulator of AWS implements this call.
//!
//! It is used by the demo, by tests and benchmarks in the same process, and on its own by anyone who
//! wants to try a real Kafka without AWS. It knows nothing of the rest of this service but its names of
//! event types and its points in time: what it accepts is decided by the rules alone.
//!
//! ```text
//! routes ─► put_events ─► state ─► wire, rules, faults, limit, journal
//! ```

use std::{io, net::SocketAddr, panic, pin::pin, time::Duration};

use hyper::{Response, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    select,
    task::{JoinError, JoinSet},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::tools::emulator::answer::Reply;

pub use self::{
    command::run,
    control::Control,
    faults::{Effect, Faults, How, Matching, Outage},
    journal::{Accepted, Counts},
    limit::Quota,
    rules::Rule,
};

mod answer;
mod command;
mod control;
mod faults;
mod held;
mod journal;
mod limit;
mod put_events;
mod routes;
mod rules;
mod signature;
mod state;
mod wire;

/// How long requests in flight have to end when the server stops; one that hangs on purpose never does.
const DRAIN: Duration = Duration::from_secs(1);

/// How a server is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// The quota of the account and region, which all applications share; none switches it off.
    pub quota: Option<Quota>,
    /// What goes wrong.
    pub faults: Faults,
    /// The seed of what goes wrong at random.
    pub seed: u64,
    /// How many accepted events are kept, the newest; with 0 they are only counted.
    pub keep_events: usize,
    /// Whether events that are accepted again are counted; takes some ten bytes for each event id.
    pub find_duplicates: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            quota: Some(Quota::default()),
            faults: Faults::default(),
            seed: 0,
            keep_events: 100_000,
            find_duplicates: true,
        }
    }
}

/// A server that listens and is yet to run.
pub struct Emulator {
    listener: TcpListener,
    address: SocketAddr,
    control: Control,
}

impl Emulator {
    /// Listens on `address`; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on.
    pub async fn bind(address: SocketAddr, options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, control: Control::new(options) })
    }

    /// The address that is listened on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL to give to an SDK as its endpoint.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The handle to watch and change the server with.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Two lines for a person who started the server alone.
    #[must_use]
    pub fn usage(&self) -> String {
        let url = self.url();
        format!(
            "PutEvents is answered on {url} (set AWS_ENDPOINT_URL_PINPOINT={url}; any credentials do)\n\
             {url}/_emulator says what else there is: accepted events, counts, faults, quota"
        )
    }

    /// Serves until `shutdown`, then lets requests in flight end.
    pub async fn run(self, shutdown: CancellationToken) {
        info!(address = %self.address, "emulator is listening");
        let mut connections = JoinSet::new();
        loop {
            select! {
                () = shutdown.cancelled() => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(serve(stream, self.control.clone(), shutdown.clone()));
                    }
                    Err(error) => {
                        // Mostly too many open files: an attempt at once would fail the same way.
                        warn!(%error, "emulator cannot accept a connection");
                        sleep(Duration::from_millis(100)).await;
                    }
                },
                Some(ended) = connections.join_next() => ended.unwrap_or_else(fail),
            }
        }
        while let Some(ended) = connections.join_next().await {
            ended.unwrap_or_else(fail);
        }
    }
}

/// Serves one connection, request by request.
async fn serve(stream: TcpStream, control: Control, shutdown: CancellationToken) {
    // Answers are small and waited for; a connection on which this fails is no worse than slow.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let control = control.clone();
        async move {
            match routes::answer(&control, request).await {
                Reply::Answer(answer) => Ok(Response::from(answer)),
                Reply::Close => Err(Closed),
            }
        }
    });
    let mut http = http1::Builder::new();
    let connection = http.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    select! {
        // However it ended, by the client, by a fault or by an error of the client's, it is over.
        _ = connection.as_mut() => return,
        () = shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = timeout(DRAIN, connection).await;
}

/// A bug in a connection's task is a bug of the process.
fn fail(error: JoinError) {
    if let Ok(panic) = error.try_into_panic() {
        panic::resume_unwind(panic);
    }
}

/// Makes hyper close the connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed on purpose")]
struct Closed;

#[cfg(test)]
mod tests;
