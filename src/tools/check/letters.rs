//! Looks at the dead-letter topic: whether it exists, and keeps letters for as long as configured.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Error};

use super::{
    questions::{Questions, count},
    trouble::{Trouble, trouble},
};
use crate::{
    config::Config,
    edge::kafka::{
        admin::Admin,
        dead_letters::topic::{self, DeadLetterTopicFault},
    },
};

pub(super) fn look(questions: &Questions, name: &str, config: &Config) -> Result<String, Trouble> {
    let partitions = match questions.partitions(name) {
        Err(KafkaError::MetadataFetch(Error::UnknownTopicOrPartition | Error::UnknownTopic)) => {
            return Ok("it does not exist yet; `run` creates it, if the user may".to_owned());
        }
        partitions => count(partitions.map_err(|error| trouble(&error))?.len(), "partition"),
    };
    let Some(faults) = faults(name, config) else {
        return Ok(format!("{partitions}; the brokers do not report how long it keeps records"));
    };
    judged(&faults).map(|()| partitions)
}

/// The faults of the topic; `None` if the brokers do not report the settings.
fn faults(name: &str, config: &Config) -> Option<Vec<DeadLetterTopicFault>> {
    let admin = Admin::new(&config.source.cluster()).ok()?;
    let letters = admin.settings(name).ok()?;
    let sources: Option<Vec<_>> =
        config.source.topics.iter().map(|topic| admin.settings(topic).ok()).collect();
    Some(topic::faults(&letters, &sources?, config.dead_letter.retention.0))
}

fn judged(faults: &[DeadLetterTopicFault]) -> Result<(), Trouble> {
    if faults.is_empty() {
        return Ok(());
    }
    let words = faults.iter().map(|fault| match fault {
        DeadLetterTopicFault::Compacted => {
            "`cleanup.policy` has `compact`, so letters with the same key replace each other"
        }
        DeadLetterTopicFault::DeletesEarly => "`retention.ms` is shorter than `dead_letter.retention`",
        DeadLetterTopicFault::DeletesByRecordTime => {
            "it goes by the times of the records (`message.timestamp.type`), so letters of records that were read \
             late are deleted early"
        }
    });
    Err(Trouble {
        why: words.collect::<Vec<_>>().join("; "),
        help: "set the topic's `cleanup.policy` to `delete`, its `message.timestamp.type` to `LogAppendTime` and its \
               `retention.ms` to `dead_letter.retention`, as `run` creates it; or change `dead_letter.retention`",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(faults: &[DeadLetterTopicFault], expected: &[&str]) {
        let why = judged(faults).err().map(|trouble| trouble.why).unwrap_or_default();
        assert_eq!(why.is_empty(), expected.is_empty());
        assert!(expected.iter().all(|word| why.contains(word)), "{why}");
    }

    #[test]
    fn each_fault_has_its_words() {
        check(&[], &[]);
        check(&[DeadLetterTopicFault::Compacted], &["`compact`"]);
        check(&[DeadLetterTopicFault::DeletesEarly], &["`dead_letter.retention`"]);
        check(&[DeadLetterTopicFault::DeletesByRecordTime], &["`message.timestamp.type`"]);
    }
}
