//! Handles one call of any service, from its head to its answer: faults, signature, quota, then the service.
//!
//! Knows nothing of the services' rules. A request is in flight from its head until it is answered or its
//! client is gone, however that happens.

use std::{future, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use tokio::time::sleep;

use crate::{
    edge::clock::Clock,
    tools::emulator::{
        Control,
        answer::{self, Answer, Reply},
        credentials::{Caller, OWN_ACCOUNT},
        faults::{After, Before, How, Scope},
        in_flight,
        journal::{Origin, place},
        protocol::Problem,
        services::{Call as ServiceCall, Head, Parsed, Service},
        signature,
        state::ServerState,
    },
};

/// A body that is too large is read up to so many times the size, so that its sender gets the answer.
const READ_FACTOR: usize = 4;

/// Serves a call. Never returns if the server hangs on purpose.
pub(super) async fn serve(control: &Control, service: &Service, head: Head, body: Incoming) -> Reply {
    let mut call = Call::arrive(control, service, &head);
    let reply = match read(body, service.max_body).await {
        Body::Gone => Reply::Close,
        Body::TooLarge => call.serve(&head, Err(service.too_large.clone())).await,
        Body::Whole(body) => call.serve(&head, (service.read)(&head, &body)).await,
    };
    call.count(&reply);
    reply
}

/// A request in flight.
struct Call<'a> {
    control: &'a Control,
    service: &'a Service,
    number: u64,
    /// Whose quota it counts against.
    account: String,
    over_quota: bool,
    /// Hashes of the ids of its endpoints.
    endpoints: Vec<u64>,
    /// Where it is counted.
    place: Option<Arc<str>>,
}

impl<'a> Call<'a> {
    fn arrive(control: &'a Control, service: &'a Service, head: &Head) -> Self {
        let now = control.now();
        let mut state = control.lock();
        let signed = signature::check(&head.headers, service.signing_name);
        let account = signed.map_or(OWN_ACCOUNT, |signed| state.credentials.account(signed.access_key));
        let account = account.to_owned();
        let quota = state.quota.filter(|_| service.has_quota);
        let over_quota = !state.limit(service.name, &account).arrive(quota, now);
        let number = state.journal.begin();
        drop(state);
        Self { control, service, number, account, over_quota, endpoints: Vec::new(), place: None }
    }

    async fn serve(&mut self, head: &Head, parsed: Parsed<'_>) -> Reply {
        let service = self.service;
        let (operation, destination) = match &parsed {
            Ok(call) => (call.operation(), call.destination()),
            Err(_) => ("", &*head.application),
        };
        let scope = Scope { service: service.name, operation, destination };
        self.place = Some(place(service.name, destination));
        let fault = self.control.lock().faults.of(scope).before(self.control.now());
        if let Some(Before::Outage(how)) = fault {
            return self.outage(how).await;
        }
        let (caller, region) = match self.authorize(head) {
            Ok(authorized) => authorized,
            Err(problem) => return self.refuse(&problem),
        };
        if self.over_quota || fault == Some(Before::Throttled) {
            return self.throttle(scope);
        }
        if let Some(Before::Failed(status)) = fault {
            return Reply::Answer(self.of_status(status));
        }
        let origin = Origin {
            request: self.number,
            service: service.name,
            operation,
            destination: destination.into(),
            place: place(service.name, destination),
            caller,
            region,
            now: self.control.now(),
            time: Clock::wall(),
        };
        self.serve_service(&origin, parsed).await
    }

    async fn serve_service(&mut self, origin: &Origin, parsed: Parsed<'_>) -> Reply {
        let latency = {
            let mut state = self.control.lock();
            let endpoints = parsed.as_ref().map(|call| call.endpoints()).unwrap_or_default();
            let hash = |id: &str| in_flight::hash(origin.service, &origin.destination, id);
            self.endpoints = endpoints.iter().map(|id| hash(id)).collect();
            state.in_flight.begin(&self.endpoints);
            state.faults.of(origin.call()).latency()
        };
        if !latency.is_zero() {
            sleep(latency).await;
        }
        match parsed {
            Err(problem) => self.refuse(&problem),
            Ok(call) => {
                let mut state = self.control.lock();
                let served = self.serve_now(&mut state, origin, &*call);
                drop(state);
                served.unwrap_or_else(|problem| self.refuse(&problem))
            }
        }
    }

