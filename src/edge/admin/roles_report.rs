//! How the roles that destinations are delivered to with are at one moment.
//!
//! Knows nothing of AWS. It is all for people to look at; no decision depends on it.

use std::{collections::BTreeMap, time::Duration};

use crate::core::code::Code;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolesReport {
    pub roles: usize,
    /// How many of them are refused.
    pub refused: usize,
    /// How long the credentials of the others can still be used: those of the first to expire.
    pub remaining: Option<Duration>,
    /// How often no credentials were given, by code.
    pub failures: BTreeMap<Code, u64>,
}
