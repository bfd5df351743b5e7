//! The code that talks to AWS: credentials, the sender, what the clients and answers of all services have in
//! common, and a folder for each service.

mod answer;
pub mod client;
mod code;
pub mod config;
mod credentials;
pub mod eventbridge;
pub mod firehose;
pub mod kinesis;
mod meaning;
pub mod pinpoint;
mod results;
#[cfg(test)]
mod scripted;
pub mod sender;
