//! The broker as a process: signals, exit codes, and what is there after the next start.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use postroad_admin_api::{
    ApplyRequest, BootstrapRequest, Client, Kind, Owner, QueueSpec, Resource, ResourceKey, Spec,
};
use postroad_pubsub::proto::pubsub::{
    self as proto, publisher_client::PublisherClient, subscriber_client::SubscriberClient,
};

const TOKEN: &str = "a-token-of-the-tests";

/// A broker process; killed when dropped.
struct Process {
    child: Child,
    log: BufReader<ChildStderr>,
    admin: String,
    pubsub: String,
}

impl Process {
    /// Starts the binary and reads its log until it says where it serves.
    fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    fn start_with(folder: &Path, flags: &[&str]) -> Self {
        std::fs::write(folder.join("token"), TOKEN).unwrap();
        let mut child = command(folder).args(flags).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let event = loop {
            let mut line = String::new();
            assert_ne!(
                log.read_line(&mut line).unwrap(),
                0,
                "the broker ended: {:?}",
                child.wait()
            );
            let event: serde_json::Value =
                serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
            if event["message"] == "the broker serves" {
                break event;
            }
        };
        let address = |key: &str| event[key].as_str().unwrap().to_owned();
        Self {
            admin: address("admin"),
            pubsub: address("pubsub"),
            child,
            log,
        }
    }

    fn client(&self) -> Client {
        Client::new(&format!("http://{}", self.admin), Some(TOKEN)).unwrap()
    }

