//! The script: what goes wrong for a while, at both destinations.
//!
//! Knows nothing of how that is carried out, and reads no clock. Throttling and the outage happen once each, early,
//! so that both are over before the tenant's story begins.

use std::time::Duration;

use crate::{
    cli::{DemoFault, DemoFaults},
    core::time::Moment,
    tools::demo::trouble::Scene,
};

pub(super) struct Script {
    throttling: Episode,
    outage: Episode,
}

/// A scene that happens once, for a time.
struct Episode {
    planned: bool,
    /// The share of settled records at which it begins, from 0 to 1.
    from: f64,
    lasts: Duration,
    until: Option<Moment>,
}

impl Script {
    pub(super) fn new(DemoFaults(faults): &DemoFaults) -> Self {
        let episode = |fault, from, seconds| Episode {
            planned: faults.contains(&fault),
            from,
            lasts: Duration::from_secs(seconds),
            until: None,
        };
        Self {
            throttling: episode(DemoFault::Throttling, 0.1, 1),
            outage: episode(DemoFault::Outage, 0.2, 4),
        }
    }

    /// The scene at `now`, when the share `settled` of all records is settled.
    pub(super) fn scene(&mut self, now: Moment, settled: f64) -> Option<Scene> {
        let (outage, throttling) = (self.outage.is_on(now, settled), self.throttling.is_on(now, settled));
        outage.then_some(Scene::Outage).or_else(|| throttling.then_some(Scene::Throttling))
    }
}

impl Episode {
    fn is_on(&mut self, now: Moment, settled: f64) -> bool {
        self.planned && settled >= self.from && now < *self.until.get_or_insert(now + self.lasts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the name of the scene at each second, given the percentage that is settled then.
    #[track_caller]
    fn check(faults: &str, settled: &[f64], expected: &[&str]) {
        let mut script = Script::new(&faults.parse().unwrap());
        let called: Vec<_> = (0..)
            .zip(settled)
            .map(|(second, settled)| {
                let now = Moment::after_start(Duration::from_secs(second));
                script.scene(now, settled / 100.0).map_or("-", Scene::name)
            })
            .collect();
        assert_eq!(called, expected);
    }

    #[test]
    fn throttling_and_the_outage_come_once_each() {
        let settled = [0.0, 9.0, 11.0, 15.0, 30.0, 30.0, 30.0, 30.0, 30.0, 100.0];
        check("none", &settled, &["-"; 10]);
        check(
            "all",
            &settled,
            &["-", "-", "throttling", "-", "outage", "outage", "outage", "outage", "-", "-"],
        );
        check("throttling", &settled, &["-", "-", "throttling", "-", "-", "-", "-", "-", "-", "-"]);
        check("outage", &[60.0, 60.0, 60.0, 60.0, 60.0], &["outage", "outage", "outage", "outage", "-"]);
    }
}
