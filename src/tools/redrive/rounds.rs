//! Reads letters round by round: each plans as many records as fit into memory, and writes them.
//!
//! Knows nothing of how a letter is judged, grouped and sealed.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use crate::{
    core::{
        record::{Header, Record},
        redrive::{
            REDRIVE_HEADER, Redriven,
            filter::{Filter, Skipped},
            letter::{Entry, Letter},
            offset_set::OffsetSet,
            plan::{Bounds, Plan, Planned},
            seal::{Seal, Sealed},
        },
    },
    edge::kafka::redrive::reader::{LetterReader, Next, ReadError},
    exit::{Exit, Failure},
    tools::redrive::{
        not_read,
        progress::Progress,
        table::Table,
        writing::{Outgoing, Writing},
    },
};

/// How long to wait for a record before looking for a signal.
const WAIT: Duration = Duration::from_millis(100);

/// What a run is to do.
pub(super) struct Job {
    pub(super) filter: Filter,
    /// `None` only in a dry run.
    pub(super) seal: Option<Seal>,
    /// The topic that all records are redriven to; `None` is the one that each came from.
    pub(super) to: Option<Arc<str>>,
    /// Whether receipts count for nothing.
    pub(super) again: bool,
    /// How many original records to redrive at most.
    pub(super) limit: Option<u64>,
    pub(super) bounds: Bounds,
    /// The topic of the letters.
    pub(super) letters: Arc<str>,
}

pub(super) struct Rounds {
    job: Job,
    reader: LetterReader,
    writing: Writing,
    progress: Progress,
    stop: CancellationToken,
    /// The letters that earlier runs redrove.
    receipts: OffsetSet,
    /// The letters that this run redrove.
    done: OffsetSet,
    matched: u64,
    /// Original records that this run redrove.
    originals: u64,
    read: u64,
    skipped: BTreeMap<Skipped, u64>,
    /// The number of partitions of each topic that was written to.
    partitions: HashMap<Arc<str>, usize>,
}

impl Rounds {
    pub(super) fn new(
        job: Job,
        reader: LetterReader,
        writing: Writing,
        progress: Progress,
        stop: CancellationToken,
    ) -> Self {
        Self {
            job,
            reader,
            writing,
            progress,
            stop,
            receipts: OffsetSet::default(),
            done: OffsetSet::default(),
            matched: 0,
            originals: 0,
            read: 0,
            skipped: BTreeMap::new(),
            partitions: HashMap::new(),
        }
    }

    /// Redrives everything that is asked for, or as much as there is time for before a signal.
    ///
    /// # Errors
    /// If Kafka cannot be read or written.
    pub(super) fn run(&mut self) -> Result<(), Failure> {
        let ended = self.rounds();
        // Whatever happened, what was written gets its receipt.
        let finished = self.writing.finish();
        self.progress.end();
        ended.and(finished)
    }

    fn rounds(&mut self) -> Result<(), Failure> {
        if !self.job.again {
            self.load_receipts()?;
        }
        loop {
            let (mut plan, left) = self.plan()?;
            if plan.is_empty() || self.is_stopped() {
                return Ok(());
            }
            self.write(&mut plan)?;
            if left == 0 || self.is_stopped() {
                return Ok(());
            }
        }
    }

    fn load_receipts(&mut self) -> Result<(), Failure> {
        self.reader.rewind().map_err(not_read)?;
        while let Some(record) = self.next("reading receipts")? {
            if let Entry::Receipt(receipt) = Entry::read(&record) {
                for offset in receipt.redriven {
                    self.receipts.insert(record.partition, offset);
                }
            }
        }
        Ok(())
    }

    /// Plans the next records. Returns how many letters are left to another plan.
    fn plan(&mut self) -> Result<(Plan, u64), Failure> {
        let mut plan = Plan::new(self.bounds());
        let (mut left, mut matched) = (0, 0);
        (self.read, self.skipped) = (0, BTreeMap::new());
        self.reader.rewind().map_err(not_read)?;
        while let Some(record) = self.next("planning")? {
            let letter = match Entry::read(&record) {
                Entry::Receipt(_) => continue,
                Entry::Unreadable => None,
                Entry::Letter(letter) => Some(letter),
            };
            self.read += 1;
            match letter.ok_or(Skipped::Unreadable).and_then(|letter| self.admits(&record, letter)) {
                Ok(Some(letter)) if plan.add(&record, &letter) => matched += 1,
                Ok(Some(_)) => left += 1,
                Ok(None) => {}
                Err(reason) => *self.skipped.entry(reason).or_default() += 1,
            }
        }
        self.matched += matched;
        if left > 0 && self.left_to_limit().is_some_and(|limit| limit <= plan.len() as u64) {
            self.skipped.insert(Skipped::OverLimit, left);
            left = 0;
        }
        Ok((plan, left))
    }

