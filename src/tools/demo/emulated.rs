//! The destinations at the emulator: its faults, its counts, and the events that it has accepted.
//!
//! Knows nothing of the script.

use std::{sync::Arc, time::Duration};

use crate::{
    cli::{DemoFault, DemoFaults, DemoKind},
    core::units::Span,
    tools::{
        demo::{
            evidence::Arriving,
            kind::EXTERNAL_ID,
            trouble::{Role, Scene, Trouble},
        },
        emulator::{Control, Counts, Faults, Only, Outage},
    },
};

/// How long the tenant's credentials last before the role is refused.
const BRIEFLY: Duration = Duration::from_secs(6);

pub(super) struct EmulatedAws {
    kind: DemoKind,
    control: Control,
    /// The faults that happen all the time.
    always: Faults,
    /// The number of the last accepted event that was looked at.
    seen: u64,
}

impl EmulatedAws {
    pub(super) fn new(kind: DemoKind, faults: &DemoFaults, control: Control) -> Self {
        Self { kind, control, always: always(kind, faults), seen: 0 }
    }

    pub(super) fn counts(&self) -> Counts {
        self.control.counts()
    }

    /// The events that were accepted since the last call.
    pub(super) fn arrived(&mut self) -> Vec<Arriving> {
        let events = self.control.events(self.seen);
        self.seen = events.last().map_or(self.seen, |event| event.sequence);
        let arriving = events.iter().map(|event| Arriving {
            realm: self.kind.realm_at(&event.destination),
            endpoint_id: Arc::clone(&event.endpoint_id),
            event_id: event.event_id.clone(),
            event_type: event.event_type.clone(),
        });
        arriving.collect()
    }

    /// Makes go wrong what is to go wrong from now on.
    pub(super) fn cause(&self, trouble: Trouble) {
        let faults = faults(&self.always, trouble);
        if faults != self.control.faults() {
            self.control.set_faults(faults);
        }
    }
}

/// The faults that happen all the time.
fn always(kind: DemoKind, DemoFaults(faults): &DemoFaults) -> Faults {
    let share = |fault, share: f64| if faults.contains(&fault) { share } else { 0.0 };
    let of_pinpoint = kind == DemoKind::Pinpoint;
    // The services that refuse a request because of one record are asked about its halves again and again.
    let whole = matches!(kind, DemoKind::Kinesis | DemoKind::Firehose);
    // Only Pinpoint names the events of an answer. Any other answer that leaves one out says nothing.
    Faults {
        events_refused: share(DemoFault::Refused, if whole { 0.003 } else { 0.01 }),
        events_missing: share(DemoFault::Missing, if of_pinpoint { 0.01 } else { 0.0003 }),
        endpoints_missing: share(DemoFault::Missing, if of_pinpoint { 0.01 } else { 0.0 }),
        answer_lost: share(DemoFault::Lost, 0.05),
        answer_broken: share(DemoFault::Lost, 0.03),
        answer_empty: share(DemoFault::Lost, 0.02),
        ..Faults::default()
    }
}

fn faults(always: &Faults, Trouble { scene, role }: Trouble) -> Faults {
    let (lasts, demands) = match role {
        Role::Granted => (None, EXTERNAL_ID),
        Role::GrantedBriefly => (Some(Span(BRIEFLY)), EXTERNAL_ID),
        Role::Refused => (None, "acme-has-changed-it"),
    };
    let roles = Faults { role_lasts: lasts, role_external_id: Some(demands.to_owned()), ..Faults::default() };
    let only = vec![Only { service: Some("sts".to_owned()), faults: roles, ..Only::default() }];
    let always = Faults { only, ..always.clone() };
    match scene {
        None => always,
        Some(Scene::Throttling) => Faults { throttled: 0.5, events_throttled: 0.002, ..always },
        Some(Scene::Outage) => Faults { outage: Some(Outage::unavailable()), ..always },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none() -> DemoFaults {
        "none".parse().unwrap()
    }

    #[test]
    fn only_requested_faults_happen() {
        assert_eq!(always(DemoKind::Pinpoint, &none()), Faults::default());
        let refused = always(DemoKind::Pinpoint, &"refused".parse().unwrap());
        assert_eq!(refused, Faults { events_refused: 0.01, ..Faults::default() });
    }

    #[test]
    fn the_role_is_refused_without_other_faults_of_its_service() {
        let lost = always(DemoKind::Kinesis, &"lost".parse().unwrap());
        for role in [Role::Granted, Role::GrantedBriefly, Role::Refused] {
            let faults = faults(&lost, Trouble { scene: Some(Scene::Outage), role });
            assert!(faults.outage.is_some() && faults.answer_lost > 0.0);
            let [Only { service, faults: roles, .. }] = &faults.only[..] else { panic!("one service") };
            assert_eq!(service.as_deref(), Some("sts"));
            assert_eq!(roles.role_external_id.as_deref() != Some(EXTERNAL_ID), role == Role::Refused);
            let others = Faults { role_lasts: None, role_external_id: None, ..roles.clone() };
            assert_eq!(others, Faults::default());
        }
    }
}
