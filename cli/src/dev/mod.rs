//! `postroad dev`: one broker in this process, with the resources of files. Read in this order:
//!
//! 1. [`args`]: what it is asked for;
//! 2. [`folder`]: where the data is, and starting over;
//! 3. [`sources`]: the files, and when they change;
//! 4. [`apply`]: the broker is made to hold what they declare;
//! 5. [`rates`], [`screen`], [`snippet`]: what is told meanwhile.

pub mod apply;
pub mod args;
pub mod folder;
pub mod rates;
pub mod screen;
pub mod snippet;
pub mod sources;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use postroad_admin_api::Client;
use postroad_broker::config::Config;
use postroad_broker::signals::StopSignals;
use postroad_broker::{Broker, StartError, logging};

use crate::documents::{Declarations, Problem, Reader, SourceFile};
pub use args::DevArgs;
use rates::Totals;
use screen::{Event, Screen};
use sources::Watcher;

/// How often the files are looked at. A change is applied when it is seen twice.
const POLL: Duration = Duration::from_millis(250);
/// How often the line of rates is drawn.
const RATES: Duration = Duration::from_secs(1);
/// Ended by a second signal, as shells have it for SIGINT.
const EXIT_INTERRUPTED: i32 = 130;

/// Runs dev mode until a signal or a failure.
///
/// # Errors
/// When the files are wrong at the start, the broker can't start, or can't go on.
pub fn run(args: &DevArgs) -> anyhow::Result<()> {
    let began = Instant::now();
    let reader = Reader::new()?;
    let sources = sources::read(&args.files);
    // Before anything is started or deleted.
    let (files, declarations) = read(&reader, sources).map_err(|(files, problems)| {
        let count = print(&files, &problems).unwrap_or_default();
        anyhow::anyhow!("nothing was started: {count}")
    })?;
    let folder = args.data.clone().map_or_else(folder::default_folder, Ok)?;
    if args.fresh {
        folder::start_over(&folder)?;
    }
    let config = args.settings(&folder).validate()?;
    logging::init(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let mut signals = StopSignals::listen()?;
        let mut dev = tokio::select! {
            dev = Dev::start(config, args, reader, &files) => dev?,
            _ = signals.next() => return Ok(()),
        };
        let declared = tokio::select! {
            declared = dev.declare(&files, &declarations) => declared,
            signal = signals.next() => return dev.stop(End::Signal(signal), &mut signals).await,
        };
        let end = match declared.and_then(|()| dev.announce(folder, began)) {
            Ok(()) => dev.serve(&mut signals).await,
            Err(error) => End::Failure(error),
        };
        dev.stop(end, &mut signals).await
    });
    // What still runs (a blocking read, say) has had its time.
    runtime.shutdown_background();
    result
}

type Parsed = (Vec<SourceFile>, Declarations);

/// Reads what was found on disk; the error has the files that could be read, for the lines to show.
fn read(reader: &Reader, sources: sources::Read) -> Result<Parsed, (Vec<SourceFile>, Vec<Problem>)> {
    let files = sources.map_err(|problems| (Vec::new(), problems))?;
    match reader.read(&files) {
        Ok(declarations) => Ok((files, declarations)),
        Err(problems) => Err((files, problems)),
    }
}

