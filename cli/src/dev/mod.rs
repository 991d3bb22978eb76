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

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use postroad_admin_api::Client;
use postroad_broker::config::Config;
use postroad_broker::signals::StopSignals;
use postroad_broker::{Broker, logging};

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
    let (files, declarations) =
        read(&reader, sources).map_err(|(files, problems)| wrong(&files, &problems))?;
    let folder = args.data.clone().map_or_else(folder::default_folder, Ok)?;
    if args.fresh {
        folder::start_over(&folder)?;
    }
    let config = args.settings(&folder).validate()?;
    logging::init(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let mut signals = StopSignals::listen()?;
        let screen = Screen::new(args.output);
        let starting = Dev::start(config, screen, reader, files, &declarations, args, began);
        let mut dev = tokio::select! {
            dev = starting => dev?,
            _ = signals.next() => return Ok(()),
        };
        let end = dev.serve(&mut signals).await;
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

fn wrong(files: &[SourceFile], problems: &[Problem]) -> anyhow::Error {
    let paint = snippet::Paint::of_environment(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    eprint!("{}", snippet::problems(problems, files, &paint));
    let count = problems.len();
    anyhow::anyhow!(
        "nothing was started: {count} {}",
        if count == 1 { "problem" } else { "problems" }
    )
}

/// How serving ended.
enum End {
    Signal(&'static str),
    Failure(anyhow::Error),
}

struct Dev {
    broker: Broker,
    client: Client,
    screen: Screen,
    reader: Reader,
    watcher: Option<Watcher>,
}

impl Dev {
    async fn start(
        config: Config,
        screen: Screen,
        reader: Reader,
        files: Vec<SourceFile>,
        declarations: &Declarations,
        args: &DevArgs,
        began: Instant,
    ) -> anyhow::Result<Self> {
        let data = config.data_dir.clone();
        let broker = Broker::start(config).await.context(
            "the broker can't start (other ports: --pubsub-port and --admin-port; another data folder: --data)",
        )?;
        let addresses = broker.addresses();
        let admin = format!("http://{}", addresses.admin);
        let client = Client::new(&admin, None)?;
        let cluster_id = apply::bootstrap(&client).await?;
        let watcher = (!args.files.is_empty()).then(|| Watcher::new(args.files.clone(), Ok(files.clone())));
        let mut dev = Self {
            broker,
            client,
            screen,
            reader,
            watcher,
        };
        // Without files nothing is declared, which is not the same as that nothing shall be.
        if dev.watcher.is_some() {
            let applied = apply::apply(&dev.client, declarations).await?;
            if !applied.problems.is_empty() {
                let error =
                    wrong(&files, &applied.problems).context("the broker refuses what the files declare");
                return dev.give_up(error).await;
            }
            dev.screen.tell(&Event::Applied(applied), &files)?;
        }
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let version = env!("CARGO_PKG_VERSION");
        let ready = Event::Ready {
            pubsub: addresses.pubsub,
            admin,
            data,
            cluster_id,
            version,
            took_ms,
        };
        dev.screen.tell(&ready, &files)?;
        Ok(dev)
    }

    async fn give_up(self, error: anyhow::Error) -> anyhow::Result<Self> {
        // The refusal is the reason; how the broker stopped adds nothing to it.
        let _ = self.broker.shutdown().await;
        Err(error)
    }

    async fn serve(&mut self, signals: &mut StopSignals) -> End {
        let Self {
            broker,
            client,
            screen,
            reader,
            watcher,
        } = self;
        let (client, reader, watched) = (&*client, &*reader, watcher.as_mut());
        let registry = broker.node().registry();
        let mut totals = (Totals::of(registry), Instant::now());
        let mut watched = watched;
        let mut poll = tokio::time::interval(POLL);
        let mut draw = tokio::time::interval(RATES);
        for interval in [&mut poll, &mut draw] {
            interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        }
        loop {
            let told = tokio::select! {
                signal = signals.next() => return End::Signal(signal),
                stopped = broker.wait() => return End::Failure(stopped.into()),
                _ = poll.tick(), if watched.is_some() => match watched.as_mut().and_then(|watcher| watcher.poll()) {
                    Some(sources) => changed(client, screen, reader, sources).await,
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

/// The files changed: applies them, or says what is wrong with them.
async fn changed(
    client: &Client,
    screen: &mut Screen,
    reader: &Reader,
    sources: sources::Read,
) -> anyhow::Result<()> {
    let (files, event) = match read(reader, sources) {
        Ok((files, declarations)) => {
            let applied = apply::apply(client, &declarations).await?;
            (files, Event::Applied(applied))
        }
        Err((files, problems)) => (files, Event::Refused { problems }),
    };
    screen.tell(&event, &files).map_err(Into::into)
}
