//! Why bytes are no recording.

/// Why something cannot be replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is something else.
    #[error("is no recording; lines of --headless cannot be replayed: record with --record")]
    NoRecording,
    /// A later program has words that this one does not know.
    #[error(
        "was written by epollscope {program} (words {words}); this is {} and reads words {}",
        env!("CARGO_PKG_VERSION"),
        super::WORDS
    )]
    Newer {
        /// The version of the program.
        program: String,
        /// The version of its words.
        words: u32,
    },
    /// There are no events in it.
    #[error("holds no whole block")]
    Empty,
}