/// Prints what is wrong, and answers with how many problems there are; none when there are none.
fn print(files: &[SourceFile], problems: &[Problem]) -> Option<String> {
    let paint = snippet::Paint::of_environment(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    eprint!("{}", snippet::problems(problems, files, &paint));
    match problems.len() {
        0 => None,
        1 => Some("1 problem".to_owned()),
        count => Some(format!("{count} problems")),
    }
}

/// The error's text has its causes; what is added are the options that help.
fn not_started(error: &StartError) -> anyhow::Error {
    let hint = match error {
        StartError::Listen { .. } => {
            " (--pubsub-port and --admin-port choose other ports, 0 takes a free one)"
        }
        StartError::Node { .. } => " (--data names another folder)",
        _ => "",
    };
    anyhow::anyhow!("the broker can't start: {error}{hint}")
}

/// How serving ended.
enum End {
    Signal(&'static str),
    Failure(anyhow::Error),
}

struct Dev {
    broker: Broker,
    client: Client,
    admin: String,
    cluster_id: String,
    screen: Screen,
    reader: Reader,
    watcher: Option<Watcher>,
}

impl Dev {
    /// Starts the broker and forms its cluster; nothing is declared yet.
    async fn start(
        config: Config,
        args: &DevArgs,
        reader: Reader,
        files: &[SourceFile],
    ) -> anyhow::Result<Self> {
        postroad_broker::open_files::raise_limit();
        let broker = Broker::start(config).await.map_err(|error| not_started(&error))?;
        let admin = format!("http://{}", broker.addresses().admin);
        let client = Client::new(&admin, None)?;
        let cluster_id = apply::bootstrap(&client).await?;
        // Without files nothing is declared, which is not the same as that nothing shall be.
        let watched = (!args.files.is_empty()).then(|| args.files.clone());
        let watcher = watched.map(|paths| Watcher::new(paths, Ok(files.to_vec())));
        let screen = Screen::new(args.output);
        Ok(Self {
            broker,
            client,
            admin,
            cluster_id,
            screen,
            reader,
            watcher,
        })
    }

    /// Applies what the files declare for the first time. The broker must take all of it.
    async fn declare(&mut self, files: &[SourceFile], declarations: &Declarations) -> anyhow::Result<()> {
        if self.watcher.is_none() {
            return Ok(());
        }
        let mut applied = apply::apply(&self.client, declarations).await?;
        let refused = print(files, &std::mem::take(&mut applied.problems));
        self.screen.tell(&Event::Applied(applied), files)?;
        match refused {
            None => Ok(()),
            Some(count) => Err(anyhow::anyhow!(
                "the broker refuses a part of what the files declare: {count}"
            )),
        }
    }

    fn announce(&mut self, data: PathBuf, began: Instant) -> anyhow::Result<()> {
        let ready = Event::Ready {
            pubsub: self.broker.addresses().pubsub,
            admin: self.admin.clone(),
            data,
            cluster_id: self.cluster_id.clone(),
            version: env!("CARGO_PKG_VERSION"),
            took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        Ok(self.screen.tell(&ready, &[])?)
    }

    async fn serve(&mut self, signals: &mut StopSignals) -> End {
        let Self {
            broker,
            client,
            screen,
            reader,
            watcher,
            ..
        } = self;
        let registry = broker.node().registry();
        let mut totals = (Totals::of(registry), Instant::now());
        let mut failing = None;
        let mut poll = tokio::time::interval(POLL);
        let mut draw = tokio::time::interval(RATES);
        for interval in [&mut poll, &mut draw] {
            interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        }
        loop {
            let told = tokio::select! {
                signal = signals.next() => return End::Signal(signal),
                stopped = broker.wait() => return End::Failure(stopped.into()),
                _ = poll.tick(), if watcher.is_some() => match watcher.as_mut().and_then(Watcher::poll) {
                    Some(sources) => tokio::select! {
                        told = changed(client, screen, reader, sources, &mut failing) => {
                            if let (Some(watcher), Some(_)) = (watcher.as_mut(), &failing) {
                                watcher.again();
                            }
                            told
                        }
                        signal = signals.next() => return End::Signal(signal),
                    },
                    None => Ok(()),
                },
                _ = draw.tick(), if screen.is_live() => {
                    let now = (Totals::of(registry), Instant::now());
                    let rates = now.0.since(&totals.0, now.1 - totals.1);
                    totals = now;
                    screen.live(&rates).map_err(Into::into)
                }
            };
            if let Err(error) = told {
                return End::Failure(error);
            }
        }
    }

    async fn stop(mut self, end: End, signals: &mut StopSignals) -> anyhow::Result<()> {
        let failure = match end {
            End::Signal(signal) => {
                self.screen.tell(&Event::Stopping { signal }, &[])?;
                None
            }
            End::Failure(error) => Some(error),
        };
        let stopped = tokio::select! {
            stopped = self.broker.shutdown() => stopped,
            _ = signals.next() => std::process::exit(EXIT_INTERRUPTED),
        };
        if let Some(failure) = failure {
            return Err(failure);
        }
        stopped?;
        Ok(self.screen.tell(&Event::Stopped, &[])?)
    }
}

/// The files changed: applies them, or says what is wrong with them. That the broker can't be asked now ends nothing: it is
/// told once, and `failing` says why, until it works again.
///
/// # Errors
/// When standard output is closed.
async fn changed(
    client: &Client,
    screen: &mut Screen,
    reader: &Reader,
    sources: sources::Read,
    failing: &mut Option<String>,
) -> anyhow::Result<()> {
    let (files, event) = match read(reader, sources) {
        Ok((files, declarations)) => match apply::apply(client, &declarations).await {
            Ok(applied) => (files, Event::Applied(applied)),
            Err(error) => {
                let message = error.to_string();
                let known = failing.replace(message.clone());
                if known.as_ref() != Some(&message) {
                    screen.tell(&Event::Failed { message }, &files)?;
                }
                return Ok(());
            }
        },
        Err((files, problems)) => (files, Event::Refused { problems }),
    };
    *failing = None;
    screen.tell(&event, &files).map_err(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One failed call while an edited file was applied ended dev mode, and the broker with it.
    #[tokio::test]
    async fn a_broker_that_can_not_be_asked_is_asked_again() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let nobody = format!("http://{}", free.local_addr().unwrap());
        drop(free);
        let client = Client::new(&nobody, None).unwrap();
        let (mut screen, reader) = (Screen::new(args::OutputFormat::Json), Reader::new().unwrap());
        let mut failing = None;
        let files = || {
            Ok(vec![SourceFile {
                name: "shop.yaml".to_owned(),
                text: "apiVersion: postroad.dev/v1alpha1\nkind: Topic\nmetadata: {name: a, namespace: b}\n"
                    .to_owned(),
            }])
        };
        for _ in 0..2 {
            let told = changed(&client, &mut screen, &reader, files(), &mut failing).await;
            assert!(told.is_ok() && failing.is_some(), "{told:?}");
        }
        let nothing = Err(Vec::new());
        changed(&client, &mut screen, &reader, nothing, &mut failing)
            .await
            .unwrap();
        assert_eq!(failing, None, "a file that is wrong is not tried again");
    }
}
