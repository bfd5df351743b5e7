//! Data Firehose's `PutRecordBatch`: the encoder of its requests, and one attempt to send one.
//!
//! Knows nothing of credentials, retries and offsets.

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_firehose::{Client, config::Builder};
use bytes::Bytes;

use self::config::FirehoseConfig;
pub use self::{
    encoder::PutRecordBatch,
    inspect::{DeliveryStreamFacts, Records},
};
use super::{
    client::{self, Access, AwsEnvironment, ConnectError},
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
    credentials: SharedCredentialsProvider,
    config: FirehoseConfig,
    encoder: PutRecordBatch,
    /// Reads the clock.
    clock: fn() -> Timestamp,
}

impl Firehose {
    /// Connects to the stream that `config` names, in the environment `aws`, where `AWS_ENDPOINT_URL_FIREHOSE`
    /// names another address than AWS's.
    ///
    /// # Errors
    /// If the environment and `config` together are incomplete.
    pub fn connect(
        config: &FirehoseConfig,
        record: RecordConfig,
        clock: fn() -> Timestamp,
        aws: &mut AwsEnvironment,
    ) -> Result<Self, ConnectError> {
        Self::new(&config.connection(), aws, |access| DeliveryStream::new(config, record, clock, access))
    }
}

impl DeliveryStream {
    fn new(
        config: &FirehoseConfig,
        record: RecordConfig,
        clock: fn() -> Timestamp,
        access: &mut Access<'_>,
    ) -> Self {
        let client = access.client(|settings| {
            let mut client = Builder::from(settings);
            if let Some(url) = &config.endpoint_url {
                client.set_endpoint_url(Some(url.to_string()));
            }
            Client::from_conf(client.build())
        });
        let (credentials, config) = (access.credentials(), config.clone());
        let encoder = PutRecordBatch::new(&config, record);
        Self { client, credentials, config, encoder, clock }
    }

    /// What a request needs of its own.
    fn with_credentials(&self) -> Builder {
        Builder::default().credentials_provider(self.credentials.clone())
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
        let put = put.delivery_stream_name(&*self.config.stream);
        let customized = put.customize().config_override(self.with_credentials());
        let sent = customized.mutate_request(move |request| client::put_in(request, &body)).send().await;
        answer::read(&records, sent)
    }
}

#[cfg(test)]
mod tests;
