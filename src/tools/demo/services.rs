//! The services that the destinations are at: emulated AWS, or Kafka.

use crate::tools::{
    demo::{
        clusters::Clusters, emulated::EmulatedAws, evidence::Arriving, generate::Realm, trouble::Trouble,
    },
    emulator::Counts,
};

pub(super) enum Services {
    Aws(Box<EmulatedAws>),
    Kafka(Clusters),
}

impl Services {
    /// What the emulator counts; Kafka counts nothing.
    pub(super) fn counts(&self) -> Option<Counts> {
        match self {
            Self::Aws(aws) => Some(aws.counts()),
            Self::Kafka(_) => None,
        }
    }

    /// Where each topic is that must be read to its end; the emulator is read at once.
    pub(super) fn topics(&self) -> Vec<(Realm, String)> {
        match self {
            Self::Aws(_) => Vec::new(),
            Self::Kafka(clusters) => clusters.brokers(),
        }
    }

    /// The events that have arrived since the last call.
    pub(super) fn arrived(&mut self) -> Vec<Arriving> {
        match self {
            Self::Aws(aws) => aws.arrived(),
            Self::Kafka(clusters) => clusters.arrived(),
        }
    }

    /// Makes go wrong what is to go wrong from now on.
    pub(super) fn cause(&mut self, trouble: Trouble) {
        match self {
            Self::Aws(aws) => aws.cause(trouble),
            Self::Kafka(clusters) => clusters.cause(trouble),
        }
    }
}
