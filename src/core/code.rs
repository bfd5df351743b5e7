//! Codes are the only text about a failure that logs, labels and `/status` show.

use std::fmt;

use serde::Serialize;

/// A reason or an error code, either our own (`snake_case`) or one that AWS documents. It is safe in logs, in
/// `/status` and as a metric label, because it cannot contain text from a record or an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Code(pub &'static str);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
