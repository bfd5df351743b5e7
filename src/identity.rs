//! What happened at an identity provider, whoever it is: what a format makes of a record's bytes and the
//! mapping makes app events of.
//!
//! Knows nothing of vendors' records and nothing of Pinpoint. Texts are borrowed from the record where
//! they stand in it as they are, so that an event costs no copies. None of them is empty.

use std::{borrow::Cow, ops::Range};

use crate::moment::Timestamp;

pub mod reason;

/// The times, in milliseconds since 1970, at which something can have happened: those that a number can
/// state (see `decode::time`). Zero and less are what is written when the time is not known.
pub const PLAUSIBLE_TIMES: Range<i64> = 1..100_000_000_000_000;

/// What happened to a person or to a session. Not `Debug`: it holds personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentityEvent<'a> {
    /// What happened.
    pub kind: Kind,
    /// The provider's name, as it goes into the ids of endpoints.
    pub provider: &'static str,
    /// The event's id at the provider; the same in each copy of the event.
    pub id: Option<Cow<'a, str>>,
    /// When it happened, where the record says so readably.
    pub time: Option<Timestamp>,
    /// The id of the realm or tenant (not its name, which can change).
    pub realm: Option<Cow<'a, str>>,
    /// The user's stable id.
    pub user: Option<Cow<'a, str>>,
    /// The name that was typed to sign in: personal, and perhaps nobody's.
    pub user_name: Option<Cow<'a, str>>,
    /// The session's id, opaque, unique within the realm.
    pub session: Option<Cow<'a, str>>,
    /// The client (application) that the person used.
    pub client: Option<Cow<'a, str>>,
    /// Why a sign-in failed or a session stopped: a code of the provider's.
    pub reason: Option<Cow<'a, str>>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A person signed in; with a session id, into a session that is new or that goes on.
    SignIn,
    /// A person registered.
    SignUp,
    /// A person tried to sign in and failed.
    SignInFailed,
    /// A session ended, by its user or by itself.
    SessionStopped,
    /// A session was used.
    Activity,
}
