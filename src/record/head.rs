//! The first line of a recording.

use serde::{Deserialize, Serialize};

use super::date::utc;
use super::error::ReadError;
use super::{MODEL, WORDS};
use crate::event::{Header, vocabulary};

/// The longest first line.
pub(super) const LONGEST: usize = 64 << 10;

/// What the first line calls itself.
const NAME: &str = "recording";

vocabulary! {
    /// What a recording leaves out.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum Hidden {
        /// What was sent.
        Payload = "payload",
        /// Who sent it.
        Peers = "peers",
    }
}

/// What is known of a recording before its first event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingHead {
    /// What it is: `recording`.
    pub epollscope: String,
    /// The version of its vocabulary.
    pub words: u32,
    /// The version of the fold that has made its worlds.
    pub model: u32,
    /// The version of the program that wrote it.
    pub program: String,
    /// When the session began, in UTC (ISO 8601); `None` if that means nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// What is left out.
    pub hidden: Vec<Hidden>,
    /// What the session began with, and the version of the format.
    #[serde(flatten)]
    pub header: Header,
}

impl RecordingHead {
    /// That of a recording which this program writes.
    pub fn new(header: Header, hidden: &[Hidden]) -> Self {
        Self {
            epollscope: NAME.to_owned(),
            words: WORDS,
            model: MODEL,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            started: header.epoch.map(|epoch| iso(epoch / 1_000_000_000)),
            hidden: hidden.to_vec(),
            header,
        }
    }

    /// Whether its worlds mean something to this program.
    pub(crate) fn is_known(&self) -> bool {
        self.model == MODEL
    }

    /// The line, with its end.
    pub fn line(&self) -> Vec<u8> {
        // All its types are plain data.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }

    /// Reads the line.
    ///
    /// # Errors
    /// If it is none, or that of a later program.
    pub(super) fn parse(line: &[u8]) -> Result<Self, ReadError> {
        // What a later version has beside is not looked at before its number is.
        #[derive(Deserialize)]
        struct Version {
            epollscope: String,
            format: u32,
            words: u32,
            program: String,
        }
        let version: Version = serde_json::from_slice(line).map_err(|_| ReadError::NoRecording)?;
        if version.epollscope != NAME {
            return Err(ReadError::NoRecording);
        }
        if version.words > WORDS || version.format > Header::FORMAT {
            let Version { program, words, .. } = version;
            return Err(ReadError::Newer { program, words });
        }
        serde_json::from_slice(line).map_err(|_| ReadError::NoRecording)
    }
}

/// As ISO 8601 writes it, so many seconds after the Epoch.
fn iso(seconds: u64) -> String {
    let [year, month, day, hour, minute, second] = utc(seconds);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}
