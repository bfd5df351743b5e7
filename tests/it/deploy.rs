//! The deployment files are valid, and agree with the service and with each other. No image is built, and no
//! cluster is contacted.

use std::fs;

use saphyr::{LoadableYamlNode, Yaml};

use super::support::service;

#[test]
fn the_manifest_holds_one_of_each_object() {
    let kinds: Vec<_> = manifest().iter().map(|object| text(&object["kind"])).collect();
    let expected = ["ConfigMap", "ServiceAccount", "Deployment", "PodDisruptionBudget", "Service"];
    assert_eq!(kinds, expected);
}

#[test]
fn the_configuration_of_the_manifest_passes_the_check() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.yaml");
    fs::write(&path, text(&object("ConfigMap")["data"]["config.yaml"])).expect("the file");
    let output = service::run(&["check", "--offline", "--config", path.to_str().expect("a path in UTF-8")]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_pod_has_longer_to_end_than_the_service_takes() {
    let grace = pod()["terminationGracePeriodSeconds"].as_integer().expect("a number of seconds");
    assert_eq!(text(&configuration()["shutdown"]["deadline"]), "25s");
    assert!(grace > 25 + 5, "a drain of 25 s and the end of the process do not fit into {grace} s");
}

#[test]
fn probes_and_services_reach_the_admin_pages() {
    let container = container();
    let port = container["ports"][0]["containerPort"].as_integer().expect("a port");
    let listen = text(&configuration()["admin"]["listen"]);
    assert_eq!(listen, format!("0.0.0.0:{port}"));
    for (probe, path) in [("livenessProbe", "/livez"), ("readinessProbe", "/readyz")] {
        let get = &container[probe]["httpGet"];
        assert_eq!((text(&get["path"]), text(&get["port"])), (path.to_owned(), "admin".to_owned()));
    }
    let ports = &object("Service")["spec"]["ports"];
    assert_eq!(text(&ports[0]["targetPort"]), text(&container["ports"][0]["name"]));
    assert!(file("Dockerfile").contains(&format!("EXPOSE {port}\n")));
}

#[test]
fn replicas_share_their_sessions_and_a_rollout_waits_until_they_are_read() {
    let replicas = object("Deployment")["spec"]["replicas"].as_integer().expect("a number");
    assert!(replicas > 1);
    assert!(!text(&configuration()["sessions"]["table"]["topic"]).is_empty());
    assert_eq!(text(&configuration()["admin"]["readiness"]), "delivery");
    assert_eq!(
        object("Deployment")["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"].as_integer(),
        Some(0)
    );
}

#[test]
fn the_image_reads_the_file_that_the_manifest_mounts() {
    let container = container();
    let arguments: Vec<_> = container["args"].as_sequence().expect("arguments").iter().map(text).collect();
    let folder = text(&container["volumeMounts"][0]["mountPath"]);
    assert_eq!(arguments, ["run", "--config", &format!("{folder}/config.yaml")]);
    let quoted: Vec<_> = arguments.iter().map(|argument| format!("{argument:?}")).collect();
    assert!(file("Dockerfile").contains(&format!("CMD [{}]\n", quoted.join(", "))));
}

#[test]
fn the_image_is_built_with_the_rust_that_the_crate_asks_for() {
    let image = format!("FROM rust:{}-", env!("CARGO_PKG_RUST_VERSION"));
    assert!(file("Dockerfile").contains(&image));
}

#[test]
fn nothing_in_the_pod_runs_with_rights_it_does_not_need() {
    let (pod, container) = (pod(), container());
    let flag = |node: &Yaml<'_>| node.as_bool().expect("true or false");
    assert!(flag(&pod["securityContext"]["runAsNonRoot"]));
    assert_eq!(text(&pod["securityContext"]["seccompProfile"]["type"]), "RuntimeDefault");
    let context = &container["securityContext"];
    assert!(flag(&context["readOnlyRootFilesystem"]) && !flag(&context["allowPrivilegeEscalation"]));
    assert_eq!(text(&context["capabilities"]["drop"][0]), "ALL");
}

fn file(name: &str) -> String {
    let path = format!("{}/deploy/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(path).expect("a file of deploy")
}

fn manifest() -> Vec<Yaml<'static>> {
    let text = file("kubernetes.yaml").leak();
    let documents = Yaml::load_from_str(text).expect("YAML");
    documents.into_iter().filter(|document| document.as_mapping().is_some()).collect()
}

fn object(kind: &str) -> Yaml<'static> {
    manifest().into_iter().find(|object| text(&object["kind"]) == kind).expect("an object of that kind")
}

fn pod() -> Yaml<'static> {
    object("Deployment")["spec"]["template"]["spec"].clone()
}

fn container() -> Yaml<'static> {
    pod()["containers"][0].clone()
}

fn configuration() -> Yaml<'static> {
    let text = text(&object("ConfigMap")["data"]["config.yaml"]).leak();
    Yaml::load_from_str(text).expect("YAML").remove(0)
}

#[track_caller]
fn text(node: &Yaml<'_>) -> String {
    node.as_str().expect("text").to_owned()
}
