//! The HTTP server of the admin pages, which bounds the number and the duration of connections.
//!
//! Knows nothing of what the pages show. A connection serves one request and ends within seconds. If there are
//! too many, the oldest that has not sent a request makes room, so that silent clients never keep a probe out.

use std::{
    collections::VecDeque,
    convert::Infallible,
    panic,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    select,
    task::{AbortHandle, JoinError, JoinSet},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::edge::admin::pages::{Clock, Pages};

/// How many connections are served at once at most. Others wait if all of these have sent a request.
const CONNECTIONS: usize = 64;
/// The most bytes of a request's head. A body is not read.
const LARGEST_HEAD: usize = 16 * 1024;
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
    let mut silent = Silent::default();
    loop {
        silent.forget_others();
        select! {
            () = shutdown.cancelled() => break,
            Some(ended) = connections.join_next() => ended.unwrap_or_else(fail),
            accepted = listener.accept(), if connections.len() < CONNECTIONS || silent.any() => match accepted {
                Ok((stream, _)) => {
                    if connections.len() >= CONNECTIONS {
                        silent.end_oldest();
                    }
                    let spoke = Arc::new(AtomicBool::new(false));
                    let task = connections.spawn(answer(stream, Arc::clone(&pages), Arc::clone(&spoke)));
                    silent.0.push_back((spoke, task));
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

/// The connections that have not sent a request's head yet, oldest first.
#[derive(Default)]
struct Silent(VecDeque<(Arc<AtomicBool>, AbortHandle)>);

impl Silent {
    /// Forgets the connections that have sent a head, and those that have ended.
    fn forget_others(&mut self) {
        self.0.retain(|(spoke, task)| !spoke.load(Ordering::Relaxed) && !task.is_finished());
    }

    fn any(&self) -> bool {
        !self.0.is_empty()
    }

    fn end_oldest(&mut self) {
        self.forget_others();
        if let Some((_, task)) = self.0.pop_front() {
            task.abort();
        }
    }
}

/// Answers the one request of a connection. `spoke` is set once its head is read.
async fn answer<C: Clock>(stream: TcpStream, pages: Arc<Pages<C>>, spoke: Arc<AtomicBool>) {
    let service = service_fn(|request| {
        let pages = Arc::clone(&pages);
        spoke.store(true, Ordering::Relaxed);
        async move { Ok::<_, Infallible>(pages.answer(&request).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).keep_alive(false).max_buf_size(LARGEST_HEAD);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    // However the connection ended, in time or not, by an error of the client or not, it is over.
    let _ = timeout(CONNECTION, connection).await;
}

/// Treats a bug in a connection's task as a bug of the process; a task that made room is none.
fn fail(error: JoinError) {
    if let Ok(panic) = error.try_into_panic() {
        panic::resume_unwind(panic);
    }
}
