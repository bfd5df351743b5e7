//! The roles over a scripted AWS STS, on a clock that advances by itself.

use std::time::Duration;

use aws_credential_types::provider::{self, ProvideCredentials, error::CredentialsError, future};
use tokio::time;

use super::{
    scripted::{Does, ScriptedSts, beside, environment, identity, role},
    *,
};
use crate::{
    core::{
        destination::{Sender as _, sample},
        stream_record::config::RecordConfig,
        time::Timestamp,
    },
    edge::aws::{identity::Identity, kinesis::Kinesis, scripted::made_up},
};

const MINUTE: Duration = Duration::from_mins(1);
const REFUSED: Does = Does::Refuse(403, "AccessDenied");
const DOWN: Does = Does::Refuse(503, "ServiceUnavailable");

/// The access key of an identity, which is the number of the request that it comes from; and whether it was
/// there at once.
async fn key(identity: &Identity) -> (Result<String, Code>, bool) {
    let resolving = identity.resolve();
    tokio::pin!(resolving);
    let (resolved, is_there) = match at_once(&mut resolving).await {
        Some(resolved) => (resolved, true),
        None => (resolving.await, false),
    };
    let key = match resolved {
        Ok(()) => Ok(identity.provider().provide_credentials().await.unwrap().access_key_id().to_owned()),
        Err(code) => Err(code),
    };
    (key, is_there)
}

/// The result of a future that is ready; `None` if it waits.
async fn at_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[track_caller]
fn check(found: &(Result<String, Code>, bool), key: &str) {
    assert_eq!(*found, (Ok(key.to_owned()), true));
}

#[test]
fn destinations_of_one_role_share_its_credentials() {
    let sts = ScriptedSts::default();
    let mut environment = environment(&sts, made_up());
    let same = [identity(&mut environment, role("a")), identity(&mut environment, role("a"))];
    let other = RoleConfig { session_name: "other".parse().unwrap(), ..role("a") };
    let other = identity(&mut environment, other);
    beside(environment, async |_| {
        for identity in same.iter().chain([&other]) {
            identity.resolve().await.unwrap();
        }
        check(&key(&same[0]).await, "0");
        check(&key(&same[1]).await, "0");
        check(&key(&other).await, "1");
    });
    assert_eq!(sts.asked().len(), 2);
}

#[test]
fn a_request_names_role_external_id_session_and_life() {
    let sts = ScriptedSts::default();
    let mut environment = environment(&sts, made_up());
    let identity = identity(&mut environment, role("a"));
    beside(environment, async |_| identity.resolve().await).unwrap();
    let body = &sts.asked()[0];
    for part in [
        "Action=AssumeRole",
        "RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fa",
        "ExternalId=acme-7f3c",
        "RoleSessionName=pinpoint-sidecar",
        "DurationSeconds=3600",
    ] {
        assert!(body.contains(part), "{part} in {body}");
    }
}

#[test]
fn credentials_are_renewed_in_the_background_and_nobody_waits() {
    let sts = ScriptedSts::default();
    let mut environment = environment(&sts, made_up());
    let identity = identity(&mut environment, role("a"));
    beside(environment, async |_| {
        identity.resolve().await.unwrap();
        for minute in 0..240 {
            let found = key(&identity).await;
            assert!(found.0.is_ok() && found.1, "{found:?} after {minute} minutes");
            time::sleep(MINUTE).await;
        }
    });
    assert!((7..=8).contains(&sts.asked().len()), "{}", sts.asked().len());
}

#[test]
fn twenty_five_minutes_without_sts_hold_nobody() {
    for (down, goes_down) in [(DOWN, 29), (Does::Hang, 29), (DOWN, 32), (Does::Refuse(400, "Throttling"), 10)]
    {
        let sts = ScriptedSts::default();
        let mut environment = environment(&sts, made_up());
        let all: Vec<_> = (0..20).map(|n| identity(&mut environment, role(&format!("r{n}")))).collect();
        beside(environment, async |_| {
            for identity in &all {
                identity.resolve().await.unwrap();
            }
            for minute in 0..60 {
                match minute {
                    minute if minute == goes_down => sts.with_all(down),
                    minute if minute == goes_down + 25 => sts.with_all(Does::Grant),
                    _ => {}
                }
                for identity in &all {
                    let found = key(identity).await;
                    assert!(found.0.is_ok() && found.1, "{found:?} after {minute} minutes of {down:?}");
                }
                time::sleep(MINUTE).await;
            }
        });
    }
}

