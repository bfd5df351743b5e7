//! Looks at the topic of the session table: whether it exists, and is configured as `run` would create it.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Error};

use super::{
    questions::Questions,
    trouble::{PROPERTIES, Trouble, judged, trouble},
};
use crate::{
    config::Config,
    core::session_table::config::TableConfig,
    edge::kafka::{
        admin::Admin,
        session_table::topic::{self, TopicFault},
    },
};

const HELP: &str = "set the topic's `cleanup.policy` to `compact,delete` and its `retention.ms` to \
                    `sessions.max_age` and an hour, as `run` creates it";

pub(super) fn look(questions: &Questions, table: &TableConfig, config: &Config) -> Result<String, Trouble> {
    questions.own_topic(&table.topic, |partitions| {
        let admin = Admin::new(&config.source.cluster());
        let admin =
            admin.map_err(|_| Trouble { why: "it cannot be examined".to_owned(), help: PROPERTIES })?;
        let settings = admin.settings(&table.topic).map_err(|error| undescribed(&error))?;
        let faults = topic::faults(&settings, config.sessions.max_age.0);
        judged(faults.into_iter().map(words), HELP).map(|()| partitions)
    })
}

fn words(fault: TopicFault) -> &'static str {
    match fault {
        TopicFault::NotCompacted => {
            "`cleanup.policy` lacks `compact`, so every start reads its whole history"
        }
        TopicFault::NeverDeletes => {
            "nothing is ever deleted (`cleanup.policy` without `delete`, or no `retention.ms`), so it only grows"
        }
        TopicFault::Forgets => {
            "`retention.ms` is shorter than `sessions.max_age`, so starts of sessions are lost"
        }
    }
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
    use crate::tools::check::trouble::check_judged;

    #[track_caller]
    fn check(faults: &[TopicFault], expected: &[&str]) {
        check_judged(judged(faults.iter().copied().map(words), HELP), expected);
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
