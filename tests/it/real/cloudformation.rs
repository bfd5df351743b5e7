//! The CloudFormation of the pages, and the policies that `check` prints, as AWS's cfn-lint judges them.

use std::{fs, path::Path};

use pinpoint_sidecar::tools::emulator::{Faults, Only, Options, Outage};
use serde_json::{Value, json};

use crate::support::{putevents::PutEvents, python::Python, service};

/// The pages of kinds for which nothing is created at AWS.
const WITHOUT: [&str; 1] = ["kafka.md"];

pub(super) fn the_templates_of_the_pages_are_valid(python: &Python) {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/guide/destinations");
    for page in fs::read_dir(pages).expect("the pages") {
        let page = page.expect("a page").path();
        let name = page.file_name().and_then(|name| name.to_str()).expect("a name");
        let text = fs::read_to_string(&page).expect("a page in UTF-8");
        let templates: Vec<_> = templates(&text).collect();
        assert_eq!(templates.is_empty(), WITHOUT.contains(&name), "{name}");
        for template in templates {
            assert_eq!(python.lint(template), "", "{name}");
        }
    }
}

pub(super) fn a_template_that_is_not_valid_is_found(python: &Python) {
    let template = "Resources: { Stream: { Type: AWS::Kinesis::Stream, Properties: { Title: identity } } }";
    assert!(python.lint(template).contains("E3002"), "there is no such property");
}

/// The blocks of a page that are templates.
fn templates(page: &str) -> impl Iterator<Item = &str> {
    // Between two marks is a block, with its language on the first line.
    let blocks = page.split("```").skip(1).step_by(2);
    blocks.filter_map(|block| block.strip_prefix("yaml\n")).filter(|block| block.contains("Type: AWS::"))
}

pub(super) fn the_policies_that_check_prints_are_valid(python: &Python) {
    let denied = Faults { outage: Some(Outage::answer(403, "AccessDenied")), ..Faults::default() };
    let only = vec![Only { operation: Some("AssumeRole".to_owned()), faults: denied, ..Only::default() }];
    let faults = Faults { only, ..Faults::default() };
    let server = PutEvents::start(Options { faults, ..Options::default() });
    let printed = check(&server.url);
    let policies = policies(&printed);
    assert_eq!(policies.len(), 2 * KINDS.len(), "a trust policy and a permission policy each:\n{printed}");
    for pair in policies.chunks(2) {
        let [trust, permission] = pair else { panic!("two policies") };
        let template = role(trust, permission);
        assert_eq!(python.lint(&template.to_string()), "", "{template:#}");
    }
}

/// A destination of each kind at AWS, and of each kind of bus.
const KINDS: [&str; 5] = [
    "pinpoint: { application: 0123456789abcdef0123456789abcdef, AT }",
    "kinesis: { stream: identity, AT }",
    "firehose: { stream: lake, AT }",
    "eventbridge: { bus: default, source: com.example, AT }",
    "eventbridge: { bus: 'arn:aws:events:eu-west-1:444455556666:event-busv2/identity/abcdefghij0123456789abcde', source: com.example, AT }",
];

/// What `check` prints of roles that are all refused.
#[track_caller]
fn check(url: &str) -> String {
    let role = "credentials: { role: 'arn:aws:iam::444455556666:role/identity', external_id: acme-7f3c }";
    let at = format!("region: eu-west-1, endpoint_url: {url}, {role}");
    let destinations = KINDS.iter().enumerate();
    let destinations =
        destinations.map(|(number, kind)| format!("  d{number}: {{ {} }}\n", kind.replace("AT", &at)));
    let config = format!(
        "source: {{ brokers: 127.0.0.1:1 }}
destinations:
{}routes: [{{ to: [d0, d1, d2, d3, d4] }}]
unrouted: ignore
dead_letter: {{ topic: dead-letters }}
",
        destinations.collect::<String>()
    );
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.yaml");
    fs::write(&file, config).expect("a file");
    let file = file.to_str().expect("a path in UTF-8");
    let sts = [("AWS_ENDPOINT_URL_STS".to_owned(), url.to_owned())].into();
    let numbers = 0..KINDS.len();
    let printed = numbers.map(|number| {
        let name = format!("d{number}");
        let output = service::run_with(&sts, &["check", "--config", file, "--destination", &name]);
        String::from_utf8(output.stdout).expect("a text")
    });
    printed.collect()
}

/// The JSON documents in a text, each of which begins on a line of its own.
fn policies(text: &str) -> Vec<Value> {
    let starts = text.match_indices("\n{\n").map(|(start, _)| &text[start..]);
    let documents = starts.map(|rest| serde_json::Deserializer::from_str(rest).into_iter().next());
    documents.map(|document| document.expect("a document").expect("JSON")).collect()
}

/// The template of a role with these policies.
fn role(trust: &Value, permission: &Value) -> Value {
    json!({ "Resources": { "Role": { "Type": "AWS::IAM::Role", "Properties": {
        "AssumeRolePolicyDocument": trust,
        "Policies": [{ "PolicyName": "identity", "PolicyDocument": permission }],
    } } } })
}