    /// Lets the service serve the call, and spoils the answer as the faults demand.
    fn serve_now(
        &self,
        state: &mut ServerState,
        origin: &Origin,
        call: &dyn ServiceCall,
    ) -> Result<Reply, Problem> {
        let taken = |state: &ServerState| {
            let counts = &state.journal.counts;
            counts.events_accepted + counts.events_dropped
        };
        let before = taken(state);
        let served = call.serve(state, origin)?;
        let spoiled = state.faults.of(origin.call()).after();
        let confirmed = if spoiled.is_some() { 0 } else { served.confirmed };
        let taken = taken(state) - before;
        state.journal.counts.events_unconfirmed += taken.saturating_sub(confirmed);
        Ok(Reply::Answer(match spoiled {
            None => served.answer,
            Some(After::Closed) => return Ok(Reply::Close),
            Some(After::Failed) => self.of_status(500),
            Some(After::Broken) => served.answer.broken(),
            Some(After::Empty) => self.service.protocol.empty(),
        }))
    }

    /// Finds out who has sent the request, and for which region.
    fn authorize(&self, head: &Head) -> Result<(Caller, String), Problem> {
        let protocol = self.service.protocol;
        let signed = signature::check(&head.headers, self.service.signing_name)
            .map_err(|why| protocol.unauthorized(why))?;
        let now = self.control.now();
        let caller = self.control.lock().credentials.caller(&signed, now);
        let caller = caller.map_err(|why| protocol.unauthorized(why))?;
        protocol.check(&head.headers)?;
        Ok((caller, signed.region.to_owned()))
    }

    fn refuse(&self, problem: &Problem) -> Reply {
        if let Some(rule) = problem.rule {
            self.control.lock().journal.counts.violation(rule);
        }
        Reply::Answer(match problem.status {
            // Something in front of the service has answered.
            status if problem.code.is_empty() => Answer::bare(answer::known_status(status)),
            _ => self.service.protocol.answer(problem),
        })
    }

    fn throttle(&self, scope: Scope<'_>) -> Reply {
        let mut state = self.control.lock();
        state.journal.counts.over_quota += u64::from(self.over_quota);
        let retry_after = state.faults.of(scope).faults.retry_after.map(|wait| wait.0);
        Reply::Answer(self.service.protocol.answer(&self.service.throttled).with_retry_after(retry_after))
    }

    async fn outage(&self, how: How) -> Reply {
        match how {
            How::Close => Reply::Close,
            How::Hang => future::pending().await,
            How::Answer { status, code: None } => Reply::Answer(self.of_status(status)),
            How::Answer { status, code: Some(code) } => {
                let message = "A fault asked for this answer.";
                let status = answer::known_status(status);
                Reply::Answer(self.service.protocol.error(status, &code, message))
            }
        }
    }

    /// An error with this status: the service's own if it is 500.
    fn of_status(&self, status: u16) -> Answer {
        match answer::known_status(status) {
            status if status.as_u16() == 500 => self.service.protocol.answer(&self.service.failed),
            status => Answer::bare(status),
        }
    }

    fn count(&self, reply: &Reply) {
        let mut state = self.control.lock();
        let counts = &mut state.journal.counts;
        if let Some(place) = &self.place {
            counts.destination(place).requests += 1;
        }
        match reply {
            Reply::Close => counts.closed += 1,
            Reply::Answer(answer) => {
                *counts.answers.entry(answer.status.as_u16()).or_default() += 1;
                if let (Some(place), Some(code)) = (&self.place, &answer.code) {
                    counts.error(place, code);
                }
            }
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let mut state = self.control.lock();
        state.limit(self.service.name, &self.account).leave();
        state.in_flight.end(&self.endpoints);
        drop(state);
        self.control.finished();
    }
}

enum Body {
    Whole(Bytes),
    TooLarge,
    /// The client is gone or does not speak HTTP: there is nobody to answer.
    Gone,
}

async fn read(body: Incoming, max: usize) -> Body {
    match Limited::new(body, READ_FACTOR * max).collect().await {
        Ok(body) => {
            Some(body.to_bytes()).filter(|body| body.len() <= max).map_or(Body::TooLarge, Body::Whole)
        }
        Err(error) if error.is::<LengthLimitError>() => Body::TooLarge,
        Err(_) => Body::Gone,
    }
}
