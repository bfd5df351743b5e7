//! The subject of a token: subject identifiers (RFC 9493), and the complex subjects of the Shared Signals
//! Framework.
//!
//! Knows nothing of events. The subject is `sub_id` of the token. In earlier drafts it is `subject` of the
//! event, which may be complex without saying so; before them it was the token's claim `sub`.
//!
//! | format | names |
//! |---|---|
//! | `complex` | its parts `user`, `session`, `tenant`, `device`, `application`, each of which is a subject |
//! | `opaque`: `id` | the session if it is the whole subject of a session event, as in CAEP's first example; within a part, that part |
//! | `iss_sub`: `sub` | a user |
//! | `did`: `url`; `uri`: `uri` | a user |
//! | `email`: `email` | a person's address and user name, but no user id |
//! | `phone_number`: `phone_number` | a person's number and user name, but no user id |
//! | `account`: `uri` without `acct:` | a user name, but no user id |
//! | `aliases`: `identifiers` | the user by the first alias that is a user id, and the details in the others |
//! | `jwt_id`, `saml_assertion_id`, anything else | nothing as a whole subject; within `session`, its id |
//!
//! **An e-mail address is never a user's id**, and neither is a `sub` or `id` with the form of one (CAEP's
//! own examples have such ids). The address becomes the user name and the person's `email`. This has two
//! consequences. A session that starts or resumes is ignored (`no_user`) if its user is known only by the
//! address. The end of a named session is still delivered if its start is remembered. Operators who want such
//! events, and endpoints made from addresses, can decide so themselves: they map them with a `custom` filter.

use std::borrow::Cow;

use crate::core::{
    decode::{gather::Person, mail::is_mail, tree::Node},
    identity::reason::Refused,
};

/// The maximum number of aliases that are read.
const MOST_ALIASES: usize = 8;

/// The keys that may hold an id, in any format.
const IDS: [&str; 6] = ["id", "sub", "jti", "assertion_id", "uri", "url"];

/// What an opaque id identifies if it is the whole subject.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OpaqueId {
    Session,
    User,
}

/// The users and objects that a token is about.
#[derive(Clone, Default)]
pub(super) struct Subject<'a> {
    pub(super) user: Option<Cow<'a, str>>,
    pub(super) user_name: Option<Cow<'a, str>>,
    pub(super) person: Person<'a>,
    pub(super) session: Option<Cow<'a, str>>,
    pub(super) tenant: Option<Cow<'a, str>>,
    pub(super) device: Option<Cow<'a, str>>,
    pub(super) application: Option<Cow<'a, str>>,
    /// Whether only some of the user's sessions are meant.
    pub(super) narrowed: bool,
    /// An opaque id that is the whole subject. The event's type determines what it identifies.
    alone: Option<Cow<'a, str>>,
}

impl<'a> Subject<'a> {
    /// Reads the subject that a token states for all its events.
    ///
    /// # Errors
    ///
    /// If an id is neither text nor a whole number.
    pub(super) fn of_token(token: Node<'_, 'a>) -> Result<Option<Self>, Refused> {
        let stated = [token.get("sub_id"), token.get("subject")].into_iter().find(|node| node.is_object());
        if let Some(stated) = stated {
            return Self::of(stated).map(Some);
        }
        let sub = token.get("sub").id()?;
        Ok(sub.map(|sub| {
            let mut subject = Self::default();
            subject.user_id(Some(sub));
            subject
        }))
    }

    /// # Errors
    ///
    /// If an id is neither text nor a whole number.
    pub(super) fn of(stated: Node<'_, 'a>) -> Result<Self, Refused> {
        let mut subject = Self::default();
        if is_complex(stated) {
            subject.parts(stated)?;
        } else if format(stated) == "opaque" {
            subject.alone = stated.get("id").id()?;
        } else {
            subject.user(stated)?;
        }
        Ok(subject)
    }

    /// Assigns an opaque id that is the whole subject to what it identifies.
    pub(super) fn naming(mut self, named: OpaqueId) -> Self {
        match (named, self.alone.take()) {
            (_, None) => {}
            (OpaqueId::Session, id) => self.session = id,
            (OpaqueId::User, id) => self.user_id(id),
        }
        self
    }

    fn parts(&mut self, complex: Node<'_, 'a>) -> Result<(), Refused> {
        self.user(complex.get("user"))?;
        self.session = id(complex.get("session"))?;
        self.tenant = id(complex.get("tenant"))?;
        self.device = id(complex.get("device"))?;
        self.application = id(complex.get("application"))?;
        self.narrowed = self.session.is_some() || self.device.is_some() || self.application.is_some();
        Ok(())
    }

    fn user(&mut self, user: Node<'_, 'a>) -> Result<(), Refused> {
        if format(user) == "aliases" {
            let mut aliases = user.get("identifiers").list().take(MOST_ALIASES);
            return aliases.try_for_each(|alias| self.identifier(alias));
        }
        self.identifier(user)
    }

    fn identifier(&mut self, user: Node<'_, 'a>) -> Result<(), Refused> {
        match format(user) {
            "opaque" => self.user_id(user.get("id").id()?),
            "iss_sub" | "iss-sub" => self.user_id(user.get("sub").id()?),
            "did" => self.user_id(user.get("url").id()?),
            "uri" => self.user_id(user.get("uri").id()?),
            "email" => self.reached("email", user.get("email").text()),
            "phone_number" | "phone" => self.reached("phone_number", user.get("phone_number").text()),
            "account" => {
                let account = user.get("uri").text();
                self.called(account.map(|uri| uri.strip_prefix("acct:").unwrap_or(&uri).to_owned().into()));
            }
            _ => {}
        }
        Ok(())
    }

    fn user_id(&mut self, id: Option<Cow<'a, str>>) {
        if id.as_deref().is_some_and(is_mail) {
            self.reached("email", id);
        } else if self.user.is_none() {
            self.user = id;
        }
    }

    /// Adds an address or number at which the user can be reached; `claim` is its standard claim.
    fn reached(&mut self, claim: &'static str, by: Option<Cow<'a, str>>) {
        self.person.extend(by.iter().map(|by| (claim.into(), vec![by.clone()])));
        self.called(by);
    }

    fn called(&mut self, name: Option<Cow<'a, str>>) {
        if self.user_name.is_none() {
            self.user_name = name;
        }
    }
}

/// The format, which drafts called `subject_type`.
fn format<'n>(subject: Node<'n, '_>) -> &'n str {
    let format = subject.get("format");
    if format.is_some() { format.str() } else { subject.get("subject_type").str() }
}

fn is_complex(subject: Node<'_, '_>) -> bool {
    let parts = ["user", "session", "tenant", "device", "application"];
    match format(subject) {
        "complex" => true,
        "" => parts.iter().any(|part| subject.get(part).is_object()),
        _ => false,
    }
}

/// The id of a part, in any format.
fn id<'a>(part: Node<'_, 'a>) -> Result<Option<Cow<'a, str>>, Refused> {
    let named = IDS.iter().map(|key| part.get(key)).find(|node| node.is_some());
    named.map_or(Ok(None), Node::id)
}
