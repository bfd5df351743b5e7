//! What `check` asks about a bus: whether it is there and takes events. Nothing is written.

use aws_sdk_eventbridgev2::types::BusState as State;

use super::{
    BusClient, EventBridge, classic::code::PUT_EVENTS as CLASSIC, custom::code::PUT_EVENTS as CUSTOM,
};
use crate::{core::code::Code, edge::aws::results::failure_code};

/// Whether a bus takes events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusState {
    Active,
    /// It is being created or deleted, or that has failed.
    Inactive,
}

impl EventBridge {
    /// Asks for the state of the bus.
    ///
    /// # Errors
    /// If there is no answer to that; the code says why.
    pub async fn state(&self) -> Result<BusState, Code> {
        let bus = self.resource();
        match &bus.client {
            BusClient::Custom(client) => {
                let describe = client.describe_event_bus().event_bus_arn(bus.encoder.bus());
                let describe = describe.customize().config_override(bus.with_custom_credentials());
                let described = describe.send().await.map_err(|error| failure_code(&CUSTOM, &error))?;
                Ok(match described.state() {
                    // A bus works on with its earlier settings while it is changed, and if that fails.
                    Some(State::Active | State::Updating | State::UpdateFailed) => BusState::Active,
                    _ => BusState::Inactive,
                })
            }
            BusClient::Classic(client) => {
                let describe = client.describe_event_bus().name(bus.encoder.bus()).customize();
                let described = describe.config_override(bus.with_classic_credentials()).send().await;
                described.map(|_| BusState::Active).map_err(|error| failure_code(&CLASSIC, &error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::scripted, *};
    use crate::edge::aws::scripted::{block_on, made_up, responding_bytes};

    #[track_caller]
    fn check(bus: &str, status: u16, body: impl Into<Vec<u8>>, expected: Result<BusState, &'static str>) {
        let http_client = responding_bytes(status, &[], body.into());
        let eventbridge = scripted::eventbridge(&scripted::config(bus), http_client, made_up());
        assert_eq!(block_on(eventbridge.state()), expected.map_err(Code));
    }

    #[test]
    fn a_custom_bus_has_a_state() {
        let state = |state| scripted::cbor(&serde_json::json!({ "State": state }));
        for active in ["ACTIVE", "UPDATING", "UPDATE_FAILED"] {
            check(scripted::CUSTOM, 200, state(active), Ok(BusState::Active));
        }
        for inactive in ["CREATING", "CREATE_FAILED", "DELETING", "something new"] {
            check(scripted::CUSTOM, 200, state(inactive), Ok(BusState::Inactive));
        }
        let missing = scripted::cbor(&serde_json::json!({ "__type": "aws#ResourceNotFoundException" }));
        check(scripted::CUSTOM, 404, missing, Err("ResourceNotFoundException"));
    }

    #[test]
    fn a_classic_bus_is_there_or_not() {
        check("default", 200, r#"{"Name":"default"}"#, Ok(BusState::Active));
        let missing = r#"{"__type":"ResourceNotFoundException"}"#;
        check("default", 400, missing, Err("ResourceNotFoundException"));
        check("default", 503, "<html>", Err("http_503"));
    }
}
