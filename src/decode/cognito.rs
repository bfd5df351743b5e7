//! Amazon Cognito.

use crate::{
    decode::{Item, tree::Node},
    identity::reason::Refused,
};

/// Whether the value has the shape of this format.
pub(super) fn recognises(_: &Node<'_>) -> bool {
    false
}

/// What the value says.
pub(super) fn decode<'a>(_: &Node<'a>) -> Vec<Item<'a>> {
    vec![Err(Refused::NotTheFormat.into())]
}
