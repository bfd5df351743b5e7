//! The destination over a scripted service.

use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_runtime_api::client::http::HttpClient;

use super::{Kinesis, KinesisConfig};
use crate::{
    core::{
        destination::{Answer, Request, Sender as _},
        stream_record::config::RecordConfig,
        time::Timestamp,
    },
    edge::aws::{
        client::AwsEnvironment,
        scripted::{block_on, made_up, responding, sdk},
    },
};

/// The answer to `request` if the service responds like this.
pub(super) fn answer(
    request: Request,
    status: u16,
    headers: &[(&'static str, &'static str)],
    body: &'static str,
) -> Answer {
    let kinesis = kinesis(&config("identity"), responding(status, headers, body), made_up());
    block_on(kinesis.send(request))
}

/// The destination over `http_client`, with the credentials of `provider`.
pub(super) fn kinesis(
    config: &KinesisConfig,
    http_client: impl HttpClient + 'static,
    provider: impl ProvideCredentials + 'static,
) -> Kinesis {
    let clock = || Timestamp(1_795_341_601_234);
    let mut aws = AwsEnvironment::over(sdk(http_client, provider));
    Kinesis::connect(config, RecordConfig::default(), clock, &mut aws).unwrap()
}

/// The configuration of a stream, with the defaults of all other keys.
pub(super) fn config(stream: &str) -> KinesisConfig {
    serde_json::from_value(serde_json::json!({ "stream": stream })).unwrap()
}
