//! What could stand where a word is being typed: the words of the grammar and of what there is, those
//! first that are most like what has been typed, each with what it asks for.

use std::ops::Range;

use super::Purpose;
use crate::event::{Command, Fd, FileKind, GRAMMAR, LaneId, Mistake, VALUES, likeness};
use crate::lesson::line;
use crate::model::{LaneState, OpenFile, ThreadLane, World};
use crate::tui::words;

/// A word that could stand where one is being typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Suggestion {
    /// The word.
    pub(crate) word: String,
    /// What can follow it.
    pub(crate) usage: &'static str,
    /// What it asks for.
    pub(crate) about: String,
    /// Whether it begins with what has been typed.
    pub(super) begins: bool,
    /// The bytes of the line that it takes the place of.
    pub(super) place: Range<usize>,
}

/// A word with what can follow it and what it asks for, not yet compared with what is typed.
type Candidate = (String, &'static str, String);

type Usage = (&'static str, &'static str, &'static str);

/// Letters from which on a word need not begin with what is typed.
const LETTERS: usize = 2;
/// Letters from which on a word is found by what it asks for.
const LONG: usize = 3;

fn grammar(purpose: Purpose) -> &'static [Usage] {
    match purpose {
        Purpose::Command => &GRAMMAR,
        Purpose::Try => &line::GRAMMAR,
        Purpose::Filter
        | Purpose::Send(_)
        | Purpose::Answer
        | Purpose::Search
        | Purpose::ExportName => &[],
    }
}

/// The grammar's line of a command.
pub(super) fn usage(purpose: Purpose, word: &str) -> Option<&'static Usage> {
    grammar(purpose).iter().find(|(name, ..)| *name == word)
}

/// What could stand where a word of `text` is being typed, the likeliest first.
pub(super) fn suggestions(purpose: Purpose, text: &str, world: &World) -> Vec<Suggestion> {
    let from = text.len() - text.trim_start().len();
    let first = text[from..].split(' ').next().unwrap_or_default();
    let first_place = from..from + first.len();
    let typed = text[from..].split_once(' ').map(|(_, rest)| rest);
    let (Some(rest), Some(usage)) = (typed, usage(purpose, first)) else {
        let words = grammar(purpose).iter();
        let words =
            words.map(|(word, usage, about)| ((*word).to_owned(), *usage, (*about).to_owned()));
        return ranked(words.collect(), first, &first_place);
    };
    let last = rest.rsplit(' ').next().unwrap_or_default();
    let place = text.len() - last.len()..text.len();
    let all = match purpose {
        Purpose::Try => parts(usage, rest, world).into_iter().map(bare).collect(),
        _ => arguments(usage, rest, world),
    };
    let mut found = ranked(all, last, &place);
    if purpose == Purpose::Command {
        found.retain(|one| can_stand(&text[from..place.start], &one.word));
    }
    found
}

fn bare(word: String) -> Candidate {
    (word, "", String::new())
}

/// Whether a word can stand behind that beginning of a command: what follows may be missing still.
fn can_stand(before: &str, word: &str) -> bool {
    match Command::parse(&format!("{before}{word}")) {
        Ok(_) => true,
        // `client=` is not whole yet.
        Err(error) => word.ends_with('=') || error.found.is_empty(),
    }
}

/// How far a word is from what was typed: which kind of likeness, and how much of it is missing;
/// `None` if it is not like it.
fn distance(typed: &str, word: &str, about: &str) -> Option<(u8, usize)> {
    // Of bits that are joined by bars the last one is being typed.
    let last = |text: &str| text.rsplit('|').next().unwrap_or_default().to_lowercase();
    let (typed, lower) = (last(typed), last(word));
    if lower.starts_with(&typed) {
        return Some((0, 0));
    }
    let letters = typed.chars().count();
    if letters < LETTERS {
        return None;
    }
    if let Some(at) = lower.find(&typed) {
        return Some((1, at));
    }
    if let Some(left_out) = left_out(&typed, &lower) {
        return Some((2, left_out));
    }
    if let Some(letters) = likeness(&typed, &lower) {
        return Some((3, letters));
    }
    // Its beginning may be spelt wrongly while its end is still to come.
    let begun: String = lower.chars().take(letters).collect();
    if let Some(letters) = likeness(&typed, &begun).filter(|_| letters > LONG) {
        return Some((4, letters));
    }
    let told = letters >= LONG
        && about
            .to_lowercase()
            .split(|c: char| !c.is_alphanumeric())
            .any(|w| w.starts_with(&typed));
    told.then_some((5, 0))
}

/// How many letters of `word` are left out in `typed`, if they begin alike and nothing else differs.
fn left_out(typed: &str, word: &str) -> Option<usize> {
    let mut rest = word.chars();
    let mut letters = typed.chars();
    if letters.next() != rest.next() {
        return None;
    }
    letters.all(|letter| rest.any(|c| c == letter)).then(|| word.len() - typed.len())
}

