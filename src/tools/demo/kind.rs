//! What differs from kind to kind: the section of a destination, its place in the emulator, and what its service
//! promises.
//!
//! Knows nothing of how a service is emulated.

use serde_json::{Value, json};

use crate::{
    cli::{DemoArguments, DemoFault, DemoFaults, DemoKind},
    tools::demo::generate::Realm,
};

const REGION: &str = "us-east-1";
/// How long an attempt may take: the emulator answers at once, and nobody knows what it accepts after that.
const TIMEOUT: &str = "1m";
/// What distinguishes custom buses of one name.
const BUS_ID: &str = "abcdefghij0123456789abcde";
/// The events in a request if the service takes more: the default of `batch.max_events`.
const BATCH: u64 = 100;

impl DemoArguments {
    /// The faults that were asked for and that the kind can show.
    pub(super) fn shown_faults(&self) -> DemoFaults {
        DemoFaults(self.faults.0.iter().copied().filter(|fault| self.kind.shows(*fault)).collect())
    }
}

impl DemoKind {
    /// What the destinations are.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Kinesis => "streams of Kinesis",
            Self::EventBridge => "custom buses of EventBridge",
            Self::EventBridgeClassic => "classic buses of EventBridge",
            Self::Firehose => "streams of Firehose",
            Self::Kafka => "Kafka topics",
            Self::Pinpoint => "applications of Pinpoint",
        }
    }

    /// The name of the service in the emulator; Kafka is not emulated there.
    const fn service(self) -> Option<&'static str> {
        match self {
            Self::Kinesis => Some("kinesis"),
            Self::EventBridge => Some("eventbridgev2"),
            Self::EventBridgeClassic => Some("eventbridge"),
            Self::Firehose => Some("firehose"),
            Self::Pinpoint => Some("pinpoint"),
            Self::Kafka => None,
        }
    }

    /// The stream, bus, topic or application of a realm.
    pub(super) fn resource(self, realm: Realm) -> String {
        let name = realm.name();
        match self {
            Self::EventBridge => {
                format!("arn:aws:events:{REGION}:{}:event-busv2/{name}/{BUS_ID}", account(realm))
            }
            _ => name.to_owned(),
        }
    }

    /// The realm whose destination the emulator calls so.
    pub(super) fn realm_at(self, place: &str) -> Option<Realm> {
        let (service, resource) = place.split_once('/')?;
        Realm::ALL
            .into_iter()
            .find(|realm| self.service() == Some(service) && self.resource(*realm) == resource)
    }

    /// The section of the configuration that says where the destination of a realm is: at AWS, the address of
    /// the emulator; of Kafka, the brokers.
    pub(super) fn section(self, realm: Realm, at: &str) -> Value {
        let resource = self.resource(realm);
        if self == Self::Kafka {
            return json!({ "kafka": { "topic": resource, "brokers": at } });
        }
        let mut settings = json!({ "region": REGION, "endpoint_url": at, "timeout": TIMEOUT });
        if realm == Realm::Acme {
            let role = format!("arn:aws:iam::{}:role/identity-events", account(realm));
            settings["credentials"] = json!({ "role": role, "external_id": EXTERNAL_ID });
        }
        let (kind, key) = match self {
            Self::Kinesis => ("kinesis", "stream"),
            Self::Firehose => ("firehose", "stream"),
            Self::EventBridge | Self::EventBridgeClassic => ("eventbridge", "bus"),
            Self::Pinpoint | Self::Kafka => ("pinpoint", "application"),
        };
        settings[key] = resource.into();
        if kind == "eventbridge" {
            settings["source"] = "com.example.identity".into();
        }
        json!({ kind: settings })
    }

    /// Whether the events of an endpoint arrive in the order of their records.
    pub(super) const fn keeps_order(self) -> bool {
        matches!(self, Self::Kinesis | Self::EventBridge | Self::Kafka)
    }

    /// Whether the service recognises an event that it has.
    pub(super) const fn recognises_copies(self) -> bool {
        matches!(self, Self::EventBridge)
    }

    /// Whether a fault can be shown. The embedded brokers refuse whole requests alone, and do not recognise what
    /// a producer sends again after an answer was lost.
    fn shows(self, fault: DemoFault) -> bool {
        self != Self::Kafka || matches!(fault, DemoFault::Outage | DemoFault::Role)
    }

    /// What the tenant is refused.
    pub(super) const fn right(self) -> &'static str {
        match self {
            Self::Kafka => "right to write",
            _ => "role",
        }
    }

    /// The events that a request holds at most.
    pub(super) const fn batch(self) -> u64 {
        match self {
            Self::EventBridgeClassic => 10,
            _ => BATCH,
        }
    }
}

/// The external id that the tenant's role demands.
pub(super) const EXTERNAL_ID: &str = "acme-7f3c";

/// The account that a destination is in.
const fn account(realm: Realm) -> &'static str {
    match realm {
        Realm::Shop => "111122223333",
        Realm::Acme => "444455556666",
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;
    use crate::config::destinations::NamedDestination;

    #[test]
    fn each_kind_has_two_destinations_of_its_own() {
        for kind in DemoKind::value_variants() {
            for realm in Realm::ALL {
                let at = if *kind == DemoKind::Kafka { "127.0.0.1:9" } else { "http://127.0.0.1:9" };
                let section: NamedDestination = serde_json::from_value(kind.section(realm, at)).unwrap();
                let text = serde_json::to_string(&section).unwrap();
                assert!(text.contains(&kind.resource(realm)) && text.contains(at), "{text}");
                let has_role = text.contains("role/identity-events");
                assert_eq!(has_role, realm == Realm::Acme && *kind != DemoKind::Kafka, "{text}");
                if let Some(service) = kind.service() {
                    let place = format!("{service}/{}", kind.resource(realm));
                    assert_eq!(kind.realm_at(&place), Some(realm));
                    assert_eq!(kind.realm_at(&format!("other/{}", kind.resource(realm))), None);
                    assert_eq!(kind.realm_at(&format!("{service}/other")), None);
                }
            }
        }
    }
}
