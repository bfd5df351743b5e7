//! The code that talks to AWS: credentials and roles, the sender, what the clients and answers of all services have in
//! common, and a folder for each service.

mod answer;
pub mod client;
mod code;
pub mod config;
mod credentials;
pub mod eventbridge;
pub mod firehose;
mod identity;
pub mod kinesis;
mod meaning;
pub mod pinpoint;
mod results;
pub mod roles;
#[cfg(test)]
mod scripted;
pub mod sender;
