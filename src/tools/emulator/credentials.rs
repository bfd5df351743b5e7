//! The temporary credentials that the emulated STS has issued, and whether a request may use them.
//!
//! Knows nothing of HTTP. Credentials that were not issued here are as good as any: they belong to the
//! emulator's own account and never expire.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use crate::{
    core::time::Moment,
    tools::emulator::signature::{Signed, Unauthorized},
};

/// The account of whoever has no role.
pub(super) const OWN_ACCOUNT: &str = "111122223333";

/// How many credentials are remembered; the oldest are forgotten, and are then as good as any.
const KEPT: usize = 100_000;

/// Who sends a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    Own,
    /// A session of a role.
    Role {
        account: String,
        role: String,
        session: String,
    },
}

impl Caller {
    pub(super) fn account(&self) -> &str {
        match self {
            Self::Own => OWN_ACCOUNT,
            Self::Role { account, .. } => account,
        }
    }

    pub(super) fn arn(&self) -> String {
        match self {
            Self::Own => format!("arn:aws:iam::{OWN_ACCOUNT}:user/emulator"),
            Self::Role { account, role, session } => {
                format!("arn:aws:sts::{account}:assumed-role/{role}/{session}")
            }
        }
    }

    pub(super) fn user_id(&self) -> String {
        match self {
            Self::Own => "AIDAEMULATOR".to_owned(),
            Self::Role { session, .. } => format!("AROAEMULATOR:{session}"),
        }
    }
}

/// Credentials as they are handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Issued {
    pub(super) access_key: String,
    pub(super) secret_key: String,
    pub(super) token: String,
}

#[derive(Default)]
pub(super) struct Credentials {
    sessions: HashMap<String, Session>,
    /// The access keys, oldest first.
    order: VecDeque<String>,
    number: u64,
}

struct Session {
    caller: Caller,
    token: String,
    expires: Moment,
}

impl Credentials {
    pub(super) fn issue(&mut self, caller: Caller, now: Moment, lasts: Duration) -> Issued {
        self.number += 1;
        let number = self.number;
        let issued = Issued {
            access_key: format!("ASIA{number:016}"),
            secret_key: format!("emulator-{number}"),
            token: format!("token-{number}"),
        };
        let expires = Moment::after_start(now.elapsed() + lasts);
        self.sessions
            .insert(issued.access_key.clone(), Session { caller, token: issued.token.clone(), expires });
        self.order.push_back(issued.access_key.clone());
        if self.order.len() > KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.sessions.remove(&oldest);
        }
        issued
    }

    /// The account that credentials belong to, expired or not.
    pub(super) fn account(&self, access_key: &str) -> &str {
        self.sessions.get(access_key).map_or(OWN_ACCOUNT, |session| session.caller.account())
    }

    /// Finds out who has signed a request.
    pub(super) fn caller(&self, signed: &Signed<'_>, now: Moment) -> Result<Caller, Unauthorized> {
        let Some(session) = self.sessions.get(signed.access_key) else { return Ok(Caller::Own) };
        if signed.token != Some(&*session.token) {
            return Err(Unauthorized::Token);
        }
        if now >= session.expires { Err(Unauthorized::Expired) } else { Ok(session.caller.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(session: &str) -> Caller {
        Caller::Role { account: "2".to_owned(), role: "r".to_owned(), session: session.to_owned() }
    }

    #[test]
    fn issued_credentials_are_good_with_their_token_until_they_expire() {
        let mut credentials = Credentials::default();
        let at = |seconds| Moment::after_start(Duration::from_secs(seconds));
        let first = credentials.issue(role("a"), at(10), Duration::from_secs(5));
        let second = credentials.issue(role("b"), at(10), Duration::from_secs(9));
        let check = |access_key: &str, token: Option<&str>, now, expected| {
            let signed = Signed { access_key, region: "r", token };
            assert_eq!(credentials.caller(&signed, at(now)), expected);
        };
        assert_eq!(["any", &first.access_key].map(|key| credentials.account(key)), [OWN_ACCOUNT, "2"]);
        check("any", None, 0, Ok(Caller::Own));
        check("any", Some("any"), 0, Ok(Caller::Own));
        check(&first.access_key, Some(&first.token), 14, Ok(role("a")));
        check(&first.access_key, Some(&first.token), 15, Err(Unauthorized::Expired));
        check(&second.access_key, Some(&second.token), 15, Ok(role("b")));
        check(&second.access_key, Some(&first.token), 11, Err(Unauthorized::Token));
        check(&second.access_key, None, 11, Err(Unauthorized::Token));
    }

    #[test]
    fn the_oldest_credentials_are_forgotten() {
        let mut credentials = Credentials::default();
        for _ in 0..=KEPT {
            credentials.issue(role("a"), Moment::START, Duration::from_secs(1));
        }
        assert_eq!((credentials.sessions.len(), credentials.order.len()), (KEPT, KEPT));
    }
}