#[test]
fn without_sts_credentials_are_used_until_they_expire_and_no_longer() {
    let sts = ScriptedSts::default();
    let mut environment = environment(&sts, made_up());
    let identity = identity(&mut environment, role("a"));
    beside(environment, async |_| {
        identity.resolve().await.unwrap();
        sts.with_all(DOWN);
        time::sleep(58 * MINUTE).await;
        check(&key(&identity).await, "0");
        time::sleep(2 * MINUTE).await;
        assert_eq!(key(&identity).await, (Err(Code("sts_failed")), false));
        sts.with_all(Does::Grant);
        time::sleep(MINUTE).await;
        let back = key(&identity).await;
        assert!(back.0.is_ok() && back.1);
    });
}

#[test]
fn a_role_that_is_refused_holds_its_destinations_and_nobody_elses() {
    let sts = ScriptedSts::default();
    sts.with("refused", REFUSED);
    let mut environment = environment(&sts, made_up());
    let refused = identity(&mut environment, role("refused"));
    let others: Vec<_> = (0..50).map(|n| identity(&mut environment, role(&format!("r{n}")))).collect();
    beside(environment, async |_| {
        for identity in &others {
            identity.resolve().await.unwrap();
        }
        assert_eq!(refused.resolve().await, Err(Code("role_refused")));
        for _ in 0..60 {
            time::sleep(MINUTE).await;
            for _ in 0..100 {
                assert_eq!(key(&refused).await, (Err(Code("role_refused")), true));
            }
            for identity in &others {
                assert!(key(identity).await.1);
            }
        }
        assert!(sts.asked_for("refused") < 150, "{}", sts.asked_for("refused"));
        sts.with("refused", Does::Grant);
        time::sleep(MINUTE).await;
        assert!(key(&refused).await.0.is_ok());
    });
}

#[test]
fn a_role_that_is_refused_later_stays_in_use_until_it_expires() {
    let sts = ScriptedSts::default();
    let mut environment = environment(&sts, made_up());
    let identity = identity(&mut environment, role("a"));
    beside(environment, async |_| {
        identity.resolve().await.unwrap();
        sts.with_all(REFUSED);
        time::sleep(58 * MINUTE).await;
        check(&key(&identity).await, "0");
        time::sleep(2 * MINUTE).await;
        assert_eq!(key(&identity).await, (Err(Code("role_refused")), true));
    });
}

#[test]
fn a_throttled_sts_is_waited_out() {
    let sts = ScriptedSts::default();
    sts.with_all(Does::Refuse(400, "Throttling"));
    let mut environment = environment(&sts, made_up());
    let all: Vec<_> = (0..100).map(|n| identity(&mut environment, role(&format!("r{n}")))).collect();
    beside(environment, async |_| {
        let waiting = all[99].resolve_within(MINUTE);
        let heals = async {
            time::sleep(Duration::from_secs(5)).await;
            sts.with_all(Does::Grant);
        };
        let (resolved, ()) = tokio::join!(waiting, heals);
        assert_eq!(resolved, Ok(()));
    });
    assert!(sts.asked().len() < 150, "{}", sts.asked().len());
}

#[test]
fn an_sts_that_throttles_for_long_is_a_hold_with_that_code() {
    let sts = ScriptedSts::default();
    sts.with_all(Does::Refuse(400, "Throttling"));
    let mut environment = environment(&sts, made_up());
    let identity = identity(&mut environment, role("a"));
    beside(environment, async |_| {
        assert_eq!(key(&identity).await, (Err(Code("sts_throttled")), false));
    });
}

#[test]
fn an_sts_that_does_not_answer_is_a_hold_within_the_time_for_an_attempt() {
    let sts = ScriptedSts::default();
    sts.with_all(Does::Hang);
    let mut environment = environment(&sts, made_up());
    let identity = identity(&mut environment, role("a"));
    beside(environment, async |_| {
        let resolved = time::timeout(Duration::from_secs(11), identity.resolve()).await;
        assert_eq!(resolved.unwrap(), Err(Code("sts_timeout")));
    });
}

#[test]
fn so_many_requests_are_made_at_once_and_no_more() {
    let sts = ScriptedSts::default();
    sts.takes(Duration::from_millis(100));
    let mut environment = environment(&sts, made_up());
    let all: Vec<_> = (0..1000).map(|n| identity(&mut environment, role(&format!("r{n}")))).collect();
    beside(environment, async |_| {
        for identity in &all {
            identity.resolve().await.unwrap();
        }
    });
    assert_eq!((sts.asked().len(), sts.most_in_flight()), (1000, schedule::AT_ONCE));
}