    /// Whether a letter is to be redriven; `None` if this run has done so.
    fn admits(&self, record: &Record, letter: Letter) -> Result<Option<Letter>, Skipped> {
        let (partition, offset) = (record.partition, record.offset);
        if self.done.contains(partition, offset) {
            return Ok(None);
        }
        self.job.filter.admits(&letter, record.timestamp)?;
        // A set of receipts is loaded only if they count.
        if self.receipts.contains(partition, offset) {
            return Err(Skipped::Redriven);
        }
        Ok(Some(letter))
    }

    fn write(&mut self, plan: &mut Plan) -> Result<(), Failure> {
        self.reader.rewind().map_err(not_read)?;
        while !plan.is_empty()
            && let Some(record) = self.next("writing")?
        {
            let Entry::Letter(letter) = Entry::read(&record) else { continue };
            let Ok(Some(letter)) = self.admits(&record, letter) else { continue };
            let Some(Planned { records, letters }) = plan.take(&record, &letter) else { continue };
            let outgoing = self.outgoing(&record, &letter, records)?;
            for (partition, offset) in &letters {
                self.done.insert(*partition, *offset);
            }
            self.originals += 1;
            self.writing.write(&outgoing, letters)?;
        }
        if !plan.is_empty() && !self.is_stopped() {
            *self.skipped.entry(Skipped::Expired).or_default() += plan.len() as u64;
        }
        Ok(())
    }

    /// The records to write for an original record, whose content its letter holds.
    fn outgoing(
        &mut self,
        record: &Record,
        letter: &Letter,
        records: Vec<Redriven>,
    ) -> Result<Vec<Outgoing>, Failure> {
        let topic = self.job.to.clone().unwrap_or_else(|| Arc::clone(&letter.topic));
        let partition = self.partition(&topic, letter)?;
        let headers = letter.original_headers(record);
        let one = |redriven: Redriven| {
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            let sealed = Sealed { topic: &topic, key, value, headers: &headers };
            let header = self.job.seal.as_ref().map(|seal| seal.header(&sealed, &redriven)).transpose()?;
            let header: Option<Header> =
                header.map(|header| (REDRIVE_HEADER.into(), Some(header.into_bytes().into())));
            Ok(Outgoing {
                topic: Arc::clone(&topic),
                partition,
                key: record.key.clone(),
                value: record.value.clone(),
                headers: headers.iter().cloned().chain(header).collect(),
            })
        };
        let made: serde_json::Result<Vec<_>> = records.into_iter().map(one).collect();
        made.map_err(|error| Failure::new(Exit::Bug, error))
    }

    /// The partition that a record came from, if it goes back to its topic. A record of another topic, or of
    /// a partition that is gone, goes where its key leads.
    fn partition(&mut self, topic: &Arc<str>, letter: &Letter) -> Result<Option<i32>, Failure> {
        if self.writing.is_dry() || *topic != letter.topic {
            return Ok(None);
        }
        let known = self.partitions.get(topic).copied();
        let partitions = match known {
            Some(partitions) => partitions,
            None => self.reader.partitions(topic).map_err(not_read)?,
        };
        if known.is_none() {
            self.partitions.insert(Arc::clone(topic), partitions);
        }
        let exists = usize::try_from(letter.partition).is_ok_and(|number| number < partitions);
        Ok(exists.then_some(letter.partition))
    }

    /// The next record, until everything is read or a signal comes.
    fn next(&mut self, what: &str) -> Result<Option<Record>, Failure> {
        while !self.is_stopped() {
            self.progress.show(what, self.reader.progress(), self.writing.written);
            match self.reader.next(WAIT).map_err(|error: ReadError| not_read(error))? {
                Next::Record(record) => return Ok(Some(record)),
                Next::Nothing => {}
                Next::End => return Ok(None),
            }
        }
        Ok(None)
    }

    fn bounds(&self) -> Bounds {
        let Bounds { records, bytes } = self.job.bounds;
        let left = self.left_to_limit().and_then(|left| usize::try_from(left).ok());
        Bounds { records: left.map_or(records, |left| records.min(left)), bytes }
    }

    fn left_to_limit(&self) -> Option<u64> {
        self.job.limit.map(|limit| limit.saturating_sub(self.originals))
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    pub(super) fn table(&self) -> Table {
        Table {
            topic: self.job.letters.to_string(),
            is_dry: self.writing.is_dry(),
            is_interrupted: self.is_stopped(),
            read: self.read,
            matched: self.matched,
            written: self.writing.written,
            skipped: self.skipped.clone(),
            refused: self.writing.refused.clone(),
        }
    }

    pub(super) fn exit(&self) -> Exit {
        if self.writing.refused.is_empty() { Exit::Clean } else { Exit::Refused }
    }
}
