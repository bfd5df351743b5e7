//! The rules for an endpoint.

use super::{FORBIDDEN_IN_IDS, MAX_KEY, Rule, longer_than, size, timestamp};
use crate::tools::emulator::services::pinpoint::wire::{
    Demographic, Endpoint, Entries, JsonText, Location, User,
};

/// An endpoint may take 15 KB.
const MAX_SIZE: usize = 15_000;
/// A value of an endpoint's or a user's attribute may have 100 characters.
const MAX_VALUE: usize = 100;
/// An attribute of an endpoint or a user may have 50 values.
const MAX_VALUES: usize = 50;

const CHANNEL_TYPES: [&str; 13] = [
    "PUSH",
    "GCM",
    "APNS",
    "APNS_SANDBOX",
    "APNS_VOIP",
    "APNS_VOIP_SANDBOX",
    "ADM",
    "SMS",
    "VOICE",
    "EMAIL",
    "BAIDU",
    "CUSTOM",
    "IN_APP",
];

/// Calls `broken` for each rule that an endpoint breaks.
pub(in crate::tools::emulator::services::pinpoint) fn check_endpoint(
    id: &str,
    endpoint: &Endpoint<'_>,
    broken: &mut dyn FnMut(Rule),
) {
    if id.is_empty() || id.contains(FORBIDDEN_IN_IDS) {
        broken(Rule::EndpointId);
    }
    check_text(endpoint.address.as_ref(), usize::MAX, broken);
    check_text(endpoint.request_id.as_ref(), usize::MAX, broken);
    check_word(endpoint.channel_type.as_ref(), &CHANNEL_TYPES, broken);
    check_word(endpoint.opt_out.as_ref(), &["ALL", "NONE"], broken);
    check_word(endpoint.endpoint_status.as_ref(), &["ACTIVE", "INACTIVE"], broken);
    if endpoint.effective_date.as_ref().is_some_and(|date| timestamp(date).is_none()) {
        broken(Rule::EndpointTimestamp);
    }
    endpoint.attributes.iter().for_each(|attributes| check_attributes(attributes, broken));
    let mut metrics = endpoint.metrics.iter().flat_map(Entries::iter);
    if metrics.any(|(key, _)| longer_than(key, MAX_KEY)) {
        broken(Rule::EndpointTextLength);
    }
    endpoint.user.iter().for_each(|user| check_user(user, broken));
    endpoint.demographic.iter().for_each(|demographic| check_demographic(demographic, broken));
    endpoint.location.iter().for_each(|location| check_location(location, broken));
    if size(endpoint) > MAX_SIZE {
        broken(Rule::EndpointSize);
    }
}

fn check_user(user: &User<'_>, broken: &mut dyn FnMut(Rule)) {
    check_text(user.user_id.as_ref(), usize::MAX, broken);
    if user.user_id.as_ref().is_some_and(|id| id.contains(FORBIDDEN_IN_IDS)) {
        broken(Rule::UserId);
    }
    user.user_attributes.iter().for_each(|attributes| check_attributes(attributes, broken));
}

fn check_demographic(demographic: &Demographic<'_>, broken: &mut dyn FnMut(Rule)) {
    check_text(demographic.app_version.as_ref(), 50, broken);
    check_text(demographic.locale.as_ref(), usize::MAX, broken);
    check_text(demographic.make.as_ref(), 50, broken);
    check_text(demographic.model.as_ref(), 100, broken);
    check_text(demographic.model_version.as_ref(), 50, broken);
    check_text(demographic.platform.as_ref(), 50, broken);
    check_text(demographic.platform_version.as_ref(), 50, broken);
    check_text(demographic.timezone.as_ref(), usize::MAX, broken);
}

fn check_location(location: &Location<'_>, broken: &mut dyn FnMut(Rule)) {
    check_text(location.city.as_ref(), 75, broken);
    check_text(location.region.as_ref(), 75, broken);
    check_text(location.postal_code.as_ref(), usize::MAX, broken);
    if location.country.as_ref().is_some_and(|country| {
        !matches!(country.len(), 2 | 3) || !country.bytes().all(|byte| byte.is_ascii_uppercase())
    }) {
        broken(Rule::Country);
    }
    let possible = match (location.latitude, location.longitude) {
        (None, None) => true,
        (Some(latitude), Some(longitude)) => latitude.abs() <= 90.0 && longitude.abs() <= 180.0,
        _ => false,
    };
    if !possible {
        broken(Rule::Coordinates);
    }
}

fn check_attributes(attributes: &Entries<'_, Vec<JsonText<'_>>>, broken: &mut dyn FnMut(Rule)) {
    for (key, values) in attributes.iter() {
        check_text(Some(key), MAX_KEY, broken);
        for value in values {
            check_text(Some(value), MAX_VALUE, broken);
        }
        if values.len() > MAX_VALUES {
            broken(Rule::EndpointValueCount);
        }
    }
}

fn check_text(text: Option<&JsonText<'_>>, characters: usize, broken: &mut dyn FnMut(Rule)) {
    match text {
        Some(text) if text.is_empty() => broken(Rule::EndpointEmptyText),
        Some(text) if longer_than(text, characters) => broken(Rule::EndpointTextLength),
        _ => {}
    }
}

