//! A server that answers as the AWS services do that take events: strict about requests and limits, and with
//! faults on demand. It answers `PutEvents` of Pinpoint and of both kinds of event bus, `PutRecords` of
//! Kinesis, `PutRecordBatch` of Firehose, and `AssumeRole` of STS, all on one port.
//!
//! The demo, tests and benchmarks use it in the same process; on its own it lets you try a real Kafka without
//! AWS. Of the rest of this service it knows only the event types and the points in time. It reads what it is
//! sent in its own way, and shares nothing with the encoders.
//!
//! ```text
//! routes ─► call ─► a service ─► state: faults, limits, journal, and what the service remembers
//!       └─► pages
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
    faults::{Effect, Faults, How, Matching, Only, Outage},
    journal::{Accepted, Counts, DestinationCounts},
    limit::Quota,
    services::kinesis::shards::{Keys, ShardLimit, Streams},
};

mod answer;
mod call;
mod command;
mod control;
mod credentials;
mod faults;
mod in_flight;
mod journal;
mod limit;
mod pages;
mod protocol;
mod record;
mod routes;
mod services;
mod signature;
mod state;

/// How long requests in flight may take once the server stops. One that hangs on purpose never ends.
const DRAIN: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub struct Options {
    /// Pinpoint's quota of the account and region, which all applications share; `None` switches it off.
    pub quota: Option<Quota>,
    /// The streams of Kinesis.
    pub streams: Streams,
    pub faults: Faults,
    /// The seed of random faults.
    pub seed: u64,
    /// How many of the newest accepted events are kept. With 0, events are only counted.
    pub keep_events: usize,
    /// Whether duplicates are counted, which takes some ten bytes for each event id.
    pub find_duplicates: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            quota: Some(Quota::default()),
            streams: Streams::default(),
            faults: Faults::default(),
            seed: 0,
            keep_events: 100_000,
            find_duplicates: true,
        }
    }
}

/// A server that is bound but not yet running.
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
    /// If it cannot listen on the address.
    pub async fn bind(address: SocketAddr, options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, control: Control::new(options) })
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The endpoint URL for an SDK.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The handle for watching and changing the server.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Two lines of instructions for whoever started the server on its own.
    #[must_use]
    pub fn usage(&self) -> String {
        let url = self.url();
        format!(
            "AWS is answered on {url} (set AWS_ENDPOINT_URL={url}; any credentials will do)\n\
             {url}/_emulator lists its calls and its pages: accepted events, counts, faults, quota, streams"
        )
    }

    /// Serves until `shutdown`, then waits for requests in flight.
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
                        // Usually too many open files: an immediate retry would fail too.
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
    // Answers are small and the client waits for them. If this fails, the connection is merely slow.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let control = control.clone();
        async move {
            match routes::answer(&control, request).await {
                Reply::Answer(answer) => Ok(Response::from(answer)),
                Reply::Close => Err(ConnectionClosed),
            }
        }
    });
    let mut http = http1::Builder::new();
    let connection = http.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    select! {
        // Whether the client, a fault or an error ended it, the connection is over.
        _ = connection.as_mut() => return,
        () = shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = timeout(DRAIN, connection).await;
}

/// Treats a bug in a connection's task as a bug of the process.
fn fail(error: JoinError) {
    if let Ok(panic) = error.try_into_panic() {
        panic::resume_unwind(panic);
    }
}

/// Makes hyper close the connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed on purpose")]
struct ConnectionClosed;

#[cfg(test)]
mod tests;
