//! The lessons to choose from, by topic. Pure: state, keys, drawing.

use std::collections::BTreeMap;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use crate::event::{Header, visible};
use crate::history::History;
use crate::lesson::case::Case;
use crate::lesson::catalog::LessonTopic;
use crate::lesson::course::Score;
use crate::tui::action::{Direction, EditAction, KeyAction, LessonAction, Reach};
use crate::tui::draw::{Accent, Align, Row, borders, cells, first_row, heading, inside, sign_cuts};
use crate::tui::entry::{LineEntry, Purpose};
use crate::tui::key::KeyPress;
use crate::tui::keymap;
use crate::tui::layout::{SMALLEST, strip};
use crate::tui::pane::{Help, Hints, Prompt, RenderContext, TooSmall};
use crate::tui::spots::{Spot, Spots, on_screen};
use crate::tui::theme::{PLAIN, Role, Theme};
use crate::tui::ui::{ShareWish, Ui, UiContext, UiRequest};
use crate::tui::words;

/// The menu.
pub struct Menu {
    topics: Vec<LessonTopic>,
    /// The chosen lesson, counted through all topics.
    chosen: usize,
    /// The words by which lessons are looked for.
    search: String,
    /// How the lessons came out that were gone through; `None` for those left before their end.
    scores: BTreeMap<String, Option<Score>>,
    /// The screen's state.
    pub ui: Ui,
}

/// What was decided in the menu.
pub(crate) enum MenuChoice {
    /// This lesson begins.
    Begin(Box<Case>),
    /// No more lessons: back to where the menu was opened.
    Leave,
}

