//! Questions to the brokers whose answers take a round trip or a time-out, on a thread of their own.
//!
//! One of each kind is on its way at most; the answers come back to the poll loop as reports.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::Consumer as _,
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    topic_partition_list::TopicPartitionListElem,
};

use super::{
    Report,
    group::{self, GroupConsumer},
    partitions::Place,
};
use crate::{
    core::{code::Code, record::Ownership},
    edge::kafka::{
        codes,
        config::{SourceConfig, Start},
    },
};

/// How long the brokers may take to answer one question.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A question to the brokers.
#[derive(Debug)]
pub(super) enum Question {
    /// Where to start these partitions.
    Beginnings(Vec<Place>),
    /// Which offsets the logs of these partitions hold; with the position of each, as it is now.
    Ranges(Vec<(Place, Option<i64>)>),
    /// What there is: the subscribed topics, and the logs of what is owned; with the position of each.
    Survey(Vec<(Ownership, Place, Option<i64>)>),
}

/// Where a partition starts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Beginning {
    pub(super) place: Place,
    /// The offset to start with; none is the first of the log.
    pub(super) next: Option<i64>,
    /// Whether the group has no position there yet.
    pub(super) is_new: bool,
}

/// Which offsets the log of a partition holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) place: Place,
    /// The position when the question was asked: the log cannot have ended below it since.
    pub(super) next: Option<i64>,
    /// The offset of the oldest record.
    pub(super) start: i64,
    /// The offset of the next record to be produced.
    pub(super) end: i64,
}

/// The state of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TopicState {
    /// It has so many partitions.
    Partitions(usize),
    /// There is none of that name.
    Missing,
    /// The brokers will not say.
    Trouble(Code),
}

/// What there is.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// The subscribed topics, in the subscription's order.
    pub(super) topics: Vec<(Arc<str>, TopicState)>,
    /// Which offsets the logs hold, as far as the brokers said.
    pub(super) ranges: Vec<(Ownership, Range)>,
}

/// The way to the thread that asks.
#[derive(Debug)]
pub(super) struct Lookups(SyncSender<Question>);

impl Lookups {
    /// Starts the thread, which ends when this is dropped and its last question has an answer.
    pub(super) fn start(asker: Asker) -> io::Result<Self> {
        // The poll loop keeps one question of each of the three kinds on its way at most.
        let (sender, questions) = sync_channel(3);
        thread::Builder::new().name("kafka-lookups".into()).spawn(move || asker.answer_each(&questions))?;
        Ok(Self(sender))
    }

    /// Asks; says whether the question is on its way.
    pub(super) fn ask(&self, question: Question) -> bool {
        self.0.try_send(question).is_ok()
    }
}

/// Asks the brokers.
pub(super) struct Asker {
    consumer: Arc<GroupConsumer>,
    topics: Vec<Arc<str>>,
    start: Start,
    reports: SyncSender<Report>,
}

impl Asker {
    /// Asks about the topics that `consumer` is subscribed to, and answers to `reports`.
    pub(super) fn new(
        config: &SourceConfig,
        consumer: &Arc<GroupConsumer>,
        reports: SyncSender<Report>,
    ) -> Self {
        let topics = config.topics.iter().map(|topic| Arc::from(topic.as_str())).collect();
        Self { consumer: Arc::clone(consumer), topics, start: config.start, reports }
    }

    fn answer_each(&self, questions: &Receiver<Question>) {
        for question in questions {
            let report = match question {
                Question::Beginnings(places) => Report::Beginnings(coded(self.beginnings(&places))),
                Question::Ranges(places) => Report::Ranges(coded(self.ranges(places))),
                Question::Survey(owned) => Report::Survey(coded(self.survey(owned))),
            };
            if self.reports.send(report).is_err() {
                return;
            }
        }
    }

