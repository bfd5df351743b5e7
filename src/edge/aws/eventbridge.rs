//! EventBridge's `PutEvents`: the encoder of its requests, and one attempt to send one. A bus is a custom bus
//! (the service `eventbridgev2`) or a classic one (the service `eventbridge`), each with its own client.
//!
//! Knows nothing of credentials, retries and offsets.

use aws_config::SdkConfig;
use aws_sdk_eventbridge as classic_sdk;
use aws_sdk_eventbridgev2 as custom_sdk;

use self::config::EventBridgeConfig;
pub use self::{encoder::BusEncoder, inspect::BusState};
use super::{
    client::ConnectError,
    sender::{AwsSender, Resource},
};
use crate::core::{
    destination::{Answer, Request},
    time::Timestamp,
};

mod classic;
pub mod config;
mod custom;
mod encoder;
mod inspect;
#[cfg(test)]
mod scripted;

/// The sender of EventBridge's `PutEvents`.
pub type EventBridge = AwsSender<Bus>;

/// A bus.
pub struct Bus {
    client: BusClient,
    encoder: BusEncoder,
    /// Reads the clock.
    clock: fn() -> Timestamp,
}

enum BusClient {
    Custom(custom_sdk::Client),
    Classic(classic_sdk::Client),
}

impl EventBridge {
    /// Connects to the bus that `config` names, in the environment of the AWS SDK, where
    /// `AWS_ENDPOINT_URL_EVENTBRIDGEV2` (for a custom bus) and `AWS_ENDPOINT_URL_EVENTBRIDGE` name another
    /// address than AWS's.
    ///
    /// # Errors
    /// If the environment and `config` together are incomplete.
    pub async fn connect(
        config: &EventBridgeConfig,
        encoder: BusEncoder,
        clock: fn() -> Timestamp,
    ) -> Result<Self, ConnectError> {
        let bus = |settings: &SdkConfig| Bus::new(config, encoder, clock, settings);
        Self::in_environment(&config.connection(), bus).await
    }
}

impl Bus {
    fn new(
        config: &EventBridgeConfig,
        encoder: BusEncoder,
        clock: fn() -> Timestamp,
        settings: &SdkConfig,
    ) -> Self {
        let url = config.endpoint_url.as_ref().map(ToString::to_string);
        let client = if config.custom_bus().is_some() {
            let mut client = custom_sdk::config::Builder::from(settings);
            if url.is_some() {
                client.set_endpoint_url(url);
            }
            BusClient::Custom(custom_sdk::Client::from_conf(client.build()))
        } else {
            let mut client = classic_sdk::config::Builder::from(settings);
            if url.is_some() {
                client.set_endpoint_url(url);
            }
            BusClient::Classic(classic_sdk::Client::from_conf(client.build()))
        };
        Self { client, encoder, clock }
    }
}

impl Resource for Bus {
    fn name(&self) -> String {
        format!("bus {}", self.encoder.bus())
    }

    async fn attempt(&self, request: &Request) -> Answer {
        let at = (self.clock)();
        match &self.client {
            BusClient::Custom(client) => custom::attempt(client, &self.encoder, request, at).await,
            BusClient::Classic(client) => classic::attempt(client, &self.encoder, request, at).await,
        }
    }
}

#[cfg(test)]
mod tests;
