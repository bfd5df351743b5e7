//! For tests: the example record on each provider's page under `deploy/providers` is what the page says.

use crate::core::decode::{Format, Wanted, line::of, tree::parse};

#[track_caller]
fn check(format: Format, page: &str, expected: &str) {
    let (_, after) = page.split_once("```json\n").unwrap();
    let (example, _) = after.split_once("```").unwrap();
    let node = parse(example.as_bytes()).ok().unwrap();
    let taken: Vec<_> = Format::ALL.into_iter().filter(|format| format.recognises(&node)).collect();
    assert_eq!(taken, [format], "what the example is taken for");
    let line = of(&format.decode(&node, Wanted::default()));
    assert!(line.starts_with(expected) && !line.contains('\n'), "{line}");
}

#[test]
fn an_example_is_taken_for_its_format_alone_and_becomes_an_event() {
    check(Format::Wso2, include_str!("../../../deploy/providers/wso2.md"), "SessionStarted id=");
    check(Format::Caep, include_str!("../../../deploy/providers/caep.md"), "SessionStarted id=");
    check(Format::Cognito, include_str!("../../../deploy/providers/cognito.md"), "SignIn id=");
    check(
        Format::Ory,
        include_str!("../../../deploy/providers/ory.md"),
        "SessionStarted time=1795382428000 realm=",
    );
    check(Format::Authentik, include_str!("../../../deploy/providers/authentik.md"), "SignIn id=");
    check(Format::Fusionauth, include_str!("../../../deploy/providers/fusionauth.md"), "SignIn id=");
    check(Format::Auth0, include_str!("../../../deploy/providers/auth0.md"), "SignIn id=");
    check(Format::Okta, include_str!("../../../deploy/providers/okta.md"), "SignIn id=");
    check(Format::Entra, include_str!("../../../deploy/providers/entra.md"), "SignIn id=");
}
