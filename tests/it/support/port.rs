//! Free ports on the loopback interface.

use std::net::TcpListener;

/// A port that nobody listens on.
///
/// It is below the range for outgoing connections, so a server that is restarted finds its port still free.
pub(crate) fn free() -> u16 {
    std::iter::repeat_with(|| fastrand::u16(10_000..32_000))
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("the search has no end")
}
