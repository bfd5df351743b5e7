//! The HTTP server of the admin pages, which bounds the number and the duration of connections.
//!
//! Knows nothing of what the pages show. A connection serves one request and ends within seconds, so that
//! hanging clients cannot keep a probe out for long.

use std::{convert::Infallible, panic, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    select,
    task::{JoinError, JoinSet},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::edge::admin::pages::{Clock, Pages};

/// How many connections are served at once at most; others wait.
const CONNECTIONS: usize = 64;
/// How long a client may take to send its request's head.
const HEAD: Duration = Duration::from_secs(5);
/// How long a connection may last: its head, the answer of the runner, and a client that reads slowly.
const CONNECTION: Duration = Duration::from_secs(10);
/// How long connections may take to end when the server stops.
const DRAIN: Duration = Duration::from_secs(1);

/// Serves the pages until `shutdown`, then lets requests end within a second.
pub async fn serve<C: Clock>(listener: TcpListener, pages: Pages<C>, shutdown: CancellationToken) {
    let pages = Arc::new(pages);
    let mut connections = JoinSet::new();
    loop {
        select! {
            () = shutdown.cancelled() => break,
            Some(ended) = connections.join_next() => ended.unwrap_or_else(fail),
            accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(answer(stream, Arc::clone(&pages)));
                }
                Err(error) => {
                    // This is mostly too many open files; an immediate attempt would fail the same way.
                    warn!(%error, "admin server cannot accept a connection");
                    sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    drop(listener);
    let ended = timeout(DRAIN, async {
        while let Some(ended) = connections.join_next().await {
            ended.unwrap_or_else(fail);
        }
    });
    // Connections that have not ended by now are aborted with the set.
    let _ = ended.await;
}

/// Answers the one request of a connection.
async fn answer<C: Clock>(stream: TcpStream, pages: Arc<Pages<C>>) {
    let service = service_fn(|request| {
        let pages = Arc::clone(&pages);
        async move { Ok::<_, Infallible>(pages.answer(&request).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).keep_alive(false);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    // However the connection ended, in time or not, by an error of the client or not, it is over.
    let _ = timeout(CONNECTION, connection).await;
}

/// Treats a bug in a connection's task as a bug of the process.
fn fail(error: JoinError) {
    if let Ok(panic) = error.try_into_panic() {
        panic::resume_unwind(panic);
    }
}
