//! Kinesis Data Streams' `PutRecords`: the encoder of its requests, and the sender, which makes one attempt.
//!
//! Knows nothing of retries and offsets: a failure is an [`Answer`], and the pipeline decides what to do
//! about it.

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_kinesis::{Client, config::Builder};
use bytes::Bytes;

use self::config::KinesisConfig;
pub use self::{
    encoder::PutRecords,
    inspect::{Keys, StreamFacts},
};
use super::{
    client::{self, Access, AwsEnvironment, ConnectError},
    sender::{AwsSender, Resource},
};
use crate::core::{
    destination::{Answer, Encoder as _, Request},
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

/// The sender of `PutRecords`.
pub type Kinesis = AwsSender<Stream>;

/// A data stream.
pub struct Stream {
    client: Client,
    credentials: SharedCredentialsProvider,
    config: KinesisConfig,
    encoder: PutRecords,
    /// Reads the clock.
    clock: fn() -> Timestamp,
}

impl Kinesis {
    /// Connects to the stream that `config` names, in the environment `aws`, where `AWS_ENDPOINT_URL_KINESIS`
    /// names another address than AWS's.
    ///
    /// # Errors
    /// If the environment and `config` together are incomplete.
    pub fn connect(
        config: &KinesisConfig,
        record: RecordConfig,
        clock: fn() -> Timestamp,
        aws: &mut AwsEnvironment,
    ) -> Result<Self, ConnectError> {
        Self::new(&config.connection(), aws, |access| Stream::new(config, record, clock, access))
    }
}

impl Stream {
    fn new(
        config: &KinesisConfig,
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
        let encoder = PutRecords::new(&config, record);
        Self { client, credentials, config, encoder, clock }
    }

    /// What a request needs of its own.
    fn with_credentials(&self) -> Builder {
        Builder::default().credentials_provider(self.credentials.clone())
    }
}

impl Resource for Stream {
    fn name(&self) -> String {
        format!("stream {}", self.config.stream)
    }

    async fn attempt(&self, request: &Request) -> Answer {
        let body = Bytes::from(self.encoder.body(request, (self.clock)()));
        // The SDK first gets a request without records, and the real body before it signs.
        let put_records = self.client.put_records().set_records(Some(Vec::new()));
        let put_records = match self.config.stream_arn() {
            Some(arn) => put_records.stream_arn(arn),
            None => put_records.stream_name(&*self.config.stream),
        };
        let customized = put_records.customize().config_override(self.with_credentials());
        let sent = customized.mutate_request(move |request| client::put_in(request, &body)).send().await;
        answer::read(request.events(), sent)
    }
}

#[cfg(test)]
mod tests;
