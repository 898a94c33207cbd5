//! The line being typed: editing, and completion of commands.

use crate::event::{Command, Fd, FileKind, GRAMMAR, LaneId, Mistake};
use crate::lesson::line;
use crate::model::World;

use super::action::{Direction, Reach};

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
}

impl LineEntry {
    /// The longest line, in characters.
    pub const MAX: usize = 1000;

    /// A line that begins as `text`.
    pub fn new(purpose: Purpose, text: String) -> Self {
        Self { purpose, caret: text.chars().count(), text, error: None }
    }

    /// What stands before the line.
    pub fn prompt(&self) -> String {
        match self.purpose {
            Purpose::Command => ":".to_owned(),
            Purpose::Filter => "/".to_owned(),
            Purpose::Send(fd) => format!("client of fd {fd} sends> "),
            Purpose::Answer => "your answer> ".to_owned(),
            Purpose::Try => "try> ".to_owned(),
        }
    }

    fn byte(&self, caret: usize) -> usize {
        self.text.char_indices().nth(caret).map_or(self.text.len(), |(at, _)| at)
    }

    /// Inserts `text` at the cursor, without what could act on a terminal or end the line.
    pub fn insert(&mut self, text: &str) {
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
        self.error = None;
    }

    /// Deletes a character.
    pub(crate) fn erase(&mut self, step: Direction) {
        self.error = None;
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
        let end = self.text.chars().count();
        self.caret = match (reach, step) {
            (Reach::End, Direction::Back) => 0,
            (Reach::End, Direction::On) => end,
            (_, Direction::Back) => self.caret.saturating_sub(1),
            (_, Direction::On) => (self.caret + 1).min(end),
        };
    }

    /// The words that could stand where the last word is being typed.
    pub(crate) fn candidates(&self, world: &World) -> Vec<String> {
        let text = self.text.trim_start();
        let last = text.rsplit(' ').next().unwrap_or("");
        let first = |words: &[(&str, &str, &str)]| words.iter().map(|w| w.0.to_owned()).collect();
        let all: Vec<String> = match (self.purpose, text.split_once(' ')) {
            (Purpose::Command, None) => first(&GRAMMAR),
            (Purpose::Command, Some((word, rest))) => arguments(word, rest, world),
            (Purpose::Try, None) => first(&line::GRAMMAR),
            (Purpose::Try, Some((word, rest))) => parts(word, rest, world),
            (Purpose::Filter | Purpose::Send(_) | Purpose::Answer, _) => Vec::new(),
        };
        all.into_iter().filter(|word| word.starts_with(last)).collect()
    }

    /// Completes the last word as far as it is certain.
    pub fn complete(&mut self, world: &World) {
        let candidates = self.candidates(world);
        let Some(first) = candidates.first() else { return };
        let sure = candidates.iter().fold(first.as_str(), |sure, word| common(sure, word));
        let from = self.text.rfind(' ').map_or(0, |at| at + 1);
        let mut text = format!("{}{sure}", &self.text[..from]);
        if candidates.len() == 1 {
            text.push(' ');
        }
        *self = Self::new(self.purpose, text);
    }

    /// The grammar's lines for the command being typed, or for those it could become.
    pub(crate) fn usages(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        let typed = self.text.trim_start();
        let fits = |word: &str| match typed.split_once(' ') {
            Some((name, _)) => word == name,
            None => word.starts_with(typed),
        };
        let grammar = if self.purpose == Purpose::Try { &line::GRAMMAR[..] } else { &GRAMMAR[..] };
        grammar.iter().copied().filter(|(word, ..)| fits(word)).collect()
    }

    /// The command that the line is, if it is one.
    ///
    /// # Errors
    /// What was wrong with it, in words.
    pub fn command(&self) -> Result<Command, String> {
        match self.purpose {
            Purpose::Command => Command::parse(&self.text).map_err(|e| e.to_string()),
            Purpose::Filter => Ok(Command::Filter(self.text.trim().to_owned())),
            Purpose::Send(fd) => Ok(Command::Send(Some(fd.into()), self.text.clone())),
            // These lines are the lesson's.
            Purpose::Answer | Purpose::Try => Err("no lesson is open".to_owned()),
        }
    }
}

