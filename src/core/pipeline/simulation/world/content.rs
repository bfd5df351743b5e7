//! The content of the logs: records, their mappings, and the tags by which the model recognises events.

use std::{collections::BTreeSet, sync::Arc};

use smallvec::smallvec;

use super::World;
use crate::core::{
    code::Code,
    event::{AppEvent, Delivery, Endpoint, EndpointId, EventType, Mapped, Origin, Portions, Refusal},
    pipeline::tail::{Scope, Tail},
    record::{Assignment, CommittedPosition, Ownership, Record},
    redrive::{Redriven, Selection, tests::redriven},
    route::config::Unrouted,
    session_table::Entry,
    source::Commit,
    time::Timestamp,
};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    Good,
    /// The whole request is refused.
    Poison,
    /// A gateway denies the whole request.
    Denied,
    /// The event is refused.
    Bad,
    /// The event is refused because of its endpoint, unless it comes with an empty one.
    Spoiled,
}

/// An event of a record in a log.
#[derive(Clone)]
pub(super) struct Event {
    pub(super) endpoint: u64,
    pub(super) id: String,
    /// Identifies the record and the event's place in it. It is sent in an attribute.
    pub(super) tag: String,
    pub(super) version: u64,
    nature: Nature,
    client: String,
    /// The destinations that it goes to.
    pub(super) to: Vec<usize>,
}

#[derive(Clone)]
pub(super) enum Content {
    Ignored,
    Garbage,
    Events(Vec<Event>),
    /// A part of the record is garbage.
    Partly(Vec<Event>),
}

/// Stands for the record as a whole, among the tags that are not settled.
pub(super) const WHOLE: &str = "";
/// Stands for the events of a record that no route matches.
pub(super) const UNROUTED: &str = "unrouted";
/// Stands for the events for which a record was redriven and which it does not become any more.
pub(super) const GONE: &str = "gone";
/// Stands for the write of a record's entries.
pub(super) const WRITE: &str = "write";

pub(super) struct LogRecord {
    pub(super) offset: i64,
    pub(super) content: Content,
    /// The number of its entries of the session table.
    pub(super) entries: usize,
    /// Whether its entries and events come one by one.
    pub(super) in_portions: bool,
    /// Tags that are not settled yet.
    pub(super) open: BTreeSet<String>,
    /// What it was redriven for. Then its events go only there.
    pub(super) redriven: Option<Arc<Redriven>>,
    /// The offset of the record that it was written back for, in the same log; otherwise its own.
    pub(super) original: i64,
}

/// A partition of a topic, as the broker has it.
pub(super) struct Log {
    pub(super) topic: Arc<str>,
    pub(super) partition: i32,
    pub(super) records: Vec<LogRecord>,
    pub(super) committed: Option<CommittedPosition>,
    /// The offsets that the last commit named as settled above its position.
    pub(super) named: BTreeSet<i64>,
    /// The destinations that get no events of this log.
    pub(super) avoids: BTreeSet<usize>,
}

impl Log {
    /// The offset of the next record that is read after a restart.
    pub(super) fn position(&self) -> i64 {
        self.committed.as_ref().map_or(0, |committed| committed.position)
    }

    /// The offsets that a commit names as settled above its position.
    pub(super) fn named_by(&self, commit: &Commit) -> BTreeSet<i64> {
        let scope =
            Scope::new(CLUSTER, &Assignment::new(commit.ownership, Arc::clone(&self.topic), self.partition));
        let tail = commit
            .metadata
            .as_ref()
            .map(|text| Tail::parse(text, scope, commit.position).expect("a tail of our own can be read"));
        let runs = tail.iter().flat_map(|tail| &tail.runs);
        let offsets = self.records.iter().map(|record| record.offset);
        runs.flat_map(|run| offsets.clone().filter(|offset| (run.first..=run.last).contains(offset)))
            .collect()
    }
}

/// The id of the only cluster.
pub(super) const CLUSTER: &str = "cluster";

impl Content {
    pub(super) fn events(&self) -> &[Event] {
        match self {
            Self::Ignored | Self::Garbage => &[],
            Self::Events(events) | Self::Partly(events) => events,
        }
    }

    /// The same events in a record at another place, each for these destinations.
    pub(super) fn again(&self, place: &str, version: u64, to: impl Fn(&Event) -> Vec<usize>) -> Self {
        let events = self.events().iter().enumerate();
        let events = events.map(|(index, event)| Event {
            tag: format!("{place}-{index}"),
            version,
            to: to(event),
            ..event.clone()
        });
        Self::Events(events.collect())
    }

    fn is_refused(&self) -> bool {
        matches!(self, Self::Garbage | Self::Partly(_))
    }
}

