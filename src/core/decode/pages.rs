//! For tests: the example record on each provider's page under `deploy/providers` gives the result shown
//! there.

use crate::core::decode::{Format, Wanted, line::of, tree::parse};

#[track_caller]
fn check(format: &str, page: &str, expected: &str) {
    let (_, after) = page.split_once("```json\n").unwrap();
    let (example, _) = after.split_once("```").unwrap();
    let mut tree = parse(example.as_bytes()).ok().unwrap();
    tree.wanted = Wanted { attributes: true };
    let format = Format::named(format).unwrap();
    let taken: Vec<_> = Format::ALL.into_iter().filter(|format| format.recognises(tree.root())).collect();
    assert_eq!(taken, [format], "what the example is taken for");
    let line = of(&format.decode(tree.root()));
    assert!(line.starts_with(expected) && !line.contains('\n'), "{line}");
}

#[test]
fn an_example_is_taken_for_its_format_alone_and_becomes_an_event() {
    check("wso2", include_str!("../../../deploy/providers/wso2.md"), "SessionStarted id=");
    check("caep", include_str!("../../../deploy/providers/caep.md"), "SessionStarted id=");
    check("cognito", include_str!("../../../deploy/providers/cognito.md"), "SignIn id=");
    check(
        "ory",
        include_str!("../../../deploy/providers/ory.md"),
        "SessionStarted time=1795382428000 realm=",
    );
    check("authentik", include_str!("../../../deploy/providers/authentik.md"), "SignIn id=");
    check("fusionauth", include_str!("../../../deploy/providers/fusionauth.md"), "SignIn id=");
    check("auth0", include_str!("../../../deploy/providers/auth0.md"), "SignIn id=");
    check("okta", include_str!("../../../deploy/providers/okta.md"), "SignIn id=");
    check("ocsf", include_str!("../../../deploy/providers/ocsf.md"), "SignIn id=");
    check("entra", include_str!("../../../deploy/providers/entra.md"), "SignIn id=");
}
