//! Kinesis Data Streams' `PutRecords`: the encoder of its requests, and the sender, which makes one attempt.
//!
//! Knows nothing of retries and offsets: a failure is an [`Answer`], and the pipeline decides what to do
//! about it.

use std::{fmt, pin::Pin, sync::Arc};

use aws_config::SdkConfig;
use aws_sdk_kinesis::{Client, config::Builder};
use bytes::Bytes;

use self::config::KinesisConfig;
pub use self::{
    encoder::PutRecords,
    inspect::{Keys, StreamFacts},
};
use super::{
    client::{self, ConnectError},
    code::CREDENTIALS,
    config::EndpointUrl,
    credentials::KeptCredentials,
};
use crate::core::{
    code::Code,
    destination::{Answer, Encoder as _, Request, Sender, Sending},
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

/// One data stream. Clones share its connections and credentials.
#[derive(Clone)]
pub struct Kinesis(Arc<Shared>);

struct Shared {
    client: Client,
    credentials: KeptCredentials,
    config: KinesisConfig,
    encoder: PutRecords,
    /// Reads the clock.
    clock: fn() -> Timestamp,
}

impl Kinesis {
    /// Connects to the stream that `config` names, in the environment of the AWS SDK: its variables
    /// (`AWS_REGION`, `AWS_ENDPOINT_URL_KINESIS`, …), profiles, and the role of the pod or machine.
    /// Credentials are fetched by [`Kinesis::credentials`], and connections are made by the first send.
    ///
    /// # Errors
    /// If the environment and `config` together are incomplete.
    pub async fn connect(
        config: &KinesisConfig,
        record: RecordConfig,
        clock: fn() -> Timestamp,
    ) -> Result<Self, ConnectError> {
        Self::new(config, record, clock, &client::environment(config.region().as_ref()).await)
    }

    fn new(
        config: &KinesisConfig,
        record: RecordConfig,
        clock: fn() -> Timestamp,
        sdk: &SdkConfig,
    ) -> Result<Self, ConnectError> {
        let (settings, credentials) = client::settings(sdk, config.timeout.0)?;
        let mut client = Builder::from(&settings);
        if let Some(url) = &config.endpoint_url {
            client.set_endpoint_url(Some(url.to_string()));
        }
        let (client, config) = (Client::from_conf(client.build()), config.clone());
        let encoder = PutRecords::new(&config, record);
        Ok(Self(Arc::new(Shared { client, credentials, config, encoder, clock })))
    }

    /// The encoder of its requests.
    #[must_use]
    pub fn encoder(&self) -> PutRecords {
        self.0.encoder.clone()
    }

    /// Gets AWS credentials, as a send would.
    ///
    /// # Errors
    /// If there are none within the time for one attempt. A send would then answer a hold with this code.
    pub async fn credentials(&self) -> Result<(), Code> {
        self.0.credentials.resolve().await.map(drop).map_err(|_| CREDENTIALS)
    }
}

impl Sender for Kinesis {
    fn prepare(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let shared = Arc::clone(&self.0);
        Box::pin(async move { shared.credentials.resolve().await.map_or((), drop) })
    }

    /// Takes at most the time for one attempt, and as long again if it must first get credentials.
    fn send(&self, request: Request) -> Sending {
        let shared = Arc::clone(&self.0);
        Box::pin(async move { shared.attempt(&request).await })
    }
}

impl Shared {
    async fn attempt(&self, request: &Request) -> Answer {
        if self.credentials.resolve().await.is_err() {
            return Answer::Hold(CREDENTIALS);
        }
        let body = Bytes::from(self.encoder.body(request, (self.clock)()));
        // The SDK first gets a request without records, and the real body before it signs.
        let put_records = self.client.put_records().set_records(Some(Vec::new()));
        let put_records = match self.config.stream_arn() {
            Some(arn) => put_records.stream_arn(arn),
            None => put_records.stream_name(&*self.config.stream),
        };
        let customized = put_records.customize();
        let sent = customized.mutate_request(move |request| client::put_in(request, &body)).send().await;
        let records = request.endpoints.iter().map(|batch| batch.events.len()).sum();
        let answer = answer::read(records, sent);
        if matches!(answer, Answer::Hold(_) | Answer::Denied(_)) {
            self.credentials.forget();
        }
        answer
    }
}

/// Shows where events go: the stream, the region and the configured address, if any.
impl fmt::Display for Kinesis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { client, config, .. } = &*self.0;
        let region = client.config().region().map_or("none", AsRef::as_ref);
        write!(f, "stream {} in region {region}", config.stream)?;
        config.endpoint_url.as_ref().map_or(Ok(()), |url: &EndpointUrl| write!(f, " at {url}"))
    }
}

#[cfg(test)]
mod tests;
