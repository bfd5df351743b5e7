//! The code that talks to AWS: credentials, what the clients and answers of all services have in common, and
//! a folder for each service.

mod answer;
pub mod client;
mod code;
pub mod config;
mod credentials;
pub mod kinesis;
pub mod pinpoint;
#[cfg(test)]
mod scripted;
