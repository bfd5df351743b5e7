//! Looks at the streams of Kinesis destinations: whether they may be written to, and keep what the
//! configuration relies on. Writes nothing.

use std::env;

use super::{
    questions::count,
    trouble::{Trouble, judged},
};
use crate::{
    core::{code::Code, stream_record::config::RecordConfig},
    edge::{
        aws::{
            client::AwsEnvironment,
            kinesis::{
                Keys, Kinesis, StreamFacts,
                config::{KinesisConfig, StreamOrder},
            },
        },
        clock::Clock,
    },
};

const FAULTS: &str = "let partition keys decide (record distribution USER_PARTITION_KEY), or set `kinesis.order` to `none`; \
                      set `kinesis.max_record` to what the stream takes";

/// The attempt to look at a stream.
pub(super) fn look(
    config: &KinesisConfig,
    aws: &mut AwsEnvironment,
) -> impl Future<Output = Result<String, Trouble>> + Send + use<> {
    let kinesis = Kinesis::connect(config, RecordConfig::default(), Clock::wall, aws);
    let config = config.clone();
    async move {
        let kinesis = kinesis.map_err(|error| Trouble {
            why: error.to_string(),
            help: "set `kinesis.region`, or AWS_REGION",
        })?;
        look_at(&kinesis, &config).await
    }
}

async fn look_at(kinesis: &Kinesis, config: &KinesisConfig) -> Result<String, Trouble> {
    // Another server than AWS's may not know dry runs, and would write the record.
    let is_elsewhere =
        ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KINESIS"].map(env::var_os).iter().any(Option::is_some);
    if config.endpoint_url.is_none() && !is_elsewhere {
        kinesis.may_write().await.map_err(unwritable)?;
    }
    match kinesis.facts().await {
        Ok(facts) => judged(faults(facts, config), FAULTS)
            .map(|()| count(usize::try_from(facts.shards).unwrap_or_default(), "shard")),
        Err(Code("AccessDeniedException")) => {
            Ok("the role may not describe it (kinesis:DescribeStreamSummary), which only `check` needs"
                .to_owned())
        }
        Err(code) => Err(unwritable(code)),
    }
}

fn faults(facts: StreamFacts, config: &KinesisConfig) -> impl Iterator<Item = &'static str> {
    let is_unordered = facts.keys == Keys::Ignored && config.order == StreamOrder::Endpoint;
    let is_smaller = facts.max_record.is_some_and(|max_record| max_record < config.max_record);
    let faults = [
        (is_unordered, "it ignores partition keys (AUTO), so the events of a user have no order"),
        (is_smaller, "it takes smaller records than `kinesis.max_record`"),
    ];
    faults.into_iter().filter_map(|(is_so, fault)| is_so.then_some(fault))
}

fn unwritable(code: Code) -> Trouble {
    let help = match code.0 {
        "ResourceNotFoundException" => "create it, or correct `kinesis.stream` and `kinesis.region`",
        "AccessDeniedException" => "allow the role kinesis:PutRecords on the stream",
        "connection" => "check `kinesis.region`, `kinesis.endpoint_url` and the network",
        _ => "the destination's page, deploy/guide/destinations/kinesis.md, explains the code",
    };
    Trouble { why: format!("it cannot be used ({code})"), help }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{core::units::Size, tools::check::trouble::check_judged};

    fn config(order: StreamOrder) -> KinesisConfig {
        let config = serde_json::json!({ "stream": "identity" });
        KinesisConfig { order, ..serde_json::from_value(config).unwrap() }
    }

    #[track_caller]
    fn check(keys: Keys, max_record: Option<u64>, order: StreamOrder, expected: &[&str]) {
        let facts = StreamFacts { shards: 4, keys, max_record: max_record.map(Size) };
        check_judged(judged(faults(facts, &config(order)), FAULTS), expected);
    }

    #[test]
    fn a_stream_must_keep_what_the_configuration_relies_on() {
        check(Keys::Decide, None, StreamOrder::Endpoint, &[]);
        check(Keys::Decide, Some(1 << 20), StreamOrder::Endpoint, &[]);
        check(Keys::Ignored, None, StreamOrder::None, &[]);
        check(Keys::Ignored, None, StreamOrder::Endpoint, &["AUTO"]);
        check(Keys::Ignored, Some(1 << 19), StreamOrder::Endpoint, &["AUTO", "`kinesis.max_record`"]);
    }

    #[test]
    fn each_reason_has_its_remedy() {
        for (code, remedy) in [
            ("ResourceNotFoundException", "create it"),
            ("AccessDeniedException", "kinesis:PutRecords"),
            ("connection", "kinesis.endpoint_url"),
            ("KMSDisabledException", "page"),
        ] {
            let trouble = unwritable(Code(code));
            assert!(trouble.help.contains(remedy) && trouble.why.contains(code), "{trouble:?}");
        }
    }
}
