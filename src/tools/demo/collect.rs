//! Collects the evidence: the producer's acknowledgements, the accepted events, the dead letters, the redriven
//! records and the group's commits.
//!
//! Knows nothing of the service, and does not judge. The evidence only grows, and has no other owner.

use std::time::Duration;

use tokio::{
    sync::mpsc::Receiver,
    task::spawn_blocking,
    time::{interval, timeout},
};

use crate::tools::demo::{
    evidence::{Evidence, RedrivenRecord, Sent},
    generate::Realm,
    inspect::{self, LetterOrReceipt},
    services::Services,
};

/// How often the collector checks whether it has everything.
const LOOK: Duration = Duration::from_millis(200);
/// How long the last dead letters and commits may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Collector {
    evidence: Evidence,
    sent: Receiver<Sent>,
    letters: Receiver<LetterOrReceipt>,
    pub(super) services: Services,
    brokers: String,
    group: String,
}

impl Collector {
    /// Collects from the two channels, from `services`, and from `group` at the `brokers`.
    pub(super) fn new(
        (sent, letters): (Receiver<Sent>, Receiver<LetterOrReceipt>),
        services: Services,
        (brokers, group): (String, String),
    ) -> Self {
        Self { evidence: Evidence::default(), sent, letters, services, brokers, group }
    }

    /// Takes in what has arrived; returns all the evidence so far.
    pub(super) fn collect(&mut self) -> &Evidence {
        while let Ok(sent) = self.sent.try_recv() {
            self.evidence.send(sent);
        }
        while let Ok(letter) = self.letters.try_recv() {
            match letter {
                LetterOrReceipt::Letter(letter) => self.evidence.refuse(letter),
                LetterOrReceipt::Receipt => self.evidence.receipts += 1,
            }
        }
        for arriving in self.services.arrived() {
            self.evidence.arrive(&arriving);
        }
        &self.evidence
    }

    /// Notes what is on its way to all destinations but the held one.
    pub(super) fn note_waiting(&mut self, held: Realm) {
        self.collect();
        self.evidence.note_waiting(held);
    }

    /// Adds records that were redriven.
    pub(super) fn redriven(&mut self, records: Vec<RedrivenRecord>) {
        self.evidence.redriven.extend(records);
    }

    /// Waits for what is still to come, but not for ever: for `records` acknowledgements or the producer's
    /// end, for the last dead letters, and, if the run is `whole`, until everything is committed.
    pub(super) async fn complete(&mut self, records: u64, whole: bool) {
        let all = async {
            let mut looks = interval(LOOK);
            loop {
                looks.tick().await;
                // In this order, so that everything sent and written before this moment is collected below.
                let produced = self.sent.is_closed();
                self.look_at_positions().await;
                let evidence = self.collect();
                let produced = produced || evidence.sent.len() as u64 >= records;
                let all_arrived = evidence.accepted.values().sum::<u64>() >= evidence.positions.events;
                let read_back =
                    evidence.dead_letters.len() + evidence.receipts >= evidence.positions.dead_letters;
                if produced && read_back && all_arrived && (!whole || evidence.left() == 0) {
                    break;
                }
            }
        };
        // The verdict shows what is still missing.
        let _ = timeout(PATIENCE, all).await;
    }

    async fn look_at_positions(&mut self) {
        let (brokers, group) = (self.brokers.clone(), self.group.clone());
        let topics = self.services.topics();
        let looked = spawn_blocking(move || inspect::positions((&brokers, &group), &topics)).await;
        // A broker that did not answer is asked again.
        if let Ok(Ok(positions)) = looked {
            self.evidence.positions = positions;
        }
    }
}
