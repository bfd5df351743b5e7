//! What the sessions' table holds: the opening and the closing of a session, each under a key of its own,
//! so that neither write undoes the other.
//!
//! Knows nothing of the index and of Kafka. A public contract between versions, because replicas of two
//! versions share a table during a deploy: a field may be added, none may change its meaning, and a value
//! of a later version (`v`) is left alone.
//!
//! | key | value |
//! |---|---|
//! | `o:` and the session's fingerprint | `v` 1, `t` when it was opened (ms), `e` the fingerprint of the source event that opened it, `o` whose it is |
//! | `c:` and the session's fingerprint | `v` 1, `t` when it was closed (ms), `e` by which source event, `s` when it had been opened as far as that was known then |

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{
    map::{
        ids::Fingerprint,
        sessions::{
            Cause,
            owner::{self, Owner},
        },
    },
    moment::Timestamp,
    table::Entry,
};

/// The version of the values.
const VERSION: u8 = 1;

/// What an entry says.
pub(super) enum Said {
    /// A session was opened; whose it is.
    Opened(Cause, Option<Owner>),
    /// A session was closed; when it had been opened.
    Closed(Cause, Option<Timestamp>),
}

#[derive(Serialize, Deserialize)]
struct Opened<'a> {
    v: u8,
    t: i64,
    e: &'a str,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    o: Option<Whose<'a>>,
}

/// Whose the session is; what is not known is left out.
#[derive(Serialize, Deserialize)]
struct Whose<'a> {
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
struct Closed<'a> {
    v: u8,
    t: i64,
    e: &'a str,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    s: Option<i64>,
}

/// The entry that says that a session was opened.
pub(super) fn opened(session: Fingerprint, by: Cause, owner: Option<&Owner>) -> Entry {
    let whose = owner.map(Owner::whose);
    let o = whose.as_ref().map(|whose| Whose {
        p: whose.provider.into(),
        s: whose.session.into(),
        u: whose.user.into(),
        r: whose.realm.into(),
        c: whose.client.into(),
        d: whose.device.into(),
    });
    let value = Opened { v: VERSION, t: by.time.0, e: &by.event.hex(), o };
    entry("o:", session, serde_json::to_string(&value))
}

/// The entry that says that a session was closed.
pub(super) fn closed(session: Fingerprint, by: Cause, start: Option<Timestamp>) -> Entry {
    let value = Closed { v: VERSION, t: by.time.0, e: &by.event.hex(), s: start.map(|start| start.0) };
    entry("c:", session, serde_json::to_string(&value))
}

/// What an entry says, and of which session; none where this version cannot read it.
pub(super) fn read(entry: &Entry) -> Option<(Fingerprint, Said)> {
    let (kind, session) = entry.key.split_at_checked(2)?;
    let session = Fingerprint::from_hex(session)?;
    let cause = |version: u8, event: &str, time: i64| {
        let event = Fingerprint::from_hex(event)?;
        (version == VERSION).then_some(Cause { event, time: Timestamp(time) })
    };
    let said = match kind {
        "o:" => {
            let Opened { v, t, e, o } = serde_json::from_str(&entry.value).ok()?;
            Said::Opened(cause(v, e, t)?, o.map(|whose| owner(&whose)))
        }
        "c:" => {
            let Closed { v, t, e, s } = serde_json::from_str(&entry.value).ok()?;
            Said::Closed(cause(v, e, t)?, s.map(Timestamp))
        }
        _ => return None,
    };
    Some((session, said))
}

fn owner(whose: &Whose<'_>) -> Owner {
    let Whose { p, s, u, r, c, d } = whose;
    owner::Whose { provider: p, session: s, user: u, realm: r, client: c, device: d }.pack()
}

/// Texts and whole numbers always become JSON.
fn entry(kind: &str, session: Fingerprint, value: serde_json::Result<String>) -> Entry {
    let value = value.unwrap_or_default().into();
    Entry { key: format!("{kind}{}", session.hex()).into(), value }
}
