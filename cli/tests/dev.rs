//! `postroad dev` as a user starts it: a process, files, ports of its own choice, and signals.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use postroad_admin_api::{Client, ErrorKind, Kind, Owner, ResourceKey, Spec};
use serde_json::Value;

/// Long enough for the slowest machine; nothing waits that long when it works.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `postroad dev --output json`, killed when dropped.
struct Dev {
    process: Child,
    events: Receiver<Value>,
}

impl Dev {
    fn start(data: &Path, arguments: &[&str]) -> Self {
        let mut process = command(data)
            .args(["--output", "json"])
            .args(arguments)
            .spawn()
            .unwrap();
        let (sender, events) = mpsc::channel();
        let stdout: ChildStdout = process.stdout.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
                if sender.send(event).is_err() {
                    break;
                }
            }
        });
        Self { process, events }
    }

    /// The next event, which must be of kind `name`.
    #[track_caller]
    fn event(&self, name: &str) -> Value {
        let event = self
            .events
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|error| panic!("no event {name}: {error}"));
        assert_eq!(event["event"], name, "{event}");
        event
    }

    /// Waits until it serves, and answers with a client of its admin API.
    fn ready(&self) -> Client {
        let ready = self.event("ready");
        Client::new(ready["admin"].as_str().unwrap(), None).unwrap()
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args(["-s", signal, &self.process.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    fn stop(mut self, signal: &str) -> ExitStatus {
        self.signal(signal);
        let stopping = self.event("stopping");
        assert_eq!(stopping["signal"], format!("SIG{signal}"));
        self.event("stopped");
        self.process.wait().unwrap()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // It has ended already when the test went well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postroad"));
    command
        .args(["dev", "--pubsub-port", "0", "--admin-port", "0", "--data"])
        .arg(data)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs it to its end, which must come by itself and be a failure. Answers with what it said.
fn refused(data: &Path, arguments: &[&str]) -> String {
    let mut process = command(data).args(arguments).spawn().unwrap();
    let mut said = String::new();
    process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(1), "{said}");
    said
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn key(kind: Kind, name: &str) -> ResourceKey {
    ResourceKey {
        kind,
        namespace: "shop".to_owned(),
        name: name.to_owned(),
    }
}

fn topic(name: &str, spec: &str) -> String {
    let metadata = format!("metadata: {{name: {name}, namespace: shop}}");
    format!("---\napiVersion: postroad.dev/v1alpha1\nkind: Topic\n{metadata}\nspec: {spec}\n")
}

fn subscription(name: &str, topic: &str, more: &str) -> String {
    let metadata = format!("metadata: {{name: {name}, namespace: shop}}");
    let spec = format!("spec: {{topicRef: {{name: {topic}}}{more}}}");
    format!("---\napiVersion: postroad.dev/v1alpha1\nkind: Subscription\n{metadata}\n{spec}\n")
}

#[test]
fn a_file_is_applied_changed_refused_and_released() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("shop.yaml"));
    let write = |text: String| std::fs::write(&file, text).unwrap();
    // The subscription stands before its topic: the order in the file does not matter.
    write(subscription("billing", "orders", "") + &topic("orders", "{}"));

    let dev = Dev::start(&data, &["-f", file.to_str().unwrap()]);
    assert_eq!(
        dev.event("applied")["created"],
        serde_json::json!(["Topic shop/orders", "Subscription shop/billing"])
    );
    let client = dev.ready();
    let runtime = runtime();
    let describe = |kind, name| runtime.block_on(client.describe(&key(kind, name)));
    assert_eq!(describe(Kind::Topic, "orders").unwrap().owner, Owner::File);

    // Changed.
    write(
        topic("orders", "{partitions: 3}") + &subscription("billing", "orders", ", ackDeadlineSeconds: 30"),
    );
    let applied = dev.event("applied");
    assert_eq!(
        applied["updated"],
        serde_json::json!(["Topic shop/orders", "Subscription shop/billing"]),
        "{applied}"
    );
    let described = describe(Kind::Topic, "orders").unwrap();
    let Spec::Topic(spec) = &described.resource.spec else {
        panic!("{described:?}")
    };
    assert_eq!(spec.partitions, 3);

    // Wrong by the rules of the kind: refused with its place; what was there stays.
    write(topic("orders", "{partitions: 3}") + &subscription("billing", "orders", ", ackDeadlineSeconds: 3"));
    let problem = dev.event("refused")["problems"][0].clone();
    assert_eq!(
        (&problem["line"], &problem["resource"]),
        (&10.into(), &"Subscription shop/billing".into()),
        "{problem}"
    );
    assert!(
        problem["message"].as_str().unwrap().contains("10 to 600"),
        "{problem}"
    );

    // Wrong by the broker's rules: refused with the place of the document.
    write(
        topic("orders", "{partitions: 2}") + &subscription("billing", "orders", ", ackDeadlineSeconds: 30"),
    );
    let problem = dev.event("applied")["problems"][0].clone();
    assert_eq!(
        (&problem["line"], &problem["resource"]),
        (&2.into(), &"Topic shop/orders".into()),
        "{problem}"
    );

    // Taken out of the file: it stays, and is anybody's.
    write(topic("orders", "{partitions: 3}"));
    assert_eq!(
        dev.event("applied")["released"],
        serde_json::json!(["Subscription shop/billing"])
    );
    assert_eq!(describe(Kind::Subscription, "billing").unwrap().owner, Owner::Api);

    assert_eq!(dev.stop("INT").code(), Some(0));
}

#[test]
fn the_data_survives_a_restart_and_fresh_starts_over() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("shop.yaml"));
    std::fs::write(&file, topic("orders", "{}")).unwrap();
    let arguments = ["-f", file.to_str().unwrap()];

    let dev = Dev::start(&data, &arguments);
    dev.event("applied");
    let first = dev.event("ready")["clusterId"].clone();
    let said = refused(&data, &["--fresh"]);
    assert!(said.contains("another broker uses this data folder"), "{said}");
    assert_eq!(dev.stop("TERM").code(), Some(0));

    let dev = Dev::start(&data, &arguments);
    assert_eq!(dev.event("applied")["unchanged"], 1);
    assert_eq!(dev.event("ready")["clusterId"], first);
    dev.stop("TERM");

    // Without files nothing is declared, and nothing changes.
    let dev = Dev::start(&data, &[]);
    let described = runtime()
        .block_on(dev.ready().describe(&key(Kind::Topic, "orders")))
        .unwrap();
    assert_eq!(described.owner, Owner::File);
    dev.stop("TERM");

    let dev = Dev::start(&data, &["--fresh"]);
    let error = runtime()
        .block_on(dev.ready().describe(&key(Kind::Topic, "orders")))
        .unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::NotFound), "{error}");
    dev.stop("TERM");
}

