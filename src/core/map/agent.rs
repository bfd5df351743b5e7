//! Reads the device and its software from a user agent.
//!
//! The parser is woothee, because its rules are compiled in. The better-known uap-core rules would need a
//! file of regular expressions (`regexes.yaml`) at run time and tens of megabytes of memory, which is too
//! much for five texts in a sidecar.
//!
//! A user agent names a browser and an operating system, but hardly ever a device. So make, model and model
//! version are those of the browser, as Amplify, AWS's library for browsers, reports them. What the parser
//! does not know is left out.

use std::borrow::Cow;

use woothee::{parser::Parser, woothee::VALUE_UNKNOWN};

use crate::core::identity::Device;

/// The maximum number of bytes that are read from a user agent. Browsers send about two hundred.
const LONGEST: usize = 1024;

/// The device that a user agent describes, and the version of its browser.
pub(super) fn read(user_agent: &str) -> (Device<'_>, Option<Cow<'_, str>>) {
    let end = user_agent.floor_char_boundary(LONGEST);
    let Some(known) = Parser::new().parse(&user_agent[..end]) else { return Default::default() };
    let device = Device {
        make: text(known.vendor),
        model: text(known.name),
        platform: text(match known.os {
            "iPhone" | "iPad" | "iPod" => "iOS",
            "Mac OSX" => "macOS",
            system => system,
        }),
        platform_version: text(known.os_version),
        ..Device::default()
    };
    (device, text(known.version))
}

fn text<'a>(text: impl Into<Cow<'a, str>>) -> Option<Cow<'a, str>> {
    Some(text.into()).filter(|text| !text.is_empty() && *text != VALUE_UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(user_agent: &str, expected: [&str; 5]) {
        let (device, version) = read(user_agent);
        let parts = [device.make, device.model, version, device.platform, device.platform_version];
        assert_eq!(parts.map(|part| part.unwrap_or_default().into_owned()), expected);
    }

    #[test]
    fn browsers_and_systems_are_known() {
        check(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
            ["Google", "Chrome", "130.0.0.0", "Windows 10", "NT 10.0"],
        );
        check(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
            ["Apple", "Safari", "17.5", "iOS", "17.5"],
        );
        check(
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:130.0) Gecko/20100101 Firefox/130.0",
            ["Mozilla", "Firefox", "130.0", "macOS", "10.15"],
        );
        check(
            "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36",
            ["Google", "Chrome", "130.0.0.0", "Android", "14"],
        );
    }

    #[test]
    fn unknown_parts_are_left_out() {
        for unknown in ["", "-", "an agent of tomorrow", "\u{0}\u{1}", "é"] {
            check(unknown, [""; 5]);
        }
        check(
            "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0",
            ["Mozilla", "Firefox", "130.0", "Linux", ""],
        );
    }

    #[test]
    fn a_huge_one_is_cut_first() {
        let late = format!("{}Windows NT 10.0; Firefox/1.0", "é".repeat(LONGEST));
        check(&late, [""; 5]);
        read(&"(".repeat(1 << 20));
    }
}
