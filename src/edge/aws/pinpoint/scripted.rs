//! The destination over a scripted service.

use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_runtime_api::client::http::HttpClient;

use super::{Pinpoint, PinpointConfig};
pub(super) use crate::edge::aws::scripted::{block_on, made_up};
use crate::{
    core::{
        destination::{Answer, Request, Sender as _},
        units::Span,
    },
    edge::aws::{
        client::AwsEnvironment,
        scripted::{responding, sdk},
    },
};

/// The answer to `request` if the service responds like this.
pub(super) fn answer(
    request: Request,
    status: u16,
    headers: &[(&'static str, &'static str)],
    body: &'static str,
) -> Answer {
    let pinpoint = pinpoint(responding(status, headers, body), made_up());
    block_on(pinpoint.send(request))
}

/// The destination over `http_client`, with the credentials of `provider`.
pub(super) fn pinpoint(
    http_client: impl HttpClient + 'static,
    provider: impl ProvideCredentials + 'static,
) -> Pinpoint {
    Pinpoint::connect(&config(None), &mut AwsEnvironment::over(sdk(http_client, provider))).unwrap()
}

/// A configuration with `endpoint_url`.
pub(super) fn config(endpoint_url: Option<&str>) -> PinpointConfig {
    PinpointConfig {
        application: "0123456789abcdef0123456789abcdef".parse().unwrap(),
        region: None,
        endpoint_url: endpoint_url.map(|url| url.parse().unwrap()),
        timeout: Span(std::time::Duration::from_secs(10)),
        credentials: None,
    }
}
