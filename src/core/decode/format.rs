//! The formats by name, and where each is read.
//!
//! Knows nothing of what they say.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::{
    decode::{
        Item, Wanted, auth0, authentik, caep, cognito, entra, fusionauth, identity_event, keycloak, okta,
        ory, tree::Node, wso2,
    },
    identity::reason::Refused,
};

/// A format that records can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Keycloak, whichever publisher wrote it.
    Keycloak,
    /// FusionAuth.
    Fusionauth,
    /// Auth0.
    Auth0,
    /// Okta.
    Okta,
    /// Microsoft Entra ID.
    Entra,
    /// WSO2 Identity Server.
    Wso2,
    /// CAEP and Shared Signals.
    Caep,
    /// Amazon Cognito.
    Cognito,
    /// Ory.
    Ory,
    /// authentik.
    Authentik,
    /// Our own public format.
    IdentityEvent,
    /// The operator's own, by a filter in the configuration; recognised by nothing.
    Custom,
}

impl Format {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 12] = [
        Self::Keycloak,
        Self::Fusionauth,
        Self::Auth0,
        Self::Okta,
        Self::Entra,
        Self::Wso2,
        Self::Caep,
        Self::Cognito,
        Self::Ory,
        Self::Authentik,
        Self::IdentityEvent,
        Self::Custom,
    ];

    /// The name, as it is configured and counted.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keycloak => "keycloak",
            Self::Fusionauth => "fusionauth",
            Self::Auth0 => "auth0",
            Self::Okta => "okta",
            Self::Entra => "entra",
            Self::Wso2 => "wso2",
            Self::Caep => "caep",
            Self::Cognito => "cognito",
            Self::Ory => "ory",
            Self::Authentik => "authentik",
            Self::IdentityEvent => "identity-event",
            Self::Custom => "custom",
        }
    }

    /// Whether the value has the shape of this format.
    pub(super) fn recognises(self, node: &Node<'_>) -> bool {
        match self {
            Self::Keycloak => keycloak::recognises(node),
            Self::Fusionauth => fusionauth::recognises(node),
            Self::Auth0 => auth0::recognises(node),
            Self::Okta => okta::recognises(node),
            Self::Entra => entra::recognises(node),
            Self::Wso2 => wso2::recognises(node),
            Self::Caep => caep::recognises(node),
            Self::Cognito => cognito::recognises(node),
            Self::Ory => ory::recognises(node),
            Self::Authentik => authentik::recognises(node),
            Self::IdentityEvent => identity_event::recognises(node),
            Self::Custom => false,
        }
    }

    /// What the value says: an event, or why there is none, for each that it carries.
    pub(super) fn decode<'a>(self, node: &Node<'a>, wanted: Wanted) -> Vec<Item<'a>> {
        match self {
            Self::Keycloak => keycloak::decode_node(node, wanted),
            Self::Fusionauth => fusionauth::decode(node),
            Self::Auth0 => auth0::decode(node),
            Self::Okta => okta::decode(node),
            Self::Entra => entra::decode(node),
            Self::Wso2 => wso2::decode(node),
            Self::Caep => caep::decode(node),
            Self::Cognito => cognito::decode(node),
            Self::Ory => ory::decode(node),
            Self::Authentik => authentik::decode(node),
            Self::IdentityEvent => identity_event::decode(node),
            // Its filter belongs to the decoder.
            Self::Custom => vec![Err(Refused::NotTheFormat.into())],
        }
    }
}
