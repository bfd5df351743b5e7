//! Runs against librdkafka's mock cluster: a broker inside the process.

use std::{sync::Arc, time::Duration};

use rdkafka::{
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use tokio_util::sync::CancellationToken;

use super::{
    progress::Progress,
    rounds::{Job, Rounds},
    table::Table,
    writing::Writing,
};
use crate::{
    core::{
        map::config::value::Secret,
        record::{Header, Record},
        redrive::{
            Redriven,
            filter::{Filter, Skipped},
            plan::Bounds,
            seal::{Opened, Seal},
        },
        write_outcome::WriteOutcome,
    },
    edge::kafka::{
        cluster::Cluster,
        redrive::{
            reader::{LetterReader, Next},
            writer::{RedriveWriter, Written},
        },
    },
    exit::{Exit, Failure},
};

const LETTERS: &str = "letters";
const LOGINS: &str = "logins";

struct Bench {
    mock: MockCluster<'static, DefaultProducerContext>,
    cluster: Cluster,
    bounds: Bounds,
    limit: Option<u64>,
}

impl Bench {
    fn new() -> Self {
        let mock = MockCluster::new(1).unwrap();
        mock.create_topic(LETTERS, 2, 1).unwrap();
        mock.create_topic(LOGINS, 3, 1).unwrap();
        let cluster = Cluster { brokers: mock.bootstrap_servers(), ..Cluster::default() };
        Self { mock, cluster, bounds: Bounds::default(), limit: None }
    }

    /// Writes a letter about an event of each of these records, numbered from 0.
    fn letters(&self, records: std::ops::Range<i64>, event: &str) {
        let mut writer = RedriveWriter::start(&self.cluster).unwrap();
        for offset in records {
            let own = [("topic", LOGINS), ("partition", "2"), ("reason", "spilled"), ("destination", "shop")];
            let offset = offset.to_string();
            let own = own.iter().copied().chain([("offset", &*offset), ("event_id", event)]);
            let own = own.map(|(name, value)| (format!("pinpoint_sidecar.{name}"), value.to_owned()));
            let first = [("trace", "1"), ("__connect.errors.topic", LOGINS)];
            let first = first.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let header = |(name, value): (String, String)| -> Header {
                (name.into(), Some(value.into_bytes().into()))
            };
            let headers: Vec<_> = first.into_iter().chain(own).map(header).collect();
            let letter = Written {
                topic: LETTERS,
                partition: None,
                key: Some(event.as_bytes()),
                value: Some(offset.as_bytes()),
                headers: &headers,
            };
            // The key of a letter is that of its record.
            writer.write(
                0,
                [Written { key: Some(b"key"), partition: Some(i32::from(event == "b")), ..letter }]
                    .into_iter(),
            );
            assert_eq!(writer.outcome(), Some((0, WriteOutcome::Written)));
        }
    }

    fn run(&self, stop: &CancellationToken) -> (Result<(), Failure>, Table, Exit) {
        let job = Job {
            filter: Filter { destinations: [Arc::from("shop")].into(), ..Filter::default() },
            seal: Some(seal()),
            to: None,
            again: false,
            limit: self.limit,
            bounds: self.bounds,
            letters: LETTERS.into(),
        };
        let reader = LetterReader::open(&self.cluster, "reader", LETTERS, None).unwrap();
        let writer = RedriveWriter::start(&self.cluster).unwrap();
        let writing = Writing::new(Some(writer), LETTERS.into());
        let mut rounds = Rounds::new(job, reader, writing, Progress::new(), stop.clone());
        let ended = rounds.run();
        (ended, rounds.table(), rounds.exit())
    }

    #[track_caller]
    fn complete(&self) -> Table {
        let (ended, table, _) = self.run(&CancellationToken::new());
        ended.unwrap_or_else(|failure| panic!("{failure}"));
        table
    }

    /// What was redriven, as the service sees it.
    fn redriven(&self) -> Vec<(Record, Redriven)> {
        let mut reader = LetterReader::open(&self.cluster, "reader", LOGINS, None).unwrap();
        reader.rewind().unwrap();
        let mut all = Vec::new();
        loop {
            match reader.next(Duration::from_millis(100)).unwrap() {
                Next::Record(record) => match Seal::open(Some(&seal()), &record) {
                    Opened::Authentic(redriven) => all.push((record, redriven)),
                    other => panic!("{other:?}"),
                },
                Next::Nothing => {}
                Next::End => return all,
            }
        }
    }
}

fn seal() -> Seal {
    Seal::new(&Secret("0123456789abcdef".to_owned()))
}

#[test]
fn letters_that_lie_apart_become_one_record_however_many_rounds_it_takes() {
    for records in [1, 2, 3, 100] {
        let bounds = Bounds { records, ..Bounds::default() };
        let bench = Bench { bounds, ..Bench::new() };
        bench.letters(0..5, "a");
        bench.letters(0..5, "b");
        let table = bench.complete();
        assert_eq!((table.read, table.matched, table.written), (10, 10, 5));
        assert_eq!(table.skipped, [].into());
        let redriven = bench.redriven();
        let offsets: Vec<_> = redriven.iter().map(|(_, redriven)| redriven.offset).collect();
        assert_eq!(offsets, [0, 1, 2, 3, 4], "in the order of the letters");
        for (record, redriven) in redriven {
            assert_eq!((record.partition, record.key.as_deref()), (2, Some(b"key".as_slice())));
            assert_eq!(record.value.as_deref(), Some(redriven.offset.to_string().as_bytes()));
            assert_eq!(record.headers[0], ("trace".into(), Some((*b"1").into())));
            assert_eq!((record.headers.len(), redriven.attempts), (2, 1));
            let [selection] = &*redriven.send else { panic!("{redriven:?}") };
            assert_eq!(selection.events.join(","), "a,b");
        }
        let again = bench.complete();
        assert_eq!((again.read, again.matched, again.written), (10, 0, 0));
        assert_eq!(again.skipped, [(Skipped::Redriven, 10)].into());
    }
}

#[test]
fn a_limit_is_kept_and_the_next_run_goes_on() {
    let bench = Bench { limit: Some(2), ..Bench::new() };
    bench.letters(0..5, "a");
    for (written, left) in [(2, 3), (2, 1), (1, 0)] {
        let table = bench.complete();
        assert_eq!(
            (table.written, table.skipped.get(&Skipped::OverLimit).copied().unwrap_or(0)),
            (written, left)
        );
    }
    assert_eq!(bench.redriven().len(), 5);
}

#[test]
fn a_signal_ends_a_run_and_the_next_one_goes_on() {
    let bench = Bench::new();
    bench.letters(0..3, "a");
    let stop = CancellationToken::new();
    stop.cancel();
    let (ended, table, exit) = bench.run(&stop);
    assert!(ended.is_ok() && table.is_interrupted);
    assert_eq!((table.written, exit), (0, Exit::Clean));
    assert_eq!(bench.complete().written, 3);
}

#[test]
fn a_record_that_the_broker_refuses_gets_no_receipt_and_the_others_are_written() {
    let bench = Bench::new();
    bench.letters(0..3, "a");
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    bench.mock.request_errors(RDKafkaApiKey::Produce, &[error]);
    let (ended, table, exit) = bench.run(&CancellationToken::new());
    assert!(ended.is_ok());
    assert_eq!((table.written, exit), (2, Exit::Refused));
    assert_eq!(
        table.refused.iter().map(|(code, records)| (code.0, *records)).collect::<Vec<_>>(),
        [("message_size_too_large", 1)]
    );
    let table = bench.complete();
    assert_eq!((table.written, table.skipped), (1, [(Skipped::Redriven, 2)].into()));
}

#[test]
fn a_receipt_that_is_refused_ends_the_run_and_the_record_is_repeated() {
    let bench = Bench::new();
    bench.letters(0..3, "a");
    let errors = [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
    ];
    bench.mock.request_errors(RDKafkaApiKey::Produce, &errors);
    let (ended, table, _) = bench.run(&CancellationToken::new());
    let failure = ended.unwrap_err();
    assert_eq!(
        (failure.exit, table.written),
        (Exit::Unreachable, 1),
        "nothing is written until one has a receipt"
    );
    insta::assert_snapshot!(failure);
    assert_eq!(bench.complete().written, 3);
    assert_eq!(bench.redriven().len(), 4, "the record without a receipt is repeated");
}

#[test]
fn an_empty_topic_is_read_at_once() {
    let bench = Bench::new();
    assert_eq!(bench.complete(), Table { topic: LETTERS.into(), ..Table::default() });
}