/// Those that are like what was typed, the likeliest first, else as they come.
fn ranked(all: Vec<Candidate>, typed: &str, place: &Range<usize>) -> Vec<Suggestion> {
    let near = |(word, usage, about): Candidate| {
        let far = distance(typed, &word, &about)?;
        let begins = far.0 == 0;
        Some((far, Suggestion { word, usage, about, begins, place: place.clone() }))
    };
    let mut found: Vec<_> = all.into_iter().filter_map(near).collect();
    found.sort_by_key(|(far, _)| *far);
    found.into_iter().map(|(_, one)| one).collect()
}

/// What can stand at the end of a command of the palette, by the grammar.
fn arguments(usage: &Usage, typed: &str, world: &World) -> Vec<Candidate> {
    let (command, slots, _) = *usage;
    let done = typed.rsplit_once(' ').map_or("", |(done, _)| done);
    let mut words = done.split_whitespace().peekable();
    let mut found = Vec::new();
    for slot in slots.split_whitespace() {
        let optional = slot.starts_with('[');
        let choices: Vec<_> = slot.trim_matches(['[', ']']).split('|').collect();
        if let Some(word) = words.peek() {
            if choices.iter().any(|choice| stands_for(choice, word)) {
                words.next();
            }
            continue;
        }
        for choice in choices {
            found.extend(meant(command, choice, world));
        }
        if !optional {
            break;
        }
    }
    // A word that no place takes is wrong, and so is what would follow it.
    if words.peek().is_some() { Vec::new() } else { found }
}

/// Whether a word that was typed is what this choice of the grammar stands for.
fn stands_for(choice: &str, word: &str) -> bool {
    match choice.split_once('=') {
        Some((name, _)) => word.split_once('=').is_some_and(|(typed, _)| typed == name),
        None => choice == word || choice.chars().all(|c| !c.is_ascii_lowercase()),
    }
}

/// The words that a choice of the grammar stands for.
fn meant(command: &str, choice: &str, world: &World) -> Vec<Candidate> {
    let with = |word: &str, about: &str| (word.to_owned(), "", about.to_owned());
    let values = VALUES.iter().filter(|(of, ..)| *of == command);
    match choice {
        "fd=N" => descriptors(world),
        // A number is typed.
        "client=N" => vec![with("client=", "a connection by its number: the first accepted is 1")],
        "T1" => world
            .lanes
            .iter()
            .filter(|lane| lane.id != LaneId::TOOL)
            .map(|lane| with(&lane.id.to_string(), doing(lane)))
            .collect(),
        "NAME" => Mistake::ALL.iter().map(|one| with(one.word(), one.about())).collect(),
        // Examples: what the grammar does not name itself.
        _ if choice.chars().any(|c| c.is_ascii_uppercase()) => values
            .filter(|(_, value, _)| !named(command, value))
            .map(|(_, value, about)| with(value, about))
            .collect(),
        _ => values
            .filter(|(_, value, _)| *value == choice)
            .map(|(_, value, about)| with(value, about))
            .collect(),
    }
}

/// Whether the grammar names that value of a command.
fn named(command: &str, value: &str) -> bool {
    let usage = usage(Purpose::Command, command).map_or("", |(_, usage, _)| usage);
    usage.split([' ', '|', '[', ']']).any(|word| word == value)
}

/// What a thread is doing, in a word or two.
fn doing(lane: &ThreadLane) -> &'static str {
    match lane.state {
        LaneState::Unstarted => "a thread that has not begun",
        LaneState::Running => "a thread that runs",
        LaneState::Held(_) => "a thread that is held before a call",
        LaneState::Harvesting(_) => "a thread that goes through the ready list",
        LaneState::Asleep(_) => "a thread that is asleep in its call",
        LaneState::Ended => "a thread that has ended",
        LaneState::Died(_) => "a thread that has died",
    }
}

/// What a file is, and what waits in it.
fn described(file: &OpenFile) -> String {
    let what = words::kind(file);
    let unread = match file.unread {
        Some(n) if n > 0 && file.what == FileKind::Listener => {
            format!(", {} wait", words::count(n.into()))
        }
        Some(n) if n > 0 => format!(", {} unread", words::size(n)),
        _ => String::new(),
    };
    format!("{what} {}{unread}", words::peer(file))
}

/// The open descriptors, in the order of their numbers.
fn descriptors(world: &World) -> Vec<Candidate> {
    let mut numbers: Vec<_> = world.fds.keys().copied().collect();
    numbers.sort_unstable();
    let open = |fd: Fd| {
        let about = world.file_at(fd).map_or_else(String::new, described);
        (format!("fd={fd}"), "", about)
    };
    numbers.into_iter().map(open).collect()
}

/// The bits that a learner may ask for.
const MASK: [&str; 7] = ["IN", "OUT", "PRI", "RDHUP", "ET", "ONESHOT", "EXCLUSIVE"];

/// What can stand at the end of a line of the learner's, by the grammar.
fn parts(line: &Usage, typed: &str, world: &World) -> Vec<String> {
    let (word, usage, _) = *line;
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
        Some("EP") => names(world, |what| what == FileKind::Epoll),
        Some("LISTENER") => names(world, |what| what == FileKind::Listener),
        Some("FD") => names(world, |_| true),
        Some("THREAD") => threads(world),
        Some("KIND") => crate::lesson::line::kinds().map(str::to_owned).collect(),
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

fn names(world: &World, wanted: impl Fn(FileKind) -> bool) -> Vec<String> {
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
