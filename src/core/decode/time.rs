//! Reads the times of events, in the notations that providers use.
//!
//! Knows nothing of records. Every returned time is plausible: after 1970 and before the year 5138.

use crate::core::{decode::scalar::Scalar, identity::PLAUSIBLE_TIMES, time::Timestamp};

/// The beginning of the year 2000, in milliseconds.
const YEAR_2000: i64 = 946_684_800_000;

/// Reads a time: a number, whose magnitude determines its unit, such a number as text, or RFC 3339. A date
/// and time without an offset is not read, because it could mean any time within a day.
pub(super) fn time(value: &Scalar<'_>) -> Option<Timestamp> {
    let milliseconds = match value {
        Scalar::Integer(number) => from_integer(*number)?,
        Scalar::Float(number) => from_float(*number)?,
        Scalar::Text(text) => {
            if let Ok(number) = text.parse::<i64>() {
                from_integer(number)?
            } else if let Ok(number) = text.parse::<f64>() {
                from_float(number)?
            } else {
                text.parse::<jiff::Timestamp>().ok()?.as_millisecond()
            }
        }
        Scalar::Null | Scalar::Other => return None,
    };
    PLAUSIBLE_TIMES.contains(&milliseconds).then_some(Timestamp(milliseconds))
}

/// Reads a date and time without an offset as UTC, for fields that are in UTC according to their provider. A
/// space may replace the `T`.
pub(super) fn in_utc(text: &str) -> Option<Timestamp> {
    // The parser would also accept a date alone, or the name of a time zone, which it would then ignore.
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"-:. T".contains(&byte));
    if !is_plain || text.len() < "2026-11-22T21:20".len() {
        return None;
    }
    let civil = text.parse::<jiff::civil::DateTime>().ok()?;
    let milliseconds = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();
    PLAUSIBLE_TIMES.contains(&milliseconds).then_some(Timestamp(milliseconds))
}

/// The timestamp of a record, which some producers write in seconds. Zero, or a date before the year 2000,
/// counts as no timestamp.
pub(in crate::core) fn of_record(timestamp: Timestamp) -> Option<Timestamp> {
    let milliseconds = from_integer(timestamp.0)?;
    (YEAR_2000..PLAUSIBLE_TIMES.end).contains(&milliseconds).then_some(Timestamp(milliseconds))
}

/// Reads a number as seconds below 10¹¹, as milliseconds below 10¹⁴ and as microseconds below 10¹⁷.
fn from_integer(number: i64) -> Option<i64> {
    match number {
        1..100_000_000_000 => Some(number * 1000),
        100_000_000_000..100_000_000_000_000 => Some(number),
        100_000_000_000_000..100_000_000_000_000_000 => Some(number / 1000),
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "every value up to 10¹⁷ fits; a fraction is cut off")]
fn from_float(number: f64) -> Option<i64> {
    match number {
        // Converts seconds to milliseconds first, or their fraction would be lost.
        1.0..1e11 => Some((number * 1000.0).round() as i64),
        1e11..1e17 => from_integer(number as i64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &Scalar<'_>, expected: Option<i64>) {
        assert_eq!(time(value), expected.map(Timestamp));
    }

    fn text(text: &str) -> Scalar<'_> {
        Scalar::Text(text.into())
    }

    #[test]
    fn a_number_has_its_unit_by_its_magnitude() {
        check(&Scalar::Integer(1_795_382_428), Some(1_795_382_428_000));
        check(&Scalar::Integer(1_795_382_428_244), Some(1_795_382_428_244));
        check(&Scalar::Integer(1_795_382_428_244_999), Some(1_795_382_428_244));
        check(&Scalar::Integer(99_999_999_999), Some(99_999_999_999_000));
        check(&Scalar::Integer(100_000_000_000), Some(100_000_000_000));
        check(&Scalar::Integer(99_999_999_999_999), Some(99_999_999_999_999));
        check(&Scalar::Integer(100_000_000_000_000), Some(100_000_000_000));
        check(&Scalar::Integer(99_999_999_999_999_999), Some(99_999_999_999_999));
        check(&Scalar::Float(1_795_382_428.244), Some(1_795_382_428_244));
        check(&Scalar::Float(1.795_382_428_244e12), Some(1_795_382_428_244));
        check(&text("1795382428244"), Some(1_795_382_428_244));
        check(&text("1795382428.244"), Some(1_795_382_428_244));
        check(&text("1795382428244.5"), Some(1_795_382_428_244));
    }

    #[test]
    fn the_timestamp_of_a_record_has_its_unit_by_its_magnitude() {
        let check = |timestamp, expected: Option<i64>| {
            assert_eq!(of_record(Timestamp(timestamp)), expected.map(Timestamp));
        };
        check(1_795_382_428_244, Some(1_795_382_428_244));
        check(1_795_382_428, Some(1_795_382_428_000));
        check(946_684_800, Some(946_684_800_000));
        check(946_684_799, None);
        check(0, None);
        check(-1, None);
        check(i64::MAX, None);
    }

    #[test]
    fn rfc_3339_is_read_with_any_offset_and_any_fraction() {
        check(&text("2026-11-22T21:20:28Z"), Some(1_795_382_428_000));
        check(&text("2026-11-22T21:20:28.2449999Z"), Some(1_795_382_428_244));
        check(&text("2026-11-22T22:20:28.244+01:00"), Some(1_795_382_428_244));
        check(&text("2026-11-22T21:20:28.244+0000"), Some(1_795_382_428_244));
    }

    #[test]
    fn what_is_no_time_is_none() {
        check(&Scalar::Null, None);
        check(&Scalar::Other, None);
        check(&Scalar::Integer(0), None);
        check(&Scalar::Integer(-1), None);
        check(&Scalar::Integer(100_000_000_000_000_000), None);
        check(&Scalar::Float(f64::NAN), None);
        check(&Scalar::Float(f64::INFINITY), None);
        check(&Scalar::Float(-1e300), None);
        check(&text("yesterday"), None);
        check(&text("inf"), None);
        check(&text("nan"), None);
        check(&text("-1.5"), None);
        check(&text("2026-11-22T21:20:28"), None);
        check(&text("1969-12-31T23:59:59Z"), None);
        check(&text("9999-12-30T23:59:59Z"), None);
        check(&text("99999999999999999999999"), None);
    }

    #[test]
    fn a_providers_utc_is_read_without_an_offset_and_nothing_else_is() {
        let check = |text, expected: Option<i64>| assert_eq!(in_utc(text), expected.map(Timestamp), "{text}");
        check("2026-11-22T21:20:28.2449999", Some(1_795_382_428_244));
        check("2026-11-22 21:20:28.244999900", Some(1_795_382_428_244));
        check("2026-11-22 21:20:28", Some(1_795_382_428_000));
        check("2026-11-22", None);
        check("2026-11-22T21:20:28+01:00", None);
        check("2026-11-22T21:20:28[Europe/Berlin]", None);
        check("2026-13-22T21:20:28", None);
        check("1969-12-31T23:59:59", None);
        check("", None);
    }
}