/// A row of the list.
enum Entry<'a> {
    Blank,
    Topic(&'a str),
    Lesson(usize, &'a Case),
}

/// Rows of a page.
const PAGE: usize = 10;
/// Rows of the paragraph about the chosen lesson, with its title.
const ABOUT: u16 = 6;
/// Columns beyond which a line is hard to read.
const READABLE: u16 = 110;

impl Menu {
    /// The menu of these lessons.
    pub fn new(topics: Vec<LessonTopic>, done: &BTreeMap<String, Score>, size: (u16, u16)) -> Self {
        let ui = Ui { size, place: UiContext::Menu, ..Ui::default() };
        let scores = done.iter().map(|(id, score)| (id.clone(), Some(*score))).collect();
        Self { topics, chosen: 0, search: String::new(), scores, ui }
    }

    fn lessons(&self) -> impl Iterator<Item = &Case> {
        self.topics.iter().flat_map(|topic| &topic.lessons)
    }

    /// The chosen lesson.
    pub fn chosen(&self) -> Option<&Case> {
        self.lessons().nth(self.chosen).filter(|case| self.fits(case))
    }

    /// The lesson that follows one.
    pub(super) fn after(&self, id: &str) -> Option<&Case> {
        self.lessons().skip_while(|case| case.id != id).nth(1)
    }

    /// Chooses the lesson that follows one.
    pub(super) fn go_on_from(&mut self, id: &str) -> Option<Case> {
        let next = self.after(id)?.clone();
        let place = self.lessons().position(|case| case.id == next.id);
        self.chosen = place?;
        Some(next)
    }

    /// Remembers how a lesson came out, if it was better than before; `None` if it was left before
    /// its end.
    pub fn note(&mut self, id: &str, score: Option<Score>) {
        let better = match (self.scores.get(id).copied().flatten(), score) {
            (Some(best), Some(score)) => score.is_better_than(best),
            (Some(_), None) => false,
            (None, _) => true,
        };
        if better {
            self.scores.insert(id.to_owned(), score);
        }
    }

    /// Whether each of the words that are looked for is in what is said of a lesson.
    fn fits(&self, case: &Case) -> bool {
        let topic = case.topic.as_deref().unwrap_or_default();
        let level = case.level.to_string();
        let said = [&case.title, &case.id, topic, &level, &case.about, &case.tags.join(" ")];
        let said = said.map(str::to_lowercase).join(" ");
        self.search.to_lowercase().split_whitespace().all(|word| said.contains(word))
    }

    /// The lessons that fit what is looked for, by their numbers.
    fn found(&self) -> Vec<usize> {
        let all = self.lessons().enumerate();
        all.filter(|(_, case)| self.fits(case)).map(|(number, _)| number).collect()
    }

    /// What is looked for has changed: one of those that fit is chosen.
    fn searched(&mut self) {
        if let Some(entry) = &self.ui.entry {
            self.search.clone_from(&entry.text);
        }
        let found = self.found();
        if !found.contains(&self.chosen) {
            self.chosen = found.first().copied().unwrap_or(self.chosen);
        }
    }

    /// All lessons again; if they are there already, no more lessons.
    fn clear(&mut self) -> Option<MenuChoice> {
        let nothing = self.ui.entry.take().is_none() && self.search.is_empty();
        self.search.clear();
        nothing.then_some(MenuChoice::Leave)
    }

    /// Takes pasted text.
    pub(super) fn paste(&mut self, text: &str) {
        if let Some(entry) = &mut self.ui.entry {
            entry.insert(text);
            self.searched();
        }
    }

    fn edit(&mut self, action: EditAction) {
        let Some(entry) = &mut self.ui.entry else { return };
        match action {
            EditAction::Insert(c) => entry.insert(c.encode_utf8(&mut [0; 4])),
            EditAction::Erase(by) => entry.erase(by),
            EditAction::EraseAll => *entry = LineEntry::new(Purpose::Search, String::new()),
            EditAction::Caret(reach, by) => entry.go(reach, by),
            // Its keys have other meanings in a search.
            EditAction::Submit
            | EditAction::Cancel
            | EditAction::Complete
            | EditAction::Choose(_) => {}
        }
        self.searched();
    }

    /// Takes a key; a decision may come out.
    pub(crate) fn key(&mut self, press: KeyPress) -> Option<MenuChoice> {
        self.ui.message = None;
        match keymap::action(self.ui.mode(), press)? {
            KeyAction::Lesson(LessonAction::Begin) => {
                let case = self.chosen().cloned()?;
                self.ui.entry = None;
                return Some(MenuChoice::Begin(Box::new(case)));
            }
            KeyAction::Lesson(LessonAction::Leave) => return Some(MenuChoice::Leave),
            KeyAction::Lesson(LessonAction::Search) => {
                self.ui.entry = Some(LineEntry::marked(Purpose::Search, self.search.clone()));
            }
            KeyAction::Clear => return self.clear(),
            KeyAction::Edit(action) => self.edit(action),
            KeyAction::Move(reach, step) => self.go(reach, step),
            KeyAction::Help => self.ui.help = if self.ui.help.is_some() { None } else { Some(0) },
            KeyAction::Share => {
                self.ui.request = Some(UiRequest::Share(ShareWish::Begin(None)));
            }
            KeyAction::Quit => self.ui.request = Some(UiRequest::Quit),
            KeyAction::Suspend => self.ui.request = Some(UiRequest::Suspend),
            _ => {}
        }
        None
    }

    fn go(&mut self, reach: Reach, step: Direction) {
        if Help::scroll(&mut self.ui, reach, step) {
            return;
        }
        let by = match reach {
            Reach::Row => 1,
            Reach::Page => PAGE,
            Reach::End => usize::MAX,
        };
        let found = self.found();
        let moved = |at: usize, last: usize| match step {
            Direction::Back => at.saturating_sub(by),
            Direction::On => at.saturating_add(by).min(last),
        };
        let at = found.iter().position(|number| *number == self.chosen).unwrap_or(0);
        let at = moved(at, found.len().saturating_sub(1));
        self.chosen = found.get(at).copied().unwrap_or(self.chosen);
    }

    fn entries(&self) -> Vec<Entry<'_>> {
        let mut entries = Vec::new();
        let mut number = 0;
        for topic in &self.topics {
            let first = number;
            number += topic.lessons.len();
            let numbered = (first..).zip(&topic.lessons);
            let lessons: Vec<_> = numbered.filter(|(_, lesson)| self.fits(lesson)).collect();
            if lessons.is_empty() {
                continue;
            }
            if !entries.is_empty() {
                entries.push(Entry::Blank);
            }
            entries.push(Entry::Topic(&topic.name));
            entries.extend(lessons.into_iter().map(|(number, one)| Entry::Lesson(number, one)));
        }
        entries
    }

    /// A click chooses a lesson, begins the chosen one, or does what the key does that is named
    /// there.
    pub(crate) fn click(&mut self, at: (u16, u16)) -> Option<MenuChoice> {
        let spots = Spots::default();
        self.draw(&PLAIN, Some(&spots), &mut Buffer::empty(on_screen(self.ui.size)));
        match spots.at(at)? {
            Spot::Key(press) => self.key(press),
            Spot::Row(number) if number == self.chosen => {
                let case = self.chosen().cloned()?;
                self.ui.entry = None;
                Some(MenuChoice::Begin(Box::new(case)))
            }
            Spot::Row(number) => {
                self.chosen = number;
                None
            }
            _ => None,
        }
    }

    /// The wheel moves the choice, or scrolls the help.
    pub(crate) fn wheel(&mut self, step: Direction) {
        self.go(Reach::Row, step);
    }

    /// Draws the menu.
    pub fn paint(&self, theme: &Theme, buf: &mut Buffer) {
        self.draw(theme, None, buf);
    }

    /// The same; where something stands is written into `spots`.
    fn draw(&self, theme: &Theme, spots: Option<&Spots>, buf: &mut Buffer) {
        let area = buf.area;
        buf.set_style(area, theme.base());
        if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
            TooSmall(theme, "the lessons wait; q quits").render(area, buf);
            return;
        }
        let count = words::plural(self.lessons().count() as u64, "lesson");
        let done = self.lessons().filter(|case| matches!(self.scores.get(&case.id), Some(Some(_))));
        let count = match done.count() {
            0 => count,
            done => format!("{count}, {done} done"),
        };
        let mut row = Row::new(buf, area, 0);
        row.put(" epollscope  ", theme.style(Role::Title)).put(&count, theme.style(Role::Text));
        if let Some(sharing) = &self.ui.sharing {
            row.put("  ", theme.style(Role::Text))
                .put(&sharing.badge(area.width), theme.style(Role::Badge));
        }
        row.put("  predict what epoll does, then watch the kernel do it", theme.style(Role::Dim));
        let (list, next) = strip(area, 1, area.height - 2 - ABOUT);
        let (about, _) = strip(area, next, ABOUT);
        borders(buf, &[(list, Accent::None), (about, Accent::None)], theme);
        let found = self.found();
        let at = found.iter().position(|number| *number == self.chosen).unwrap_or(0);
        let place = format!("{} of {}", at + 1, found.len());
        let order = match visible(self.search.trim().as_bytes(), 40) {
            words if words.is_empty() => "by topic, in teaching order".to_owned(),
            words => format!("with \"{words}\""),
        };
        let mut title = vec!["Lessons".to_owned(), order];
        title.extend(Some(place).filter(|_| self.chosen().is_some()));
        heading(buf, list, &title, theme, Accent::None);
        self.list(inside(list), theme, spots, buf);
        let title =
            self.chosen().map_or_else(String::new, |case| visible(case.title.as_bytes(), 90));
        heading(buf, about, &[title], theme, Accent::None);
        self.about(inside(about), theme, buf);
        let (nothing, header) = (History::default(), Header::default());
        let look =
            RenderContext { scene: nothing.scene(&header, None), ui: &self.ui, theme, spots };
        let hints = Rect { y: area.bottom() - 1, height: 1, ..area };
        Hints(look).render(hints, buf);
        if let Some(entry) = &self.ui.entry {
            Prompt(look, entry).render(area, buf);
        }
        if let Some(first) = self.ui.help {
            Help(look, first).render(Rect { y: 1, height: area.height - 2, ..area }, buf);
        }
        sign_cuts(buf, theme);
    }

    fn list(&self, area: Rect, theme: &Theme, spots: Option<&Spots>, buf: &mut Buffer) {
        let entries = self.entries();
        let is_chosen =
            |entry: &Entry<'_>| matches!(entry, Entry::Lesson(n, _) if *n == self.chosen);
        let at = entries.iter().position(is_chosen).unwrap_or(0);
        let rows = usize::from(area.height);
        let first = first_row(at, entries.len(), rows);
        for (n, entry) in entries.iter().skip(first).take(rows).enumerate() {
            let chosen = is_chosen(entry);
            if chosen {
                Row::new(buf, area, cells(n)).fill(theme.style(Role::Selected));
            }
            if let (Some(spots), Entry::Lesson(number, _)) = (spots, entry) {
                let here = Rect { y: area.y + cells(n), height: 1, ..area };
                spots.note(here, Spot::Row(*number));
            }
            let row = Row::new(buf, area, cells(n));
            self.entry(entry, chosen, theme, row);
        }
        let left = entries.len().saturating_sub(first + rows);
        if left > 0 && rows > 0 {
            let more = format!(" {} below ", words::plural(left as u64, "row"));
            Row::new(buf, area, area.height - 1).end(&more, theme.style(Role::Badge));
        }
        if entries.is_empty() {
            let text = if self.topics.is_empty() {
                " no lesson is part of this program: give the name of a file"
            } else {
                " no lesson has all of these words: Esc shows all again"
            };
            Row::new(buf, area, 0).put(text, theme.style(Role::Dim));
        }
    }

    fn entry(&self, entry: &Entry<'_>, chosen: bool, theme: &Theme, mut row: Row<'_>) {
        let style = |role| theme.style(role);
        match entry {
            Entry::Blank => {}
            Entry::Topic(name) => {
                let name = if name.is_empty() { "Other" } else { name };
                row.put(" ", style(Role::Text))
                    .put(&visible(name.as_bytes(), 80), style(Role::Title));
            }
            Entry::Lesson(_, case) => {
                let marker = if chosen { theme.glyphs.selected } else { " " };
                row.put(marker, style(Role::Focus)).put("  ", style(Role::Text));
                let wide = row.left().saturating_sub(36).min(READABLE);
                let role = if chosen { Role::Title } else { Role::Text };
                row.column(&visible(case.title.as_bytes(), 200), wide, Align::Left, style(role));
                row.column(&case.level.to_string(), 9, Align::Left, style(Role::Dim));
                let minutes = case.minutes.map_or_else(String::new, |n| format!("{n} min"));
                row.column(&minutes, 7, Align::Right, style(Role::Dim));
                let (text, role) = match self.scores.get(&case.id) {
                    Some(Some(score)) if score.asked > 0 => {
                        let role = if score.right == score.asked { Role::Good } else { Role::Data };
                        (format!(" {} of {} right", score.right, score.asked), role)
                    }
                    Some(Some(_)) => (" done".to_owned(), Role::Good),
                    Some(None) => (" left early".to_owned(), Role::Dim),
                    None => (String::new(), Role::Text),
                };
                row.put(&text, style(role));
            }
        }
    }

    fn about(&self, area: Rect, theme: &Theme, buf: &mut Buffer) {
        let Some(case) = self.chosen() else { return };
        let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
        let about: Vec<_> =
            case.about.split_whitespace().map(|word| visible(word.as_bytes(), 200)).collect();
        let columns = usize::from(inner.width.min(READABLE));
        let mut lines = words::wrap(&about.join(" "), columns);
        let rows = usize::from(inner.height);
        if lines.len() > rows {
            lines.truncate(rows);
            if let Some(last) = lines.last_mut() {
                last.push_str(" ...");
            }
        }
        for (n, line) in lines.iter().enumerate() {
            Row::new(buf, inner, cells(n)).put(line, theme.style(Role::Text));
        }
        if !case.needs.is_empty() && lines.len() < rows {
            let needs: Vec<_> = case.needs.iter().map(ToString::to_string).collect();
            let text = format!("It needs {}, which may want root.", needs.join(", "));
            Row::new(buf, inner, cells(lines.len())).put(&text, theme.style(Role::Dim));
        }
    }
}
