//! The kinds of destination and how each is built. The configuration has a matching table.
//!
//! Knows nothing of what a kind does.

use std::sync::Arc;

use crate::{
    config::destinations::DestinationKind,
    core::{
        code::Code,
        destination::{Encoder, Sender},
    },
    edge::aws::pinpoint::{Pinpoint, PutEvents},
    exit::{Exit, Failure},
};

/// A destination: its encoder, its sender, and the address that people are shown.
pub struct Destination {
    pub encoder: Box<dyn Encoder>,
    pub sender: Arc<dyn Sender>,
    pub address: String,
}

/// Connects a destination, with credentials from the environment of the process.
///
/// # Errors
/// If the set-up is wrong.
pub async fn connect(kind: &DestinationKind) -> Result<Destination, Failure> {
    match kind {
        DestinationKind::Pinpoint(config) => {
            let pinpoint = Pinpoint::connect(config).await;
            pinpoint.map(Into::into).map_err(|error| Failure::new(Exit::Configuration, error))
        }
    }
}

/// Resolves the credentials of a destination, as a send would.
///
/// # Errors
/// If no credentials are found; the code says why.
pub async fn credentials(kind: &DestinationKind) -> Result<(), Code> {
    match kind {
        DestinationKind::Pinpoint(config) => {
            let pinpoint = Pinpoint::connect(config).await;
            pinpoint.map_err(|_| Code("set_up"))?.credentials().await
        }
    }
}

impl From<Pinpoint> for Destination {
    fn from(pinpoint: Pinpoint) -> Self {
        Self { encoder: Box::new(PutEvents), address: pinpoint.to_string(), sender: Arc::new(pinpoint) }
    }
}
