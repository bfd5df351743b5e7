//! Malicious and meaningless records, mapped and fitted: every event that passes keeps the limits of
//! `PutEvents`.

use super::*;
use crate::core::{
    event::InFull,
    map::tests::hostile::{check_contract, map_mutated_records},
};

#[test]
fn mutated_records_never_panic_and_keep_the_limits() {
    map_mutated_records(|mapped| check_limits(mapped, &mut FieldCounts::default()));
}

/// Fits the events of a record, and checks them.
#[track_caller]
pub(super) fn check_limits(mapped: InFull, counts: &mut FieldCounts) {
    check_contract(&mapped);
    for delivery in mapped.deliveries {
        let user_id = delivery.endpoint.user_id.clone();
        match PutEvents.fit(delivery, counts) {
            Ok(Fitted { delivery, .. }) => check_delivery(&delivery),
            Err(refusal) => {
                let id = user_id.unwrap();
                let is_forbidden = |c: char| matches!(c, '$' | '{' | '}') || c.is_control();
                assert_eq!(refusal.code.0, "user_id_not_allowed");
                assert!(id.contains(is_forbidden) || id.chars().count() > 255);
            }
        }
    }
}

/// Checks what `PutEvents` requires of every event.
#[track_caller]
fn check_delivery(Delivery { endpoint, event, .. }: &Delivery) {
    check_endpoint(endpoint);
    assert!(event.attributes.len() + event.metrics.len() <= 40);
    assert!(event.metrics.iter().all(|(key, number)| key.len() <= 50 && number.is_finite()));
    for (key, value) in &event.attributes {
        assert!(key.len() <= 50 && (1..=200).contains(&value.chars().count()));
    }
}

/// Checks what `PutEvents` requires of every endpoint.
#[track_caller]
fn check_endpoint(endpoint: &Endpoint) {
    let text = |text: &Option<Box<str>>, most: usize| {
        assert!(text.as_ref().is_none_or(|text| (1..=most).contains(&text.chars().count())));
    };
    assert!(endpoint.user_id.as_ref().is_none_or(|id| !id.is_empty() && !id.contains(['$', '{', '}'])));
    assert!(body::endpoint_bytes(endpoint) <= 15_000);
    text(&endpoint.address, 254);
    for (key, values) in endpoint.attributes.iter().chain(&endpoint.user_attributes) {
        assert!(key.len() <= 50 && (1..=50).contains(&values.len()));
        assert!(values.iter().all(|value| (1..=100).contains(&value.chars().count())));
    }
    if let Some(device) = endpoint.demographic.as_deref() {
        let short = [
            &device.app_version,
            &device.make,
            &device.model_version,
            &device.platform,
            &device.platform_version,
        ];
        for part in short {
            text(part, 50);
        }
        for part in [&device.model, &device.locale, &device.timezone] {
            text(part, 100);
        }
    }
    if let Some(place) = endpoint.location.as_deref() {
        for part in [&place.city, &place.region] {
            text(part, 75);
        }
        text(&place.postal_code, 100);
        let is_code =
            |code: &str| matches!(code.len(), 2 | 3) && code.bytes().all(|byte| byte.is_ascii_uppercase());
        assert!(place.country.as_deref().is_none_or(is_code));
        assert_eq!(place.latitude.is_some(), place.longitude.is_some());
        assert!(place.latitude.is_none_or(|degrees| degrees.abs() <= 90.0));
        assert!(place.longitude.is_none_or(|degrees| degrees.abs() <= 180.0));
    }
}
