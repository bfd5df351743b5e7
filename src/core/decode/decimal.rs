//! Decodes the decimals of Kafka Connect, which Debezium writes for a database's `NUMERIC` and `NUMBER`.
//!
//! Knows nothing of JSON. A decimal is an integer in two's complement, big-endian and in base64, and a scale:
//! the number of its digits after the decimal point. See
//! <https://debezium.io/documentation/reference/stable/connectors/oracle.html#oracle-decimal-handling-mode>.

use crate::core::decode::base64::from_base64;

/// The maximum length of the integer, in bytes.
const LONGEST: usize = size_of::<i128>();

/// Decodes the number; `None` if it has no bytes or too many.
pub(super) fn decimal(base64: &str, scale: i32) -> Option<f64> {
    if base64.len() > LONGEST * 2 {
        return None;
    }
    let bytes = from_base64(base64)?;
    let is_negative = bytes.first()? & 0x80 != 0;
    let mut whole = [if is_negative { u8::MAX } else { 0 }; LONGEST];
    whole.get_mut(LONGEST.checked_sub(bytes.len())?..)?.copy_from_slice(&bytes);
    #[expect(clippy::cast_precision_loss, reason = "what is read so are times, degrees and small numbers")]
    let whole = i128::from_be_bytes(whole) as f64;
    Some(whole / 10_f64.powi(scale)).filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(base64: &str, scale: i32, expected: Option<f64>) {
        assert_eq!(decimal(base64, scale).map(f64::to_bits), expected.map(f64::to_bits), "{base64}");
    }

    #[test]
    fn a_decimal_is_a_whole_number_with_a_scale() {
        check("AaIFIcJU", 0, Some(1_795_382_428_244.0));
        check("AA==", 0, Some(0.0));
        check("Kg==", 0, Some(42.0));
        check("/w==", 0, Some(-1.0));
        check("AP8=", 0, Some(255.0));
        check("FH0=", 2, Some(52.45));
        check("Kg==", -3, Some(42_000.0));
        check("f////////////////////w==", 0, Some(1.701_411_834_604_692_3e38));
    }

    #[test]
    fn what_is_no_decimal_is_none() {
        check("", 0, None);
        check("soon!", 0, None);
        check("AAAAAAAAAAAAAAAAAAAAAAA=", 0, None);
        check("Kg==", i32::MIN, None);
    }
}
