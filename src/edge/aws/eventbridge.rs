//! EventBridge's `PutEvents`: the encoder of its requests, and one attempt to send one. A bus is a custom bus
//! (the service `eventbridgev2`) or a classic one (the service `eventbridge`), each with its own client.
//!
//! Knows nothing of credentials, retries and offsets.

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_eventbridge as classic_sdk;
use aws_sdk_eventbridgev2 as custom_sdk;

use self::config::EventBridgeConfig;
pub use self::{encoder::BusEncoder, inspect::BusState};
use super::{
    client::{Access, AwsEnvironment, ConnectError},
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
    credentials: SharedCredentialsProvider,
    encoder: BusEncoder,
    /// Reads the clock.
    clock: fn() -> Timestamp,
}

enum BusClient {
    Custom(custom_sdk::Client),
    Classic(classic_sdk::Client),
}

impl EventBridge {
    /// Connects to the bus that `config` names, in the environment `aws`, where
    /// `AWS_ENDPOINT_URL_EVENTBRIDGEV2` (for a custom bus) and `AWS_ENDPOINT_URL_EVENTBRIDGE` name another
    /// address than AWS's.
    ///
    /// # Errors
    /// If the environment and `config` together are incomplete.
    pub fn connect(
        config: &EventBridgeConfig,
        encoder: BusEncoder,
        clock: fn() -> Timestamp,
        aws: &mut AwsEnvironment,
    ) -> Result<Self, ConnectError> {
        Self::new(&config.connection(), aws, |access| Bus::new(config, encoder, clock, access))
    }
}

impl Bus {
    fn new(
        config: &EventBridgeConfig,
        encoder: BusEncoder,
        clock: fn() -> Timestamp,
        access: &mut Access<'_>,
    ) -> Self {
        let url = config.endpoint_url.as_ref().map(ToString::to_string);
        let client = if config.custom_bus().is_some() {
            BusClient::Custom(access.client(|settings| {
                let mut client = custom_sdk::config::Builder::from(settings);
                if url.is_some() {
                    client.set_endpoint_url(url);
                }
                custom_sdk::Client::from_conf(client.build())
            }))
        } else {
            BusClient::Classic(access.client(|settings| {
                let mut client = classic_sdk::config::Builder::from(settings);
                if url.is_some() {
                    client.set_endpoint_url(url);
                }
                classic_sdk::Client::from_conf(client.build())
            }))
        };
        Self { client, credentials: access.credentials(), encoder, clock }
    }

    /// What a request to a custom bus needs of its own.
    fn with_custom_credentials(&self) -> custom_sdk::config::Builder {
        custom_sdk::config::Builder::default().credentials_provider(self.credentials.clone())
    }

    /// What a request to a classic bus needs of its own.
    fn with_classic_credentials(&self) -> classic_sdk::config::Builder {
        classic_sdk::config::Builder::default().credentials_provider(self.credentials.clone())
    }
}

impl Resource for Bus {
    fn name(&self) -> String {
        format!("bus {}", self.encoder.bus())
    }

    async fn attempt(&self, request: &Request) -> Answer {
        let at = (self.clock)();
        match &self.client {
            BusClient::Custom(client) => {
                custom::attempt(client, self.with_custom_credentials(), &self.encoder, request, at).await
            }
            BusClient::Classic(client) => {
                classic::attempt(client, self.with_classic_credentials(), &self.encoder, request, at).await
            }
        }
    }
}

#[cfg(test)]
mod tests;
