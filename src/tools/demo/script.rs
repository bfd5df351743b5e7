//! The script: the faults of the PutEvents server over the run.
//!
//! Knows nothing of how they are carried out, and reads no clock. Some faults happen all the time; throttling
//! and the outage happen once each.

use std::time::Duration;

use crate::{
    cli::{DemoFault, DemoFaults},
    core::time::Moment,
    tools::emulator::{Faults, Outage},
};

pub(super) struct Script {
    always: Faults,
    throttling: Scene,
    outage: Scene,
}

/// A fault that happens once, for a time.
struct Scene {
    planned: bool,
    /// The share of settled records at which it begins, from 0 to 1.
    from: f64,
    lasts: Duration,
    until: Option<Moment>,
}

impl Script {
    pub(super) fn new(DemoFaults(faults): &DemoFaults) -> Self {
        let planned = |fault| faults.contains(&fault);
        let share = |fault, share: f64| if planned(fault) { share } else { 0.0 };
        let always = Faults {
            events_refused: share(DemoFault::Refused, 0.01),
            events_missing: share(DemoFault::Missing, 0.01),
            endpoints_missing: share(DemoFault::Missing, 0.01),
            answer_lost: share(DemoFault::Lost, 0.05),
            answer_broken: share(DemoFault::Lost, 0.03),
            answer_empty: share(DemoFault::Lost, 0.02),
            ..Faults::default()
        };
        let scene = |fault, from, seconds| Scene {
            planned: planned(fault),
            from,
            lasts: Duration::from_secs(seconds),
            until: None,
        };
        let throttling = scene(DemoFault::Throttling, 0.15, 1);
        Self { always, throttling, outage: scene(DemoFault::Outage, 0.5, 4) }
    }

    /// The faults at `now`, when the share `settled` of all records is settled, and the name of the scene,
    /// if there is one.
    pub(super) fn faults(&mut self, now: Moment, settled: f64) -> (Faults, Option<&'static str>) {
        let always = self.always.clone();
        if self.outage.is_on(now, settled) {
            (Faults { outage: Some(Outage::unavailable()), ..always }, Some("outage"))
        } else if self.throttling.is_on(now, settled) {
            (Faults { throttled: 0.5, events_throttled: 0.002, ..always }, Some("throttling"))
        } else {
            (always, None)
        }
    }
}

impl Scene {
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
                script.faults(now, settled / 100.0).1.unwrap_or("-")
            })
            .collect();
        assert_eq!(called, expected);
    }

    #[test]
    fn throttling_and_the_outage_come_once_each() {
        let settled = [0.0, 14.0, 16.0, 20.0, 60.0, 60.0, 60.0, 60.0, 60.0, 100.0];
        check("none", &settled, &["-"; 10]);
        check(
            "all",
            &settled,
            &["-", "-", "throttling", "-", "outage", "outage", "outage", "outage", "-", "-"],
        );
        check("throttling", &settled, &["-", "-", "throttling", "-", "-", "-", "-", "-", "-", "-"]);
        check("outage", &[60.0, 60.0, 60.0, 60.0, 60.0], &["outage", "outage", "outage", "outage", "-"]);
    }

    #[test]
    fn only_requested_faults_happen() {
        let (faults, _) = Script::new(&"none".parse().unwrap()).faults(Moment::START, 0.5);
        assert_eq!(faults, Faults::default());
        let (faults, _) = Script::new(&"refused".parse().unwrap()).faults(Moment::START, 0.5);
        assert_eq!(faults, Faults { events_refused: 0.01, ..Faults::default() });
    }
}
