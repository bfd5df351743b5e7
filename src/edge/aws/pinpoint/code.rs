//! Codes for the items of `Results`, which have a status and a text instead of an error code.

use crate::{core::code::Code, edge::aws::code::MISSING};

/// The code of an event whose item in `Results` is not 202. `None` is an item without a status.
pub(super) fn of_event(status: Option<i32>) -> Code {
    Code(match status {
        Some(400) => "event_400",
        Some(401..=499) => "event_4xx",
        Some(500..=599) => "event_5xx",
        Some(_) => "event_not_understood",
        None => MISSING.0,
    })
}

/// The code of an endpoint whose item in `Results` is not 202.
pub(super) fn of_endpoint(status: i32) -> Code {
    Code(match status {
        400 => "endpoint_400",
        429 => "endpoint_429",
        401..=499 => "endpoint_4xx",
        500..=599 => "endpoint_5xx",
        _ => "endpoint_not_understood",
    })
}