impl World {
    pub(super) fn produce_somewhere(&mut self) {
        let log = self.rng.usize(..self.logs.len());
        self.produce(log, self.faults.natures);
    }

    pub(super) fn produce(&mut self, log: usize, natures: f64) {
        let last = self.logs[log].records.last().map_or(-1, |record| record.offset);
        let offset = last + 1 + i64::from(self.rng.u8(..8) == 0);
        self.next_id += 1;
        let mut content = match self.rng.u32(..10) {
            0 => Content::Ignored,
            1 if natures > 0.0 => Content::Garbage,
            2 if natures > 0.0 => Content::Partly(self.events(log, offset, natures)),
            _ => Content::Events(self.events(log, offset, natures)),
        };
        let is_redriven = self.redriving.is_none() && self.rng.u8(..6) == 0;
        let redriven = if is_redriven { self.narrow(&mut content) } else { None };
        let entries = if self.has_table && self.rng.u8(..3) == 0 { self.rng.usize(1..3) } else { 0 };
        let obligations = |event: &Event| {
            let tag = event.tag.clone();
            event.to.clone().into_iter().map(move |destination| obligation(&tag, destination))
        };
        let mut open: BTreeSet<String> = content.events().iter().flat_map(obligations).collect();
        let unrouted = content.events().iter().any(|event| event.to.is_empty());
        let unrouted = unrouted && self.settings.unrouted == Unrouted::DeadLetter && redriven.is_none();
        open.extend(unrouted.then(|| UNROUTED.to_owned()));
        open.extend((content.is_refused() && redriven.is_none()).then(|| WHOLE.to_owned()));
        let names_gone = |redriven: &Arc<Redriven>| redriven.wants_event(GONE);
        open.extend(redriven.as_ref().is_some_and(names_gone).then(|| GONE.to_owned()));
        open.extend((entries > 0).then(|| WRITE.to_owned()));
        let in_portions = !content.events().is_empty() && self.rng.u8(..6) == 0;
        let record = LogRecord { offset, content, entries, in_portions, open, redriven, original: offset };
        self.logs[log].records.push(record);
    }

    /// Chooses some of the events and destinations of a record, for which it was redriven. Now and then it was
    /// also redriven for an event that it does not become any more.
    fn narrow(&mut self, content: &mut Content) -> Option<Arc<Redriven>> {
        let (Content::Events(events) | Content::Partly(events)) = content else { return None };
        let mut send = Vec::new();
        for event in events {
            event.to.retain(|_| self.rng.bool());
            let selection = |destination: &usize| {
                Selection::one(format!("d{destination}").into(), event.id.as_str().into())
            };
            send.extend(event.to.iter().map(selection));
        }
        if send.is_empty() || self.rng.u8(..4) == 0 {
            send.push(Selection::one("d0".into(), GONE.into()));
        }
        Some(Arc::new(redriven(send)))
    }

    fn events(&mut self, log: usize, offset: i64, natures: f64) -> Vec<Event> {
        // Now and then, a source event is repeated, as publishers do.
        let source = if self.rng.u8(..10) == 0 { self.next_id / 2 } else { self.next_id };
        let endpoint = self.rng.u64(..5);
        let number = 1 + self.rng.usize(..3);
        let mut event = |index: usize| {
            let (client, to) = self.client(log, natures > 0.0);
            Event {
                endpoint: if self.rng.u8(..10) == 0 { self.rng.u64(..5) } else { endpoint },
                id: format!("{source}:{index}"),
                tag: format!("{log}-{offset}-{index}"),
                version: self.next_id,
                nature: if self.rng.f64() < natures {
                    [Nature::Poison, Nature::Denied, Nature::Bad, Nature::Spoiled][self.rng.usize(..4)]
                } else {
                    Nature::Good
                },
                client,
                to,
            }
        };
        (0..number).map(&mut event).collect()
    }

    /// A client, and the destinations of its events.
    fn client(&mut self, log: usize, may_be_unknown: bool) -> (String, Vec<usize>) {
        if !self.settings.has_several() {
            return (String::new(), vec![0]);
        }
        loop {
            let (client, to) = match self.rng.u8(..12) {
                0 if may_be_unknown => ("none".to_owned(), Vec::new()),
                0..3 => ("both".to_owned(), self.settings.both()),
                _ => {
                    let destination = self.destination();
                    (format!("d{destination}"), vec![destination])
                }
            };
            if !to.iter().any(|destination| self.logs[log].avoids.contains(destination)) {
                return (client, to);
            }
        }
    }
}

pub(super) fn record_of(log: &Log, ownership: Ownership, offset: i64) -> Record {
    let index = log.records.binary_search_by_key(&offset, |record| record.offset);
    let redriven = log.records[index.expect("the record exists")].redriven.clone();
    Record {
        ownership,
        topic: Arc::clone(&log.topic),
        partition: log.partition,
        offset,
        timestamp: None,
        key: None,
        value: Some(offset.to_string().into_bytes().into()),
        headers: Vec::new(),
        redriven,
    }
}

