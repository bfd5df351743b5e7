//! librdkafka's report that a log was truncated.
//!
//! librdkafka compares positions with the leader epochs of their logs. It reports a truncation as an error that
//! names no partition; only its text says which position was compared.

/// A log that no longer holds everything before a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Truncation {
    /// The position that was compared with the log.
    pub(super) position: i64,
    /// The end of what the log still holds as it was. `None` if the log knows nothing of the position's epoch.
    pub(super) end: Option<i64>,
}

impl Truncation {
    /// Parses the text of an error; `None` if the error is about something else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let compared = ["Partition log truncation detected at ", "No epoch found less or equal to "];
        let rest = compared.iter().find_map(|start| text.strip_prefix(start))?;
        let position = number_after(rest, "offset ")?;
        let end = number_after(rest, "broker end offset is ")?;
        Some(Self { position, end: (end >= 0).then_some(end) })
    }
}

fn number_after(text: &str, word: &str) -> Option<i64> {
    let (_, rest) = text.split_once(word)?;
    let is_part = |character: char| character.is_ascii_digit() || character == '-';
    rest.split(|character| !is_part(character)).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(i64, Option<i64>)>) {
        let expected = expected.map(|(position, end)| Truncation { position, end });
        assert_eq!(Truncation::parse(text), expected);
    }

    #[test]
    fn a_truncation_is_read_from_its_text() {
        check(
            "Partition log truncation detected at offset 100 (leader epoch 3): broker end offset is 42 (offset \
             leader epoch 2). Reset to INVALID.: Local: Partition log truncation detected (broker 1)",
            Some((100, Some(42))),
        );
        check(
            "No epoch found less or equal to offset 100 (leader epoch 3): broker end offset is -1 (offset leader \
             epoch -1). Reset using configured policy.: Local: Partition log truncation detected (broker 1)",
            Some((100, None)),
        );
        check(
            "fetch failed due to requested offset not available on the broker: Broker: Offset out of range",
            None,
        );
        check("Partition log truncation detected at offset INVALID (leader epoch 3)", None);
        check("", None);
    }
}