    fn signal(&self, signal: i32) {
        let pid = i32::try_from(self.child.id()).unwrap();
        // SAFETY: kill(2) takes no pointers, and the child is not reaped before `wait`, so the id is still its own.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    }

    /// Reads the log up to the event of this message.
    fn until(&mut self, message: &str) {
        let mut line = String::new();
        while !line.contains(message) {
            line.clear();
            assert_ne!(
                self.log.read_line(&mut line).unwrap(),
                0,
                "the broker ended without saying {message:?}"
            );
        }
    }

    /// A request to the admin port that is never sent to its end.
    fn stalled_request(&self) -> TcpStream {
        let mut stream = TcpStream::connect(&self.admin).unwrap();
        let head = format!(
            "POST /v1/bootstrap HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n\
             expect: 100-continue\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        // The broker asks for the body (RFC 9110, section 10.1.1), so it is waiting for it from here on.
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 100");
        stream
    }

    /// The exit code, and the rest of the log.
    fn wait(mut self) -> (Option<i32>, String) {
        let log = std::io::read_to_string(&mut self.log).unwrap();
        (self.child.wait().unwrap().code(), log)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails for one that has ended, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postroad-broker"));
    command
        .env_clear()
        .env("POSTROAD_LOG_FORMAT", "json")
        .stderr(Stdio::piped());
    command
        .arg("--data-dir")
        .arg(folder.join("data"))
        .arg("--admin-token-file")
        .arg(folder.join("token"));
    command.args([
        "--admin-listen=127.0.0.1:0",
        "--pubsub-listen=127.0.0.1:0",
        "--shards=2",
    ]);
    command
}

fn mails() -> Resource {
    let spec = Spec::Queue(QueueSpec::default());
    Resource {
        namespace: "shop".into(),
        name: "mails".into(),
        spec,
    }
}

async fn publish(process: &Process, data: &'static str) {
    let mut publisher = PublisherClient::connect(format!("http://{}", process.pubsub))
        .await
        .unwrap();
    let message = proto::PubsubMessage {
        data: data.into(),
        ..Default::default()
    };
    let topic = "projects/shop/topics/mails".to_owned();
    publisher
        .publish(proto::PublishRequest {
            topic,
            messages: vec![message],
        })
        .await
        .unwrap();
}

async fn pull(process: &Process) -> Vec<String> {
    let mut subscriber = SubscriberClient::connect(format!("http://{}", process.pubsub))
        .await
        .unwrap();
    let subscription = "projects/shop/subscriptions/mails".to_owned();
    let request = proto::PullRequest {
        subscription,
        max_messages: 10,
        ..Default::default()
    };
    let received = subscriber
        .pull(request)
        .await
        .unwrap()
        .into_inner()
        .received_messages;
    let data = |received: proto::ReceivedMessage| received.message.unwrap_or_default().data;
    received
        .into_iter()
        .map(|received| String::from_utf8(data(received).to_vec()).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_in_order_and_the_next_start_has_everything() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path());
    let client = process.client();
    let cluster = client.bootstrap(&BootstrapRequest::default()).await.unwrap();
    client
        .apply(&ApplyRequest {
            owner: Owner::File,
            resources: vec![mails()],
        })
        .await
        .unwrap();
    publish(&process, "before the stop").await;
    // A watch is a request without end: it must not hold the stop up.
    let _watch = client.watch(0).await.unwrap();
    process.signal(libc::SIGTERM);
    let (code, log) = process.wait();
    assert_eq!(code, Some(0), "{log}");
    assert!(
        log.contains("SIGTERM") && log.contains("the broker stopped"),
        "{log}"
    );
    assert!(!log.contains(TOKEN) && !log.contains("before the stop"), "{log}");

    let process = Process::start(folder.path());
    let status = process.client().status().await.unwrap();
    assert!(status.ready, "{status:?}");
    assert_eq!(status.cluster_id, Some(cluster.cluster_id));
    let key = ResourceKey {
        kind: Kind::Queue,
        namespace: "shop".into(),
        name: "mails".into(),
    };
    assert_eq!(process.client().describe(&key).await.unwrap().resource, mails());
    assert_eq!(pull(&process).await, ["before the stop"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_use_is_refused_with_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let first = Process::start(folder.path());
    let second = command(folder.path()).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let text = String::from_utf8(second.stderr).unwrap();
    assert!(
        text.contains("data folder") && text.contains(&first.child.id().to_string()),
        "{text}"
    );
}

#[test]
fn a_token_file_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let output = command(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("admin.tokenFile") && text.contains("No such file"),
        "{text}"
    );
}

#[test]
fn a_client_that_never_finishes_does_not_hold_the_stop_up() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start_with(folder.path(), &["--shutdown-grace-seconds=1"]);
    let _stalled = process.stalled_request();
    process.signal(libc::SIGINT);
    let (code, log) = process.wait();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("were closed while requests were running"), "{log}");
}

#[test]
fn a_second_signal_ends_the_broker_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start_with(folder.path(), &["--shutdown-grace-seconds=3600"]);
    let _stalled = process.stalled_request();
    process.signal(libc::SIGTERM);
    process.until("SIGTERM");
    process.signal(libc::SIGTERM);
    let (code, log) = process.wait();
    assert_eq!(code, Some(130), "{log}");
}

/// A broker whose storage fails must not linger: what supervises it can start it elsewhere, and clients must not wait for
/// acknowledgements that can't come.
#[tokio::test(flavor = "multi_thread")]
async fn failed_storage_ends_the_broker_with_a_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start_with(folder.path(), &["--journal-file-bytes=1Mi"]);
    process
        .client()
        .bootstrap(&BootstrapRequest::default())
        .await
        .unwrap();
    process
        .client()
        .apply(&ApplyRequest {
            owner: Owner::File,
            resources: vec![mails()],
        })
        .await
        .unwrap();
    // The folder goes away under the broker: the next journal file can't be made.
    std::fs::remove_dir_all(folder.path().join("data")).unwrap();
    let mut publisher = PublisherClient::connect(format!("http://{}", process.pubsub))
        .await
        .unwrap();
    let message = proto::PubsubMessage {
        data: vec![b'x'; 500_000].into(),
        ..Default::default()
    };
    let request = proto::PublishRequest {
        topic: "projects/shop/topics/mails".into(),
        messages: vec![message],
    };
    let refused = loop {
        if let Err(refused) = publisher.publish(request.clone()).await {
            break refused;
        }
    };
    assert!(!refused.message().is_empty(), "{refused:?}");
    let (code, log) = process.wait();
    assert_eq!(code, Some(1), "{log}");
    assert!(
        log.contains("the broker ends with a failure") && log.contains("journal"),
        "{log}"
    );
}

#[test]
fn under_systemds_journal_lines_carry_no_time() {
    let folder = tempfile::tempdir().unwrap();
    let line = |journal: bool| {
        let path = folder.path().join("stderr");
        let file = std::fs::File::create(&path).unwrap();
        let metadata = file.metadata().unwrap();
        let mut command = command(folder.path());
        command.arg("--log-format=text").stderr(file);
        if journal {
            command.env("JOURNAL_STREAM", format!("{}:{}", metadata.dev(), metadata.ino()));
        }
        assert_eq!(
            command.status().unwrap().code(),
            Some(1),
            "there is no token file"
        );
        std::fs::read_to_string(path).unwrap()
    };
    let (journal, file) = (line(true), line(false));
    assert!(journal.starts_with("ERROR "), "{journal}");
    assert!(file.starts_with("20") && file.contains("Z ERROR "), "{file}");
}
