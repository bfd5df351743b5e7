//! Every record that a real Keycloak 26.4.7 wrote, and the app events that it becomes.

use super::{map, mapper, record};
use crate::core::{event::Mapped, time::Moment};

pub(crate) const SAMPLES: &str = include_str!("../../../../tests/data/keycloak-26.4.7.jsonl");

/// One line for each record; times count from 1795382428000.
const EXPECTED: [&str; 38] = [
    "ignored: admin_event",
    "ignored: admin_event",
    "ignored: admin_event",
    "_userauth.sign_up",
    "_userauth.sign_in + _session.start 1fc17c17-61f7-65a7-78e2-42f8ddf51a08 658",
    "ignored: activity",
    "_userauth.sign_up",
    "_userauth.sign_in + _session.start a0f0d6d8-a1a2-60ee-80e8-83642b9b674a 1180",
    "ignored: activity",
    "_userauth.auth_fail error=invalid_user_credentials",
    "_userauth.auth_fail error=user_not_found",
    "ignored: activity",
    "_userauth.sign_in + _session.resume 1fc17c17-61f7-65a7-78e2-42f8ddf51a08 658",
    "ignored: activity",
    "_session.stop 1fc17c17-61f7-65a7-78e2-42f8ddf51a08 658..1940 = 1282 reason=logout",
    "_userauth.sign_in + _session.start 4e191445-eb48-2c64-e89c-a0e14523d123 2116",
    "ignored: activity",
    "_userauth.sign_in + _session.start 1535a6ba-2a6d-0dc1-cf5e-d88f4d85b3a2 2285",
    "ignored: activity",
    "_userauth.sign_in + _session.start 064b5e17-7320-0560-3ab5-c97fb25879ce 2392",
    "_userauth.auth_fail error=invalid_user_credentials",
    "ignored: type_not_mapped",
    "ignored: client_failure",
    "ignored: client_failure",
    "_session.stop 4e191445-eb48-2c64-e89c-a0e14523d123 2116..2663 = 547 reason=logout",
    "_session.stop 1535a6ba-2a6d-0dc1-cf5e-d88f4d85b3a2 2285..2766 = 481 reason=admin_logout",
    "_session.stop a0f0d6d8-a1a2-60ee-80e8-83642b9b674a 1180..2796 = 1616 reason=admin_logout",
    "_userauth.auth_fail error=invalid_user_credentials",
    "_userauth.auth_fail error=invalid_user_credentials",
    "ignored: type_not_mapped",
    "_userauth.auth_fail error=user_temporarily_disabled",
    "_userauth.auth_fail error=user_temporarily_disabled",
    "_userauth.auth_fail error=user_temporarily_disabled",
    "_userauth.auth_fail error=user_temporarily_disabled",
    "_userauth.auth_fail error=user_temporarily_disabled",
    "ignored: admin_event",
    "_userauth.auth_fail error=user_disabled",
    "ignored: admin_event",
];

#[test]
fn every_sample_record_becomes_what_the_table_says() {
    let mut mapper = mapper();
    assert_eq!(SAMPLES.lines().count(), EXPECTED.len());
    for (number, (value, expected)) in SAMPLES.lines().zip(EXPECTED).enumerate() {
        assert_eq!(map(&mut mapper, &record(value)), expected, "record {number}");
    }
}

#[test]
fn the_users_of_the_samples_have_their_golden_endpoints() {
    let anna = "f92a0322ae133672786896c85e51cc5f";
    let ben = "1bbcd23d9583da4aeb67db50fac120b9";
    let nobody = "6bad69f100fd62cc784dba627b9544d1";
    let mut found = Vec::new();
    for value in SAMPLES.lines() {
        if let Mapped::Deliver(deliveries) = mapper().map(&record(value), Moment::START).mapped {
            let id = deliveries[0].endpoint_id.0.to_string();
            if !found.contains(&id) {
                found.push(id);
            }
        }
    }
    assert_eq!(found, [anna, ben, nobody]);
}
