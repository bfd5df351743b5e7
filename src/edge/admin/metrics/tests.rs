use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{core::code::Code, edge::admin::overview::tests::Parts};

fn page(parts: &Parts) -> String {
    let mut metrics = Metrics::new(Timestamp(1_700_000_000_123)).unwrap();
    for events in [1, 40, 99, 100, 100] {
        metrics.observe_request(events);
    }
    for milliseconds in [20, 125, 11_000] {
        metrics.observe_duration(Duration::from_millis(milliseconds));
    }
    let again = WriteOutcome::Again(Code("request_timed_out"));
    let refused = WriteOutcome::Refused(Code("message_size_too_large"));
    for outcome in [WriteOutcome::Written, WriteOutcome::Written, again, refused] {
        metrics.observe_letter(outcome);
    }
    metrics.render(&parts.overview()).unwrap()
}

/// Reads a page strictly: each family has first its help and type and then its samples, and
/// no series occurs twice.
fn read(page: &str) -> BTreeMap<String, f64> {
    let (mut series, mut families) = (BTreeMap::new(), BTreeSet::new());
    let (mut family, mut kind) = ("", "");
    assert!(page.ends_with('\n'));
    for line in page.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            assert!(families.insert(name), "{name} occurs twice");
            assert!(help.ends_with('.'), "{name} has no help");
            (family, kind) = (name, "");
        } else if let Some(declared) = line.strip_prefix("# TYPE ") {
            let (name, declared) = declared.split_once(' ').unwrap();
            assert_eq!((name, kind), (family, ""));
            kind = declared;
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
            assert!(name.starts_with("pinpoint_sidecar_") || name.starts_with("process_"), "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        } else {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let own = name.split('{').next().unwrap();
            let suffixes: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            assert!(suffixes.iter().any(|suffix| own.strip_suffix(suffix) == Some(family)), "{line}");
            let value: f64 = value.parse().unwrap();
            assert!(value.is_finite() && value >= 0.0, "{line}");
            assert!(series.insert(name.to_owned(), value).is_none(), "{name} occurs twice");
        }
    }
    series
}

/// The sum of a metric's series.
fn sum(series: &BTreeMap<String, f64>, metric: &str) -> f64 {
    let name = format!("pinpoint_sidecar_{metric}");
    let of_it =
        |key: &str| key.strip_prefix(&name).is_some_and(|rest| rest.is_empty() || rest.starts_with('{'));
    series.iter().filter(|(key, _)| of_it(key)).map(|(_, value)| value).sum()
}

#[test]
fn the_page_is_as_it_was() {
    let page = page(&Parts::eventful());
    let varies =
        |line: &&str| !["process_resident", "pinpoint_sidecar_build"].iter().any(|it| line.starts_with(it));
    insta::assert_snapshot!("eventful", page.lines().filter(varies).collect::<Vec<_>>().join("\n"));
}

#[test]
fn pages_are_well_formed() {
    for parts in [Parts::fresh(), Parts::eventful()] {
        let series = read(&page(&parts));
        assert!(series["process_resident_memory_bytes"] > 1e6);
        assert!(
            series[concat!("pinpoint_sidecar_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}")] > 0.0
        );
    }
}

#[test]
fn invariant_10_balances_on_a_page() {
    let series = read(&page(&Parts::eventful()));
    let ends = [
        "accepted_total",
        "dead_lettered_total",
        "ignored_total",
        "settled_before_total",
        "released_total",
        "outstanding",
    ];
    let ended: Vec<_> = ends.iter().map(|end| sum(&series, &format!("records_{end}"))).collect();
    assert_eq!(ended, [800.0, 25.0, 110.0, 40.0, 35.0, 30.0]);
    assert!((ended.iter().sum::<f64>() - sum(&series, "records_consumed_total")).abs() < 0.5);
}

#[test]
fn series_that_are_known_beforehand_exist_from_the_start() {
    let series = read(&page(&Parts::fresh()));
    let is_there = |name: &str| series.contains_key(&format!("pinpoint_sidecar_{name}"));
    let all = |name: &str, label: &str, values: &[&str]| {
        values.iter().all(|value| is_there(&format!("{name}{{{label}=\"{value}\"}}")))
    };
    assert!(all("hold", "cause", &["circuit_breaker", "dead_letter", "destination", "event"]));
    let outcomes = ["answered", "hold", "refused", "throttled", "unknown"];
    assert!(all("requests_total", "outcome", &outcomes));
    assert!(!series.keys().any(|name| name.contains("_table_")), "there is no table");
    assert!(all("commits_total", "outcome", &["ok", "failed"]));
    assert!(all("dead_letters_total", "outcome", &["written", "failed", "refused"]));
    assert!(all("events_accepted_total", "type", &["_session.start", "_session.pause", "_userauth.sign_in"]));
}

#[test]
fn an_unknown_lag_is_absent() {
    let series = read(&page(&Parts::eventful()));
    let lag = |partition| {
        let labels = format!("{{topic=\"keycloak-events\",partition=\"{partition}\"}}");
        series.get(&format!("pinpoint_sidecar_consumer_lag{labels}")).copied()
    };
    assert_eq!([0, 1, 2].map(lag), [Some(40.0), None, None]);
}
