//! Checks by its shape whether a request is signed as AWS requires (Signature Version 4).
//!
//! Knows no keys: the signature itself is not verified, so any credentials will do.

use hyper::{HeaderMap, header::AUTHORIZATION};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Why a request is not one of a known caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unauthorized {
    /// It is not signed.
    Missing,
    /// The header is not a complete signature.
    Incomplete,
    /// It is signed for another service than this one.
    Service(&'static str),
    /// The token does not belong to the access key.
    Token,
    /// The credentials have expired.
    Expired,
}

impl Unauthorized {
    /// The name of the rule that was broken.
    pub(super) const fn rule(self) -> &'static str {
        match self {
            Self::Missing | Self::Incomplete | Self::Service(_) => "signature",
            Self::Token => "token",
            Self::Expired => "token_expired",
        }
    }

    pub(super) fn message(self) -> String {
        match self {
            Self::Missing => "Missing Authentication Token".to_owned(),
            Self::Incomplete => "The Authorization header is not a complete signature.".to_owned(),
            Self::Service(name) => format!("Credential should be scoped to correct service: '{name}'."),
            Self::Token => "The security token included in the request is invalid.".to_owned(),
            Self::Expired => "The security token included in the request is expired.".to_owned(),
        }
    }
}

/// What a signature states about its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signed<'a> {
    pub(super) access_key: &'a str,
    pub(super) region: &'a str,
    /// The token of temporary credentials.
    pub(super) token: Option<&'a str>,
}

/// Reads the signature of a request to the service with this signing name.
pub(super) fn check<'a>(headers: &'a HeaderMap, service: &'static str) -> Result<Signed<'a>, Unauthorized> {
    let header = headers.get(AUTHORIZATION).ok_or(Unauthorized::Missing)?;
    let header = header.to_str().map_err(|_| Unauthorized::Incomplete)?;
    let fields = header.strip_prefix(ALGORITHM).ok_or(Unauthorized::Missing)?;
    let field =
        |name: &str| fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
    let scope = field("Credential").ok_or(Unauthorized::Incomplete)?;
    let signed = field("SignedHeaders").ok_or(Unauthorized::Incomplete)?;
    let signature = field("Signature").ok_or(Unauthorized::Incomplete)?;
    let hexadecimal = signature.len() == 64 && signature.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !hexadecimal || !signed.split(';').any(|name| name == "host") || !headers.contains_key("x-amz-date") {
        return Err(Unauthorized::Incomplete);
    }
    let token = headers.get("x-amz-security-token").and_then(|token| token.to_str().ok());
    match scope.split('/').collect::<Vec<_>>()[..] {
        [access_key, _, region, name, "aws4_request"] if name == service => {
            Ok(Signed { access_key, region, token })
        }
        [_, _, _, _, "aws4_request"] => Err(Unauthorized::Service(service)),
        _ => Err(Unauthorized::Incomplete),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_header(header: Option<&str>, dated: bool, expected: Result<(), Unauthorized>) {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(AUTHORIZATION, header.parse().unwrap());
        }
        if dated {
            headers.insert("x-amz-date", "20261122T100000Z".parse().unwrap());
        }
        assert_eq!(check(&headers, "mobiletargeting").map(drop), expected);
    }

    #[test]
    fn a_request_is_signed_for_the_service() {
        use Unauthorized::{Incomplete, Missing, Service};
        let scope = "AKID/20261122/us-east-1/mobiletargeting/aws4_request";
        let signature = "0123456789abcdef".repeat(4);
        let header = |scope: &str, signed: &str, signature: &str| {
            format!("{ALGORITHM} Credential={scope}, SignedHeaders={signed}, Signature={signature}")
        };
        let check = |header: &str, expected| check_header(Some(header), true, expected);
        check(&header(scope, "content-type;host;x-amz-date", &signature), Ok(()));
        check_header(None, true, Err(Missing));
        check("Bearer abc", Err(Missing));
        check(ALGORITHM, Err(Incomplete));
        check(&header(scope, "x-amz-date", &signature), Err(Incomplete));
        check(&header(scope, "host", "abc"), Err(Incomplete));
        check(&header("AKID/us-east-1", "host", &signature), Err(Incomplete));
        let other = "AKID/20261122/us-east-1/pinpoint/aws4_request";
        check(&header(other, "host", &signature), Err(Service("mobiletargeting")));
        check_header(Some(&header(scope, "host", &signature)), false, Err(Incomplete));
    }

    #[test]
    fn a_signature_names_the_access_key_and_the_region() {
        let signature = "0123456789abcdef".repeat(4);
        let scope = "ASIA1/20261122/eu-west-1/sts/aws4_request";
        let header = format!("{ALGORITHM} Credential={scope}, SignedHeaders=host, Signature={signature}");
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, header.parse().unwrap());
        headers.insert("x-amz-date", "20261122T100000Z".parse().unwrap());
        headers.insert("x-amz-security-token", "abc".parse().unwrap());
        let expected = Signed { access_key: "ASIA1", region: "eu-west-1", token: Some("abc") };
        assert_eq!(check(&headers, "sts"), Ok(expected));
    }
}
