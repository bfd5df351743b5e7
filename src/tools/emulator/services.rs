//! The services, and what a service is: an address, a protocol, the errors that any of its calls can get, and
//! a reader of its calls.
//!
//! To add a service, write its file and its line in [`SERVICES`]. What it must remember between calls is a
//! field of the server's state.

use std::collections::BTreeSet;

use hyper::HeaderMap;

use crate::tools::emulator::{
    answer::Answer,
    journal::Origin,
    protocol::{Problem, Protocol},
    state::ServerState,
};

mod classic_bus;
pub(super) mod custom_bus;
mod entries;
mod event;
mod firehose;
pub(super) mod kinesis;
pub(super) mod pinpoint;
mod sts;

/// Everything that is served.
pub(super) static SERVICES: [&Service; 6] = [
    &pinpoint::SERVICE,
    &custom_bus::SERVICE,
    &classic_bus::SERVICE,
    &kinesis::SERVICE,
    &firehose::SERVICE,
    &sts::SERVICE,
];

pub(super) struct Service {
    /// The name in faults and counts.
    pub(super) name: &'static str,
    /// The name that requests are signed for.
    pub(super) signing_name: &'static str,
    pub(super) address: Address,
    pub(super) protocol: Protocol,
    /// Whether requests count against the quota of the account.
    pub(super) has_quota: bool,
    /// The largest body, in bytes.
    pub(super) max_body: usize,
    pub(super) too_large: Problem,
    pub(super) throttled: Problem,
    pub(super) failed: Problem,
    /// For a call that a fault refuses.
    pub(super) refused: Problem,
    /// Reads the body of a call.
    pub(super) read: for<'a> fn(&'a Head, &'a [u8]) -> Parsed<'a>,
}

/// A call as it was read; or why it cannot be.
pub(super) type Parsed<'a> = Result<Box<dyn Call + 'a>, Problem>;

/// How a request names a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// `/v1/apps/{application}/events`.
    Application,
    /// `/service/{name}/operation/{operation}`.
    Rpc(&'static str),
    /// The header `x-amz-target`, which is `{name}.{operation}`.
    Target(&'static str),
    /// A form.
    Form,
}

/// The head of a request, as far as a service reads it.
pub(super) struct Head {
    /// The operation; empty if the body names it.
    pub(super) operation: String,
    /// The application in the path, if the service has one there.
    pub(super) application: String,
    pub(super) headers: HeaderMap,
}

/// A call that was read.
pub(super) trait Call: Send + Sync {
    fn operation(&self) -> &'static str;

    /// The application, bus, stream or role, as the call names it.
    fn destination(&self) -> &str;

    /// The ids of the endpoints whose events it holds, as far as they can be read.
    fn endpoints(&self) -> BTreeSet<String> {
        BTreeSet::new()
    }

    /// Serves the call. The answer may yet be lost.
    ///
    /// # Errors
    /// If the whole call is refused.
    fn serve(&self, state: &mut ServerState, origin: &Origin) -> Result<Served, Problem>;
}

/// A call that was served.
pub(super) struct Served {
    pub(super) answer: Answer,
    /// How many events the answer reports as accepted.
    pub(super) confirmed: u64,
}

impl Served {
    /// An answer with so many results of a call's entries. A result is found by its place: if one is missing,
    /// the answer confirms nothing.
    fn listed(answer: Answer, results: usize, entries: usize, accepted: u64) -> Self {
        Self { answer, confirmed: if results == entries { accepted } else { 0 } }
    }
}

impl Service {
    /// The error for an operation that is not emulated.
    pub(super) fn unknown_operation(&self) -> Problem {
        let code = match self.protocol {
            Protocol::Query => "InvalidAction",
            _ => "UnknownOperationException",
        };
        Problem::rule("operation", 400, code, "The emulator does not know this operation.")
    }
}

#[cfg(test)]
mod sample {
    use super::*;
    use crate::tools::emulator::{Options, faults::Faults, journal::sample};

    /// A state with these faults, and nothing else.
    pub(super) fn state(faults: Faults) -> ServerState {
        ServerState::new(Options { faults, ..Options::default() })
    }

    /// Lets a service read a call.
    pub(super) fn head(operation: &str) -> Head {
        Head { operation: operation.to_owned(), application: String::new(), headers: HeaderMap::new() }
    }

    /// Serves a call in region eu-west-1.
    pub(super) fn serve(
        service: &'static Service,
        operation: &'static str,
        body: &[u8],
        state: &mut ServerState,
    ) -> Result<Served, Problem> {
        let head = head(operation);
        let call = (service.read)(&head, body)?;
        let origin = Origin { operation, ..sample::origin(service.name, call.destination()) };
        call.serve(state, &origin)
    }
}
