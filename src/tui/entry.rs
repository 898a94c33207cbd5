//! The line being typed: editing, choosing from what it could become, and what was typed before.

mod suggest;
mod typed;

use crate::event::{Command, Fd, ScreenCommand};
use crate::model::World;

use super::action::{Direction, Reach};

pub(crate) use suggest::Suggestion;
pub(crate) use typed::TypedLines;

/// What the line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A command.
    Command,
    /// A filter.
    Filter,
    /// What the built-in client behind this descriptor sends.
    Send(Fd),
    /// The answer to a lesson's question.
    Answer,
    /// An action of the learner's own.
    Try,
    /// Words by which lessons are looked for.
    Search,
    /// The name of a file for others.
    ExportName,
}

/// A line with a cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineEntry {
    /// What it is for.
    pub purpose: Purpose,
    /// What has been typed.
    pub text: String,
    /// The cursor, in characters.
    pub caret: usize,
    /// What is wrong with it.
    pub error: Option<String>,
    /// The whole text is selected: what is typed takes its place.
    pub(crate) marked: bool,
    /// The chosen suggestion.
    pub(crate) chosen: Option<usize>,
    /// How many lines ago this one was typed, if it is an earlier one.
    recalled: Option<usize>,
    /// What stood here before an earlier line took its place.
    draft: String,
}

impl LineEntry {
    /// The longest line, in characters.
    pub const MAX: usize = 1000;

    /// A line that begins as `text`.
    pub fn new(purpose: Purpose, text: String) -> Self {
        Self {
            purpose,
            caret: text.chars().count(),
            text,
            error: None,
            marked: false,
            chosen: None,
            recalled: None,
            draft: String::new(),
        }
    }

    /// A line that begins as `text`, all of it selected.
    pub(crate) fn marked(purpose: Purpose, text: String) -> Self {
        Self { marked: !text.is_empty(), ..Self::new(purpose, text) }
    }

    /// Something is about to change in the line: what was chosen, and what is wrong, is over. Whether
    /// the whole of it was selected.
    fn touch(&mut self) -> bool {
        (self.error, self.chosen) = (None, None);
        std::mem::take(&mut self.marked)
    }

    /// What stands before the line.
    pub fn prompt(&self) -> String {
        match self.purpose {
            Purpose::Command => ":".to_owned(),
            Purpose::Filter => "/".to_owned(),
            Purpose::Send(fd) => format!("client of fd {fd} sends> "),
            Purpose::Answer => "your answer> ".to_owned(),
            Purpose::Try => "try> ".to_owned(),
            Purpose::Search => "search> ".to_owned(),
            Purpose::ExportName => "file> ".to_owned(),
        }
    }

    fn byte(&self, caret: usize) -> usize {
        self.text.char_indices().nth(caret).map_or(self.text.len(), |(at, _)| at)
    }

    /// Inserts `text` at the cursor, without what could act on a terminal or end the line.
    pub fn insert(&mut self, text: &str) {
        if self.touch() {
            self.text.clear();
            self.caret = 0;
        }
        let room = Self::MAX.saturating_sub(self.text.chars().count());
        // The lines of a paste stay apart.
        let text = text.trim_end_matches(['\r', '\n']).replace("\r\n", " ");
        let fit: String = text
            .chars()
            .map(|c| if ['\t', '\r', '\n'].contains(&c) { ' ' } else { c })
            .filter(|c| !c.is_control() && super::words::width(c.encode_utf8(&mut [0; 4])) > 0)
            .take(room)
            .collect();
        self.text.insert_str(self.byte(self.caret), &fit);
        self.caret += fit.chars().count();
    }

    /// Deletes a character.
    pub(crate) fn erase(&mut self, step: Direction) {
        if self.touch() {
            self.text.clear();
            self.caret = 0;
            return;
        }
        let at = match step {
            Direction::Back if self.caret == 0 => return,
            Direction::Back => self.caret - 1,
            Direction::On => self.caret,
        };
        let byte = self.byte(at);
        if byte < self.text.len() {
            self.text.remove(byte);
            self.caret = at;
        }
    }

    /// Moves the cursor.
    pub fn go(&mut self, reach: Reach, step: Direction) {
        self.marked = false;
        let end = self.text.chars().count();
        self.caret = match (reach, step) {
            (Reach::End, Direction::Back) => 0,
            (Reach::End, Direction::On) => end,
            (_, Direction::Back) => self.caret.saturating_sub(1),
            (_, Direction::On) => (self.caret + 1).min(end),
        };
    }

    /// What could stand where a word is being typed, the likeliest first.
    pub(crate) fn suggestions(&self, world: &World) -> Vec<Suggestion> {
        suggest::suggestions(self.purpose, &self.text, world)
    }

