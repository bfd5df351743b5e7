//! Checks by its shape whether a request is signed as AWS requires (Signature Version 4).
//!
//! Knows no keys: the signature itself is not verified, so any credentials will do.

use hyper::{HeaderMap, header::AUTHORIZATION};

use crate::tools::emulator::answer::Answer;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "mobiletargeting";

/// Returns the error that an unsigned or wrongly signed request gets.
pub(super) fn check(headers: &HeaderMap) -> Result<(), Answer> {
    let missing = || Answer::forbidden("MissingAuthenticationTokenException", "Missing Authentication Token");
    let incomplete = || {
        Answer::forbidden(
            "IncompleteSignatureException",
            "The Authorization header is not a complete signature.",
        )
    };
    let header = headers.get(AUTHORIZATION).ok_or_else(missing)?;
    let header = header.to_str().map_err(|_| incomplete())?;
    let fields = header.strip_prefix(ALGORITHM).ok_or_else(missing)?;
    let field =
        |name: &str| fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
    let scope = field("Credential").ok_or_else(incomplete)?;
    let signed = field("SignedHeaders").ok_or_else(incomplete)?;
    let signature = field("Signature").ok_or_else(incomplete)?;
    let hexadecimal = signature.len() == 64 && signature.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !hexadecimal || !signed.split(';').any(|name| name == "host") || !headers.contains_key("x-amz-date") {
        return Err(incomplete());
    }
    match scope.split('/').collect::<Vec<_>>()[..] {
        [_, _, _, SERVICE, "aws4_request"] => Ok(()),
        [_, _, _, _, "aws4_request"] => Err(Answer::forbidden(
            "InvalidSignatureException",
            "Credential should be scoped to correct service: 'mobiletargeting'.",
        )),
        _ => Err(incomplete()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_header(header: Option<&str>, dated: bool, expected: Result<(), &str>) {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(AUTHORIZATION, header.parse().unwrap());
        }
        if dated {
            headers.insert("x-amz-date", "20261122T100000Z".parse().unwrap());
        }
        let answer = check(&headers).map_err(|answer| String::from_utf8(answer.body.to_vec()).unwrap());
        match (answer, expected) {
            (Ok(()), Ok(())) => {}
            (Err(body), Err(part)) => assert!(body.contains(part), "{body}"),
            (answer, _) => panic!("{answer:?}"),
        }
    }

    #[test]
    fn a_request_is_signed_for_the_service() {
        let scope = "AKID/20261122/us-east-1/mobiletargeting/aws4_request";
        let signature = "0123456789abcdef".repeat(4);
        let header = |scope: &str, signed: &str, signature: &str| {
            format!("{ALGORITHM} Credential={scope}, SignedHeaders={signed}, Signature={signature}")
        };
        let check = |header: &str, expected| check_header(Some(header), true, expected);
        check(&header(scope, "content-type;host;x-amz-date", &signature), Ok(()));
        check_header(None, true, Err("Missing Authentication Token"));
        check("Bearer abc", Err("Missing Authentication Token"));
        check(ALGORITHM, Err("not a complete signature"));
        check(&header(scope, "x-amz-date", &signature), Err("not a complete signature"));
        check(&header(scope, "host", "abc"), Err("not a complete signature"));
        check(&header("AKID/us-east-1", "host", &signature), Err("not a complete signature"));
        check(&header("AKID/20261122/us-east-1/pinpoint/aws4_request", "host", &signature), Err("scoped"));
        check_header(Some(&header(scope, "host", &signature)), false, Err("not a complete signature"));
    }
}
