//! Pinpoint's `PutEvents`: the encoder of its requests, and the sender, which makes one attempt.
//!
//! Only this folder names Pinpoint's shapes. It knows nothing of retries and offsets: a failure is an
//! [`Answer`], and the pipeline decides what to do about it.

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_pinpoint::{Client, config::Builder, types::EventsRequest};
use bytes::Bytes;

use self::config::PinpointConfig;
pub use self::encoder::PutEvents;
use super::{
    client::{self, Access, AwsEnvironment, ConnectError},
    sender::{AwsSender, Resource},
};
use crate::core::destination::{Answer, Request};

mod answer;
mod code;
pub mod config;
mod encoder;
mod results;
#[cfg(test)]
mod scripted;

/// The sender of `PutEvents`.
pub type Pinpoint = AwsSender<Application>;

/// A Pinpoint application.
pub struct Application {
    client: Client,
    credentials: SharedCredentialsProvider,
    id: String,
}

impl Pinpoint {
    /// Connects to the application that `config` names, in the environment `aws`, where
    /// `AWS_ENDPOINT_URL_PINPOINT` names another address than AWS's.
    ///
    /// # Errors
    /// If the environment and `config` together are incomplete.
    pub fn connect(config: &PinpointConfig, aws: &mut AwsEnvironment) -> Result<Self, ConnectError> {
        Self::new(&config.connection(), aws, |access| Application::new(config, access))
    }

    /// Connects to the application that `config` names at an emulator of `PutEvents`, with made-up
    /// credentials. Ignores the environment.
    ///
    /// # Errors
    /// If `config` has no usable URL.
    pub fn emulated(config: &PinpointConfig) -> Result<Self, ConnectError> {
        if config.endpoint_url.is_none() {
            return Err(ConnectError::EndpointUrl);
        }
        Self::connect(config, &mut AwsEnvironment::emulated(None))
    }
}

impl Application {
    fn new(config: &PinpointConfig, access: &mut Access<'_>) -> Self {
        let client = access.client(|settings| {
            let mut client = Builder::from(settings);
            if let Some(url) = &config.endpoint_url {
                client.set_endpoint_url(Some(url.to_string()));
            }
            Client::from_conf(client.build())
        });
        Self { client, credentials: access.credentials(), id: config.application.to_string() }
    }
}

impl Resource for Application {
    fn name(&self) -> String {
        format!("application {}", self.id)
    }

    async fn attempt(&self, request: &Request) -> Answer {
        let body = Bytes::from(PutEvents.body(request));
        let put_events = self.client.put_events().application_id(&self.id);
        // The SDK first gets an empty request, and the real body before it signs.
        let nothing = EventsRequest::builder().build();
        let credentials = Builder::default().credentials_provider(self.credentials.clone());
        let customized = put_events.events_request(nothing).customize().config_override(credentials);
        let sent = customized.mutate_request(move |request| client::put_in(request, &body)).send().await;
        answer::read(request, sent)
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_http_client::test_util::NeverClient;

    use super::*;
    use crate::core::{
        code::Code,
        destination::{Sender as _, sample},
    };

    #[test]
    fn no_answer_in_time_is_unknown() {
        let pinpoint = scripted::pinpoint(NeverClient::new(), scripted::made_up());
        let answer = scripted::block_on(pinpoint.send(sample::request(&[("e", &["a"])])));
        assert_eq!(answer, Answer::unknown(Code("timeout")));
    }

    #[tokio::test]
    async fn no_connection_is_unknown() {
        // Nobody listens on a port that was free just now.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let pinpoint = Pinpoint::emulated(&scripted::config(Some(&url))).unwrap();
        let answer = pinpoint.send(sample::request(&[("e", &["a"])])).await;
        assert_eq!(answer, Answer::unknown(Code("connection")));
    }

    #[track_caller]
    fn check_set_up(endpoint_url: Option<&str>, expected: Result<&str, ConnectError>) {
        let pinpoint = Pinpoint::emulated(&scripted::config(endpoint_url));
        let shown = pinpoint.map(|pinpoint| pinpoint.to_string());
        let place = "application 0123456789abcdef0123456789abcdef in region us-east-1";
        assert_eq!(shown, expected.map(|url| format!("{place} at {url}")));
    }

    #[test]
    fn a_set_up_is_shown_without_secrets_or_refused() {
        check_set_up(Some("http://127.0.0.1:8081"), Ok("http://127.0.0.1:8081"));
        check_set_up(Some("https://example.com/a"), Ok("https://example.com/a"));
        check_set_up(None, Err(ConnectError::EndpointUrl));
    }
}