    /// The committed position of each partition or, without one, what the configuration says, as an
    /// offset: a partition that starts at its end must not start at a later end after a restart.
    fn beginnings(&self, places: &[Place]) -> KafkaResult<Vec<Beginning>> {
        let committed = offsets(&self.consumer.committed_offsets(group::list(places), TIMEOUT)?)?;
        let new: Vec<_> = places.iter().filter(|place| !committed.contains_key(place)).cloned().collect();
        let found = match self.start {
            Start::Earliest => BTreeMap::new(),
            Start::Latest => self.offsets_at(&new, Offset::End)?,
            Start::At(time) => {
                let mut found = self.offsets_at(&new, Offset::Offset(time.0))?;
                let none_so_late: Vec<_> =
                    new.iter().filter(|place| !found.contains_key(place)).cloned().collect();
                found.append(&mut self.offsets_at(&none_so_late, Offset::End)?);
                found
            }
        };
        let beginning = |place: &Place| {
            let (is_new, next) = (!committed.contains_key(place), committed.get(place).or(found.get(place)));
            Beginning { place: place.clone(), next: next.copied(), is_new }
        };
        Ok(places.iter().map(beginning).collect())
    }

    fn ranges(&self, places: Vec<(Place, Option<i64>)>) -> KafkaResult<Vec<Range>> {
        let asked: Vec<_> = places.iter().map(|(place, _)| place.clone()).collect();
        // A partition without a leader has no answer, and must not take the others' away.
        let starts = known(&self.looked_up(&asked, Offset::Beginning)?);
        let ends = known(&self.looked_up(&asked, Offset::End)?);
        let range = |(place, next): (Place, Option<i64>)| {
            let (start, end) = (*starts.get(&place)?, *ends.get(&place)?);
            Some(Range { place, next, start, end })
        };
        Ok(places.into_iter().filter_map(range).collect())
    }

    fn survey(&self, owned: Vec<(Ownership, Place, Option<i64>)>) -> KafkaResult<Survey> {
        let mut survey = Survey::default();
        for topic in &self.topics {
            survey.topics.push((Arc::clone(topic), self.topic(topic)?));
        }
        let (ownerships, places): (Vec<_>, Vec<_>) = owned
            .into_iter()
            .map(|(ownership, place, next)| ((place.clone(), ownership), (place, next)))
            .unzip();
        let ownerships: BTreeMap<_, _> = ownerships.into_iter().collect();
        // The topics are what matters: that the logs do not answer must not hide them.
        let ranges = self.ranges(places).unwrap_or_default();
        let with_whose = |range: Range| Some((*ownerships.get(&range.place)?, range));
        survey.ranges = ranges.into_iter().filter_map(with_whose).collect();
        Ok(survey)
    }

    fn topic(&self, name: &str) -> KafkaResult<TopicState> {
        let metadata = self.consumer.fetch_metadata(Some(name), TIMEOUT)?;
        let Some(topic) = metadata.topics().first() else { return Ok(TopicState::Missing) };
        Ok(match topic.error().map(RDKafkaErrorCode::from) {
            None => TopicState::Partitions(topic.partitions().len()),
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                TopicState::Missing
            }
            Some(error) => TopicState::Trouble(codes::named(error)),
        })
    }

    /// The offsets of these partitions at a time (milliseconds), at the beginning or at the end; none
    /// for those that have no record so late.
    fn offsets_at(&self, places: &[Place], at: Offset) -> KafkaResult<BTreeMap<Place, i64>> {
        offsets(&self.looked_up(places, at)?)
    }

    fn looked_up(&self, places: &[Place], at: Offset) -> KafkaResult<TopicPartitionList> {
        let mut list = group::list(places);
        if places.is_empty() {
            return Ok(list);
        }
        list.set_all_offsets(at)?;
        self.consumer.offsets_for_times(list, TIMEOUT)
    }
}

fn coded<T>(answer: KafkaResult<T>) -> Result<T, Code> {
    answer.map_err(|error| codes::code(&error))
}

/// The offsets of a list that are numbers; an error of any partition is the list's.
fn offsets(list: &TopicPartitionList) -> Result<BTreeMap<Place, i64>, KafkaError> {
    list.elements().iter().try_for_each(TopicPartitionListElem::error)?;
    Ok(known(list))
}

/// The offsets of a list that are numbers, of those partitions that have no error.
fn known(list: &TopicPartitionList) -> BTreeMap<Place, i64> {
    let offset = |element: &TopicPartitionListElem<'_>| {
        let offset = element.offset().to_raw().filter(|offset| *offset >= 0)?;
        element.error().ok()?;
        Some((Place { topic: Arc::from(element.topic()), partition: element.partition() }, offset))
    };
    list.elements().iter().filter_map(offset).collect()
}
