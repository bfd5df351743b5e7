//! Looks at the streams of Firehose destinations: whether they take records, and store what the
//! configuration relies on. Writes nothing.

use super::trouble::{Trouble, judged};
use crate::{
    core::{code::Code, stream_record::config::RecordConfig},
    edge::{
        aws::{
            client::AwsEnvironment,
            firehose::{DeliveryStreamFacts, Firehose, Records, config::FirehoseConfig},
        },
        clock::Clock,
    },
};

const FAULTS: &str = "the destination's page, deploy/guide/destinations/firehose.md, says how a stream is set up; \
                      `firehose.newline` and `firehose.pack` must agree with it";

/// The attempt to look at a stream.
pub(super) fn look(
    config: &FirehoseConfig,
    aws: &mut AwsEnvironment,
) -> impl Future<Output = Result<String, Trouble>> + Send + use<> {
    let firehose = Firehose::connect(config, RecordConfig::default(), Clock::wall, aws);
    let config = config.clone();
    async move {
        let firehose = firehose.map_err(|error| Trouble {
            why: error.to_string(),
            help: "set `firehose.region`, or AWS_REGION",
        })?;
        look_at(&firehose, &config).await
    }
}

async fn look_at(firehose: &Firehose, config: &FirehoseConfig) -> Result<String, Trouble> {
    match firehose.facts().await {
        Ok(facts) => judged(faults(facts, config), FAULTS).map(|()| "active".to_owned()),
        Err(Code("AccessDeniedException")) => {
            Ok("not tried: the role may not describe it (firehose:DescribeDeliveryStream), which only `check` needs"
                .to_owned())
        }
        Err(code) => Err(unusable(code)),
    }
}

fn faults(facts: DeliveryStreamFacts, config: &FirehoseConfig) -> impl Iterator<Item = &'static str> {
    let Records { delimited, partitioned, taken_apart } = facts.records;
    let faults = [
        (!facts.is_active, "it is not active"),
        (!facts.is_direct, "it reads from a source of its own, and takes no records (it must be Direct PUT)"),
        (
            config.pack.is_some() && partitioned && !taken_apart,
            "it partitions whole records, so the events of one that `firehose.pack` fills are in one partition \
             (it needs multi-record deaggregation)",
        ),
        (
            config.newline && delimited,
            "it adds a newline itself (AppendDelimiterToRecord), beside that of `firehose.newline`",
        ),
    ];
    faults.into_iter().filter_map(|(is_so, fault)| is_so.then_some(fault))
}

fn unusable(code: Code) -> Trouble {
    let help = match code.0 {
        "ResourceNotFoundException" => "create it, or correct `firehose.stream` and `firehose.region`",
        "connection" => "check `firehose.region`, `firehose.endpoint_url` and the network",
        _ => "the destination's page, deploy/guide/destinations/firehose.md, explains the code",
    };
    Trouble { why: format!("it cannot be used ({code})"), help }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{core::units::Size, tools::check::trouble::check_judged};

    const PLAIN: DeliveryStreamFacts = DeliveryStreamFacts {
        is_active: true,
        is_direct: true,
        records: Records { delimited: false, partitioned: false, taken_apart: false },
    };

    #[track_caller]
    fn check(facts: DeliveryStreamFacts, newline: bool, pack: Option<u64>, expected: &[&str]) {
        let config = serde_json::json!({ "stream": "lake", "newline": newline });
        let config: FirehoseConfig = serde_json::from_value(config).unwrap();
        let config = FirehoseConfig { pack: pack.map(Size), ..config };
        check_judged(judged(faults(facts, &config), FAULTS), expected);
    }

    #[test]
    fn a_stream_must_take_records_and_store_them_as_the_configuration_says() {
        check(PLAIN, true, Some(100_000), &[]);
        check(DeliveryStreamFacts { is_active: false, ..PLAIN }, true, None, &["not active"]);
        check(DeliveryStreamFacts { is_direct: false, ..PLAIN }, true, None, &["Direct PUT"]);
        let partitioned = Records { partitioned: true, ..PLAIN.records };
        let with = |records| DeliveryStreamFacts { records, ..PLAIN };
        check(with(partitioned), true, None, &[]);
        check(with(partitioned), true, Some(100_000), &["deaggregation"]);
        check(with(Records { taken_apart: true, ..partitioned }), true, Some(100_000), &[]);
        let delimited = Records { delimited: true, ..PLAIN.records };
        check(with(delimited), true, None, &["AppendDelimiterToRecord"]);
        check(with(delimited), false, None, &[]);
    }

    #[test]
    fn each_reason_has_its_remedy() {
        for (code, remedy) in [
            ("ResourceNotFoundException", "create it"),
            ("connection", "firehose.endpoint_url"),
            ("InvalidKMSResourceException", "page"),
        ] {
            let trouble = unusable(Code(code));
            assert!(trouble.help.contains(remedy) && trouble.why.contains(code), "{trouble:?}");
        }
    }
}
