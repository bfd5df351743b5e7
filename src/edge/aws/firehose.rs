//! Data Firehose's `PutRecordBatch`: the encoder of its requests, and one attempt to send one.
//!
//! Knows nothing of credentials, retries and offsets.

use aws_config::SdkConfig;
use aws_sdk_firehose::{Client, config::Builder};
use bytes::Bytes;

use self::config::FirehoseConfig;
pub use self::{
    encoder::PutRecordBatch,
    inspect::{DeliveryStreamFacts, Records},
};
use super::{
    client::{self, ConnectError},
    sender::{AwsSender, Resource},
};
use crate::core::{
    destination::{Answer, Request},
    stream_record::config::RecordConfig,
    time::Timestamp,
};

mod answer;
mod code;
pub mod config;
mod encoder;
mod inspect;
#[cfg(test)]
mod scripted;

/// The sender of `PutRecordBatch`.
pub type Firehose = AwsSender<DeliveryStream>;

/// A Firehose stream.
pub struct DeliveryStream {
    client: Client,
    config: FirehoseConfig,
    encoder: PutRecordBatch,
    /// Reads the clock.
    clock: fn() -> Timestamp,
}

impl Firehose {
    /// Connects to the stream that `config` names, in the environment of the AWS SDK, where
    /// `AWS_ENDPOINT_URL_FIREHOSE` names another address than AWS's.
    ///
    /// # Errors
    /// If the environment and `config` together are incomplete.
    pub async fn connect(
        config: &FirehoseConfig,
        record: RecordConfig,
        clock: fn() -> Timestamp,
    ) -> Result<Self, ConnectError> {
        let stream = |settings: &SdkConfig| DeliveryStream::new(config, record, clock, settings);
        Self::in_environment(&config.connection(), stream).await
    }
}

impl DeliveryStream {
    fn new(
        config: &FirehoseConfig,
        record: RecordConfig,
        clock: fn() -> Timestamp,
        settings: &SdkConfig,
    ) -> Self {
        let mut client = Builder::from(settings);
        if let Some(url) = &config.endpoint_url {
            client.set_endpoint_url(Some(url.to_string()));
        }
        let (client, config) = (Client::from_conf(client.build()), config.clone());
        let encoder = PutRecordBatch::new(&config, record);
        Self { client, config, encoder, clock }
    }
}

impl Resource for DeliveryStream {
    fn name(&self) -> String {
        format!("Firehose stream {}", self.config.stream)
    }

    async fn attempt(&self, request: &Request) -> Answer {
        let (body, records) = self.encoder.write(request, (self.clock)());
        let body = Bytes::from(body);
        // The SDK first gets a request without records, and the real body before it signs.
        let put = self.client.put_record_batch().set_records(Some(Vec::new()));
        let customized = put.delivery_stream_name(&*self.config.stream).customize();
        let sent = customized.mutate_request(move |request| client::put_in(request, &body)).send().await;
        answer::read(&records, sent)
    }
}

#[cfg(test)]
mod tests;
