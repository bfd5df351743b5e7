//! What touches the world: a folder for each part of it.
//!
//! Each part uses `core` and none of the others, save `kafka`'s and `aws`'s own shared files.

pub mod acks;
pub mod admin;
pub mod aws;
pub mod clock;
pub mod discard;
pub mod geo;
pub mod kafka;
pub mod log;
