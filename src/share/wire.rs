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

/// Which blocks there are to be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShareBlocks {
    /// None, for this reason.
    None(String),
    /// What happens from now on: whoever comes begins with the world as it is.
    Passing,
    /// All of what there is, for everybody from its beginning.
    Whole,
}

impl ShareBlocks {
    /// Bytes of what is kept from its beginning, at the most.
    pub const KEPT: usize = 64 << 20;

    /// There are none, because there would be more of them.
    pub fn too_large(what: &str) -> Self {
        Self::None(format!("{what} has more than {} MiB", Self::KEPT >> 20))
    }
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
        /// Which blocks there are to be had.
        blocks: ShareBlocks,
    },
    /// From now on there are these: what comes is another recording.
    Blocks(ShareBlocks),
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
    /// Bytes of a recording as they are in its file.
    Stored {
        /// It begins with these.
        first: bool,
        /// They.
        bytes: Vec<u8>,
    },
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
