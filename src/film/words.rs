//! What cells lack: the sentences of all descriptors, which row is about which, the calls as text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::{Fd, Nanos, Seq};
use crate::model::EpollView;
use crate::text::{Subject, why};

/// The words of a screen. In a frame that is no key frame, only what changed of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilmWords {
    /// For each descriptor that is waited for why it is, or is not, on the ready list; `None` for one
    /// that no longer is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub why: BTreeMap<Fd, Option<String>>,
    /// The rows of the screen that are about a descriptor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Vec<FilmRow>>,
    /// The selected descriptor; -1 if none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fd: Option<Fd>,
    /// What the Why pane says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// What a lesson tells, if one is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub story: Option<String>,
    /// The calls since the screen before, the newest at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<FilmCall>,
}

/// Cells of a row that are about a descriptor: `[y, x, columns, fd]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilmRow(pub u16, pub u16, pub u16, pub Fd);

/// A call, or what else has a row of its own: `[seq, t, "T1 read(7, 64) = 3   \"abc\""]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilmCall(pub Seq, pub Nanos, pub String);

/// How much of a sentence is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sentences {
    /// All of it.
    Whole,
    /// How it is, without what follows from that: a question asks for just that.
    HowItIs,
}

impl FilmWords {
    /// No descriptor.
    pub const NONE: Fd = Fd(-1);
    /// Calls that a frame has at the most.
    pub const CALLS: usize = 16;
    /// Descriptors whose sentences are told, beside those on the screen.
    const WATCHED: usize = 256;

    /// The words of a world as it is seen: which rows are about which descriptor, and what is
    /// selected, the screen knows.
    pub fn of(
        world: EpollView<'_>,
        rows: Vec<FilmRow>,
        selected: Option<Fd>,
        told: Sentences,
    ) -> Self {
        let shown = |fd: Fd| rows.iter().any(|row| row.3 == fd);
        let all = world.watched().enumerate();
        let watched = all.filter(|(n, key)| *n < Self::WATCHED || shown(key.fd));
        let why = watched.map(|(_, key)| {
            let sentence = why(world, Subject::Watch(key));
            let text = match told {
                Sentences::Whole => sentence.text,
                Sentences::HowItIs => sentence.how_it_is().to_owned(),
            };
            (key.fd, Some(text))
        });
        let fd = Some(selected.unwrap_or(Self::NONE));
        Self { why: why.collect(), rows: Some(rows), fd, ..Self::default() }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What of these is not in `before`, all of which they follow.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let other = |(fd, text): &(&Fd, &Option<String>)| before.why.get(fd) != Some(text);
        let mut why: BTreeMap<_, _> =
            self.why.iter().filter(other).map(|(fd, text)| (*fd, text.clone())).collect();
        let gone = before.why.keys().filter(|fd| !self.why.contains_key(fd));
        why.extend(gone.map(|fd| (*fd, None)));
        Self {
            why,
            rows: self.rows.clone().filter(|_| self.rows != before.rows),
            fd: self.fd.filter(|_| self.fd != before.fd),
            says: self.says.clone().filter(|_| self.says != before.says),
            story: self.story.clone().filter(|_| self.story != before.story),
            calls: self.calls.clone(),
        }
    }

    /// Takes over what changed.
    pub(super) fn take(&mut self, changed: &Self) {
        for (fd, text) in &changed.why {
            match text {
                Some(text) => self.why.insert(*fd, Some(text.clone())),
                None => self.why.remove(fd),
            };
        }
        if changed.rows.is_some() {
            self.rows.clone_from(&changed.rows);
        }
        if changed.says.is_some() {
            self.says.clone_from(&changed.says);
        }
        if changed.story.is_some() {
            self.story.clone_from(&changed.story);
        }
        self.fd = changed.fd.or(self.fd);
        self.calls.extend_from_slice(&changed.calls);
        self.calls.drain(..self.calls.len().saturating_sub(Self::CALLS));
    }
}