fn common<'a>(one: &'a str, other: &str) -> &'a str {
    let same = one.chars().zip(other.chars()).take_while(|(a, b)| a == b);
    &one[..same.map(|(c, _)| c.len_utf8()).sum()]
}

/// The bits that a learner may ask for.
const MASK: [&str; 7] = ["IN", "OUT", "PRI", "RDHUP", "ET", "ONESHOT", "EXCLUSIVE"];

/// What can stand at the end of a line of the learner's, by the grammar.
fn parts(word: &str, typed: &str, world: &World) -> Vec<String> {
    let Some((_, usage, _)) = line::GRAMMAR.iter().find(|(name, ..)| *name == word) else {
        return Vec::new();
    };
    let (done, last) = typed.rsplit_once(' ').unwrap_or(("", typed));
    let done: Vec<_> = done.split_whitespace().collect();
    let usage: Vec<_> = usage.split(' ').collect();
    let repeats = usage.last() == Some(&"...");
    let place = if repeats { done.len() % (usage.len() - 1) } else { done.len() };
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    if word == "wait" && place > 0 {
        // Options come in any order, each with its value.
        return match done.last() {
            Some(&"thread") => threads(world),
            _ if place % 2 == 0 => Vec::new(),
            _ => owned(&["max", "timeout", "thread"]),
        };
    }
    match usage.get(place).copied() {
        Some("EP") => files(world, |what| what == FileKind::Epoll),
        Some("LISTENER") => files(world, |what| what == FileKind::Listener),
        Some("FD") => files(world, |_| true),
        Some("THREAD") => threads(world),
        Some("KIND") => line::kinds().map(str::to_owned).collect(),
        Some("MASK") => {
            let before = last.rfind('|').map_or("", |bar| &last[..=bar]);
            let free = |bit: &&&str| !before.split('|').any(|has| has == **bit);
            MASK.iter().filter(free).map(|bit| format!("{before}{bit}")).collect()
        }
        Some("as") => owned(&["as"]),
        Some(words) if words.contains('|') => words.split('|').map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn files(world: &World, wanted: impl Fn(FileKind) -> bool) -> Vec<String> {
    let files = world.files.values().filter(|file| wanted(file.what));
    let mut names: Vec<_> = files.map(|file| file.name.to_string()).collect();
    names.sort();
    names
}

/// The threads that a line can name: every one but the main thread.
fn threads(world: &World) -> Vec<String> {
    let names = world.lanes.iter().filter_map(|lane| lane.name.as_deref());
    names.filter(|name| *name != "main").map(str::to_owned).collect()
}

/// The words that the grammar allows among the arguments of `word` and that are not yet there.
fn arguments(word: &str, typed: &str, world: &World) -> Vec<String> {
    let Some((_, usage, _)) = GRAMMAR.iter().find(|(name, ..)| *name == word) else {
        return Vec::new();
    };
    let mut words = Vec::new();
    for part in usage.split([' ', '|']).map(|p| p.trim_matches(['[', ']'])) {
        match part {
            "fd=N" => {
                let mut fds: Vec<_> = world.fds.keys().collect();
                fds.sort_unstable();
                words.extend(fds.into_iter().map(|fd| format!("fd={fd}")));
            }
            // A number is typed.
            "client=N" => words.push("client=".to_owned()),
            "T1" => words.extend(
                world.lanes.iter().filter(|l| l.id != LaneId::TOOL).map(|l| l.id.to_string()),
            ),
            "NAME" => words.extend(Mistake::ALL.iter().map(|m| m.word().to_owned())),
            _ if part.chars().all(|c| c.is_ascii_lowercase() || c == '_') => {
                words.push(part.to_owned());
            }
            _ => {}
        }
    }
    let done: Vec<_> = typed.rsplit_once(' ').map_or("", |(done, _)| done).split(' ').collect();
    words.retain(|word| !done.contains(&word.as_str()));
    words
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
    }

    #[test]
    fn a_line_to_try_is_completed_by_its_grammar() {
        let tries = |text: &str| {
            let entry = LineEntry::new(Purpose::Try, text.to_owned());
            entry.candidates(&World::default())
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
