//! What is known of the brokers and topics, kept up to date by surveys, and told when it changes.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    connection::{Affected, Connection},
    lookups::{Range, Survey, TopicState},
};
use crate::core::{code::Code, record::Ownership, source::SourceEvent};

/// How often to look when all is well: the ends of the logs are that old at most.
const CALM: Duration = Duration::from_secs(5);
/// How often to look when something is wrong or missing.
const WORRIED: Duration = Duration::from_secs(1);

/// What is known, and when to look again.
#[derive(Debug, Default)]
pub(super) struct Watch {
    pub(super) connection: Connection,
    missing: BTreeSet<Arc<str>>,
    /// The topics that there are, as they were last told.
    topics: Vec<(Arc<str>, usize)>,
    is_asked: bool,
    /// When to look again; none is at once.
    next: Option<Instant>,
    /// What is being seen may have changed since somebody looked.
    is_outdated: bool,
}

impl Watch {
    /// Whether it is time to look.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        !self.is_asked && self.next.is_none_or(|at| at <= now)
    }

    /// Notes that somebody is looking.
    pub(super) fn asked(&mut self) {
        self.is_asked = true;
        self.is_outdated = false;
        self.next = None;
    }

    /// Looks again at once: something seems to have changed.
    pub(super) fn hurry(&mut self) {
        self.next = None;
        self.is_outdated = true;
    }

    /// The group has let us in, and partitions may have been added.
    pub(super) fn assigned(&mut self) {
        self.connection.well(Affected::Group);
        self.hurry();
    }

    /// The group's coordinator does not answer as it should.
    pub(super) fn trouble_of_group(&mut self, code: Code) {
        self.connection.trouble(Affected::Group, code);
    }

    /// Takes in what was seen, and says what is new; of what is not `current` any more, nothing.
    pub(super) fn learn(
        &mut self,
        survey: &Result<Survey, Code>,
        current: impl Fn(Ownership) -> bool,
        now: Instant,
    ) -> Vec<SourceEvent> {
        self.is_asked = false;
        let mut events = Vec::new();
        let mut ends = Vec::new();
        match survey {
            Err(code) => self.connection.trouble(Affected::Brokers, *code),
            Ok(Survey { topics, ranges }) => {
                self.connection.well(Affected::Brokers);
                self.learn_topics(topics, &mut events);
                let end = |(ownership, range): &(Ownership, Range)| (*ownership, range.end);
                ends.extend(ranges.iter().map(end).filter(|(ownership, _)| current(*ownership)));
            }
        }
        // Also when there are none: what was known before is not true any more.
        events.push(SourceEvent::Ends(ends));
        let all_is_well = !self.connection.is_troubled() && self.missing.is_empty();
        self.next = (!self.is_outdated).then_some(now + if all_is_well { CALM } else { WORRIED });
        events
    }

    fn learn_topics(&mut self, topics: &[(Arc<str>, TopicState)], events: &mut Vec<SourceEvent>) {
        self.connection.well(Affected::Topics);
        let (mut known, mut all_say) = (Vec::new(), true);
        for (topic, state) in topics {
            match state {
                TopicState::Partitions(partitions) => known.push((Arc::clone(topic), *partitions)),
                TopicState::Missing => {}
                TopicState::Trouble(code) => {
                    self.connection.trouble(Affected::Topics, *code);
                    all_say = false;
                }
            }
            let missing = *state == TopicState::Missing;
            let is_news =
                if missing { self.missing.insert(topic.clone()) } else { self.missing.remove(topic) };
            if is_news {
                events.push(SourceEvent::TopicMissing { topic: Arc::clone(topic), missing });
            }
        }
        // As long as a topic does not say how many partitions it has, what was known last stands.
        if all_say && !known.is_empty() && self.topics != known {
            self.topics.clone_from(&known);
            events.push(SourceEvent::Topics(known));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::kafka::consumer::partitions::Place;

    /// What a survey of the topics `a` and `b` tells, in short.
    fn tells(watch: &mut Watch, a: TopicState, b: TopicState) -> Vec<String> {
        let topics = vec![("a".into(), a), ("b".into(), b)];
        let range =
            |end| Range { place: Place { topic: "a".into(), partition: 0 }, next: None, start: 0, end };
        let ranges = vec![(Ownership(1), range(10)), (Ownership(2), range(20))];
        let current = |ownership| ownership == Ownership(2);
        let events = watch.learn(&Ok(Survey { topics, ranges }), current, super::super::now());
        let short = |event: &SourceEvent| match event {
            SourceEvent::Topics(topics) => format!("topics {topics:?}"),
            SourceEvent::TopicMissing { topic, missing } => format!("{topic} missing {missing}"),
            SourceEvent::Ends(ends) => format!("ends {ends:?}"),
            other => panic!("{other:?}"),
        };
        let mut told: Vec<_> = events.iter().map(short).collect();
        assert_eq!(told.pop().as_deref(), Some("ends [(Ownership(2), 20)]"), "of what is owned alone");
        told
    }

    #[test]
    fn a_change_is_told_once() {
        use TopicState::{Missing, Partitions, Trouble};
        let mut watch = Watch::default();
        assert_eq!(tells(&mut watch, Partitions(3), Missing), ["b missing true", r#"topics [("a", 3)]"#]);
        assert!(tells(&mut watch, Partitions(3), Missing).is_empty());
        assert_eq!(
            tells(&mut watch, Partitions(3), Partitions(4)),
            ["b missing false", r#"topics [("a", 3), ("b", 4)]"#]
        );
        let trouble = Trouble(Code("topic_authorization_failed"));
        assert!(tells(&mut watch, trouble, Partitions(9)).is_empty(), "what was known last stands");
        assert!(watch.connection.is_troubled());
        assert_eq!(tells(&mut watch, Partitions(3), Partitions(9)), [r#"topics [("a", 3), ("b", 9)]"#]);
        assert!(!watch.connection.is_troubled());
    }

    #[test]
    fn it_looks_more_often_when_something_is_wrong() {
        let (mut watch, now) = (Watch::default(), super::super::now());
        assert!(watch.is_due(now));
        watch.asked();
        assert!(!watch.is_due(now + CALM), "one look at a time");
        watch.learn(&Ok(Survey::default()), |_| true, now);
        assert!(!watch.is_due(now + WORRIED) && watch.is_due(now + CALM));
        let events = watch.learn(&Err(Code("all_brokers_down")), |_| true, now);
        assert!(
            matches!(&events[..], [SourceEvent::Ends(ends)] if ends.is_empty()),
            "unknown is not the last known"
        );
        assert!(watch.is_due(now + WORRIED));
        watch.learn(&Ok(Survey::default()), |_| true, now);
        watch.hurry();
        assert!(watch.is_due(now));
        watch.asked();
        watch.hurry();
        assert!(!watch.is_due(now), "one look at a time");
        watch.learn(&Ok(Survey::default()), |_| true, now);
        assert!(watch.is_due(now), "it may have come too early");
    }
}
