//! Looks at a topic that is read: whether it exists, and whether its largest batch can be received.

use super::{
    questions::Questions,
    trouble::{Trouble, judged},
};
use crate::{
    config::Config,
    edge::kafka::{admin::Admin, topic_settings::TopicSettings},
};

const HELP: &str = "set `receive.message.max.bytes` in `source.properties` to more than the topic's \
                    `max.message.bytes`; zstd may decompress a batch to as much, so memory should allow for it";

pub(super) fn look(questions: &Questions, name: &str, config: &Config) -> Result<String, Trouble> {
    let partitions = questions.topic(name)?;
    // Without the right to describe the topic, the rest of it is still worth knowing.
    let admin = Admin::new(&config.source.cluster()).ok();
    let settings = admin.and_then(|admin| admin.settings(name).ok());
    let fault = settings.and_then(|settings| fault(&settings, config.source.largest_response()));
    judged(fault, HELP).map(|()| partitions)
}

fn fault(settings: &TopicSettings, largest_response: u64) -> Option<&'static str> {
    let largest_batch: u64 = settings.get("max.message.bytes")?.parse().ok()?;
    (largest_batch >= largest_response).then_some(
        "a batch may be larger (`max.message.bytes`) than what is received (`receive.message.max.bytes`), and then \
         nothing more is read from its broker",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::check::trouble::check_judged;

    #[track_caller]
    fn check(largest_batch: Option<&str>, expected: &[&str]) {
        let settings = largest_batch.map(|bytes| ("max.message.bytes", bytes)).into_iter().collect();
        check_judged(judged(fault(&settings, 100_000_000), HELP), expected);
    }

    #[test]
    fn a_topic_whose_batches_are_too_large_is_a_fault() {
        check(None, &[]);
        check(Some("1048588"), &[]);
        check(Some("99999999"), &[]);
        check(Some("100000000"), &["`max.message.bytes`", "`receive.message.max.bytes`"]);
    }
}
