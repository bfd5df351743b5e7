//! The types of settings that all AWS services share.

use hyper::Uri;

use super::roles::config::RoleConfig;
use crate::core::units::{
    Span,
    text::{Form, Text},
};

pub type Region = Text<RegionForm>;

/// An address that replaces AWS's own, such as an emulator's.
pub type EndpointUrl = Text<EndpointUrlForm>;

/// Where a destination is, how long an attempt may take, and with whose credentials it is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// The AWS region. If absent, the AWS SDK takes it from its environment.
    pub region: Option<Region>,
    pub endpoint_url: Option<EndpointUrl>,
    pub timeout: Span,
    /// The role to assume. If absent, the process's own credentials are used.
    pub credentials: Option<RoleConfig>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RegionForm {}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndpointUrlForm {}

impl Form for RegionForm {
    const NAME: &'static str = "Region";
    const ALLOWED: &'static str = "an AWS region such as us-east-1";

    fn admits(text: &str) -> bool {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !text.is_empty() && text.bytes().all(legal)
    }
}

impl Form for EndpointUrlForm {
    const NAME: &'static str = "EndpointUrl";
    const ALLOWED: &'static str = "an address such as http://127.0.0.1:8081, without user and password";

    /// User, password and query would be secrets in a place that is shown.
    fn admits(text: &str) -> bool {
        let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        let legal = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'@' | b'?' | b'#' | b'\\');
        rest.is_some_and(|rest| rest.bytes().all(legal)) && text.parse::<Uri>().is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<F: Form>(text: &str, expected: bool) {
        assert_eq!(text.parse::<Text<F>>().is_ok(), expected, "{text}");
    }

    #[test]
    fn a_region_has_a_code() {
        check::<RegionForm>("us-gov-west-1", true);
        for text in ["", "US East (N. Virginia)", "us_east_1", "us-east-1/"] {
            check::<RegionForm>(text, false);
        }
    }

    #[test]
    fn an_address_is_http_with_a_host_and_without_secrets() {
        for text in ["http://127.0.0.1:8081", "https://example.com/a", "http://[::1]:80"] {
            check::<EndpointUrlForm>(text, true);
        }
        for text in [
            "",
            "example.com:8081",
            "ftp://example.com",
            "http://",
            "http:///path",
            "https://user:password@example.com/a",
            "http://a?key=value",
            "http://a b",
        ] {
            check::<EndpointUrlForm>(text, false);
        }
    }
}
