//! The rules about destinations: their number, routes, quotas and spilling.

use crate::{
    config::{
        Config, Purpose,
        destinations::{DestinationKind, KINDS},
    },
    core::{pipeline::config::QuotaConfig, route::RouteProblem, units::text::Form as _},
    edge::{
        aws::{
            eventbridge::config::EventBridgeConfig,
            pinpoint::config::{ApplicationForm, PinpointConfig},
        },
        kafka::destination::config::{self, KafkaConfig},
    },
};

use super::Rules;

/// Far more than anybody routes to. Ids of destinations are small numbers.
const MOST_DESTINATIONS: usize = 1000;

impl Rules<'_> {
    pub(super) fn destinations(&mut self, config: &Config) {
        if self.is_written(&["destinations"]) {
            if self.is_written(&["destination"]) {
                self.problem(&["destination"], "must not be given together with `destinations`");
            }
            let number = config.destinations.len();
            if !(1..=MOST_DESTINATIONS).contains(&number) && !self.problems.has_below(&["destinations"]) {
                self.problem(&["destinations"], "must name 1 to 1000 destinations");
            }
        }
        for (path, kind) in config.kinds() {
            self.kind(&path, &kind, config);
        }
        self.retries(config);
        self.spills(config);
        self.quota(config);
        self.quotas(config);
        self.routes(config);
    }

    fn kind(&mut self, destination: &[&str], kind: &DestinationKind, config: &Config) {
        let is_written = |kind: &str| self.is_written(&[destination, &[kind]].concat());
        let written = KINDS.iter().filter(|kind| is_written(kind)).count();
        let is_missing = written == 0 && !self.problems.has_below(destination);
        match kind {
            _ if written > 1 => {
                self.problem(destination, &format!("must have only one of {}", listed(KINDS.iter(), "and")));
            }
            DestinationKind::Pinpoint(pinpoint) if is_written("pinpoint") || is_missing => {
                self.application(destination, pinpoint);
            }
            DestinationKind::Kafka(kafka) => self.topic(destination, kafka, config),
            DestinationKind::Kinesis(kinesis) if kinesis.region_contradicts() => {
                let path = [destination, &["kinesis", "region"]].concat();
                self.problem(&path, "must be the region of the stream's ARN");
            }
            // The types check everything else, and a section that was wrong has been reported.
            DestinationKind::Pinpoint(_) | DestinationKind::Kinesis(_) | DestinationKind::Firehose(_) => {}
            DestinationKind::EventBridge(eventbridge) => self.bus(destination, eventbridge),
        }
    }

    fn topic(&mut self, destination: &[&str], kafka: &KafkaConfig, config: &Config) {
        let at = |key: &[&'static str]| [destination, &["kafka"], key].concat();
        if let Some(brokers) = &kafka.brokers {
            self.brokers(&at(&["brokers"]), brokers);
        }
        for (name, value) in &kafka.properties {
            if let Err(refused) = config::check_property(name, value) {
                let path = [&at(&["properties"])[..], &[name]].concat();
                self.problem(&path, &refused.to_string());
            }
        }
        if config.service_topics().contains(kafka) {
            let text = "must be none of `source.topics`, `dead_letter.topic` and `sessions.table.topic`: on the same \
                        cluster the service would read its own events";
            self.problem(&at(&["topic"]), text);
        }
    }

    fn bus(&mut self, destination: &[&str], eventbridge: &EventBridgeConfig) {
        let at = |key| [destination, &["eventbridge", key]].concat();
        if eventbridge.region_contradicts() {
            self.problem(&at("region"), "must be the region of the bus's ARN");
        }
        if eventbridge.custom_bus().is_none() && self.is_written(&at("groups")) {
            self.problem(&at("groups"), "has no effect: only a custom bus has groups");
        }
    }

    fn application(&mut self, destination: &[&str], pinpoint: &PinpointConfig) {
        let section = [destination, &["pinpoint"]].concat();
        let path = [&section[..], &["application"]].concat();
        let allowed = ApplicationForm::ALLOWED;
        if !self.is_written(&path) {
            let others = if self.is_written(&section) {
                String::new()
            } else {
                let others = KINDS.iter().filter(|kind| **kind != "pinpoint");
                format!("; or give {} instead of `pinpoint`", listed(others, "or"))
            };
            if self.purpose == Purpose::Delivery {
                self.problem(&path, &format!("must be given: {allowed}{others}"));
            }
        // Even an invalid address may show that it is not AWS's.
        } else if !pinpoint.application_fits()
            && !self.problems.has(&[&section[..], &["endpoint_url"]].concat())
        {
            self.problem(&path, &format!("must be {allowed}"));
        }
    }

    fn retries(&mut self, config: &Config) {
        let text = "must not be longer than `retry.max`";
        if config.retry.initial > config.retry.max {
            return self.problem(&["retry", "initial"], text);
        }
        for (name, destination) in &config.destinations {
            if destination.retry.initial > destination.retry.max {
                self.problem(&["destinations", name, "retry", "initial"], text);
            }
        }
    }

    fn spills(&mut self, config: &Config) {
        if !self.is_written(&["dead_letter", "discard"]) || self.is_written(&["dead_letter", "topic"]) {
            return;
        }
        for (name, destination) in &config.destinations {
            if destination.spill.after.is_some() {
                let text = "must be off with `dead_letter.discard`: spilled events would be lost";
                self.problem(&["destinations", name, "spill", "after"], text);
            }
        }
    }

    /// The quota of the top level is Pinpoint's. It must not seem to hold for others.
    fn quota(&mut self, config: &Config) {
        let default = QuotaConfig { share: config.quota.share, ..QuotaConfig::default() };
        let has_pinpoint =
            config.kinds().iter().any(|(_, kind)| matches!(kind, DestinationKind::Pinpoint(_)));
        if config.quota != default && !has_pinpoint {
            let text =
                "is the quota of Pinpoint, and there is no such destination: write `quotas` with the service";
            self.problem(&["quota"], text);
        }
    }

    fn quotas(&mut self, config: &Config) {
        if self.problems.has_below(&["quotas"]) {
            // Wrong quotas have been removed, so the indices of the others are not certain.
            return;
        }
        let domains = config.quota_domains();
        for (place, quota) in config.quotas.iter().enumerate() {
            let path = ["quotas", &place.to_string()];
            if config.quotas[..place].iter().any(|earlier| earlier.is_same_domain(quota)) {
                self.problem(&path, "repeats the service, account and region of an earlier quota");
            } else if quota.account.is_some()
                && domains.iter().any(|domain| quota.is_of_any_account(domain))
                && !domains.iter().any(|domain| quota.is_of(domain))
            {
                let path = [&path[..], &["account"]].concat();
                let text = "is not the account of the role of any destination of this service and region";
                self.problem(&path, text);
            } else if !domains.iter().any(|domain| quota.is_of(domain)) {
                self.problem(&path, "has a service and region that no destination uses");
            }
        }
    }

    fn routes(&mut self, config: &Config) {
        // Routes that could not be read have been reported.
        if config.routes.is_empty() && self.is_written(&["routes"]) {
            return;
        }
        for problem in config.router().err().into_iter().flat_map(|problems| problems.0) {
            self.route(problem);
        }
    }

    fn route(&mut self, problem: RouteProblem) {
        match problem {
            RouteProblem::NoRoutes => {
                self.problem(&["routes"], "must be given, because there are several destinations");
            }
            RouteProblem::NoUnrouted => {
                let text = "must be given, because there are routes: dead_letter or ignore";
                self.problem(&["unrouted"], text);
            }
            RouteProblem::Nowhere { route } => {
                let path = ["routes", &route.to_string(), "to"];
                if !self.problems.has_below(&path) {
                    self.problem(&path, "must be given: the name of a destination, or a list of names");
                }
            }
            RouteProblem::Unknown { route, place } => {
                let (route, place) = (route.to_string(), place.to_string());
                let item = ["routes", &route, "to", &place];
                // Invalid names have been removed from the list, so the indices of the others are not
                // certain.
                let path = if self.is_written(&item) && !self.problems.has_below(&item[..3]) {
                    &item[..]
                } else {
                    &item[..3]
                };
                self.problem(path, "is not the name of a destination");
            }
            RouteProblem::Unreached(name) => {
                let path = ["destinations", &name];
                let path = if self.is_written(&path) { &path[..] } else { &["destination"] };
                self.problem(path, "is not reached by any route");
            }
        }
    }

    fn is_written(&self, path: &[&str]) -> bool {
        self.tree.at(path).is_some()
    }
}

/// Names in a sentence: `a`, `b` and `c`.
fn listed<'n>(names: impl Iterator<Item = &'n &'static str>, conjunction: &str) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} {conjunction} {last}", others.join(", ")),
        _ => names.concat(),
    }
}