    /// The grammar's line for the command being typed, once it is.
    pub(crate) fn usage(&self) -> Option<&'static (&'static str, &'static str, &'static str)> {
        let (word, _) = self.text.trim_start().split_once(' ')?;
        suggest::usage(self.purpose, word)
    }

    /// Completes the word: to the chosen suggestion, else as far as it is certain, else to what is
    /// most like it.
    pub fn complete(&mut self, world: &World) {
        if self.take_chosen(world) {
            return;
        }
        let all = self.suggestions(world);
        let Some(first) = all.first() else { return };
        let same = || all.iter().filter(|one| one.begins);
        let sure = same().fold(first.word.as_str(), |sure, one| common(sure, &one.word)).to_owned();
        if same().count() > 1 {
            let at = first.place.start;
            self.text.replace_range(first.place.clone(), &sure);
            self.caret = self.text[..at + sure.len()].chars().count();
        } else {
            self.put(first);
        }
        self.error = None;
    }

    /// Takes the chosen suggestion into the line. Whether one was chosen.
    pub(crate) fn take_chosen(&mut self, world: &World) -> bool {
        let Some(chosen) = self.chosen.take() else { return false };
        let all = self.suggestions(world);
        if let Some(one) = all.get(chosen) {
            self.put(one);
        }
        true
    }

    /// A suggestion in the place of what was typed; at the end of the line a blank follows.
    fn put(&mut self, one: &Suggestion) {
        let last = one.place.end == self.text.len();
        let blank = if last && !one.word.ends_with('=') { " " } else { "" };
        self.text.replace_range(one.place.clone(), &format!("{}{blank}", one.word));
        self.caret = self.text.chars().count();
        self.error = None;
    }

    /// Whether nothing can follow what stands there: it need not be asked for a second time.
    pub(crate) fn is_whole(&self, world: &World) -> bool {
        let takes_text = self.usage().is_some_and(|(_, usage, _)| usage.contains("TEXT"));
        self.command().is_ok() && !takes_text && self.suggestions(world).is_empty()
    }

    /// Up and down: in the list of suggestions once one is chosen, from the line down into the list,
    /// and up to what was typed before.
    pub(crate) fn choose(&mut self, step: Direction, world: &World, typed: &TypedLines) {
        let len = self.suggestions(world).len();
        match (step, self.chosen) {
            (Direction::Back, Some(at)) => self.chosen = at.checked_sub(1),
            (Direction::On, Some(at)) => self.chosen = Some((at + 1).min(len.saturating_sub(1))),
            (Direction::Back, None) => self.recall(self.recalled.map_or(0, |at| at + 1), typed),
            (Direction::On, None) => match self.recalled {
                Some(0) => self.set(self.draft.clone(), None),
                Some(at) => self.recall(at - 1, typed),
                None => self.chosen = (len > 0).then_some(0),
            },
        }
    }

    /// The line that was typed so many lines ago takes the place of this one, if there is one.
    fn recall(&mut self, back: usize, typed: &TypedLines) {
        let Some(line) = typed.back(self.purpose, back).map(str::to_owned) else { return };
        if self.recalled.is_none() {
            self.draft.clone_from(&self.text);
        }
        self.set(line, Some(back));
    }

    fn set(&mut self, text: String, recalled: Option<usize>) {
        self.caret = text.chars().count();
        (self.text, self.recalled, self.marked, self.error) = (text, recalled, false, None);
    }

    /// The command that the line is, if it is one.
    ///
    /// # Errors
    /// What was wrong with it, in words.
    pub fn command(&self) -> Result<Command, String> {
        match self.purpose {
            Purpose::Command => Command::parse(&self.text).map_err(|e| e.to_string()),
            Purpose::Filter => Ok(ScreenCommand::Filter(self.text.trim().to_owned()).into()),
            Purpose::Send(fd) => Ok(Command::Send(Some(fd.into()), self.text.clone())),
            // These lines are the lesson's.
            Purpose::Answer | Purpose::Try | Purpose::Search => Err("no lesson is open".to_owned()),
            Purpose::ExportName => {
                Ok(ScreenCommand::Export(None, Some(self.text.trim().to_owned())).into())
            }
        }
    }
}

