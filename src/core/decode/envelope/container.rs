//! What a container runtime writes in front of each line of a container's log.
//!
//! Knows nothing of the line itself. The form is that of Kubernetes' CRI, which containerd and CRI-O write:
//! `2026-11-22T21:20:28.244798073Z stdout F ` and the line, see
//! <https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md>. Docker
//! writes JSON instead (`log`, `stream`, `time`), which is read like any shipper's.

use crate::core::{decode::tree::Node, time::Timestamp};

/// A line of a container's log.
pub(super) struct ContainerLine<'l> {
    /// When the runtime read the line.
    pub(super) time: Timestamp,
    pub(super) extent: Extent,
    /// The line as the program wrote it.
    pub(super) content: &'l [u8],
}

/// How much of a line there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// The whole line, or its last part.
    Full,
    /// A part that is not the last one: the runtime splits long lines.
    Partial,
}

impl<'l> ContainerLine<'l> {
    /// `None` if the bytes do not begin as such a line does.
    pub(super) fn of(bytes: &'l [u8]) -> Option<Self> {
        if bytes.get("2026-11-22".len()) != Some(&b'T') {
            return None;
        }
        let mut words = bytes.splitn(4, |byte| *byte == b' ');
        let time = Node::Text(str::from_utf8(words.next()?).ok()?).time()?;
        if !matches!(words.next()?, b"stdout" | b"stderr") {
            return None;
        }
        // More tags may follow the first one.
        let extent = match words.next()?.split(|byte| *byte == b':').next()? {
            b"F" => Extent::Full,
            b"P" => Extent::Partial,
            _ => return None,
        };
        Some(Self { time, extent, content: words.next().unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<(i64, Extent, &str)>) {
        let line = ContainerLine::of(line.as_bytes());
        let line = line.map(|line| (line.time.0, line.extent, str::from_utf8(line.content).unwrap()));
        assert_eq!(line, expected);
    }

    const T: i64 = 1_795_382_428_244;

    #[test]
    fn a_line_has_a_time_a_stream_and_a_tag() {
        check("2026-11-22T21:20:28.244798073Z stdout F a line", Some((T, Extent::Full, "a line")));
        check("2026-11-22T22:20:28.244+01:00 stderr F  {}", Some((T, Extent::Full, " {}")));
        check("2026-11-22T21:20:28.244Z stdout P {", Some((T, Extent::Partial, "{")));
        check("2026-11-22T21:20:28.244Z stdout F:TAG x", Some((T, Extent::Full, "x")));
        check("2026-11-22T21:20:28.244Z stdout F ", Some((T, Extent::Full, "")));
        check("2026-11-22T21:20:28.244Z stdout F", Some((T, Extent::Full, "")));
    }

    #[test]
    fn any_other_text_is_no_such_line() {
        check("", None);
        check("{}", None);
        check("2026-11-22T21:20:28.244Z", None);
        check("2026-11-22T21:20:28.244Z stdout", None);
        check("2026-11-22T21:20:28.244Z stdin F x", None);
        check("2026-11-22T21:20:28.244Z stdout X x", None);
        check("2026-11-22T21:20:28.244Z  stdout F x", None);
        check("2026-11-22T21:20:28.244 stdout F x", None);
        check("2026-11-22 21:20:28.244Z stdout F x", None);
        check("yesterday!T stdout F x", None);
    }
}
