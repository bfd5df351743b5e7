//! AWS credentials, kept until they are about to expire.
//!
//! Within the SDK's send a failure to get credentials looks like a connection error. So they are resolved
//! here, before each send, where their failure is a type of its own, and the SDK is handed what is kept.
//! Knows nothing of requests.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use aws_credential_types::{
    Credentials,
    provider::{self, ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future},
};
use tokio::{sync::OnceCell, time};

/// How long before they expire credentials are replaced: longer than a request is under way.
const MARGIN: Duration = Duration::from_secs(30);

/// Credentials that were got once, or are being got: whoever comes second waits for the first.
type Kept = Arc<OnceCell<Credentials>>;

/// A provider that keeps what another one provides. Clones share what is kept.
#[derive(Clone)]
pub(super) struct KeptCredentials(Arc<State>);

struct State {
    provider: SharedCredentialsProvider,
    /// How long a caller waits for the provider; no answer by then counts as a failure.
    timeout: Duration,
    /// Locked only to take or to replace what is kept, never while credentials are being got: sends run
    /// side by side and share this.
    kept: Mutex<Kept>,
}

impl KeptCredentials {
    /// Keeps what `provider` provides within `timeout`.
    pub(super) fn new(provider: SharedCredentialsProvider, timeout: Duration) -> Self {
        Self(Arc::new(State { provider, timeout, kept: Mutex::default() }))
    }

    /// The credentials, got anew where there are none, or none that will last.
    ///
    /// # Errors
    /// The provider's, or a time-out. Neither is kept: the next call asks again.
    pub(super) async fn resolve(&self) -> provider::Result {
        let State { provider, timeout, .. } = &*self.0;
        let kept = self.lasting();
        // Around the waiting too: else all who wait for a provider that hangs would wait in turn.
        let provided = time::timeout(*timeout, kept.get_or_try_init(|| provider.provide_credentials()));
        let provided = provided.await.map_err(|_| CredentialsError::provider_timed_out(*timeout))?;
        provided.cloned()
    }

    /// Gives up what is kept, because AWS does not take it.
    pub(super) fn forget(&self) {
        *self.0.kept.lock().unwrap_or_else(PoisonError::into_inner) = Kept::default();
    }

    fn lasting(&self) -> Kept {
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.get().and_then(Credentials::expiry).is_some_and(|expiry| expiry <= now() + MARGIN) {
            *kept = Kept::default();
        }
        Arc::clone(&kept)
    }
}

impl ProvideCredentials for KeptCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.resolve())
    }
}

/// Shows nothing: the SDK may write its providers into a log.
impl fmt::Debug for KeptCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptCredentials").finish_non_exhaustive()
    }
}

#[expect(clippy::disallowed_methods, reason = "an edge: credentials expire by the wall clock")]
fn now() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::atomic::{AtomicU32, Ordering},
    };

    use super::{super::scripted::block_on, *};

    /// Provides numbered credentials; what it does instead at each call is in `script`.
    #[derive(Debug, Default)]
    struct Scripted {
        script: Vec<Instead>,
        calls: AtomicU32,
    }

    #[derive(Clone, Copy, Debug)]
    enum Instead {
        Fail,
        Hang,
        ExpireAfter(Duration),
    }

    impl ProvideCredentials for Scripted {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::new(async {
                let call = self.calls.fetch_add(1, Ordering::Relaxed);
                let mut expiry = None;
                match self.script.get(call as usize) {
                    Some(Instead::Fail) => return Err(CredentialsError::not_loaded_no_source()),
                    Some(Instead::Hang) => pending().await,
                    Some(Instead::ExpireAfter(wait)) => expiry = Some(now() + *wait),
                    None => {}
                }
                tokio::task::yield_now().await;
                Ok(Credentials::new(format!("{call}"), "secret", None, expiry, "test"))
            })
        }
    }

    fn kept(script: &[Instead]) -> KeptCredentials {
        let provider = Scripted { script: script.to_vec(), ..Scripted::default() };
        KeptCredentials::new(SharedCredentialsProvider::new(provider), Duration::from_secs(5))
    }

    /// The calls of the provider that each resolution's credentials come from; `None` is a failure.
    #[track_caller]
    fn check(script: &[Instead], expected: &[Option<&str>]) {
        let kept = kept(script);
        block_on(async {
            for expected in expected {
                let resolved = kept.resolve().await.ok();
                assert_eq!(resolved.as_ref().map(Credentials::access_key_id), *expected);
            }
        });
    }

    #[test]
    fn are_got_once() {
        check(&[], &[Some("0"), Some("0")]);
        check(&[Instead::ExpireAfter(Duration::from_mins(5))], &[Some("0"), Some("0")]);
    }

    #[test]
    fn are_got_anew_before_they_expire() {
        check(&[Instead::ExpireAfter(MARGIN / 2)], &[Some("0"), Some("1"), Some("1")]);
        check(&[Instead::ExpireAfter(Duration::ZERO)], &[Some("0"), Some("1")]);
    }

    #[test]
    fn a_failure_is_not_kept() {
        check(&[Instead::Fail, Instead::Fail], &[None, None, Some("2"), Some("2")]);
    }

    #[test]
    fn a_provider_that_hangs_is_a_failure_and_recovers() {
        check(&[Instead::Hang], &[None, Some("1")]);
    }

    #[test]
    fn are_got_by_one_for_all_who_wait() {
        let kept = kept(&[]);
        let (first, second) = block_on(async { tokio::join!(kept.resolve(), kept.resolve()) });
        assert_eq!(first.unwrap().access_key_id(), "0");
        assert_eq!(second.unwrap().access_key_id(), "0");
    }

    #[test]
    fn all_who_wait_for_a_provider_that_hangs_fail_together() {
        let kept = kept(&[Instead::Hang; 3]);
        let resolved = async { tokio::join!(kept.resolve(), kept.resolve()) };
        let (first, second) =
            block_on(async { time::timeout(Duration::from_secs(6), resolved).await }).unwrap();
        assert!(first.is_err() && second.is_err());
    }

    #[test]
    fn are_got_anew_when_they_were_given_up() {
        let kept = kept(&[]);
        block_on(async {
            kept.resolve().await.unwrap();
            kept.forget();
            assert_eq!(kept.resolve().await.unwrap().access_key_id(), "1");
        });
    }

    #[test]
    fn are_not_shown() {
        assert_eq!(format!("{:?}", kept(&[])), "KeptCredentials { .. }");
    }
}
