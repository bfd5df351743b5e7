//! The Apache Kafka that the tests run: fetched once with Maven, kept in a cache folder.
//!
//! Knows nothing of running brokers. The folder is `$PINPOINT_SIDECAR_TEST_CACHE`, or else
//! `pinpoint-sidecar-tests` in `$XDG_CACHE_HOME` or `~/.cache`. A lock file prevents two test processes from
//! fetching at once, and a folder with its final name is complete.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

/// The jars of a broker: `kafka-VERSION.tgz` without the command-line tools.
const POM: &str = r#"<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>pinpoint-sidecar</groupId>
  <artifactId>test-kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>4.1.0</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"#;

/// The id of the cluster that the folder is formatted for.
pub(crate) const CLUSTER: &str = "cGlucG9pbnQtc2lkZWNhcg";

/// The name of the folder. Each version has its own.
const NAME: &str = "kafka-4.1.0";

#[derive(Debug)]
pub(crate) struct Installation {
    folder: PathBuf,
}

impl Installation {
    /// The installation, which is fetched if it is missing. The error names what the machine lacks.
    ///
    /// # Panics
    ///
    /// If fetching fails although Java and Maven are present.
    pub(crate) fn find() -> Result<&'static Self, &'static str> {
        static FOUND: OnceLock<Result<Installation, String>> = OnceLock::new();
        FOUND
            .get_or_init(|| {
                let missing: Vec<_> = ["java", "mvn"].into_iter().filter(|name| !runs(name)).collect();
                if missing.is_empty() { Ok(fetched()) } else { Err(missing.join(" and ")) }
            })
            .as_ref()
            .map_err(String::as_str)
    }

    /// A command that runs a class of Kafka on a small heap.
    pub(crate) fn java(&self, class: &str) -> Command {
        java(&self.folder, class)
    }

    /// The files of a formatted folder. Formatting again for each broker would take 3 s.
    pub(crate) fn formatted(&self) -> PathBuf {
        self.folder.join("formatted")
    }
}

/// The properties of a broker: one node that is its own controller, and that is quick to start, to form
/// groups and to expire sessions.
pub(crate) fn properties(listen: u16, control: u16, data: &Path) -> String {
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.voters=1@127.0.0.1:{control}\n\
         listeners=PLAINTEXT://127.0.0.1:{listen},CONTROLLER://127.0.0.1:{control}\n\
         controller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         log.dirs={data}\n\
         auto.create.topics.enable=false\n\
         broker.heartbeat.interval.ms=200\n\
         broker.session.timeout.ms=1000\n\
         group.initial.rebalance.delay.ms=0\n\
         group.min.session.timeout.ms=500\n\
         offsets.topic.num.partitions=1\n\
         offsets.topic.replication.factor=1\n\
         transaction.state.log.num.partitions=1\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         share.coordinator.state.topic.num.partitions=1\n\
         share.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\n",
        data = data.display()
    )
}

fn runs(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("-version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn fetched() -> Installation {
    let cache = cache();
    fs::create_dir_all(&cache).expect("the cache folder can be made");
    let lock = File::create(cache.join(format!("{NAME}.lock"))).expect("the cache folder can be written");
    lock.lock().expect("the lock can be waited for");
    let folder = cache.join(NAME);
    if !folder.exists() {
        // A process that was stopped while it fetched has left this. The lock proves that no process is
        // fetching now.
        let partial = cache.join(format!("{NAME}.partial"));
        let _ = fs::remove_dir_all(&partial);
        fs::create_dir(&partial).expect("the cache folder can be written");
        fetch(&partial);
        format(&partial);
        fs::rename(&partial, &folder).expect("a folder can be renamed");
    }
    Installation { folder }
}

fn cache() -> PathBuf {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("PINPOINT_SIDECAR_TEST_CACHE").unwrap_or_else(|| {
        let caches = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
        caches.unwrap_or_else(env::temp_dir).join("pinpoint-sidecar-tests")
    })
}

fn fetch(folder: &Path) {
    fs::write(folder.join("pom.xml"), POM).expect("the cache folder can be written");
    let mut maven = Command::new("mvn");
    maven.args(["-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib"]);
    succeed(maven.current_dir(folder));
}

/// Formats the folder that new brokers start from. It does not keep the addresses in its properties.
fn format(folder: &Path) {
    let formatted = folder.join("formatted");
    fs::create_dir(&formatted).expect("the cache folder can be written");
    let file = folder.join("format.properties");
    fs::write(&file, properties(9092, 9093, &formatted)).expect("the cache folder can be written");
    let mut tool = java(folder, "kafka.tools.StorageTool");
    succeed(tool.args(["format", "-t", CLUSTER, "-c"]).arg(file));
}

fn java(folder: &Path, class: &str) -> Command {
    let mut java = Command::new("java");
    // The first compiler and the serial collector start quickly and need little of two cores.
    java.args(["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
    java.args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]);
    java.args(["-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info"]);
    java.arg("-cp").arg(folder.join("lib/*")).arg(class);
    java
}

fn succeed(command: &mut Command) {
    let output = command.output().expect("the program starts");
    let output_text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the test Kafka cannot be fetched: {output_text}");
}
