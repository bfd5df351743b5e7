//! The table of formats, with one line for each, in the order in which they are tried on a record.
//!
//! Knows nothing of their content. A new format needs a file and a line.

use std::fmt;

use crate::core::{
    decode::{
        EventResults, auth0, authentik, caep, cognito, entra, fusionauth, identity_event, keycloak, ocsf,
        okta, one, ory, tree::Node, wso2,
    },
    identity::reason::Refused,
};

struct Line {
    /// The name in the configuration and in metrics.
    name: &'static str,
    /// Whether a value has the shape of the format.
    recognises: fn(Node<'_, '_>) -> bool,
    /// Decodes a value of the format.
    decode: for<'a> fn(Node<'_, 'a>) -> EventResults<'a>,
}

#[rustfmt::skip]
const TABLE: [Line; 13] = [
    Line { name: "keycloak", recognises: keycloak::recognises, decode: keycloak::decode },
    Line { name: "fusionauth", recognises: fusionauth::recognises, decode: fusionauth::decode },
    Line { name: "auth0", recognises: auth0::recognises, decode: auth0::decode },
    Line { name: "okta", recognises: okta::recognises, decode: okta::decode },
    Line { name: "entra", recognises: entra::recognises, decode: entra::decode },
    Line { name: "wso2", recognises: wso2::recognises, decode: wso2::decode },
    Line { name: "caep", recognises: caep::recognises, decode: caep::decode },
    Line { name: "cognito", recognises: cognito::recognises, decode: cognito::decode },
    Line { name: "ory", recognises: ory::recognises, decode: ory::decode },
    Line { name: "authentik", recognises: authentik::recognises, decode: authentik::decode },
    Line { name: "ocsf", recognises: ocsf::recognises, decode: ocsf::decode },
    Line { name: "identity-event", recognises: identity_event::recognises, decode: identity_event::decode },
    // The operator's own format: its filter belongs to the decoder, and no value has its shape.
    Line { name: "custom", recognises: |_| false, decode: |_| one(Err(Refused::NotTheFormat.into())) },
];

const NUMBER: usize = TABLE.len();

/// A format of records: a line of the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Format(usize);

impl Format {
    /// All formats, in the order of the table.
    pub const ALL: [Self; NUMBER] = {
        let mut all = [Self(0); NUMBER];
        let mut index = 0;
        while index < NUMBER {
            all[index] = Self(index);
            index += 1;
        }
        all
    };

    /// Keycloak's format, which most records have.
    pub(super) const KEYCLOAK: Self = Self::ALL[0];

    /// The format that the operator's own filter reads.
    pub const CUSTOM: Self = Self::ALL[NUMBER - 1];

    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// The name in the configuration and in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        TABLE[self.0].name
    }

    /// The place in [`Self::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self.0
    }

    pub(super) fn recognises(self, node: Node<'_, '_>) -> bool {
        (TABLE[self.0].recognises)(node)
    }

    pub(super) fn decode<'a>(self, node: Node<'_, 'a>) -> EventResults<'a> {
        (TABLE[self.0].decode)(node)
    }
}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
