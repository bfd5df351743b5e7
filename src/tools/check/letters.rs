//! Looks at the dead-letter topic: whether it exists, and keeps letters for as long as configured.

use super::{
    questions::Questions,
    trouble::{Trouble, judged},
};
use crate::{
    config::Config,
    edge::kafka::{
        admin::Admin,
        dead_letters::topic::{self, DeadLetterTopicFault},
    },
};

const HELP: &str = "set the topic's `cleanup.policy` to `delete`, its `message.timestamp.type` to `LogAppendTime` and \
                    its `retention.ms` to `dead_letter.retention`, as `run` creates it; or change \
                    `dead_letter.retention`";

pub(super) fn look(questions: &Questions, name: &str, config: &Config) -> Result<String, Trouble> {
    questions.own_topic(name, |partitions| match faults(name, config) {
        Some(faults) => judged(faults.into_iter().map(words), HELP).map(|()| partitions),
        None => Ok(format!("{partitions}; the brokers do not report how long it keeps records")),
    })
}

/// The faults of the topic; `None` if the brokers do not report the settings.
fn faults(name: &str, config: &Config) -> Option<Vec<DeadLetterTopicFault>> {
    let admin = Admin::new(&config.source.cluster()).ok()?;
    let letters = admin.settings(name).ok()?;
    let sources: Option<Vec<_>> =
        config.source.topics.iter().map(|topic| admin.settings(topic).ok()).collect();
    Some(topic::faults(&letters, &sources?, config.dead_letter.retention.0))
}

fn words(fault: DeadLetterTopicFault) -> &'static str {
    match fault {
        DeadLetterTopicFault::Compacted => {
            "`cleanup.policy` has `compact`, so letters with the same key replace each other"
        }
        DeadLetterTopicFault::DeletesEarly => "`retention.ms` is shorter than `dead_letter.retention`",
        DeadLetterTopicFault::DeletesByRecordTime => {
            "it goes by the times of the records (`message.timestamp.type`), so letters of records that were read \
             late are deleted early"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::check::trouble::check_judged;

    #[track_caller]
    fn check(faults: &[DeadLetterTopicFault], expected: &[&str]) {
        check_judged(judged(faults.iter().copied().map(words), HELP), expected);
    }

    #[test]
    fn each_fault_has_its_words() {
        check(&[], &[]);
        check(&[DeadLetterTopicFault::Compacted], &["`compact`"]);
        check(&[DeadLetterTopicFault::DeletesEarly], &["`dead_letter.retention`"]);
        check(&[DeadLetterTopicFault::DeletesByRecordTime], &["`message.timestamp.type`"]);
    }
}
