//! A session for many viewers: a process of its own serves them, over HTTP.
//!
//! ```text
//! the session's process                │ this program again: no thread, socket or epoll of it is
//!                                      │ the observed server's
//!   tui::share: frames, if anybody     │
//!   watches                            │            ┌─ /CODE         the page
//!        ├──> Share ═══ a pipe, never ═══> hub ─────┼─ /CODE/film    frames, as server-sent events
//!   sink::share: blocks    waited for  │   one ring  └─ /CODE/blocks  a recording without end
//!        Share <═══════ a pipe: who ═══════ of each for all
//!                        watches       │
//! ```
//!
//! A thread of the session's process sleeps until something is reported, and rings a bell: while
//! nothing is new nobody wakes.
//!
//! No viewer can slow the server: what finds no room in the pipe is dropped, and a viewer who does
//! not keep up loses its place in the ring. Both go on from a whole picture of how it is now.

mod ask;
mod bucket;
mod code;
mod http;
mod hub;
mod process;
mod progress;
mod reports;
mod ring;
mod serve;
mod wire;

use std::net::SocketAddr;

use crate::event::vocabulary;

pub use ask::{ClassForm, ClassQuestion, ClassTally, ClassTruth};
pub use code::ShareCode;
pub use process::{Share, ShareLook};
pub use serve::serve;
pub use wire::{ShareBlocks, SharePage, ShareReport, Telling, Wanted};

/// The word that makes this program such a process.
pub const SUBCOMMAND: &str = "share-process";

/// The port, unless the user says otherwise.
const PORT: u16 = 8001;

/// How a session is shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareOptions {
    /// Where viewers connect to.
    pub address: SocketAddr,
    /// The code that they must know, if it is not to be drawn.
    pub code: Option<ShareCode>,
    /// The name by which they know this machine, beside its addresses.
    pub name: Option<String>,
    /// Other machines may connect.
    pub lan: bool,
}

impl ShareOptions {
    /// The address, unless the user says otherwise.
    pub const ADDRESS: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), PORT);
}

impl Default for ShareOptions {
    fn default() -> Self {
        Self { address: Self::ADDRESS, code: None, name: None, lan: false }
    }
}

vocabulary! {
    /// The sizes of the screen that is shown.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
    pub enum FilmSize {
        /// For a screen that lies.
        Wide = "120x40",
        /// For one that stands.
        Small = "80x24",
    }
}

impl FilmSize {
    /// Its place in a list of all.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Its columns and rows.
    pub const fn cells(self) -> (u16, u16) {
        match self {
            Self::Wide => (120, 40),
            Self::Small => (80, 24),
        }
    }
}
