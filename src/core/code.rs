//! Codes: the only text about a failure that logs, labels and `/status` show.

use std::fmt;

use serde::Serialize;

/// A reason or an error code in our own words (`snake_case`) or one that AWS documents: safe in logs,
/// in `/status` and as a metric's label, because it can hold nothing that a record or an answer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Code(pub &'static str);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
