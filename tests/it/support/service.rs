//! The service as a process: started with a configuration, watched through its admin pages and its log, and
//! ended by signals.
//!
//! Knows nothing of how the crate works: it sees what an operator sees.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    process::{Command, ExitStatus, Output},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    http, port,
    process::{Process, Signal},
    wait::eventually,
};

/// On an idle machine the service starts in well under a second.
const START: Duration = Duration::from_secs(30);

/// The configuration and environment of the service, for all replicas and restarts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    /// The text of the configuration file.
    pub(crate) config: String,
    /// Environment variables, which override the file.
    pub(crate) environment: BTreeMap<String, String>,
}

impl Setup {
    pub(crate) fn new(config: impl Into<String>) -> Self {
        Self { config: config.into(), environment: BTreeMap::new() }
    }

    /// Replaces the setting `key`, such as `batch.linger`.
    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        let name = format!("PINPOINT_SIDECAR__{}", key.to_uppercase().replace('.', "__"));
        self.environment.insert(name, value.to_owned());
        self
    }

    /// Uses this server as AWS STS.
    #[allow(dead_code, reason = "the benchmarks do not ask for it")]
    pub(crate) fn with_sts(mut self, url: &str) -> Self {
        self.environment.insert("AWS_ENDPOINT_URL_STS".to_owned(), url.to_owned());
        self
    }

    /// Starts a replica and waits until it is ready.
    ///
    /// # Panics
    ///
    /// If it is not ready in time. The message contains the end of its log.
    #[track_caller]
    pub(crate) fn start(&self) -> Service {
        let admin = SocketAddr::from(([127, 0, 0, 1], port::free()));
        let scratch = TempDir::with_prefix("pinpoint-sidecar-service-").expect("a folder for the service");
        let file = scratch.path().join("config.yaml");
        fs::write(&file, &self.config).expect("a file for the service");
        let mut command = binary();
        command.arg("run").arg("--config").arg(file).envs(&self.environment);
        command.env("PINPOINT_SIDECAR__ADMIN__LISTEN", admin.to_string());
        let process = Process::start(&mut command, scratch.path());
        let mut service = Service { process, admin, _scratch: scratch };
        eventually(START, "the service is ready", || {
            let ready = http::get(service.admin, "/readyz").is_some_and(|page| page.status == 200);
            let ended = service.process.status();
            assert!(ended.is_none(), "the service ended instead of getting ready: {ended:?}");
            ready.then_some(())
        });
        service
    }
}

/// A replica of the service, which is killed when dropped.
pub(crate) struct Service {
    // Declared before the folder, because fields are dropped in order.
    process: Process,
    admin: SocketAddr,
    _scratch: TempDir,
}

impl Service {
    #[allow(dead_code, reason = "the benchmarks ask for it")]
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The most memory that it has had resident so far, in bytes.
    #[allow(dead_code, reason = "a test on a real Kafka asks for it")]
    pub(crate) fn peak_memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.process.id());
        let status = fs::read_to_string(path).expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }

    /// An admin page, such as `/livez`; `None` if nobody answers.
    pub(crate) fn page(&self, path: &str) -> Option<http::Page> {
        http::get(self.admin, path)
    }

    /// Waits for the page: an unoptimised service may take its time over thousands of records.
    #[track_caller]
    pub(crate) fn metrics(&self) -> Metrics {
        let page =
            eventually(START, "the metrics page", || self.page("/metrics").filter(|page| page.status == 200));
        Metrics::parse(&page.body)
    }

    #[track_caller]
    pub(crate) fn status(&self) -> Value {
        serde_json::from_str(&self.page("/status").expect("the status page").body).expect("JSON")
    }

    /// The log so far, line by line.
    pub(crate) fn log(&self) -> Vec<String> {
        self.process.lines()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    #[track_caller]
    pub(crate) fn wait(&mut self, within: Duration) -> ExitStatus {
        self.process.wait(within)
    }

    /// Stops it as Kubernetes would, and waits for its end. Returns the exit code.
    #[track_caller]
    pub(crate) fn stop(mut self) -> Option<i32> {
        self.signal(Signal::Term);
        self.wait(Duration::from_secs(40)).code()
    }
}

/// A page of metrics: each series with its labels, and its value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    /// Parses the Prometheus text format.
    pub(crate) fn parse(page: &str) -> Self {
        let lines = page.lines().filter(|line| !line.starts_with('#'));
        let series = lines.filter_map(|line| line.rsplit_once(' '));
        Self(series.filter_map(|(series, value)| Some((series.to_owned(), value.parse().ok()?))).collect())
    }

    /// Asserts invariant 10, as an operator can check it.
    #[track_caller]
    pub(crate) fn assert_balanced(&self) {
        let ended = [
            "accepted_total",
            "dead_lettered_total",
            "ignored_total",
            "settled_before_total",
            "released_total",
            "outstanding",
        ];
        let ended = ended.map(|name| self.count(&format!("records_{name}")));
        let consumed = self.count("records_consumed_total");
        assert_eq!(consumed, ended.iter().sum::<u64>(), "consumed {consumed}, the rest {ended:?}");
    }

    /// The sum of a metric's series, or of those with the label `key="value"`; 0 if there are none. The name
    /// has no prefix `pinpoint_sidecar_`.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are small and whole")]
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.value(name) as u64
    }

    /// Like [`Self::count`], but with the fraction.
    pub(crate) fn value(&self, name: &str) -> f64 {
        let (name, label) = name.split_once('{').unwrap_or((name, ""));
        let label = label.trim_end_matches('}');
        let name = format!("pinpoint_sidecar_{name}");
        let of_metric = |series: &str| series.split('{').next() == Some(&name);
        let series = self.0.iter().filter(|(series, _)| of_metric(series) && series.contains(label));
        series.map(|(_, value)| value).sum()
    }
}

/// Runs the binary to its end, without the environment of the tests.
#[track_caller]
pub(crate) fn run(arguments: &[&str]) -> Output {
    binary().args(arguments).output().expect("the binary starts")
}

/// Runs the binary with these variables to its end.
#[track_caller]
#[allow(dead_code, reason = "the benchmarks do not ask for it")]
pub(crate) fn run_with(environment: &BTreeMap<String, String>, arguments: &[&str]) -> Output {
    binary().envs(environment).args(arguments).output().expect("the binary starts")
}

/// The binary, with only credentials for an emulator in its environment.
fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pinpoint-sidecar"));
    command.env_clear();
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: u64) {
        let page = "# TYPE pinpoint_sidecar_a_total counter\n\
                    pinpoint_sidecar_a_total{reason=\"x\"} 2\n\
                    pinpoint_sidecar_a_total{reason=\"y\",topic=\"t u\"} 3\n\
                    pinpoint_sidecar_a_totals 7\n\
                    pinpoint_sidecar_b 4\n";
        assert_eq!(Metrics::parse(page).count(name), expected);
    }

    #[test]
    fn metrics_are_summed_over_their_labels() {
        check("a_total", 5);
        check(r#"a_total{reason="x"}"#, 2);
        check(r#"a_total{topic="t u"}"#, 3);
        check(r#"a_total{topic="z"}"#, 0);
        check("b", 4);
        check("c", 0);
    }
}
