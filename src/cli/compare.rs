//! The command `compare`: its options, their bounds, and what they ask for.

use crate::event::Backend;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use super::ThemeChoice;
use super::options::Screen;
use super::values;
use crate::compare::ComparePlan;
use crate::error::Error;

/// The options of `compare`.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(super) struct CompareArgs {
    /// The loops, separated by commas; the others are compared with the first one. One may be named
    /// twice [default: those that can be had]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = values::loop_name)]
    loops: Vec<Backend>,
    /// Connect so many clients to each loop, 1 to 10000; with one, it and its server share a core
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = values::clients)]
    clients: u32,
    /// Let so many of them send requests [default: all]
    #[arg(long, value_name = "K", value_parser = values::clients)]
    active: Option<u32>,
    /// Send requests of so many bytes, 1 to 16384
    #[arg(long, value_name = "BYTES", default_value_t = 64, value_parser = values::request_size)]
    size: u32,
    /// Give each loop so many turns of 20 ms, 1 to 10000
    #[arg(long, value_name = "R", default_value_t = 20, value_parser = values::rounds)]
    rounds: u32,
    /// Measure what one wait costs by how many descriptors are watched, too; the screen always does
    #[arg(long)]
    curve: bool,
    /// Listen there for a client of your own, whose bytes go to every loop
    #[arg(long, value_name = "ADDR", value_parser = values::address)]
    mirror: Option<SocketAddr>,
    /// Print a JSON object a line instead of showing a screen
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print a table of comma-separated values instead of showing a screen
    #[arg(long, conflicts_with = "mirror")]
    csv: bool,
    #[command(flatten)]
    screen: Screen,
    /// End after this time with what has been measured: 500ms, 2s, 3m
    #[arg(long = "for", value_name = "DURATION", value_parser = values::duration)]
    duration: Option<Duration>,
}

/// How a comparison is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompareOutput {
    /// On a screen; as lines of JSON where there is none.
    Screen,
    /// As lines of JSON.
    Json,
    /// As comma-separated values.
    Csv,
}

/// What is compared, and how it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompareOptions {
    /// What is compared.
    pub plan: ComparePlan,
    /// Where a client of the person's own is listened for.
    pub mirror: Option<SocketAddr>,
    /// How it is shown.
    pub output: CompareOutput,
    /// Draw with ASCII characters only.
    pub ascii: bool,
    /// The colours, if not chosen by the terminal.
    pub theme: Option<ThemeChoice>,
    /// Take the mouse from the terminal.
    pub mouse: bool,
    /// End after that time.
    pub run_for: Option<Duration>,
}

impl CompareArgs {
    /// What is to be done, with the defaults where nothing was given.
    pub(super) fn resolve(self) -> Result<CompareOptions, Error> {
        let loops =
            if self.loops.is_empty() { crate::compare::AT_HAND.to_vec() } else { self.loops };
        if loops.len() > ComparePlan::MAX_LOOPS {
            let most = ComparePlan::MAX_LOOPS;
            return Err(Error::Usage(format!(
                "--loops names {} loops: {most} at most",
                loops.len()
            )));
        }
        let active = self.active.unwrap_or(self.clients);
        if active > self.clients {
            let clients = self.clients;
            return Err(Error::Usage(format!(
                "--active {active} of --clients {clients}: at most all"
            )));
        }
        if let Some(address) = self.mirror.filter(|a| !a.ip().to_canonical().is_loopback()) {
            return Err(Error::Usage(format!(
                "other machines could reach {address}: --mirror listens on this one only"
            )));
        }
        let output = match (self.json, self.csv) {
            (true, _) => CompareOutput::Json,
            (_, true) => CompareOutput::Csv,
            _ => CompareOutput::Screen,
        };
        let (clients, size, rounds, curve) = (self.clients, self.size, self.rounds, self.curve);
        let Screen { ascii, theme, mouse } = self.screen;
        Ok(CompareOptions {
            plan: ComparePlan { loops, clients, active, size, rounds, curve },
            mirror: self.mirror,
            output,
            ascii,
            theme,
            mouse,
            run_for: self.duration,
        })
    }
}
