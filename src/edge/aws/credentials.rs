//! AWS credentials, which are kept until they expire and replaced shortly before.
//!
//! Inside the SDK's send, missing credentials look like a connection error. So they are resolved here before
//! each send, where a failure has a type of its own, and the SDK gets the kept ones. Knows nothing of
//! requests. As long as the kept credentials have not expired, at most one caller waits for new ones, so
//! sends keep their pace, and a failure to get new ones stops no send.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use aws_credential_types::{
    Credentials,
    provider::{self, ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future},
};
use tokio::{
    sync::{Mutex as AsyncMutex, OnceCell},
    time,
};

/// How long before they expire credentials are replaced: longer than a request takes.
const MARGIN: Duration = Duration::from_secs(30);

/// The time between two attempts to replace credentials that will soon expire.
const PAUSE: Duration = Duration::from_secs(5);

/// The time between two refusals that have the kept credentials replaced: many destinations share them, and
/// each that is on hold has its probes refused.
const BETWEEN_REFUSALS: Duration = Duration::from_secs(30);

/// Credentials that are present or being fetched: a second caller waits for the first.
type Kept = Arc<OnceCell<Credentials>>;

/// A provider that keeps the credentials of another one. Clones share them.
#[derive(Clone)]
pub(super) struct KeptCredentials(Arc<CredentialCache>);

struct CredentialCache {
    provider: SharedCredentialsProvider,
    /// How long a caller waits for the provider. No answer in this time counts as a failure.
    timeout: Duration,
    /// Locked only to read or replace the kept credentials, never while new ones are being fetched, because
    /// concurrent sends share this.
    kept: Mutex<Kept>,
    /// When credentials that will soon expire may next be replaced. The caller that replaces them holds the
    /// lock; the others use the kept ones and never wait for it.
    replacing: AsyncMutex<SystemTime>,
    refusal: Mutex<Refusal>,
}

/// What is known of refusals of the kept credentials.
struct Refusal {
    /// Whether they are to be replaced. They stay in use until there are others: another destination's may be
    /// the only refusal.
    pending: bool,
    /// When the next refusal counts.
    next: SystemTime,
}

impl KeptCredentials {
    /// Keeps the credentials that `provider` provides within `timeout`.
    pub(super) fn new(provider: SharedCredentialsProvider, timeout: Duration) -> Self {
        let (kept, replacing) = (Mutex::default(), AsyncMutex::new(SystemTime::UNIX_EPOCH));
        let refusal = Mutex::new(Refusal { pending: false, next: SystemTime::UNIX_EPOCH });
        Self(Arc::new(CredentialCache { provider, timeout, kept, replacing, refusal }))
    }

    /// The kept credentials, or new ones if there are none or they have expired.
    ///
    /// # Errors
    /// The provider's error or a time-out. Neither is kept, so the next call tries again.
    pub(super) async fn resolve(&self) -> provider::Result {
        let kept = self.unexpired();
        match kept.get() {
            Some(credentials) if expires_by(credentials, now() + MARGIN) || self.refusal().pending => {
                Ok(self.replace(&kept).await.unwrap_or_else(|| credentials.clone()))
            }
            _ => self.get(&kept).await,
        }
    }

    /// New credentials to replace expiring ones; `None` if another caller replaces them
    /// or the provider fails.
    async fn replace(&self, expiring: &Kept) -> Option<Credentials> {
        let mut next_attempt = self.0.replacing.try_lock().ok()?;
        // Another caller may have replaced them just now, or tried to.
        if !Arc::ptr_eq(&self.unexpired(), expiring) || now() < *next_attempt {
            return None;
        }
        *next_attempt = now() + PAUSE;
        let fresh = Kept::default();
        let credentials = self.get(&fresh).await.ok()?;
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&kept, expiring) {
            *kept = fresh;
        }
        self.refusal().pending = false;
        Some(credentials)
    }

    async fn get(&self, kept: &Kept) -> provider::Result {
        let CredentialCache { provider, timeout, .. } = &*self.0;
        // The time-out includes the wait for another caller. Otherwise all callers would wait in turn for a
        // provider that hangs.
        let provided = time::timeout(*timeout, kept.get_or_try_init(|| provider.provide_credentials()));
        let provided = provided.await.map_err(|_| CredentialsError::provider_timed_out(*timeout))?;
        provided.cloned()
    }

    /// Says that AWS refused the kept credentials: the next send replaces them, if there are others.
    pub(super) fn refuse(&self) {
        let mut refusal = self.refusal();
        if now() >= refusal.next {
            *refusal = Refusal { pending: true, next: now() + BETWEEN_REFUSALS };
        }
    }

    /// Whether credentials are kept that have not expired.
    pub(super) fn are_valid(&self) -> bool {
        self.unexpired().get().is_some()
    }

    fn refusal(&self) -> MutexGuard<'_, Refusal> {
        self.0.refusal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unexpired(&self) -> Kept {
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.get().is_some_and(|credentials| expires_by(credentials, now())) {
            *kept = Kept::default();
        }
        Arc::clone(&kept)
    }
}

