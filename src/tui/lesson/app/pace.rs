//! How fast a lesson goes by: playing on by itself, and slow motion within a step.

use super::{LessonApp, LessonCommand};
use crate::event::Seq;
use crate::lesson::course::Phase;
use crate::tui::action::Direction as By;

/// Words that most people read in a minute.
pub(super) const USUAL: u64 = 200;
/// Paces of playing, in words a minute.
const READING_SPEEDS: [u64; 6] = [50, 100, 200, 400, 800, 1600];
/// Milliseconds for a letter, at the usual pace.
const LETTER: u64 = 55;
/// Milliseconds for a look at the panes, at the same pace.
const LOOK: u64 = 1500;
/// The longest rest, in milliseconds.
const REST: u64 = 20_000;

impl LessonApp {
    pub(super) fn play(&mut self) -> Option<LessonCommand> {
        self.playing = !self.playing;
        let text = if self.playing { "it plays on by itself: p stops it" } else { "stopped" };
        if self.playing && self.is_recorded() && self.viewed.is_none() {
            self.go_to(0);
        }
        self.app.ui.say(text);
        let own = self.playing && !self.is_recorded();
        (own && self.course().phase == Phase::Ready).then(|| self.next()).flatten()
    }

    pub(super) fn set_reading_speed(&mut self, by: By) {
        let now = self.words_a_minute;
        let next = match by {
            By::Back => READING_SPEEDS.iter().rev().find(|speed| **speed < now),
            By::On => READING_SPEEDS.iter().find(|speed| **speed > now),
        };
        self.words_a_minute = *next.unwrap_or(&now);
        let begins = if self.playing { "" } else { "; p plays" };
        self.app.ui.say(format!("it plays {} words a minute{begins}", self.words_a_minute));
    }

    /// How long what is shown should be left there before the next step is made by itself, if that
    /// is wanted; in milliseconds.
    pub(crate) fn pause_ms(&self) -> Option<u64> {
        let goes_on = if self.is_recorded() {
            self.viewed.is_some()
        } else {
            self.course().phase == Phase::Ready && self.viewed.is_none()
        };
        let waits = self.playing && goes_on && self.app.ui.play.is_none();
        if !waits || self.app.ui.entry.is_some() || self.app.ui.help.is_some() {
            return None;
        }
        Some(self.reading_ms())
    }

    /// How long it takes to read what is told now, at the chosen pace; in milliseconds.
    pub(crate) fn reading_ms(&self) -> u64 {
        let story = self.teller(80, &crate::tui::theme::ASCII).story(self.viewed, 0);
        let letters: usize = story.iter().map(|(line, _)| line.len()).sum();
        ((LOOK + letters as u64 * LETTER) * USUAL / self.words_a_minute).min(REST)
    }

    /// The time is over: the next step, unless there is a question.
    pub(crate) fn play_on(&mut self) -> Option<LessonCommand> {
        self.pause_ms()?;
        if self.is_recorded() {
            self.seek(By::On);
            self.playing &= self.viewed.is_some();
            self.own_or_not();
            return None;
        }
        let wish = self.next();
        self.playing &= self.course().phase != Phase::Finished;
        wish
    }

    /// Goes through what was made last, if that is wished for and has not been done.
    pub(crate) fn go_through(&mut self) {
        // That the actors were made is no step.
        let wished = self.slow && self.course().moments.len() > 1;
        let now = self.app.ui.past.is_none() && self.course().phase == Phase::Ready;
        if let Some(before) = self.before.take().filter(|_| wished && now)
            && self.go_through_since(before)
        {
            self.app.ui.say("slow motion: every key cuts it short, m ends it for good");
        }
    }

    /// Goes through what came after that event; whether anything did.
    pub(crate) fn go_through_since(&mut self, seen: Seq) -> bool {
        self.app.play_since(seen, &self.session.scene(self.app.ui.poller))
    }

    /// Slow motion at a time of the screen's clock: whether anything changed, and when the next step
    /// of it is due.
    pub(crate) fn advance(&mut self, now: u64) -> (bool, Option<u64>) {
        self.app.advance(now, &self.session.scene(self.app.ui.poller))
    }
}
