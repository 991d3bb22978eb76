//! What dev mode tells: text with a live line for people, JSON lines for programs.

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Serialize;

use super::apply::Applied;
use super::args::OutputFormat;
use super::rates::Rates;
use super::snippet::{self, Paint};
use crate::documents::{Problem, SourceFile};

/// Something that happened. In JSON it is an object with `event` and these fields.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// The broker serves, and the files are applied. Follows `applied`.
    Ready {
        /// Where Google Pub/Sub is served.
        pubsub: SocketAddr,
        /// The admin API's URL.
        admin: String,
        /// Where the data is.
        data: PathBuf,
        /// The cluster's id.
        cluster_id: String,
        /// The version of this program.
        version: &'static str,
        /// From the start of the process until now.
        took_ms: u64,
    },
    /// The files were applied.
    Applied(Applied),
    /// The files are wrong; what was applied before stays.
    Refused {
        /// Everything that is wrong.
        problems: Vec<Problem>,
    },
    /// The broker could not be asked to hold what the files declare; it is tried again until it can.
    Failed {
        /// Why.
        message: String,
    },
    /// Somebody asked to stop.
    Stopping {
        /// SIGINT or SIGTERM.
        signal: &'static str,
    },
    /// The broker has stopped in order.
    Stopped,
}

/// Where events are told.
#[derive(Debug)]
pub struct Screen {
    format: OutputFormat,
    /// Whether a live line makes sense.
    live: bool,
    /// Whether it is there now.
    drawn: bool,
    paint: Paint,
}

impl Screen {
    /// Tells on standard output in `format`.
    #[must_use]
    pub fn new(format: OutputFormat) -> Self {
        let live = format == OutputFormat::Text && io::stdout().is_terminal();
        Self {
            format,
            live,
            drawn: false,
            paint: Paint::of_environment(live),
        }
    }

    /// Tells `event`. `files` are what its problems speak of.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn tell(&mut self, event: &Event, files: &[SourceFile]) -> io::Result<()> {
        self.erase()?;
        let mut out = io::stdout().lock();
        match self.format {
            OutputFormat::Json => {
                writeln!(out, "{}", serde_json::to_string(event).map_err(io::Error::other)?)?
            }
            OutputFormat::Text => out.write_all(self.text(event, files).as_bytes())?,
        }
        out.flush()
    }

    /// Whether [`Screen::live`] shows anything.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// Draws the line of rates over the one before.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn live(&mut self, rates: &Rates) -> io::Result<()> {
        if !self.live {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        write!(out, "\r\x1b[2K{}", self.paint.dim(&rates.to_string()))?;
        self.drawn = true;
        out.flush()
    }

    fn erase(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.drawn) {
            write!(io::stdout().lock(), "\r\x1b[2K")
        } else {
            Ok(())
        }
    }

    fn text(&self, event: &Event, files: &[SourceFile]) -> String {
        let paint = &self.paint;
        match event {
            Event::Ready {
                pubsub,
                admin,
                data,
                version,
                took_ms,
                ..
            } => {
                let host = snippet::reachable(*pubsub);
                format!(
                    "{title} {version} serves after {took_ms} ms; its data is in {data}\n\
                     \n  Google Pub/Sub     {pubsub}\
                     \n                     {export}\
                     \n  Metrics            {admin}/metrics\
                     \n  Admin API          {admin}/v1/status\n\
                     \nCtrl-C stops it; the data stays.\n",
                    title = paint.bold("Postroad"),
                    data = data.display(),
                    export = paint.green(&format!("export PUBSUB_EMULATOR_HOST={host}")),
                )
            }
            Event::Applied(applied) => self.applied(applied, files),
            Event::Refused { problems } => {
                format!(
                    "{}What was declared before stays as it is.\n",
                    snippet::problems(problems, files, paint)
                )
            }
            Event::Failed { message } => {
                format!("the files can't be applied now: {message}; it is tried again\n")
            }
            Event::Stopping { signal } => format!("{signal}: stopping\n"),
            Event::Stopped => "stopped\n".to_owned(),
        }
    }

    fn applied(&self, applied: &Applied, files: &[SourceFile]) -> String {
        let mut text = String::new();
        let lines = |word: &str, names: &[String]| -> String {
            names.iter().map(|name| format!("{word:<9} {name}\n")).collect()
        };
        text.push_str(&lines("created", &applied.created));
        text.push_str(&lines("updated", &applied.updated));
        for name in &applied.released {
            text.push_str(&format!(
                "{:<9} {name}: it is in no file any more; it stays with its messages, and any client may delete it\n",
                "released"
            ));
        }
        if applied.unchanged > 0 {
            text.push_str(&format!("unchanged {}\n", applied.unchanged));
        }
        text.push_str(&snippet::problems(&applied.problems, files, &self.paint));
        text
    }
}
