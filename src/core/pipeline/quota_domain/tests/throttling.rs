//! What throttling does to a domain.

use super::*;

fn domain() -> QuotaDomain {
    QuotaDomain::new(QuotaConfig { share: Share::Fixed(1.0), ..QuotaConfig::default() })
}

/// Handles a request that was throttled as a whole. Waits are as long as the back-off allows.
fn throttled(domain: &mut QuotaDomain, now: u64, started: u64) -> bool {
    let backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(30));
    domain.throttled(at(now), at(started), Duration::from_millis(50), &backoff, 1.0)
}

#[track_caller]
fn check_speed(domain: &QuotaDomain, expected: f64) {
    let speed = domain.quota.status().speed;
    assert!((speed - expected).abs() < 1e-6, "{speed}");
}

#[test]
fn each_throttled_request_that_knew_the_last_slowdown_halves_the_speed_and_doubles_the_wait() {
    let mut domain = domain();
    assert!(throttled(&mut domain, 1000, 900), "it begins");
    check_speed(&domain, 0.5);
    assert_eq!(domain.quota.next_start(), Some(at(1200)));

    assert!(!throttled(&mut domain, 1100, 999));
    check_speed(&domain, 0.5);
    assert_eq!(domain.throttles(), 1, "one that had started before met the same congestion");

    assert!(!throttled(&mut domain, 1150, 1000), "it goes on");
    check_speed(&domain, 0.25);
    assert_eq!(domain.throttles(), 2);
    assert_eq!(domain.quota.next_start(), Some(at(1150 + 400)));
}

#[test]
fn throttling_is_over_when_a_request_that_knew_the_slowdown_is_not_throttled() {
    let mut domain = domain();
    throttled(&mut domain, 1000, 900);
    domain.recover(at(999));
    assert_eq!(domain.throttles(), 1);
    domain.recover(at(1000));
    assert_eq!(domain.throttles(), 0);
    assert!(throttled(&mut domain, 1100, 1000), "it begins anew");
}

#[test]
fn partial_throttling_slows_by_its_share_and_once_a_second_at_most() {
    let mut domain = domain();
    domain.throttled_partly(at(1000), at(900), 0, 4);
    check_speed(&domain, 1.0);
    domain.throttled_partly(at(1000), at(900), 1, 4);
    check_speed(&domain, 0.75);
    domain.throttled_partly(at(1900), at(1000), 1, 4);
    domain.throttled_partly(at(2000), at(999), 1, 4);
    check_speed(&domain, 0.75);
    domain.throttled_partly(at(2000), at(1000), 2, 4);
    // In the second between, a part of it was regained.
    check_speed(&domain, 0.5 * (0.75 + FASTER_PER_SECOND));
}

/// A domain at full speed, whose margin has shrunk.
fn with_learned_margin() -> QuotaDomain {
    let mut domain = domain();
    domain.quota.margin.answered(Duration::from_millis(60));
    domain.quota.margin.used(at(20_000));
    assert_eq!(domain.quota.margin.length(), Duration::from_millis(36));
    domain
}

#[test]
fn at_full_speed_a_short_margin_is_lengthened_and_nothing_slows_down() {
    let mut domain = with_learned_margin();
    assert!(!throttled(&mut domain, 30_000, 29_900));
    check_speed(&domain, 1.0);
    assert_eq!(domain.throttles(), 0);
    let length = Duration::from_millis(76);
    assert_eq!(domain.quota.margin.length(), length);
    assert_eq!(domain.quota.next_start(), Some(at(30_000) + length));
    assert!(!throttled(&mut domain, 30_010, 29_999), "it started with the shorter margin");
    assert_eq!(domain.quota.margin.length(), length);
}

#[test]
fn below_full_speed_the_margin_explains_nothing() {
    let mut domain = with_learned_margin();
    domain.throttled_partly(at(30_000), at(29_900), 1, 2);
    assert!(throttled(&mut domain, 30_000, 30_000));
    check_speed(&domain, 0.25);
    assert_eq!(domain.quota.margin.length(), Duration::from_millis(36));
}

#[test]
fn the_margin_of_a_cap_is_never_learned() {
    let mut cap = Quota::cap(QuotaConfig { share: Share::Fixed(1.0), ..QuotaConfig::default() });
    cap.margin.answered(Duration::from_millis(60));
    cap.margin.used(at(20_000));
    assert_eq!(cap.margin.length(), LONGEST);
}
