//! Looks at the buses of EventBridge destinations: whether they are there and take events. Writes nothing.

use super::trouble::Trouble;
use crate::{
    core::{code::Code, stream_record::config::RecordConfig, units::text::DestinationName},
    edge::{
        aws::{
            client::AwsEnvironment,
            eventbridge::{BusEncoder, BusState, EventBridge, config::EventBridgeConfig},
        },
        clock::Clock,
    },
};

/// The attempt to look at the bus of a destination.
pub(super) fn look(
    config: &EventBridgeConfig,
    name: &DestinationName,
    aws: &mut AwsEnvironment,
) -> impl Future<Output = Result<String, Trouble>> + Send + use<> {
    let encoder = BusEncoder::new(config, name, RecordConfig::default());
    let eventbridge = EventBridge::connect(config, encoder, Clock::wall, aws);
    async move {
        let eventbridge = eventbridge.map_err(|error| Trouble {
            why: error.to_string(),
            help: "set `eventbridge.region`, or AWS_REGION",
        })?;
        judged(eventbridge.state().await)
    }
}

fn judged(state: Result<BusState, Code>) -> Result<String, Trouble> {
    match state {
        Ok(BusState::Active) => Ok("active".to_owned()),
        Ok(BusState::Inactive) => Err(Trouble {
            why: "it takes no events: it is being created or deleted, or that has failed".to_owned(),
            help: "look at its state in the console of EventBridge; until it is active, `run` holds its events",
        }),
        Err(Code("AccessDeniedException")) => {
            Ok("not tried: the role may not describe it (events:DescribeEventBus), which only `check` needs"
                .to_owned())
        }
        Err(code) => Err(Trouble {
            why: format!("it cannot be used ({code})"),
            help: match code.0 {
                "ResourceNotFoundException" => {
                    "create it, or correct `eventbridge.bus` and `eventbridge.region`"
                }
                "connection" => "check `eventbridge.region`, `eventbridge.endpoint_url` and the network",
                _ => "the destination's page, deploy/guide/destinations/eventbridge.md, explains the code",
            },
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_is_active_or_has_a_remedy() {
        assert_eq!(judged(Ok(BusState::Active)), Ok("active".to_owned()));
        assert!(judged(Err(Code("AccessDeniedException"))).unwrap().contains("events:DescribeEventBus"));
        for (state, remedy) in [
            (Ok(BusState::Inactive), "console"),
            (Err(Code("ResourceNotFoundException")), "create it"),
            (Err(Code("connection")), "eventbridge.endpoint_url"),
            (Err(Code("http_503")), "page"),
        ] {
            let trouble = judged(state).unwrap_err();
            assert!(trouble.help.contains(remedy), "{trouble:?}");
        }
    }
}
