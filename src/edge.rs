//! The code that touches the world, in a folder for each part of it.
//!
//! Each part uses `core` and no other part, except for the files that the parts of `kafka` share and those
//! that the parts of `aws` share.

pub mod acks;
pub mod admin;
pub mod aws;
pub mod clock;
pub mod discard;
pub mod geo;
pub mod kafka;
pub mod log;