fn check_word(word: Option<&JsonText<'_>>, allowed: &[&str], broken: &mut dyn FnMut(Rule)) {
    if word.is_some_and(|word| !allowed.contains(&&**word)) {
        broken(Rule::EndpointWord);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_with_id(id: &str, endpoint: &str, expected: &[Rule]) {
        let endpoint: Endpoint<'_> = serde_json::from_str(endpoint).unwrap();
        let mut found = Vec::new();
        check_endpoint(id, &endpoint, &mut |rule| found.push(rule));
        found.dedup();
        assert_eq!(found, expected);
    }

    #[track_caller]
    fn check(endpoint: &str, expected: &[Rule]) {
        check_with_id("e", endpoint, expected);
    }

    #[test]
    fn ids_are_plain() {
        check_with_id("f00f", "{}", &[]);
        check_with_id("", "{}", &[Rule::EndpointId]);
        check_with_id("a$b", "{}", &[Rule::EndpointId]);
        check_with_id("a{b", "{}", &[Rule::EndpointId]);
        check_with_id("a}b", "{}", &[Rule::EndpointId]);
        check(r#"{"User":{"UserId":"u-1"}}"#, &[]);
        check(r#"{"User":{"UserId":"u{1"}}"#, &[Rule::UserId]);
        check(r#"{"User":{"UserId":""}}"#, &[Rule::EndpointEmptyText]);
    }

    #[test]
    fn texts_are_not_empty_and_not_too_long() {
        check(r#"{"Address":""}"#, &[Rule::EndpointEmptyText]);
        check(r#"{"Demographic":{"Make":""}}"#, &[Rule::EndpointEmptyText]);
        check(r#"{"Location":{"City":""}}"#, &[Rule::EndpointEmptyText]);
        check(r#"{"Attributes":{"a":[""]}}"#, &[Rule::EndpointEmptyText]);
        check(r#"{"Attributes":{"":["a"]}}"#, &[Rule::EndpointEmptyText]);
        for (field, longest) in [
            ("AppVersion", 50),
            ("Make", 50),
            ("Model", 100),
            ("ModelVersion", 50),
            ("Platform", 50),
            ("PlatformVersion", 50),
        ] {
            let with = |n| format!(r#"{{"Demographic":{{"{field}":"{}"}}}}"#, "é".repeat(n));
            check(&with(longest), &[]);
            check(&with(longest + 1), &[Rule::EndpointTextLength]);
        }
        for field in ["City", "Region"] {
            let with = |n| format!(r#"{{"Location":{{"{field}":"{}"}}}}"#, "é".repeat(n));
            check(&with(75), &[]);
            check(&with(76), &[Rule::EndpointTextLength]);
        }
        let with = |key, value| {
            format!(r#"{{"User":{{"UserAttributes":{{"{}":["{}"]}}}}}}"#, "k".repeat(key), "v".repeat(value))
        };
        check(&with(50, 100), &[]);
        check(&with(51, 100), &[Rule::EndpointTextLength]);
        check(&with(50, 101), &[Rule::EndpointTextLength]);
    }

    #[test]
    fn attributes_and_the_endpoint_have_a_size() {
        let values = |n: usize| format!(r#"{{"Attributes":{{"a":["v"{}]}}}}"#, r#","v""#.repeat(n - 1));
        check(&values(50), &[]);
        check(&values(51), &[Rule::EndpointValueCount]);
        let address = |n: usize| format!(r#"{{"Address":"{}"}}"#, "a".repeat(n - r#"{"Address":""}"#.len()));
        check(&address(15_000), &[]);
        check(&address(15_001), &[Rule::EndpointSize]);
    }

    #[test]
    fn words_are_the_models() {
        for word in CHANNEL_TYPES {
            check(&format!(r#"{{"ChannelType":"{word}"}}"#), &[]);
        }
        check(r#"{"ChannelType":"Email"}"#, &[Rule::EndpointWord]);
        check(r#"{"OptOut":"NONE","EndpointStatus":"ACTIVE"}"#, &[]);
        check(r#"{"OptOut":""}"#, &[Rule::EndpointWord]);
        check(r#"{"EndpointStatus":"GONE"}"#, &[Rule::EndpointWord]);
        check(r#"{"EffectiveDate":"2026-11-22T10:00:00.000Z"}"#, &[]);
        check(r#"{"EffectiveDate":"2026-11-22"}"#, &[Rule::EndpointTimestamp]);
    }

    #[test]
    fn a_place_is_possible() {
        check(r#"{"Location":{"Latitude":-90,"Longitude":180.0}}"#, &[]);
        check(r#"{"Location":{"Latitude":123.0,"Longitude":123.0}}"#, &[Rule::Coordinates]);
        check(r#"{"Location":{"Latitude":1,"Longitude":-180.1}}"#, &[Rule::Coordinates]);
        check(r#"{"Location":{"Latitude":1}}"#, &[Rule::Coordinates]);
        check(r#"{"Location":{"Longitude":1}}"#, &[Rule::Coordinates]);
        check(r#"{"Location":{"Country":"US"}}"#, &[]);
        check(r#"{"Location":{"Country":"USA"}}"#, &[]);
        check(r#"{"Location":{"Country":"us"}}"#, &[Rule::Country]);
        check(r#"{"Location":{"Country":"Germany"}}"#, &[Rule::Country]);
        check(r#"{"Location":{"Country":""}}"#, &[Rule::Country]);
    }
}
