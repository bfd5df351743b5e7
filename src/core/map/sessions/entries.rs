//! The entries of the session table: the opening and the closing of a session, each under its own key, so
//! that neither write undoes the other.
//!
//! Knows nothing of the index and of Kafka. The format is a public contract between versions, because
//! replicas of two versions share a table during a deploy: a field may be added, but none may change its
//! meaning, and a value of a later version (`v`) is ignored.
//!
//! | key | value |
//! |---|---|
//! | `o:` and the session's fingerprint | `v` 1, `t` when it was opened (ms), `e` the fingerprint of the source event that opened it, `o` its owner, `h` the topic and the partition of its record |
//! | `c:` and the session's fingerprint | `v` 1, `t` when it was closed (ms), `e` by which source event, `s` when it had been opened, if that was known then, `i` if it was idle for too long |
//! | `u:` and the session's fingerprint | `v` 1, `t` when it was last used (ms), `p` when it had last been used at its last pause and the record that reported the pause, `r` the source event that ended the pause, `b` the same for earlier pauses |

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::core::{
    identity::PLAUSIBLE_TIMES,
    map::{
        ids::Fingerprint,
        sessions::{
            Cause, Ending,
            owner::{Origins, Owner, OwnerParts},
            usage::{Pause, Use},
        },
    },
    session_table::Entry,
    time::Timestamp,
};

const VERSION: u8 = 1;

/// The content of an entry.
pub(super) enum EntryContent {
    /// A session was opened. Holds its owner, and the topic and partition where that was read.
    Opened(Cause, Option<Owner>, Option<(Box<str>, i32)>),
    Closed(Cause, Ending),
    Used(Use),
}

#[derive(Serialize, Deserialize)]
struct OpenedValue<'a> {
    v: u8,
    t: i64,
    e: &'a str,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    o: Option<OwnerFields<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    h: Option<(Cow<'a, str>, i32)>,
}

/// The owner of a session. Unknown fields are left out.
#[derive(Serialize, Deserialize)]
struct OwnerFields<'a> {
    /// The provider.
    #[serde(borrow)]
    p: Cow<'a, str>,
    /// The session.
    #[serde(borrow)]
    s: Cow<'a, str>,
    /// The user.
    #[serde(borrow)]
    u: Cow<'a, str>,
    /// The realm.
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    r: Cow<'a, str>,
    /// The client.
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    c: Cow<'a, str>,
    /// The device.
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    d: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct ClosedValue<'a> {
    v: u8,
    t: i64,
    e: &'a str,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    s: Option<i64>,
    #[serde(default, skip_serializing_if = "is_false")]
    i: bool,
}

