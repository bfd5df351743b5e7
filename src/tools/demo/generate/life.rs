//! The life of one user: visits with a sign-in, the use and the end of the session, and failures.
//!
//! Knows nothing of how records are written. It reads no clock, but returns the time until the next act.

use std::collections::VecDeque;

use fastrand::Rng;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;

/// A user, with the plan of the current visit.
pub(super) struct Life {
    pub(super) person: Person,
    registered: bool,
    visit: VecDeque<(i64, Happening)>,
}

/// The numbers that a user's ids and names are made of, so that a million users take little memory.
pub(super) struct Person {
    /// For the name and the e-mail address.
    pub(super) number: u32,
    /// For the user's id.
    pub(super) id: u64,
    /// For the id of the current, last or next session.
    pub(super) session: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    Register,
    /// A sign-in that opens a session.
    Login,
    /// A sign-in to a second client with the session of the first.
    SingleSignOn,
    /// A sign-in to a client that keeps no session.
    LoginWithoutSession,
    CodeToToken,
    Refresh,
    Logout,
    /// The cleaner found an expired session.
    SessionDeleted,
    /// A failed sign-in of a known person, with this error.
    Failed(&'static str),
    /// A failed sign-in with an unknown user name.
    FailedUnknown,
    /// A failed sign-in without a user name.
    FailedNobody,
    /// A failure of a client, with this error.
    ClientFailed(&'static str),
    /// An event of this type, which becomes no app event.
    Other(&'static str),
    /// A service account signs in.
    ClientLogin,
    /// An administrator logs out another user, who has no session.
    AdminLogout,
    /// An administrator changes the user.
    AdminUpdate,
}

/// Errors of a person. The service does not know the last one.
const PERSONS_ERRORS: [&str; 6] = [
    "invalid_user_credentials",
    "user_disabled",
    "rejected_by_user",
    "access_denied",
    "identity_provider_login_failure",
    "error_of_a_later_version",
];

/// Errors of a broken client or an old page.
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

/// Types that become no app event.
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
    /// The slots of its app events.
    pub(super) const fn slots(self) -> &'static [&'static str] {
        match self {
            Self::Register => &["sign_up"],
            Self::Login | Self::SingleSignOn => &["sign_in", "session"],
            Self::LoginWithoutSession => &["sign_in"],
            Self::Logout | Self::SessionDeleted => &["session"],
            Self::Failed(_) | Self::FailedUnknown => &["auth_fail"],
            // The use of a session becomes an event only if the session was paused, which is off by default;
            // and the user whom an administrator logs out has no session.
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

    /// The next act of the user.
    pub(super) fn live(&mut self, rng: &mut Rng) -> Happening {
        loop {
            if let Some((_, happening)) = self.visit.pop_front() {
                return happening;
            }
            self.person.session = rng.u64(..);
            self.plan(rng);
        }
    }

    /// Milliseconds until the next act.
    pub(super) fn pause(&self, rng: &mut Rng) -> i64 {
        match self.visit.front() {
            Some((pause, _)) => pause / 2 + rng.i64(0..=*pause),
            None => rng.i64(5 * MINUTE..120 * MINUTE),
        }
    }

    /// Plans a visit of at least one act.
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

    /// Plans a sign-in, the use of the session, and usually its end.
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

    /// Plans a series of wrong passwords.
    fn plan_lock_out(&mut self) {
        self.then(0, Happening::Failed("invalid_user_credentials"));
        self.then(2 * SECOND, Happening::Failed("invalid_user_credentials"));
        self.then(SECOND / 20, Happening::Other("USER_DISABLED_BY_TEMPORARY_LOCKOUT"));
        self.then(5 * SECOND, Happening::Failed("user_temporarily_disabled"));
    }

    /// Plans an act outside of a session.
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

    /// Adds an act to the visit, about `pause` after the previous one.
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
