//! The destination over a scripted service.

use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_runtime_api::client::http::HttpClient;
use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{Firehose, FirehoseConfig, PutRecordBatch};
use crate::{
    core::{
        destination::{Answer, Request, Sender as _, sample},
        stream_record::config::RecordConfig,
        time::Timestamp,
    },
    edge::aws::{
        client::AwsEnvironment,
        scripted::{block_on, made_up, responding, sdk},
    },
};

/// The time at which everything is sent.
pub(super) const NOW: Timestamp = Timestamp(1_795_341_601_234);

/// The answer to `request` if the service responds like this.
pub(super) fn answer(
    config: &FirehoseConfig,
    request: Request,
    status: u16,
    headers: &[(&'static str, &'static str)],
    body: &'static str,
) -> Answer {
    block_on(firehose(config, responding(status, headers, body), made_up()).send(request))
}

/// The destination over `http_client`, with the credentials of `provider`.
pub(super) fn firehose(
    config: &FirehoseConfig,
    http_client: impl HttpClient + 'static,
    provider: impl ProvideCredentials + 'static,
) -> Firehose {
    let mut aws = AwsEnvironment::over(sdk(http_client, provider));
    Firehose::connect(config, RecordConfig::default(), || NOW, &mut aws).unwrap()
}

/// The bytes of an event of a hand-written request, with its newline. The ids of all endpoints are as long.
pub(super) fn event_bytes() -> usize {
    let encoder = PutRecordBatch::new(&config("lake"), RecordConfig::default());
    let request = sample::request(&[("e", &["a"])]);
    let (body, _) = encoder.write(&request, NOW);
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    BASE64_STANDARD.decode(body["Records"][0]["Data"].as_str().unwrap()).unwrap().len()
}

/// The configuration of a stream, with the defaults of all other keys.
pub(super) fn config(stream: &str) -> FirehoseConfig {
    serde_json::from_value(serde_json::json!({ "stream": stream })).unwrap()
}
