//! The code that talks to AWS: credentials, and a folder for each service.

pub mod config;
mod credentials;
pub mod pinpoint;
