//! The known brokers, topics and ends of their logs. They are refreshed every few seconds, and changes are
//! reported.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use super::report::{LogRange, Refresh};
use crate::{
    core::{code::Code, record::Ownership, source::SourceEvent},
    edge::kafka::{
        codes,
        connection::{Affected, Connection},
        lookups::TopicState,
    },
};

/// How often to refresh when all is well, and so the greatest age of the known ends of the logs.
const CALM: Duration = Duration::from_secs(5);
/// How often to refresh when something is wrong or missing.
const WORRIED: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Metadata {
    pub(super) connection: Connection,
    missing: BTreeSet<Arc<str>>,
    /// The existing topics, as they were last reported.
    topics: Vec<(Arc<str>, usize)>,
    is_requested: bool,
    /// When to refresh; `None` means at once.
    next: Option<Instant>,
    /// Something may have changed since the refresh that is running was requested.
    is_outdated: bool,
}

impl Metadata {
    pub(super) fn is_due(&self, now: Instant) -> bool {
        !self.is_requested && self.next.is_none_or(|at| at <= now)
    }

    pub(super) fn requested(&mut self) {
        self.is_requested = true;
        self.is_outdated = false;
        self.next = None;
    }

    /// Requests a refresh at once, because something seems to have changed.
    pub(super) fn refresh_now(&mut self) {
        self.next = None;
        self.is_outdated = true;
    }

    /// Takes in a refresh and returns what is new. Leaves out ownerships that are no longer `current`.
    pub(super) fn update(
        &mut self,
        refresh: &Result<Refresh, Code>,
        current: impl Fn(Ownership) -> bool,
        now: Instant,
    ) -> Vec<SourceEvent> {
        self.is_requested = false;
        let mut events = Vec::new();
        let mut ends = Vec::new();
        match refresh {
            Err(code) => self.connection.trouble(Affected::Brokers, *code),
            Ok(Refresh { topics, ranges }) => {
                self.connection.well(Affected::Brokers);
                self.update_topics(topics, &mut events);
                let end = |(ownership, range): &(Ownership, LogRange)| (*ownership, range.end);
                ends.extend(ranges.iter().map(end).filter(|(ownership, _)| current(*ownership)));
            }
        }
        // Also if there are none, because the ends that were known before are outdated.
        events.push(SourceEvent::Ends(ends));
        let is_well = !self.connection.is_troubled() && self.missing.is_empty();
        self.next = (!self.is_outdated).then_some(now + if is_well { CALM } else { WORRIED });
        events
    }

    fn update_topics(&mut self, topics: &[(Arc<str>, TopicState)], events: &mut Vec<SourceEvent>) {
        self.connection.well(Affected::Topics);
        let (mut known, mut are_all_known) = (Vec::new(), true);
        for (topic, state) in topics {
            match state {
                TopicState::Exists { partitions, .. } => known.push((Arc::clone(topic), partitions.len())),
                TopicState::Missing => {}
                TopicState::Unknown(error) => {
                    self.connection.trouble(Affected::Topics, codes::named(*error));
                    are_all_known = false;
                }
            }
            let missing = *state == TopicState::Missing;
            let is_new =
                if missing { self.missing.insert(topic.clone()) } else { self.missing.remove(topic) };
            if is_new {
                events.push(SourceEvent::TopicMissing { topic: Arc::clone(topic), missing });
            }
        }
        // While the number of a topic's partitions is unknown, the last known topics remain valid.
        if are_all_known && !known.is_empty() && self.topics != known {
            self.topics.clone_from(&known);
            events.push(SourceEvent::Topics(known));
        }
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::error::RDKafkaErrorCode;

    use super::*;
    use crate::core::record::TopicPartition;

    /// What a refresh of the topics `a` and `b` reports, in short.
    fn reports(metadata: &mut Metadata, a: TopicState, b: TopicState) -> Vec<String> {
        let topics = vec![("a".into(), a), ("b".into(), b)];
        let range = |end| {
            let partition = TopicPartition { topic: "a".into(), partition: 0 };
            LogRange { partition, next: None, start: 0, end }
        };
        let ranges = vec![(Ownership(1), range(10)), (Ownership(2), range(20))];
        let current = |ownership| ownership == Ownership(2);
        let events =
            metadata.update(&Ok(Refresh { topics, ranges }), current, super::super::heartbeat::now());
        let short = |event: &SourceEvent| match event {
            SourceEvent::Topics(topics) => format!("topics {topics:?}"),
            SourceEvent::TopicMissing { topic, missing } => format!("{topic} missing {missing}"),
            SourceEvent::Ends(ends) => format!("ends {ends:?}"),
            other => panic!("{other:?}"),
        };
        let mut reported: Vec<_> = events.iter().map(short).collect();
        assert_eq!(reported.pop().as_deref(), Some("ends [(Ownership(2), 20)]"), "of owned partitions alone");
        reported
    }

    fn exists(partitions: i32) -> TopicState {
        TopicState::Exists { partitions: (0..partitions).collect(), error: None }
    }

    #[test]
    fn a_change_is_reported_once() {
        use TopicState::{Missing, Unknown};
        let mut metadata = Metadata::default();
        assert_eq!(reports(&mut metadata, exists(3), Missing), ["b missing true", r#"topics [("a", 3)]"#]);
        assert!(reports(&mut metadata, exists(3), Missing).is_empty());
        assert_eq!(
            reports(&mut metadata, exists(3), exists(4)),
            ["b missing false", r#"topics [("a", 3), ("b", 4)]"#]
        );
        let unknown = Unknown(RDKafkaErrorCode::TopicAuthorizationFailed);
        assert!(reports(&mut metadata, unknown, exists(9)).is_empty(), "the last known topics remain valid");
        assert!(metadata.connection.is_troubled());
        assert_eq!(reports(&mut metadata, exists(3), exists(9)), [r#"topics [("a", 3), ("b", 9)]"#]);
        assert!(!metadata.connection.is_troubled());
    }

    #[test]
    fn it_is_refreshed_more_often_when_something_is_wrong() {
        let (mut metadata, now) = (Metadata::default(), super::super::heartbeat::now());
        assert!(metadata.is_due(now));
        metadata.requested();
        assert!(!metadata.is_due(now + CALM), "one refresh at a time");
        metadata.update(&Ok(Refresh::default()), |_| true, now);
        assert!(!metadata.is_due(now + WORRIED) && metadata.is_due(now + CALM));
        let events = metadata.update(&Err(Code("all_brokers_down")), |_| true, now);
        assert!(
            matches!(&events[..], [SourceEvent::Ends(ends)] if ends.is_empty()),
            "unknown is not the last known"
        );
        assert!(metadata.is_due(now + WORRIED));
        metadata.update(&Ok(Refresh::default()), |_| true, now);
        metadata.refresh_now();
        assert!(metadata.is_due(now));
        metadata.requested();
        metadata.refresh_now();
        assert!(!metadata.is_due(now), "one refresh at a time");
        metadata.update(&Ok(Refresh::default()), |_| true, now);
        assert!(metadata.is_due(now), "the refresh may have come too early");
    }
}
