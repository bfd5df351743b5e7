//! The rules about destinations: their number, routes, quotas and spilling.

use crate::{
    config::{Config, Purpose, destinations::DestinationKind},
    core::route::RouteProblem,
    core::units::text::Form as _,
    edge::aws::pinpoint::config::{ApplicationForm, PinpointConfig},
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
        for (path, DestinationKind::Pinpoint(pinpoint)) in config.kinds() {
            self.application(&[&path[..], &["pinpoint"]].concat(), &pinpoint);
        }
        self.retries(config);
        self.spills(config);
        self.quotas(config);
        self.routes(config);
    }

    fn application(&mut self, section: &[&str], pinpoint: &PinpointConfig) {
        let path = [section, &["application"]].concat();
        let allowed = ApplicationForm::ALLOWED;
        if !self.is_written(&path) {
            if self.purpose == Purpose::Delivery {
                self.problem(&path, &format!("must be given: {allowed}"));
            }
        // Even an invalid address may show that it is not AWS's.
        } else if !pinpoint.application_fits() && !self.problems.has(&[section, &["endpoint_url"]].concat()) {
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

    fn quotas(&mut self, config: &Config) {
        if self.problems.has_below(&["quotas"]) {
            // Wrong quotas have been removed, so the indices of the others are not certain.
            return;
        }
        let domains = config.quota_domains();
        for (place, quota) in config.quotas.iter().enumerate() {
            let path = ["quotas", &place.to_string()];
            if config.quotas[..place].iter().any(|earlier| earlier.is_same_domain(quota)) {
                self.problem(&path, "repeats the service and region of an earlier quota");
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
