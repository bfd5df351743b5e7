//! The sender of every destination at AWS: it resolves the credentials, makes one attempt, and forgets
//! credentials that were refused.
//!
//! Knows nothing of any service: what an attempt is, the [`Resource`] says. Knows nothing of retries and
//! offsets: a failure is an [`Answer`], and the pipeline decides what to do about it.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use super::{
    client::{Access, AwsEnvironment, ConnectError},
    code::blames_credentials,
    config::Connection,
    identity::Identity,
};
use crate::core::{
    code::Code,
    destination::{Answer, Request, Sender, Sending},
    event::Refusal,
};

/// What a sender delivers to: an application, a stream, a bus.
pub trait Resource: Send + Sync + 'static {
    /// Shows people which one it is, such as `stream identity`.
    fn name(&self) -> String;

    /// Sends a request once. Credentials are present.
    fn attempt(&self, request: &Request) -> impl Future<Output = Answer> + Send;
}

/// Delivers to one resource.
pub struct AwsSender<R>(Arc<Shared<R>>);

struct Shared<R> {
    resource: R,
    identity: Identity,
    address: String,
}

impl<R: Resource> AwsSender<R> {
    /// Connects to the resource that `resource` makes from its access, in the environment `aws`. Connections are made by the first send.
    ///
    /// # Errors
    /// If the environment and `connection` together are incomplete.
    pub(super) fn new(
        connection: &Connection,
        aws: &mut AwsEnvironment,
        resource: impl FnOnce(&mut Access<'_>) -> R,
    ) -> Result<Self, ConnectError> {
        let (mut access, identity) = aws.access(connection)?;
        let resource = resource(&mut access);
        let mut address = format!("{} in region {}", resource.name(), access.region());
        if let Some(url) = &connection.endpoint_url {
            address = format!("{address} at {url}");
        }
        Ok(Self(Arc::new(Shared { resource, identity, address })))
    }

    /// Gets AWS credentials, as a send would, but waits for as long as `limit`.
    ///
    /// # Errors
    /// If there are none. A send would then answer a hold with this code.
    pub async fn credentials(&self, limit: Duration) -> Result<(), Code> {
        self.0.identity.resolve_within(limit).await
    }

    pub(super) fn resource(&self) -> &R {
        &self.0.resource
    }
}

impl<R: Resource> Sender for AwsSender<R> {
    fn prepare(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let shared = Arc::clone(&self.0);
        Box::pin(async move { shared.identity.resolve().await.unwrap_or_default() })
    }