#[test]
fn a_wrong_file_or_folder_stops_it_before_anything_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("shop.yaml"));
    std::fs::write(&file, topic("orders", "{partition: 3}")).unwrap();
    let said = refused(&data, &["-f", file.to_str().unwrap()]);
    assert!(
        said.contains("shop.yaml:5:8: Topic shop/orders: spec.partition: unknown field"),
        "{said}"
    );
    assert!(
        said.contains("  5 | spec: {partition: 3}\n    |        ^\n"),
        "{said}"
    );
    assert!(said.contains("nothing was started: 1 problem"), "{said}");
    assert!(!data.exists(), "a folder was made");

    let said = refused(folder.path(), &["--fresh"]);
    assert!(
        said.contains("--fresh deletes a Postroad data folder only"),
        "{said}"
    );
    assert!(file.exists());

    let said = refused(&data, &["-f", "missing.yaml"]);
    assert!(said.contains("missing.yaml: can't be read"), "{said}");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut process = Command::new(env!("CARGO_BIN_EXE_postroad"));
    let arguments = [
        "dev",
        "--admin-port",
        "0",
        "--pubsub-port",
        port.as_str(),
        "--data",
    ];
    let output = process.args(arguments).arg(&data).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&port) && said.contains("--pubsub-port"), "{said}");

    // What only the broker can know.
    std::fs::write(&file, subscription("billing", "nowhere", "")).unwrap();
    let said = refused(&data, &["-f", file.to_str().unwrap()]);
    assert!(
        said.contains("shop.yaml:2:1: Subscription shop/billing:") && said.contains("nowhere"),
        "{said}"
    );
}

#[test]
fn both_examples_are_served_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let (hello, shop) = (examples.join("hello.yaml"), examples.join("shop.yaml"));
    let arguments = ["-f", hello.to_str().unwrap(), shop.to_str().unwrap()];
    let dev = Dev::start(folder.path(), &arguments);
    assert_eq!(dev.event("applied")["created"].as_array().unwrap().len(), 16);
    let described = runtime()
        .block_on(dev.ready().describe(&key(Kind::Queue, "invoices")))
        .unwrap();
    assert_eq!(described.owner, Owner::File);
    dev.stop("TERM");
}

#[test]
fn completions_know_the_options() {
    for shell in ["bash", "zsh", "fish"] {
        let output = Command::new(env!("CARGO_BIN_EXE_postroad"))
            .args(["completion", shell])
            .output()
            .unwrap();
        assert!(output.status.success());
        assert!(
            String::from_utf8(output.stdout).unwrap().contains("pubsub-port"),
            "{shell}"
        );
    }
}
