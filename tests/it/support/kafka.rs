//! A real Apache Kafka on free ports of this machine, without Docker: of one node, or of several.
//!
//! It can be stopped, killed, paused and started again with its data and ports. Its files are removed when it
//! is dropped or the test process ends.

use std::{fs, path::Path, sync::OnceLock, time::Duration};

use rdkafka::{
    Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication},
    client::DefaultClientContext,
};
use tempfile::TempDir;

use self::installation::Installation;
use super::{
    client::Client,
    port,
    process::{Process, Signal},
};

pub(crate) mod installation;
mod log_end;

/// On an idle machine a broker starts in 4 s.
const START: Duration = Duration::from_secs(90);

/// A broker stops its controller first.
const STOP: Duration = Duration::from_mins(1);

/// A running (or stopped) Apache Kafka.
pub(crate) struct Kafka {
    pub(crate) client: Client,
    installation: &'static Installation,
    // Declared before the folder, because fields are dropped in order.
    process: Option<Process>,
    /// The brokers that joined it.
    joined: Vec<Process>,
    scratch: TempDir,
}

impl Kafka {
    /// A broker of the test's own, which it may stop and kill.
    ///
    /// # Panics
    ///
    /// If it does not start, or the machine cannot run one.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Like [`start`](Self::start), with additional properties of the broker.
    pub(crate) fn start_with(more: &[(&str, &str)]) -> Self {
        Self::start_of(installation::CLUSTER, more)
    }

    /// The broker of another cluster; all others say that they are the same one.
    pub(crate) fn start_elsewhere() -> Self {
        Self::start_of("YW5vdGhlci1jbHVzdGVyLg", &[])
    }

    fn start_of(cluster: &str, more: &[(&str, &str)]) -> Self {
        let installation =
            Installation::find().unwrap_or_else(|missing| panic!("a real Kafka needs {missing}"));
        let scratch = TempDir::with_prefix("pinpoint-sidecar-kafka-").expect("a folder for the broker");
        let data = scratch.path().join("data");
        format(installation, &data, |text| text.replace(installation::CLUSTER, cluster));
        let (listen, control) = (port::free(), port::free());
        let mut properties = installation::properties(listen, control, &data);
        properties.extend(more.iter().map(|(name, value)| format!("{name}={value}\n")));
        fs::write(scratch.path().join("server.properties"), properties).expect("a file for the broker");
        let client = Client { bootstrap: format!("127.0.0.1:{listen}") };
        let mut kafka = Self { client, installation, process: None, joined: Vec::new(), scratch };
        kafka.restart();
        kafka
    }

    /// The id of the first broker's process.
    #[allow(dead_code, reason = "the benchmarks ask for it")]
    pub(crate) fn id(&self) -> u32 {
        self.process.as_ref().expect("the broker runs").id()
    }

    /// Adds a broker to the cluster; it is never stopped by itself.
    #[track_caller]
    pub(crate) fn join(&mut self) {
        let node = self.joined.len() + 2;
        let folder = self.scratch.path().join(node.to_string());
        fs::create_dir(&folder).expect("a folder for the broker");
        let data = folder.join("data");
        format(self.installation, &data, |text| {
            let shared = |line: &&str| !line.starts_with("node.id=") && !line.starts_with("directory.id=");
            let shared: Vec<_> = text.lines().filter(shared).collect();
            format!("{}\nnode.id={node}\ndirectory.id=YnJva2VyLTAwMDAwMD{node}wMQ\n", shared.join("\n"))
        });
        let first = fs::read_to_string(self.scratch.path().join("server.properties"));
        let first = first.expect("the properties of the first broker");
        let own = format!(
            "process.roles=broker\nnode.id={node}\nlisteners=PLAINTEXT://127.0.0.1:{}\nlog.dirs={}\n",
            port::free(),
            data.display()
        );
        // The last one of several lines with a name counts.
        let path = folder.join("server.properties");
        fs::write(&path, first + &own).expect("a file for the broker");
        let mut command = self.installation.java("kafka.Kafka");
        let process = Process::start(command.arg(path), &folder);
        assert!(process.says(START, "Kafka Server started"), "the broker does not start");
        self.joined.push(process);
    }

