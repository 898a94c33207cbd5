//! What the session and the process that serves viewers tell each other.

use serde::{Deserialize, Serialize};

use super::FilmSize;
use super::ask::{ClassQuestion, ClassTally, ClassTruth};
use crate::record::Block;

/// The page that viewers get.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharePage {
    /// It, as a whole.
    pub html: String,
    /// What it may load and run, as its `Content-Security-Policy`.
    pub policy: String,
}

/// What the session tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Telling {
    /// How viewers are served: the first message.
    Begin {
        /// The code that they must know.
        code: String,
        /// The name by which they know this machine.
        name: Option<String>,
        /// The page that shows the film.
        page: SharePage,
        /// Whether there are blocks to be had.
        blocks: bool,
    },
    /// What frames are painted with: a line of JSON.
    FilmHead(FilmSize, String),
    /// A frame: a line of JSON.
    Film {
        /// The size of its screen.
        size: FilmSize,
        /// It needs no frame before it.
        key: bool,
        /// The line.
        line: String,
    },
    /// A block of a recording; that of its head comes first.
    Block(Block),
    /// A question to those who watch; none is open any more.
    Ask(ClassQuestion),
    /// No more answers are taken to the question with that number.
    CloseAnswers(u32),
    /// What was right in it.
    Solve(u32, ClassTruth),
    /// There are no more questions: viewers see how they did.
    NoMoreQuestions,
    /// Nothing more comes, for this reason.
    Bye(String),
}

/// Who watches something, and from where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wanted {
    /// Nobody.
    #[default]
    No,
    /// All who do go on from where they are.
    More,
    /// Somebody waits for a whole picture to begin with.
    Whole,
}

/// What the process that serves viewers tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Reported {
    /// Who watches.
    Watched(ShareReport),
    /// What the answers to a question come to.
    Answered(ClassTally),
}

/// Who watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareReport {
    /// Who watches.
    pub viewers: u32,
    /// Those of them who do not keep up.
    pub slow: u32,
    /// Requests that were refused.
    pub refused: u64,
    /// The films that are wanted, in the order of the sizes.
    pub films: [Wanted; FilmSize::ALL.len()],
    /// Whether blocks are.
    pub blocks: Wanted,
}

impl ShareReport {
    /// Whether somebody waits for a whole picture of something.
    pub(super) fn waits(&self) -> bool {
        self.films.iter().chain([&self.blocks]).any(|wanted| *wanted == Wanted::Whole)
    }
}
