//! The set-ups of the service, with all the quota that it can use and its default memory budget, and of the
//! servers that it sends to.

use pinpoint_sidecar::tools::emulator::{Options, Streams};

use crate::{
    it::support::{kafka::Kafka, service::Setup},
    load,
};

/// A quota that limits nothing but the requests in flight.
pub(crate) const QUOTA: &str = "requests_per_second: 100000, in_flight: 16";

/// A server that limits nothing and keeps nothing.
pub(crate) fn unlimited() -> Options {
    Options {
        quota: None,
        streams: Streams { limit: None, ..Streams::default() },
        keep_events: 0,
        find_duplicates: false,
        ..Options::default()
    }
}

/// The service with one application of Pinpoint.
pub(crate) fn setup(kafka: &Kafka, topic: &str, group: &str, url: &str) -> Setup {
    let destination = format!("destination: {}\n", pinpoint("0123456789abcdef0123456789abcdef", url));
    setup_to(&destination, kafka, topic, group)
}

/// The service with an application of Pinpoint for each of this many realms.
pub(crate) fn tenants_setup(kafka: &Kafka, topic: &str, tenants: usize, url: &str) -> Setup {
    let destination = |tenant: usize| format!("  t{tenant}: {}\n", pinpoint(&format!("{tenant:032x}"), url));
    let route =
        |tenant: usize| format!("  - {{ realm: '{}', to: t{tenant} }}\n", load::id(load::REALM, tenant));
    let destinations: String = (0..tenants).map(destination).collect();
    let routes: String = (0..tenants).map(route).collect();
    let destinations = format!("destinations:\n{destinations}routes:\n{routes}unrouted: ignore\n");
    setup_to(&destinations, kafka, topic, topic)
}

fn pinpoint(application: &str, url: &str) -> String {
    format!("{{ pinpoint: {{ application: '{application}', region: us-east-1, endpoint_url: '{url}' }} }}")
}

/// The service with these destinations, of which those of Pinpoint have no quota.
pub(crate) fn setup_to(destinations: &str, kafka: &Kafka, topic: &str, group: &str) -> Setup {
    let brokers = &kafka.client.bootstrap;
    Setup::new(format!(
        "source: {{ brokers: '{brokers}', topics: [{topic}], group: {group}, start: earliest }}\n\
         {destinations}\
         quota: {{ {QUOTA}, share: 1 }}\n\
         dead_letter: {{ discard: true }}\n\
         log: {{ format: text, level: warn }}\n"
    ))
}