    /// The broker that the tests of this process share. They leave it running and use topics and
    /// groups of their own.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Kafka> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts it (again, with its data and ports), and waits until it serves.
    #[track_caller]
    pub(crate) fn restart(&mut self) {
        self.process = None;
        let mut command = self.installation.java("kafka.Kafka");
        command.arg(self.scratch.path().join("server.properties"));
        let process = self.process.insert(Process::start(&mut command, self.scratch.path()));
        assert!(process.says(START, "Kafka Server started"), "the broker does not start");
    }

    /// Stops it as an operator would, and waits until it has ended.
    #[track_caller]
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal(Signal::Term);
            process.wait(STOP);
        }
    }

    /// Kills it, as a power failure would.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Cuts a partition's log off at this offset, where a call to produce has begun. The broker must be stopped.
    #[track_caller]
    pub(crate) fn cut(&self, topic: &str, partition: i32, end: i64) {
        assert!(self.process.is_none(), "the broker runs");
        log_end::cut(&self.scratch.path().join("data"), topic, partition, end);
    }

    /// Damages the batch that begins at this offset; a second time restores it. The broker must be stopped.
    #[track_caller]
    pub(crate) fn flip(&self, topic: &str, partition: i32, start: i64) {
        assert!(self.process.is_none(), "the broker runs");
        log_end::flip(&self.scratch.path().join("data"), topic, partition, start);
    }

    /// Sends a signal to its process. After `Stop` it keeps connections open but does not answer.
    pub(crate) fn signal(&self, signal: Signal) {
        self.process.as_ref().expect("the broker runs").signal(signal);
    }

    #[track_caller]
    pub(crate) fn create_topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let topic = settings.iter().fold(topic, |topic, (key, value)| topic.set(key, value));
        let made = self.administer(async |admin, options| admin.create_topics([&topic], options).await);
        assert!(made.iter().all(Result::is_ok), "the topic cannot be created: {made:?}");
    }

    #[track_caller]
    pub(crate) fn delete_topic(&self, name: &str) {
        let deleted = self.administer(async |admin, options| admin.delete_topics(&[name], options).await);
        assert!(deleted.iter().all(Result::is_ok), "the topic cannot be deleted: {deleted:?}");
    }

    /// Changes settings of a topic. All others return to the broker's defaults.
    #[track_caller]
    pub(crate) fn alter_topic(&self, name: &str, settings: &[(&str, &str)]) {
        let topic = AlterConfig::new(ResourceSpecifier::Topic(name));
        let topic = settings.iter().fold(topic, |topic, (key, value)| topic.set(key, value));
        let altered = self.administer(async |admin, options| admin.alter_configs([&topic], options).await);
        assert!(altered.iter().all(Result::is_ok), "the topic cannot be changed: {altered:?}");
    }

    /// Deletes the records before these offsets, as retention would later.
    #[track_caller]
    pub(crate) fn delete_records(&self, topic: &str, before: &[(i32, i64)]) {
        let mut offsets = TopicPartitionList::new();
        for (partition, offset) in before {
            offsets.add_partition_offset(topic, *partition, Offset::Offset(*offset)).expect("a valid offset");
        }
        let deleted = self.administer(async |admin, options| admin.delete_records(&offsets, options).await);
        assert!(deleted.elements().iter().all(|element| element.error().is_ok()), "not deleted: {deleted:?}");
    }

    #[track_caller]
    fn administer<T>(
        &self,
        operation: impl AsyncFnOnce(
            &AdminClient<DefaultClientContext>,
            &AdminOptions,
        ) -> Result<T, rdkafka::error::KafkaError>,
    ) -> T {
        let admin = self.client.config().create().expect("an administrator");
        let options = AdminOptions::new().operation_timeout(Some(START));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(operation(&admin, &options)).expect("the broker answers")
    }
}

/// Makes the folder of a broker, whose identity `change` changes.
fn format(installation: &Installation, data: &Path, change: impl FnOnce(String) -> String) {
    fs::create_dir(data).expect("a folder for the broker");
    for file in fs::read_dir(installation.formatted()).expect("the formatted folder") {
        let file = file.expect("the formatted folder");
        fs::copy(file.path(), data.join(file.file_name())).expect("a file for the broker");
    }
    let identity = data.join("meta.properties");
    let text = fs::read_to_string(&identity).expect("a file for the broker");
    fs::write(&identity, change(text)).expect("a file for the broker");
}