/// The mapping of a record, with its entries. Their keys name the record and the ownership.
pub(super) fn mapped(log: usize, record: &LogRecord, ownership: Ownership) -> (Mapped, Vec<Entry>) {
    let key = || write_key(log, record.offset, ownership).into();
    let entries = (0..record.entries).map(|entry| Entry { key: key(), value: entry.to_string().into() });
    let mut entries: Vec<Entry> = entries.collect();
    let refusal = || Refusal { code: Code("not_json"), message: String::new() };
    let events = record.content.events();
    let deliveries: Vec<Delivery> = events.iter().map(|event| delivery(event, ownership)).collect();
    let mapped = match &record.content {
        Content::Ignored => Mapped::Ignored(Code("ignored")),
        Content::Garbage => Mapped::Refused(refusal()),
        content if record.in_portions => {
            let later = entries.split_off(entries.len().min(1)).into_iter();
            let refusal = content.is_refused().then(refusal);
            let portions = Portions::new(1, (events.len(), 100), later, deliveries.into_iter(), refusal);
            Mapped::InPortions(portions)
        }
        Content::Events(_) => Mapped::Deliver(deliveries),
        Content::Partly(_) => Mapped::Partly(deliveries, refusal()),
    };
    (mapped, entries)
}

pub(super) fn write_key(log: usize, offset: i64, ownership: Ownership) -> String {
    format!("{log}-{offset}-{}", ownership.0)
}

fn delivery(event: &Event, ownership: Ownership) -> Delivery {
    let mut endpoint = Endpoint { user_id: Some("user".into()), ..Endpoint::default() };
    endpoint.user_attributes.insert("version".into(), vec![event.version.to_string().into()]);
    let nature = match event.nature {
        Nature::Good => "good",
        Nature::Poison => "poison",
        Nature::Denied => "denied",
        Nature::Bad => "bad",
        Nature::Spoiled => "spoiled",
    };
    Delivery {
        origin: (!event.client.is_empty()).then(|| origin(&event.client)),
        endpoint_id: EndpointId::new(&event.endpoint.to_string()),
        endpoint: Arc::new(endpoint),
        event: Arc::new(AppEvent {
            id: event.id.clone().into(),
            event_type: EventType::SignIn,
            timestamp: Timestamp(0),
            session: None,
            attributes: smallvec![
                ("tag".into(), owned_tag(event, ownership).into()),
                ("nature".into(), nature.into()),
            ],
            metrics: Vec::new(),
            app: None,
        }),
    }
}

fn origin(client: &str) -> Arc<Origin> {
    Arc::new(Origin { client: Some(client.into()), ..Origin::default() })
}

/// The obligation that a record has open while a destination has no verdict for one of its events.
pub(super) fn obligation(tag: &str, destination: usize) -> String {
    format!("{tag}@{destination}")
}

/// The destination that an open obligation is about.
pub(super) fn goes_to(obligation: &str) -> Option<usize> {
    obligation.rsplit_once('@').map(|(_, destination)| destination.parse().expect("a destination"))
}

/// The size of an event: 100 to 300 bytes, derived from its tag.
pub(super) fn size(event: &AppEvent) -> usize {
    100 + base(tag(event)).bytes().map(usize::from).sum::<usize>() % 200
}

/// The tag that an event is sent with. An event that is read again under another ownership is another event.
pub(super) fn owned_tag(event: &Event, ownership: Ownership) -> String {
    format!("{}-{}", event.tag, ownership.0)
}

/// The tag as it is in the log.
pub(super) fn base(tag: &str) -> &str {
    tag.rsplit_once('-').map_or(tag, |(base, _)| base)
}

pub(super) fn tag(event: &AppEvent) -> &str {
    &event.attributes[0].1
}

pub(super) fn nature(event: &Arc<AppEvent>) -> Nature {
    match &*event.attributes[1].1 {
        "poison" => Nature::Poison,
        "denied" => Nature::Denied,
        "bad" => Nature::Bad,
        "spoiled" => Nature::Spoiled,
        _ => Nature::Good,
    }
}

pub(super) fn number(endpoint_id: &EndpointId) -> u64 {
    endpoint_id.0.parse().expect("an endpoint of this world")
}

/// The log and the offset that a tag names.
pub(super) fn place(tag: &str) -> (usize, i64) {
    let mut parts = tag.split('-').map(|part| part.parse::<i64>().expect("a tag of this world"));
    let log = usize::try_from(parts.next().expect("the log")).expect("an index");
    (log, parts.next().expect("the offset"))
}