fn expires_by(credentials: &Credentials, time: SystemTime) -> bool {
    credentials.expiry().is_some_and(|expiry| expiry <= time)
}

impl ProvideCredentials for KeptCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        // The send has already had its chance to replace them.
        future::ProvideCredentials::new(async {
            let kept = self.unexpired();
            self.get(&kept).await
        })
    }
}

/// Shows nothing, because the SDK may log its providers.
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

    use super::*;
    use crate::edge::aws::scripted::block_on;

    /// Provides numbered credentials. `script` says what it does instead at each call.
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

    /// A scripted provider that the test can look at.
    #[derive(Clone, Debug)]
    struct Watched(Arc<Scripted>);

    impl ProvideCredentials for Watched {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            self.0.provide_credentials()
        }
    }

    fn counted(script: &[Instead]) -> (KeptCredentials, Watched) {
        let provider = Watched(Arc::new(Scripted { script: script.to_vec(), ..Scripted::default() }));
        let shared = SharedCredentialsProvider::new(provider.clone());
        (KeptCredentials::new(shared, Duration::from_secs(5)), provider)
    }

    fn kept(script: &[Instead]) -> KeptCredentials {
        counted(script).0
    }

    /// Checks from which call of the provider each resolution's credentials come; `None` is a failure.
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
    fn are_used_until_they_expire_where_others_cannot_be_got() {
        for failure in [Instead::Fail, Instead::Hang] {
            check(&[Instead::ExpireAfter(MARGIN / 2), failure], &[Some("0"), Some("0"), Some("0")]);
        }
    }

    #[test]
    fn are_asked_for_once_in_a_while_where_others_cannot_be_got() {
        let (kept, provider) = counted(&[Instead::ExpireAfter(MARGIN / 2), Instead::Fail, Instead::Fail]);
        block_on(async {
            for _ in 0..5 {
                kept.resolve().await.unwrap();
            }
        });
        assert_eq!(provider.0.calls.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn one_caller_replaces_them_while_all_others_use_the_kept_ones() {
        let kept = kept(&[Instead::ExpireAfter(MARGIN / 2), Instead::Hang]);
        block_on(async {
            kept.resolve().await.unwrap();
            let second = time::timeout(Duration::from_secs(1), kept.resolve());
            let (first, second) = tokio::join!(kept.resolve(), second);
            assert_eq!(second.expect("it waits for no provider").unwrap().access_key_id(), "0");
            assert_eq!(first.unwrap().access_key_id(), "0");
        });
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
            kept.refuse();
            assert_eq!(kept.resolve().await.unwrap().access_key_id(), "1");
        });
    }

    #[test]
    fn refusals_of_many_destinations_drop_them_once() {
        let kept = kept(&[]);
        block_on(async {
            for _ in 0..100 {
                kept.resolve().await.unwrap();
                kept.refuse();
            }
            assert_eq!(kept.resolve().await.unwrap().access_key_id(), "1");
        });
    }

    #[test]
    fn stay_in_use_after_a_refusal_until_there_are_others() {
        for failure in [Instead::Fail, Instead::Hang] {
            let kept = kept(&[Instead::ExpireAfter(Duration::from_mins(50)), failure]);
            block_on(async {
                kept.resolve().await.unwrap();
                kept.refuse();
                assert_eq!(kept.resolve().await.unwrap().access_key_id(), "0");
                assert!(kept.are_valid());
            });
        }
    }

    #[test]
    fn are_not_shown() {
        assert_eq!(format!("{:?}", kept(&[])), "KeptCredentials { .. }");
    }
}
