//! Free ports on the loopback interface.

use std::net::TcpListener;

/// A port that nobody listens on.
///
/// It lies below the range from which systems give out ports to outgoing connections, so that a server
/// which stops and starts again finds its port still free.
pub(crate) fn free() -> u16 {
    std::iter::repeat_with(|| fastrand::u16(10_000..32_000))
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("the search has no end")
}
