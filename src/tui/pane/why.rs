//! The Why sentence: the product. It is computed from the model, never canned.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::{RenderContext, TimelinePane};
use crate::event::TimeUnit;
use crate::text::{Sentence, Subject, why};
use crate::tui::draw::{Row, cells};
use crate::tui::keymap;
use crate::tui::theme::Role;
use crate::tui::ui::{UiContext, WhyTopic};
use crate::tui::words;

/// Draws the sentence about what is selected.
pub(crate) struct Why<'a>(pub RenderContext<'a>);

impl Why<'_> {
    /// The pane's title: what the sentence is about.
    pub(crate) fn title(look: &RenderContext<'_>) -> Vec<String> {
        let about = match (look.ui.topic, look.ui.watch) {
            (WhyTopic::Event, _) => format!("event {}", words::count(look.world().seq.0)),
            (WhyTopic::Lane, _) => look.world().lane_name(look.ui.lane),
            (WhyTopic::Watch, Some(key)) => look.world().watch_name(key),
            (WhyTopic::Watch, None) => return vec!["Why".to_owned()],
        };
        vec!["Why".to_owned(), about]
    }

    fn sentence(&self) -> Sentence {
        let RenderContext { scene, ui, .. } = self.0;
        let plain = |text: &str| Sentence { text: text.to_owned(), how: text.len(), remedy: None };
        if self.0.within_step() {
            return plain(
                "The lists are read after the step. Until then they are drawn as they were before \
                 it: what its calls do to them is not seen yet.",
            );
        }
        match (ui.topic, ui.watch) {
            (WhyTopic::Event, _) => match scene.journal.get(scene.world.seq) {
                Some(event) => why(self.0.world(), Subject::Event(&event)),
                None => plain("This event has been dropped from the history."),
            },
            (WhyTopic::Lane, _) => why(self.0.world(), Subject::Lane(ui.lane)),
            (WhyTopic::Watch, Some(key)) => why(self.0.world(), Subject::Watch(key)),
            (WhyTopic::Watch, None) if scene.world.labelled => plain("Nothing is registered."),
            (WhyTopic::Watch, None) => Sentence::default(),
        }
    }
}

impl Why<'_> {
    /// What it says, in one line and without any key.
    pub(crate) fn said(&self) -> String {
        let sentence = self.sentence();
        if self.0.foretells() { sentence.text } else { unforetold(&sentence) }
    }
}

/// A Why sentence without what follows from it.
pub(crate) fn unforetold(sentence: &Sentence) -> String {
    let how = sentence.how_it_is();
    let gap = if how.is_empty() { "" } else { " " };
    format!("{how}{gap}What comes next is yours to predict.")
}

impl Why<'_> {
    /// How many marks share a column of the timeline with the viewed event.
    fn crowd(&self) -> Option<String> {
        let ui = self.0.ui;
        let is_told = ui.topic == WhyTopic::Event && !ui.keyless;
        let crowd = TimelinePane::crowd(&self.0).filter(|_| is_told)?;
        let of = match self.0.world().clock {
            TimeUnit::Nanoseconds => format!(" of {}", words::brief(crowd.within)),
            TimeUnit::Steps => String::new(),
        };
        let key = keymap::zoom_in();
        Some(format!("{} marks share this column{of}: {key} parts them.", crowd.count))
    }

    /// How to connect, as long as nobody is: in a sentence, and in few words.
    fn invitation(&self) -> Option<[String; 2]> {
        let scene = &self.0.scene;
        let line = &scene.header.facts.invitation;
        let nobody = scene.world.clients() == 0 && self.0.ui.topic == WhyTopic::Watch;
        (nobody && !line.is_empty()).then(|| {
            [
                format!(
                    "Nobody is connected. Type `{line}` in another window, or press c for a \
                     built-in client."
                ),
                format!("Type `{line}`, or press c."),
            ]
        })
    }

    /// Where to begin, until a key is pressed or somebody connects.
    fn greeting(&self) -> Option<String> {
        let [lessons, help] = keymap::beginnings()?;
        self.0.ui.is_fresh().then(|| {
            format!(
                "New here? {lessons} opens the lessons (epollscope lesson), {help} explains \
                 every word."
            )
        })
    }

    /// What is said as long as nobody is connected: as much of it as there is room for.
    fn opening(&self, text: &str, columns: usize, rows: usize) -> Option<Vec<String>> {
        let [invitation, short] = self.invitation()?;
        let greeting = self.greeting();
        let greeting = greeting.map_or_else(Vec::new, |text| words::wrap(&text, columns));
        let texts = [format!("{invitation} {text}"), invitation, short];
        let said = texts.iter().flat_map(|text| {
            let lines = words::wrap(text, columns);
            [[lines.clone(), greeting.clone()].concat(), lines]
        });
        let mut said: Vec<_> = said.collect();
        // The greeting goes before the sentence, which is there again after the first key.
        if !greeting.is_empty() {
            said.swap(1, 2);
        }
        let fits = said.iter().position(|lines| lines.len() <= rows);
        Some(said.swap_remove(fits.unwrap_or(said.len() - 1)))
    }
}

impl Widget for Why<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let look = self.0;
        let columns = usize::from(area.width.saturating_sub(2));
        let inner =
            Rect { x: area.x.saturating_add(1), width: area.width.saturating_sub(2), ..area };
        let sentence = self.sentence();
        let mut text = sentence.text.clone();
        if !look.foretells() {
            text = unforetold(&sentence);
        } else if let Some(remedy) = sentence.remedy.filter(|_| look.ui.place == UiContext::Server)
        {
            text = format!("{text} Press {}.", keymap::remedy(remedy));
        }
        if let Some(crowd) = self.crowd() {
            text = format!("{text} {crowd}");
        }
        let rows = usize::from(area.height);
        let ellipsis = look.theme.glyphs.ellipsis;
        let lines = self.opening(&text, columns, rows);
        let lines = lines.unwrap_or_else(|| words::paragraph(&text, columns, rows, ellipsis));
        for (n, line) in lines.iter().enumerate() {
            Row::new(buf, inner, cells(n)).put(line, look.style(Role::Text));
        }
    }
}