fn common<'a>(one: &'a str, other: &str) -> &'a str {
    let same = one.chars().zip(other.chars()).take_while(|(a, b)| a == b);
    &one[..same.map(|(c, _)| c.len_utf8()).sum()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn completes(text: &str, to: &str) {
        let mut entry = LineEntry::new(Purpose::Command, text.to_owned());
        entry.complete(&World::default());
        assert_eq!(entry.text, to);
    }

    #[test]
    fn words_are_completed_as_far_as_certain() {
        completes("tri", "trigger ");
        completes("re", "re");
        completes("trigger all e", "trigger all edge ");
        completes("mistake ig", "mistake ignore-eof ");
        completes("mistake ignore-eof o", "mistake ignore-eof o");
        completes("nonsense", "nonsense");
        completes("treads 2", "threads 2");
        completes("  pasue", "  pause ");
        completes("trigger all lv", "trigger all level ");
    }

    fn words(entry: &LineEntry) -> Vec<String> {
        entry.suggestions(&World::default()).into_iter().map(|one| one.word).collect()
    }

    #[test]
    fn the_likeliest_word_is_suggested_first() {
        for (text, first) in [
            ("treads 2", "threads"),
            ("thr", "threads"),
            ("tgr", "trigger"),
            ("hold", "pause"),
            ("mistake egnore", "ignore-eof"),
            ("backend iou", "io_uring"),
        ] {
            let entry = LineEntry::new(Purpose::Command, text.to_owned());
            assert_eq!(words(&entry).first().map(String::as_str), Some(first), "{text}");
        }
        for text in ["trigger all edge ", "pause ", "threads 2 ", "xyzzy"] {
            let entry = LineEntry::new(Purpose::Command, text.to_owned());
            assert_eq!(words(&entry), [""; 0], "{text}");
        }
    }

    #[test]
    fn every_suggestion_says_what_it_asks_for() {
        let world = World::default();
        for (command, ..) in crate::event::GRAMMAR {
            for text in [String::new(), format!("{command} "), format!("{command} all ")] {
                let entry = LineEntry::new(Purpose::Command, text);
                for one in entry.suggestions(&world) {
                    assert!(!one.about.is_empty(), "{command} {}", one.word);
                }
            }
        }
    }

    #[test]
    fn arrows_choose_from_the_list_and_go_back_to_earlier_lines() {
        let world = World::default();
        let mut typed = TypedLines::default();
        for line in ["pause", "client", "client", "run"] {
            typed.push(Purpose::Command, line);
        }
        typed.push(Purpose::Filter, "fd=7");
        let mut entry = LineEntry::new(Purpose::Command, "vi".to_owned());
        let press = |entry: &mut LineEntry, steps: &[Direction]| {
            for step in steps {
                entry.choose(*step, &world, &typed);
            }
            (entry.text.clone(), entry.chosen)
        };
        let (up, down) = (Direction::Back, Direction::On);
        assert_eq!(press(&mut entry, &[up]), ("run".to_owned(), None));
        assert_eq!(press(&mut entry, &[up, up, up, up]), ("pause".to_owned(), None));
        assert_eq!(press(&mut entry, &[down, down]), ("run".to_owned(), None));
        assert_eq!(press(&mut entry, &[down]), ("vi".to_owned(), None));
        assert_eq!(press(&mut entry, &[down]), ("vi".to_owned(), Some(0)));
        assert_eq!(press(&mut entry, &[up]), ("vi".to_owned(), None));
        press(&mut entry, &[down]);
        assert!(entry.take_chosen(&world));
        assert_eq!((entry.text.as_str(), entry.is_whole(&world)), ("view ", false));
        press(&mut entry, &[down, down]);
        assert!(entry.take_chosen(&world));
        assert_eq!((entry.text.as_str(), entry.is_whole(&world)), ("view timeline ", true));
    }

    #[test]
    fn what_is_typed_takes_the_place_of_what_is_selected() {
        let marked = || LineEntry::marked(Purpose::Filter, "fd=7".to_owned());
        let mut entry = marked();
        entry.insert("tcp");
        assert_eq!((entry.text.as_str(), entry.caret), ("tcp", 3));
        let mut entry = marked();
        entry.erase(Direction::Back);
        assert_eq!((entry.text.as_str(), entry.caret), ("", 0));
        let mut entry = marked();
        entry.go(Reach::Row, Direction::Back);
        entry.insert("1");
        assert_eq!(entry.text, "fd=17");
    }

    #[test]
    fn a_line_to_try_is_completed_by_its_grammar() {
        let tries = |text: &str| {
            let entry = LineEntry::new(Purpose::Try, text.to_owned());
            let all = entry.suggestions(&World::default()).into_iter();
            all.map(|one| one.word).collect::<Vec<_>>()
        };
        assert_eq!(tries("new x p"), ["pipe", "pair"]);
        assert_eq!(tries("add e p.r O"), ["OUT", "ONESHOT"]);
        assert_eq!(tries("poll p.r IN|O"), ["IN|OUT", "IN|ONESHOT"]);
        assert_eq!(tries("poll p.r IN q.r R"), ["RDHUP"]);
        assert_eq!(tries("wait e t"), ["timeout", "thread"]);
        assert_eq!(tries("wait e max "), [""; 0]);
        assert_eq!(tries("shutdown s r"), ["rd", "rdwr"]);
        assert_eq!(tries("dup s "), ["as"]);
    }

    #[test]
    fn a_paste_cannot_act() {
        let mut entry = LineEntry::new(Purpose::Command, "ab".to_owned());
        entry.caret = 1;
        entry.insert("x\u{1b}[2J\r\n\u{202e}y");
        assert_eq!((entry.text.as_str(), entry.caret), ("ax[2J yb", 7));
    }

    #[test]
    fn editing_keeps_the_caret_in_the_line() {
        let mut entry = LineEntry::new(Purpose::Filter, "é7".to_owned());
        entry.erase(Direction::On);
        entry.erase(Direction::Back);
        assert_eq!(entry.text, "é");
        entry.go(Reach::End, Direction::Back);
        entry.erase(Direction::Back);
        entry.erase(Direction::On);
        assert_eq!((entry.text.as_str(), entry.caret), ("", 0));
    }
}