#[derive(Serialize, Deserialize)]
struct UsedValue<'a> {
    v: u8,
    t: i64,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    p: Option<(i64, Cow<'a, str>)>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    r: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    b: Vec<(i64, Cow<'a, str>, Option<Cow<'a, str>>)>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// The entry for the opening of a session.
pub(super) fn opened(
    session: Fingerprint,
    by: Cause,
    owner: Option<&Owner>,
    home: Option<(&str, i32)>,
) -> Entry {
    let subject = owner.map(Owner::parts);
    let o = subject.as_ref().map(|subject| OwnerFields {
        p: subject.provider.into(),
        s: subject.session.clone(),
        u: subject.user.clone(),
        r: subject.realm.into(),
        c: subject.client.into(),
        d: subject.device.clone(),
    });
    let value = OpenedValue {
        v: VERSION,
        t: by.time.0,
        e: &by.event.hex(),
        o,
        h: home.map(|(topic, partition)| (topic.into(), partition)),
    };
    entry("o:", session, serde_json::to_string(&value))
}

/// The entry for the closing of a session.
pub(super) fn closed(session: Fingerprint, by: Cause, ending: Ending) -> Entry {
    let Ending { start, idle } = ending;
    let value =
        ClosedValue { v: VERSION, t: by.time.0, e: &by.event.hex(), s: start.map(|start| start.0), i: idle };
    entry("c:", session, serde_json::to_string(&value))
}

/// The entry for the use of a session.
pub(super) fn used(session: Fingerprint, of: &Use) -> Entry {
    let resumed = |pause: &Pause| pause.resumed.map(|event| event.hex().into());
    let (last, before) = of.pauses().split_last().unzip();
    let value = UsedValue {
        v: VERSION,
        t: of.seen,
        p: last.map(|pause| (pause.seen, pause.by.hex().into())),
        r: last.and_then(resumed),
        b: before
            .unwrap_or_default()
            .iter()
            .map(|pause| (pause.seen, pause.by.hex().into(), resumed(pause)))
            .collect(),
    };
    entry("u:", session, serde_json::to_string(&value))
}

/// The content of an entry and its session; `None` if this version cannot read it.
pub(super) fn read(entry: &Entry, origins: &mut Origins) -> Option<(Fingerprint, EntryContent)> {
    let (kind, session) = entry.key.split_at_checked(2)?;
    let session = Fingerprint::from_hex(session)?;
    let cause = |version: u8, event: &str, time: i64| {
        let event = Fingerprint::from_hex(event)?;
        (version == VERSION).then_some(Cause { event, time: plausible(time)? })
    };
    let content = match kind {
        "o:" => {
            let OpenedValue { v, t, e, o, h } = serde_json::from_str(&entry.value).ok()?;
            let home = h.map(|(topic, partition)| (topic.into(), partition));
            EntryContent::Opened(cause(v, e, t)?, o.and_then(|fields| owner(fields, origins)), home)
        }
        "c:" => {
            let ClosedValue { v, t, e, s, i } = serde_json::from_str(&entry.value).ok()?;
            let start = s.map(plausible);
            EntryContent::Closed(
                cause(v, e, t)?,
                Ending { start: start.map_or(Some(None), |start| start.map(Some))?, idle: i },
            )
        }
        "u:" => {
            let UsedValue { v, t, p, r, b } = serde_json::from_str(&entry.value).ok()?;
            let pauses = b.into_iter().chain(p.map(|(seen, by)| (seen, by, r)));
            let pauses: Option<Vec<_>> =
                pauses.map(|(seen, by, resumed)| pause(seen, &by, resumed.as_deref())).collect();
            let of = Use::new(plausible(t)?.0, pauses?);
            EntryContent::Used((v == VERSION).then_some(of)?)
        }
        _ => return None,
    };
    Some((session, content))
}

/// A time that an event can have. The table may contain anything, because anybody may have written to it.
fn plausible(time: i64) -> Option<Timestamp> {
    PLAUSIBLE_TIMES.contains(&time).then_some(Timestamp(time))
}

fn pause(seen: i64, by: &str, resumed: Option<&str>) -> Option<Pause> {
    let by = Fingerprint::from_hex(by)?;
    Some(Pause { seen: plausible(seen)?.0, by, resumed: resumed.and_then(Fingerprint::from_hex) })
}

fn owner(fields: OwnerFields<'_>, origins: &mut Origins) -> Option<Owner> {
    let OwnerFields { p, s, u, r, c, d } = fields;
    OwnerParts { provider: &p, realm: &r, client: &c, session: s, user: u, device: d }.pack(origins)
}

/// Serialising texts and whole numbers never fails.
fn entry(kind: &str, session: Fingerprint, value: serde_json::Result<String>) -> Entry {
    let value = value.unwrap_or_default().into();
    Entry { key: format!("{kind}{}", session.hex()).into(), value }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Far below 1 MiB, the default limit of brokers for a record.
    const LARGEST: usize = 16 * 1024;

    #[test]
    fn every_entry_has_a_bounded_size_and_is_read_as_it_was_written() {
        let session = Fingerprint::of(&["s"]);
        let by = Cause { event: session, time: Timestamp(PLAUSIBLE_TIMES.end - 1) };
        let mut origins = Origins::default();
        // Each of these bytes becomes six in JSON.
        let owner =
            OwnerParts { device: "\u{1}".repeat(2048).into(), ..OwnerParts::default() }.pack(&mut origins);
        let topic = "t".repeat(249);
        let pause =
            |seen| Pause { seen: by.time.0 - seen, by: by.event, resumed: (seen > 0).then_some(session) };
        let of = Use::new(by.time.0, (0..100).map(pause));
        let entries = [
            opened(session, by, owner.as_ref(), Some((&topic, i32::MIN))),
            closed(session, by, Ending { start: Some(by.time), idle: true }),
            used(session, &of),
        ];
        assert!(owner.is_some() && entries.iter().all(|entry| entry.weight() < LARGEST));
        let [Some((_, content)), Some(_), Some((_, EntryContent::Used(read)))] =
            entries.each_ref().map(|entry| super::read(entry, &mut origins))
        else {
            panic!("all are read");
        };
        assert!(
            matches!(content, EntryContent::Opened(cause, read, Some(_)) if cause == by && read == owner)
        );
        assert_eq!(read, of);
    }
}
