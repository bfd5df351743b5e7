//! Handles one call of `PutEvents`, from its head to its answer.
//!
//! Knows nothing of the rules. A request is in flight from its head until it is answered or its client is
//! gone, however that happens.

use std::{future, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{Request, body::Incoming};
use tokio::time::sleep;

use crate::tools::emulator::{
    Control,
    answer::{self, Answer, Reply},
    faults::{Before, How},
    journal::RequestOrigin,
    rules::{MAX_BODY, Rule},
    signature,
    wire::EventsRequest,
};

/// A body that is too large is read up to this size, so that its sender gets the answer.
const MAX_READ: usize = 4 * MAX_BODY;

/// Serves a call. Never returns if the server hangs on purpose.
pub(super) async fn serve(control: &Control, application: &str, request: Request<Incoming>) -> Reply {
    let mut call = Call::arrive(control);
    let reply = call.serve(application, request).await;
    call.count(&reply);
    reply
}

/// A request in flight.
struct Call<'a> {
    control: &'a Control,
    number: u64,
    over_quota: bool,
    /// Hashes of the ids of its endpoints.
    endpoints: Vec<u64>,
}

impl<'a> Call<'a> {
    fn arrive(control: &'a Control) -> Self {
        let now = control.now();
        let mut state = control.lock();
        let over_quota = !state.limit.arrive(now);
        let number = state.journal.begin();
        drop(state);
        Self { control, number, over_quota, endpoints: Vec::new() }
    }

    async fn serve(&mut self, application: &str, request: Request<Incoming>) -> Reply {
        let fault = self.control.lock().faults.before(self.control.now());
        if let Some(Before::Outage(how)) = fault {
            return outage(how).await;
        }
        if let Err(answer) = signature::check(request.headers()) {
            self.control.lock().count(Rule::Signature);
            return Reply::Answer(answer);
        }
        if self.over_quota || fault == Some(Before::Throttled) {
            return self.throttle();
        }
        if let Some(Before::Failed(status)) = fault {
            return Reply::Answer(Answer::of_status(status));
        }
        match read(request).await {
            Ok(body) => self.serve_body(application, &body).await,
            Err(reply) => reply.unwrap_or_else(|| self.control.lock().refuse(Rule::BodySize)),
        }
    }

    async fn serve_body(&mut self, application: &str, body: &Bytes) -> Reply {
        let parsed = EventsRequest::parse(body);
        let latency = {
            let mut state = self.control.lock();
            let endpoints = parsed.as_ref().map(|request| state.in_flight.begin(application, request));
            self.endpoints = endpoints.unwrap_or_default();
            state.faults.latency()
        };
        if !latency.is_zero() {
            sleep(latency).await;
        }
        let origin = RequestOrigin { request: self.number, application: Arc::from(application) };
        let mut state = self.control.lock();
        match parsed {
            Ok(request) => state.serve(&origin, &request, body.len()),
            Err(malformed) => state.refuse(malformed.into()),
        }
    }

    fn throttle(&self) -> Reply {
        let mut state = self.control.lock();
        state.journal.counts.over_quota += u64::from(self.over_quota);
        let retry_after = state.faults.faults.retry_after.map(|wait| wait.0);
        Reply::Answer(Answer::too_many_requests(retry_after))
    }

    fn count(&self, reply: &Reply) {
        let mut state = self.control.lock();
        match reply {
            Reply::Close => state.journal.counts.closed += 1,
            Reply::Answer(answer) => {
                *state.journal.counts.answers.entry(answer.status.as_u16()).or_default() += 1;
            }
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let mut state = self.control.lock();
        state.limit.leave();
        state.in_flight.end(&self.endpoints);
        drop(state);
        self.control.finished();
    }
}

async fn outage(how: How) -> Reply {
    match how {
        How::Close => Reply::Close,
        How::Hang => future::pending().await,
        How::Answer { status, code: None } => Reply::Answer(Answer::of_status(status)),
        How::Answer { status, code: Some(code) } => Reply::Answer(Answer::error(
            answer::known_status(status),
            &code,
            "A fault asked for this answer.",
        )),
    }
}

/// Reads the body. The error is the answer to give instead, or `None` if the body is too large.
async fn read(request: Request<Incoming>) -> Result<Bytes, Option<Reply>> {
    match Limited::new(request.into_body(), MAX_READ).collect().await {
        Ok(body) => Some(body.to_bytes()).filter(|body| body.len() <= MAX_BODY).ok_or(None),
        Err(error) if error.is::<LengthLimitError>() => Err(None),
        // The client is gone or does not speak HTTP: there is nobody to answer.
        Err(_) => Err(Some(Reply::Close)),
    }
}
