//! The life of one user: visits with a sign-in, what follows it and how the session ends, and what goes
//! wrong on the way.
//!
//! Knows nothing of how any of it is written, and no clock: it says how long until the next thing.

use std::collections::VecDeque;

use fastrand::Rng;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;

/// A user, and what is to happen on the present visit.
pub(super) struct Life {
    pub(super) person: Person,
    registered: bool,
    visit: VecDeque<(i64, Happening)>,
}

/// Who a user is. Ids and names are made from these numbers, so that a million users take little memory.
pub(super) struct Person {
    /// Makes the name and the e-mail address.
    pub(super) number: u32,
    /// Makes the user's id.
    pub(super) id: u64,
    /// Makes the id of the present or last session, or of the one to come.
    pub(super) session: u64,
}

/// Something that leaves a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    Register,
    /// A sign-in that opens a session.
    Login,
    /// A sign-in into a second client, with the session of the first.
    SingleSignOn,
    /// A sign-in without a session: of a client that keeps none.
    LoginWithoutSession,
    CodeToToken,
    Refresh,
    Logout,
    /// A session that expired, noticed by the cleaner.
    SessionDeleted,
    /// A failure with this error, of a person that is known.
    Failed(&'static str),
    /// A failure with a user name that nobody has.
    FailedUnknown,
    /// A failure that names nobody.
    FailedNobody,
    /// A failure that is a client's, with this error.
    ClientFailed(&'static str),
    /// An event of this type, of which nothing becomes.
    Other(&'static str),
    /// A service account signs in.
    ClientLogin,
    /// An administrator ends all sessions of another user, who has none.
    AdminLogout,
    /// An administrator changes the user.
    AdminUpdate,
}

/// Errors that say that a person failed; the last is none that is known today.
const PERSONS_ERRORS: [&str; 6] = [
    "invalid_user_credentials",
    "user_disabled",
    "rejected_by_user",
    "access_denied",
    "identity_provider_login_failure",
    "error_of_a_later_version",
];

/// Errors that say that a client is broken or a page was old.
const CLIENTS_ERRORS: [&str; 10] = [
    "invalid_redirect_uri",
    "client_not_found",
    "client_disabled",
    "invalid_client",
    "invalid_client_credentials",
    "unauthorized_client",
    "expired_code",
    "cookie_not_found",
    "session_expired",
    "not_allowed",
];

/// Types of which nothing becomes.
const OTHER_TYPES: [&str; 9] = [
    "USER_INFO_REQUEST",
    "INTROSPECT_TOKEN",
    "UPDATE_PROFILE",
    "VERIFY_EMAIL",
    "UPDATE_CREDENTIAL",
    "IDENTITY_PROVIDER_LOGIN",
    "REFRESH_TOKEN_ERROR",
    "CODE_TO_TOKEN_ERROR",
    "TYPE_OF_A_LATER_VERSION",
];

impl Happening {
    /// The slots of the app events that become of it.
    pub(super) const fn slots(self) -> &'static [&'static str] {
        match self {
            Self::Register => &["sign_up"],
            Self::Login | Self::SingleSignOn => &["sign_in", "session"],
            Self::LoginWithoutSession => &["sign_in"],
            Self::Logout | Self::SessionDeleted => &["session"],
            Self::Failed(_) | Self::FailedUnknown => &["auth_fail"],
            // Use of a session becomes an event only where it was paused, which is off by default; and the
            // user whose sessions an administrator ends has none.
            Self::CodeToToken
            | Self::Refresh
            | Self::FailedNobody
            | Self::ClientFailed(_)
            | Self::Other(_)
            | Self::ClientLogin
            | Self::AdminLogout
            | Self::AdminUpdate => &[],
        }
    }
}

impl Life {
    pub(super) fn new(number: u32, rng: &mut Rng) -> Self {
        let person = Person { number, id: rng.u64(..), session: rng.u64(..) };
        Self { person, registered: chance(rng, 0.4), visit: VecDeque::new() }
    }

    /// What the user does now.
    pub(super) fn live(&mut self, rng: &mut Rng) -> Happening {
        loop {
            if let Some((_, happening)) = self.visit.pop_front() {
                return happening;
            }
            self.person.session = rng.u64(..);
            self.plan(rng);
        }
    }

    /// How long until the next thing, in milliseconds.
    pub(super) fn pause(&self, rng: &mut Rng) -> i64 {
        match self.visit.front() {
            Some((pause, _)) => pause / 2 + rng.i64(0..=*pause),
            None => rng.i64(5 * MINUTE..120 * MINUTE),
        }
    }

    /// Plans a visit: at least one thing happens.
    fn plan(&mut self, rng: &mut Rng) {
        if !self.registered {
            self.registered = true;
            self.then(0, Happening::Register);
            return self.plan_session(rng);
        }
        match rng.u8(0..20) {
            0 => self.plan_lock_out(),
            1 | 2 => self.plan_oddity(rng),
            3 => self.then(0, Happening::LoginWithoutSession),
            4..7 => {
                self.then(0, Happening::Failed(pick(rng, &PERSONS_ERRORS)));
                self.plan_session(rng);
            }
            _ => self.plan_session(rng),
        }
    }

    /// A sign-in, the use of its session, and mostly its end.
    fn plan_session(&mut self, rng: &mut Rng) {
        self.then(SECOND, Happening::Login);
        self.then(SECOND / 10, Happening::CodeToToken);
        for _ in 0..rng.u8(0..4) {
            self.then(4 * MINUTE, Happening::Refresh);
        }
        if chance(rng, 0.3) {
            self.then(MINUTE, Happening::SingleSignOn);
            self.then(SECOND / 10, Happening::CodeToToken);
        }
        match rng.u8(0..20) {
            0..12 => self.then(5 * MINUTE, Happening::Logout),
            12..17 => self.then(30 * MINUTE, Happening::SessionDeleted),
            17..19 => self.then(10 * MINUTE, Happening::AdminLogout),
            _ => {}
        }
    }

    /// Too many wrong passwords.
    fn plan_lock_out(&mut self) {
        self.then(0, Happening::Failed("invalid_user_credentials"));
        self.then(2 * SECOND, Happening::Failed("invalid_user_credentials"));
        self.then(SECOND / 20, Happening::Other("USER_DISABLED_BY_TEMPORARY_LOCKOUT"));
        self.then(5 * SECOND, Happening::Failed("user_temporarily_disabled"));
    }

    /// Something that is no visit.
    fn plan_oddity(&mut self, rng: &mut Rng) {
        let happening = match rng.u8(0..7) {
            0 => Happening::FailedUnknown,
            1 => Happening::FailedNobody,
            2 | 3 => Happening::ClientFailed(pick(rng, &CLIENTS_ERRORS)),
            4 => Happening::Other(pick(rng, &OTHER_TYPES)),
            5 => Happening::ClientLogin,
            _ => Happening::AdminUpdate,
        };
        self.then(0, happening);
    }

    /// Adds to the visit what happens some `pause` after what was added before.
    fn then(&mut self, pause: i64, happening: Happening) {
        self.visit.push_back((pause, happening));
    }
}

fn chance(rng: &mut Rng, share: f64) -> bool {
    rng.f64() < share
}

fn pick(rng: &mut Rng, texts: &[&'static str]) -> &'static str {
    texts[rng.usize(..texts.len())]
}
