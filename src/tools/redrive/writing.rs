//! Writes records and their receipts, a few at a time.
//!
//! Knows nothing of letters but their places. What always holds: a receipt is written only after its record
//! was acknowledged, so that an interrupted run repeats records and loses none.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::anyhow;

use crate::{
    core::{
        code::Code,
        record::Header,
        redrive::{RECEIPT_HEADER, letter::Receipt},
        write_outcome::WriteOutcome,
    },
    edge::kafka::redrive::writer::{RedriveWriter, Written},
    exit::{Exit, Failure},
};

/// How many records may be on their way, or acknowledged without a receipt. A crash repeats no more.
const WINDOW: usize = 64;

/// How many letters one receipt names at most.
const LONGEST: usize = 1000;

/// A record to write, with everything that it consists of.
pub(super) struct Outgoing {
    pub(super) topic: Arc<str>,
    pub(super) partition: Option<i32>,
    pub(super) key: Option<Box<[u8]>>,
    pub(super) value: Option<Box<[u8]>>,
    pub(super) headers: Vec<Header>,
}

pub(super) struct Writing {
    /// `None` in a dry run.
    writer: Option<RedriveWriter>,
    /// The topic of the letters.
    topic: Arc<str>,
    next: u64,
    in_flight: BTreeMap<u64, InFlight>,
    /// Records that were acknowledged.
    pub(super) written: u64,
    /// Records that the broker refuses because of themselves, by code.
    pub(super) refused: BTreeMap<Code, u64>,
    /// Whether a receipt was acknowledged. Until then nobody knows whether receipts may be written.
    has_receipt: bool,
}

/// A write on its way.
enum InFlight {
    /// This many records of one original, with the places of its letters.
    Records(u64, Vec<(i32, i64)>),
    Receipts,
}

impl Writing {
    pub(super) fn new(writer: Option<RedriveWriter>, topic: Arc<str>) -> Self {
        Self {
            writer,
            topic,
            next: 0,
            in_flight: BTreeMap::new(),
            written: 0,
            refused: BTreeMap::new(),
            has_receipt: false,
        }
    }

    pub(super) fn is_dry(&self) -> bool {
        self.writer.is_none()
    }

    /// Writes the records of one original, and then the receipts of its letters. Waits until there is room.
    ///
    /// # Errors
    /// If an earlier record or receipt was not acknowledged.
    pub(super) fn write(&mut self, records: &[Outgoing], letters: Vec<(i32, i64)>) -> Result<(), Failure> {
        let number = records.len() as u64;
        if self.is_dry() {
            self.written += number;
            return Ok(());
        }
        let most = if self.has_receipt { WINDOW } else { 1 };
        while self.in_flight.len() >= most {
            self.wait()?;
        }
        let written = records.iter().map(|record| Written {
            topic: &record.topic,
            partition: record.partition,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &record.headers,
        });
        self.begin(InFlight::Records(number, letters), written);
        self.settle()
    }

    /// Waits until everything is acknowledged.
    ///
    /// # Errors
    /// If something was not; everything else is waited for all the same.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        let mut first = Ok(());
        while !self.in_flight.is_empty() {
            first = first.and(self.wait());
        }
        first
    }

    /// Takes the outcomes that have come.
    fn settle(&mut self) -> Result<(), Failure> {
        while let Some((id, outcome)) = self.writer.as_mut().and_then(RedriveWriter::outcome_so_far) {
            self.ended(id, outcome)?;
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<(), Failure> {
        if let Some((id, outcome)) = self.writer.as_mut().and_then(RedriveWriter::outcome) {
            return self.ended(id, outcome);
        }
        self.in_flight.clear();
        Err(Failure::new(Exit::Bug, anyhow!("the producer has ended")))
    }

    fn ended(&mut self, id: u64, outcome: WriteOutcome) -> Result<(), Failure> {
        match (self.in_flight.remove(&id), outcome) {
            (None, _) => {}
            (Some(InFlight::Records(number, letters)), WriteOutcome::Written) => {
                self.written += number;
                self.write_receipts(&letters);
            }
            (Some(InFlight::Records(number, _)), WriteOutcome::Refused(code)) if is_its_own(code) => {
                *self.refused.entry(code).or_default() += number;
            }
            (Some(InFlight::Records(..)), WriteOutcome::Refused(code) | WriteOutcome::Again(code)) => {
                return Err(not_written(code));
            }
            (Some(InFlight::Receipts), WriteOutcome::Written) => self.has_receipt = true,
            (Some(InFlight::Receipts), WriteOutcome::Refused(code) | WriteOutcome::Again(code)) => {
                return Err(no_receipt(code));
            }
        }
        Ok(())
    }

    /// Writes a receipt into each partition that has letters of the record, so that it outlives them.
    fn write_receipts(&mut self, letters: &[(i32, i64)]) {
        let mut by_partition: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
        for (partition, offset) in letters {
            by_partition.entry(*partition).or_default().push(*offset);
        }
        let headers = [(RECEIPT_HEADER.into(), None)];
        let receipt = |partition: i32, offsets: &[i64]| {
            // A key of its own, so that a compacted topic takes it and keeps it.
            let key = format!("receipt-{partition}-{}", offsets.first().copied().unwrap_or_default());
            (partition, key, Receipt { redriven: offsets.to_vec() }.value())
        };
        let chunks = |(partition, offsets): (i32, Vec<i64>)| {
            offsets.chunks(LONGEST).map(|offsets| receipt(partition, offsets)).collect::<Vec<_>>()
        };
        let receipts: Vec<_> = by_partition.into_iter().flat_map(chunks).collect();
        let topic = Arc::clone(&self.topic);
        let written = receipts.iter().map(|(partition, key, value)| Written {
            topic: &topic,
            partition: Some(*partition),
            key: Some(key.as_bytes()),
            value: Some(value),
            headers: &headers,
        });
        self.begin(InFlight::Receipts, written);
    }

    fn begin<'a>(&mut self, what: InFlight, records: impl ExactSizeIterator<Item = Written<'a>>) {
        let Some(writer) = &mut self.writer else { return };
        let id = self.next;
        self.next += 1;
        self.in_flight.insert(id, what);
        writer.write(id, records);
    }
}

/// Whether the broker refuses a record because of its content, so that others may be written.
fn is_its_own(code: Code) -> bool {
    matches!(
        code.0,
        "message_size_too_large" | "message_batch_too_large" | "invalid_record" | "invalid_message_size"
    )
}

fn not_written(code: Code) -> Failure {
    let help = match code.0 {
        "topic_authorization_failed" => "allow the user to write to the source topics, or to `redrive.topic`",
        "cluster_authorization_failed" => {
            "allow the user to write to the source topics, and IdempotentWrite to brokers before 2.8"
        }
        _ => "see the brokers; the next run goes on where this one ended",
    };
    Failure::new(Exit::Unreachable, anyhow!("{code}").context("a record cannot be redriven")).with_help(help)
}

fn no_receipt(code: Code) -> Failure {
    let help = match code.0 {
        "topic_authorization_failed" => "allow the user to write to the dead-letter topic, too",
        _ => {
            "see the brokers; the next run redrives the last records again, because their receipts are missing"
        }
    };
    let cause = anyhow!("{code}").context("the receipt of a redriven letter cannot be written");
    Failure::new(Exit::Unreachable, cause).with_help(help)
}
