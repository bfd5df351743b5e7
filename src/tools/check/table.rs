//! Looks at the topic of the session table: whether it exists, and is configured as `run` would create it.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Error};

use super::{
    questions::{Questions, count},
    trouble::{PROPERTIES, Trouble, trouble},
};
use crate::{
    config::Config,
    core::session_table::config::TableConfig,
    edge::kafka::{
        admin::Admin,
        session_table::topic::{self, TopicFault},
    },
};

pub(super) fn look(questions: &Questions, table: &TableConfig, config: &Config) -> Result<String, Trouble> {
    let partitions = match questions.partitions(&table.topic) {
        Err(KafkaError::MetadataFetch(Error::UnknownTopicOrPartition | Error::UnknownTopic)) => {
            return Ok("it does not exist yet; `run` creates it, if the user may".to_owned());
        }
        partitions => partitions.map_err(|error| trouble(&error))?,
    };
    let admin = Admin::new(&config.source.cluster());
    let admin = admin.map_err(|_| Trouble { why: "it cannot be examined".to_owned(), help: PROPERTIES })?;
    let settings = admin.settings(&table.topic).map_err(|error| undescribed(&error))?;
    judged(&topic::faults(&settings, config.sessions.max_age.0))?;
    Ok(count(partitions.len(), "partition"))
}

fn judged(faults: &[TopicFault]) -> Result<(), Trouble> {
    if faults.is_empty() {
        return Ok(());
    }
    let words = faults.iter().map(|fault| match fault {
        TopicFault::NotCompacted => "`cleanup.policy` lacks `compact`, so every start reads its whole history",
        TopicFault::NeverDeletes => {
            "nothing is ever deleted (`cleanup.policy` without `delete`, or no `retention.ms`), so it only grows"
        }
        TopicFault::Forgets => "`retention.ms` is shorter than `sessions.max_age`, so starts of sessions are lost",
    });
    Err(Trouble {
        why: words.collect::<Vec<_>>().join("; "),
        help: "set the topic's `cleanup.policy` to `compact,delete` and its `retention.ms` to \
               `sessions.max_age` and an hour, as `run` creates it",
    })
}

fn undescribed(error: &KafkaError) -> Trouble {
    match error.rdkafka_error_code() {
        Some(Error::TopicAuthorizationFailed | Error::ClusterAuthorizationFailed) => Trouble {
            why: "the brokers do not report its configuration".to_owned(),
            help: "allow the user to describe the topic's configuration (DescribeConfigs), which `run` does \
                   not need; or check yourself that its `cleanup.policy` is `compact,delete` and its \
                   `retention.ms` over `sessions.max_age`",
        },
        _ => trouble(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(faults: &[TopicFault], expected: &[&str]) {
        let why = judged(faults).err().map(|trouble| trouble.why).unwrap_or_default();
        assert_eq!(why.is_empty(), expected.is_empty());
        assert!(expected.iter().all(|word| why.contains(word)), "{why}");
    }

    #[test]
    fn each_fault_has_its_words() {
        check(&[], &[]);
        check(&[TopicFault::NotCompacted], &["`compact`"]);
        check(&[TopicFault::NeverDeletes, TopicFault::Forgets], &["`delete`", "`sessions.max_age`"]);
    }

    #[test]
    fn a_missing_right_to_describe_has_its_remedy() {
        let trouble = undescribed(&KafkaError::Global(Error::TopicAuthorizationFailed));
        assert!(trouble.help.contains("DescribeConfigs"), "{}", trouble.help);
    }
}