    /// Takes at most the time for one attempt, and as long again if it must first get credentials.
    fn send(&self, request: Request) -> Sending {
        let shared = Arc::clone(&self.0);
        Box::pin(async move { shared.send(&request).await })
    }
}

impl<R: Resource> Shared<R> {
    async fn send(&self, request: &Request) -> Answer {
        if let Err(code) = self.identity.resolve().await {
            return Answer::Hold(code);
        }
        let answer = self.resource.attempt(request).await;
        let (Answer::Hold(code) | Answer::Denied(Refusal { code, .. })) = &answer else { return answer };
        if blames_credentials(*code) {
            self.identity.refuse();
        }
        answer
    }
}

/// Shows where events go: the resource, the region and the configured address, if any.
impl<R> fmt::Display for AwsSender<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.address)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU32, Ordering},
        time::Duration,
    };

    use aws_config::{Region, SdkConfig};
    use aws_credential_types::provider::{self, ProvideCredentials, error::CredentialsError, future};
    use aws_smithy_http_client::test_util::NeverClient;

    use super::*;
    use crate::{
        core::{destination::sample, event::Refusal, units::Span},
        edge::aws::scripted::{block_on, made_up, sdk},
    };

    /// Gives the same answer to every attempt, and counts them.
    struct Answering {
        answer: Answer,
        attempts: Arc<AtomicU32>,
    }

    impl Resource for Answering {
        fn name(&self) -> String {
            "stream a".to_owned()
        }

        async fn attempt(&self, _: &Request) -> Answer {
            self.attempts.fetch_add(1, Ordering::Relaxed);
            self.answer.clone()
        }
    }

    /// Provides credentials or fails, and counts the calls.
    #[derive(Clone, Debug, Default)]
    struct Counting {
        calls: Arc<AtomicU32>,
        failure: Option<fn() -> CredentialsError>,
    }

    impl ProvideCredentials for Counting {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            self.calls.fetch_add(1, Ordering::Relaxed);
            let failed = self.failure.map(|error| provider::Result::Err(error()));
            future::ProvideCredentials::ready(failed.unwrap_or_else(|| Ok(made_up())))
        }
    }

    fn connection(endpoint_url: Option<&str>) -> Connection {
        let endpoint_url = endpoint_url.map(|url| url.parse().unwrap());
        Connection { region: None, endpoint_url, timeout: Span(Duration::from_secs(10)), credentials: None }
    }

    fn request() -> Request {
        sample::request(&[("e", &["a"])])
    }

    /// Sends two requests that get this answer. Checks how many times credentials were asked for.
    #[track_caller]
    fn check_provided(answer: &Answer, expected: u32) {
        let (provider, attempts) = (Counting::default(), Arc::default());
        let resource = Answering { answer: answer.clone(), attempts: Arc::clone(&attempts) };
        let mut aws = AwsEnvironment::over(sdk(NeverClient::new(), provider.clone()));
        let sender = AwsSender::new(&connection(None), &mut aws, |_| resource).unwrap();
        block_on(async {
            for _ in 0..2 {
                assert_eq!(&sender.send(request()).await, answer);
            }
        });
        let calls = provider.calls.load(Ordering::Relaxed);
        assert_eq!((calls, attempts.load(Ordering::Relaxed)), (expected, 2), "{answer:?}");
    }

    #[test]
    fn credentials_are_got_anew_after_an_answer_that_blames_them() {
        let refusal = Refusal { code: Code("http_403"), message: String::new() };
        check_provided(&Answer::Hold(Code("AccessDeniedException")), 2);
        check_provided(&Answer::Denied(refusal.clone()), 2);
        check_provided(&Answer::Hold(Code("ResourceNotFoundException")), 1);
        check_provided(&Answer::Denied(Refusal { code: Code("http_404"), ..refusal.clone() }), 1);
        check_provided(&Answer::Refused(refusal), 1);
        check_provided(&Answer::unknown(Code("http_503")), 1);
        check_provided(&Answer::Throttled { retry_after: None }, 1);
    }

    #[test]
    fn a_failure_to_get_credentials_is_a_hold_and_nothing_is_sent() {
        let errors: [fn() -> CredentialsError; 3] = [
            CredentialsError::not_loaded_no_source,
            || CredentialsError::provider_error("secret"),
            || CredentialsError::provider_timed_out(Duration::from_secs(5)),
        ];
        for error in errors {
            let (provider, attempts) =
                (Counting { failure: Some(error), ..Counting::default() }, Arc::default());
            let resource =
                Answering { answer: Answer::unknown(Code("sent")), attempts: Arc::clone(&attempts) };
            let mut aws = AwsEnvironment::over(sdk(NeverClient::new(), provider));
            let sender = AwsSender::new(&connection(None), &mut aws, |_| resource).unwrap();
            assert_eq!(block_on(sender.send(request())), Answer::Hold(Code("credentials")));
            assert_eq!(block_on(sender.credentials(Duration::from_secs(10))), Err(Code("credentials")));
            assert_eq!(attempts.load(Ordering::Relaxed), 0);
        }
    }

    #[track_caller]
    fn check(endpoint_url: Option<&str>, sdk: &SdkConfig, expected: Result<&str, ConnectError>) {
        let resource = |_: &mut Access<'_>| Answering {
            answer: Answer::unknown(Code("sent")),
            attempts: Arc::default(),
        };
        let mut aws = AwsEnvironment::over(sdk.clone());
        let shown =
            AwsSender::new(&connection(endpoint_url), &mut aws, resource).map(|sender| sender.to_string());
        assert_eq!(shown.as_deref(), expected.as_ref().map(|shown| *shown));
    }

    #[test]
    fn a_sender_shows_where_events_go() {
        let sdk = sdk(NeverClient::new(), made_up());
        check(None, &sdk, Ok("stream a in region eu-central-1"));
        let url = "http://127.0.0.1:4566";
        check(Some(url), &sdk, Ok("stream a in region eu-central-1 at http://127.0.0.1:4566"));
    }

    #[test]
    fn a_region_and_a_source_of_credentials_are_needed() {
        check(None, &SdkConfig::builder().build(), Err(ConnectError::NoRegion));
        let region = SdkConfig::builder().region(Region::from_static("eu-west-1"));
        check(None, &region.build(), Err(ConnectError::NoCredentials));
    }
}
