//! What talks to AWS: credentials, and a folder for each service.

mod credentials;
pub mod pinpoint;