#[test]
fn credentials_that_a_service_refused_stay_in_use_and_are_renewed_once() {
    let sts = ScriptedSts::default();
    let mut environment = environment(&sts, made_up());
    let all: Vec<_> = (0..100).map(|_| identity(&mut environment, role("a"))).collect();
    beside(environment, async |_| {
        all[0].resolve().await.unwrap();
        for minute in 0..30 {
            for identity in &all {
                identity.refuse();
                assert!(key(identity).await.1, "after {minute} minutes");
            }
            time::sleep(MINUTE).await;
        }
        assert_eq!(key(&all[0]).await.0, Ok("1".to_owned()));
    });
    assert_eq!(sts.asked().len(), 2);
}

#[test]
fn credentials_that_live_for_seconds_are_renewed_in_time() {
    let sts = ScriptedSts::default();
    sts.with_all(Does::GrantFor(Duration::from_secs(15)));
    let mut environment = environment(&sts, made_up());
    let identity = identity(&mut environment, role("a"));
    beside(environment, async |_| {
        identity.resolve().await.unwrap();
        for _ in 0..60 {
            time::sleep(Duration::from_secs(1)).await;
            assert!(key(&identity).await.1);
        }
    });
    assert!((7..=9).contains(&sts.asked().len()), "{}", sts.asked().len());
}

/// Provides no credentials.
#[derive(Debug)]
struct NoCredentials;

impl ProvideCredentials for NoCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(provider::Result::Err(CredentialsError::not_loaded_no_source()))
    }
}

#[test]
fn without_credentials_of_its_own_the_process_gets_none_of_a_role() {
    let sts = ScriptedSts::default();
    let mut environment = environment(&sts, NoCredentials);
    let identity = identity(&mut environment, role("a"));
    beside(environment, async |_| {
        assert_eq!(identity.resolve().await, Err(Code("credentials")));
    });
    assert!(sts.asked().is_empty());
}

#[test]
fn the_view_shows_the_first_expiry_and_counts_failures() {
    let sts = ScriptedSts::default();
    let mut environment = environment(&sts, made_up());
    let (first, second) = (identity(&mut environment, role("a")), identity(&mut environment, role("b")));
    beside(environment, async |view| {
        let shown = || view.summary().unwrap();
        assert_eq!((shown().refused, shown().remaining), (0, Some(Duration::ZERO)));
        first.resolve().await.unwrap();
        second.resolve().await.unwrap();
        let life = shown().remaining.unwrap();
        assert!(life > 58 * MINUTE && life < 60 * MINUTE, "{life:?}");
        assert!(shown().failures.is_empty());
        sts.with("b", DOWN);
        time::sleep(40 * MINUTE).await;
        let life = shown().remaining.unwrap();
        assert!(life > 18 * MINUTE && life < 20 * MINUTE, "{life:?}");
        assert!(shown().failures[&Code("sts_failed")] > 3, "{:?}", shown().failures);
        sts.with("b", REFUSED);
        time::sleep(30 * MINUTE).await;
        assert_eq!((shown().roles, shown().refused), (2, 1));
        assert!(shown().remaining.unwrap() > 18 * MINUTE, "it is that of the role which is not refused");
    });
}

#[test]
fn without_roles_there_is_nothing_to_show() {
    let (_, view) = environment(&ScriptedSts::default(), made_up()).refresher();
    assert_eq!(view.summary(), None);
}

#[test]
fn destinations_that_share_a_client_sign_with_their_own_roles() {
    let sts = ScriptedSts::default();
    let mut environment = environment(&sts, made_up());
    let roles = [Some(role("a")), None, Some(role("b")), Some(role("a"))];
    let senders = roles.map(|role| {
        let config = serde_json::json!({ "stream": "identity", "credentials": role });
        let config = serde_json::from_value(config).unwrap();
        Kinesis::connect(&config, RecordConfig::default(), || Timestamp(0), &mut environment).unwrap()
    });
    beside(environment, async |_| {
        for sender in &senders {
            sender.send(sample::request(&[("e", &["a"])])).await;
        }
    });
    assert_eq!(sts.signed(), ["0", "a", "1", "0"]);
}
