//! The one table of keys: it makes key handling, the hint bar, the help, and the README's rows.

use std::fmt::Write as _;

use super::action::{Action, Reach, Step};
use super::key::{Key, KeyPress, ch, ctrl, plain};
use crate::event::{Command, GRAMMAR, Scope, View};

/// What the keyboard is for just now. A key means one thing in one mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The newest event is shown.
    Live,
    /// An earlier event is shown.
    Past,
    /// A line is being typed.
    Entry,
    /// The help is shown.
    Help,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Live, Self::Past, Self::Entry, Self::Help];
}

/// A heading of the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// Holding and stepping.
    Server,
    /// The selected registration.
    Registration,
    /// Built-in clients.
    Clients,
    /// Looking around.
    Look,
    /// Going back in time.
    Time,
    /// The program.
    Program,
    /// Typing a line.
    Entry,
}

impl Group {
    /// All of them, in the order of the help.
    pub const ALL: [Self; 7] = [
        Self::Server,
        Self::Registration,
        Self::Clients,
        Self::Time,
        Self::Look,
        Self::Program,
        Self::Entry,
    ];

    /// The heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Server => "Server",
            Self::Registration => "Selected descriptor",
            Self::Clients => "Built-in clients",
            Self::Look => "Looking",
            Self::Time => "Time",
            Self::Program => "Program",
            Self::Entry => "Typing a line",
        }
    }
}

/// A row of the table.
#[derive(Debug)]
pub struct Binding {
    /// Where it holds.
    pub modes: &'static [Mode],
    /// The keys, the first one being the one that hints name.
    pub keys: &'static [KeyPress],
    /// What they ask for.
    pub action: Action,
    /// The same in the palette; empty if there is none.
    pub palette: &'static str,
    /// What it does; empty if it repeats another mode's.
    pub help: &'static str,
    /// What the hint bar says; empty if it is not there.
    pub hint: &'static str,
    /// Its heading.
    pub group: Group,
}

const VIEW: &[Mode] = &[Mode::Live, Mode::Past];
const PAST: &[Mode] = &[Mode::Past];
const LIVE: &[Mode] = &[Mode::Live];
const ENTRY: &[Mode] = &[Mode::Entry];
const HELP: &[Mode] = &[Mode::Help];
const MOVE: &[Mode] = &[Mode::Live, Mode::Past, Mode::Help];
const EVERY: &[Mode] = &Mode::ALL;

const fn row(
    group: Group,
    modes: &'static [Mode],
    keys: &'static [KeyPress],
    action: Action,
    texts: [&'static str; 3],
) -> Binding {
    let [palette, help, hint] = texts;
    Binding { modes, keys, action, palette, help, hint, group }
}

/// All keys. The order is that of the help and the hint bar.
pub static BINDINGS: &[Binding] = &[
    row(Group::Program, VIEW, &[ch('?')], Action::Help, ["help", "show this help", "help"]),
    row(
        Group::Program,
        HELP,
        &[ch('?'), plain(Key::Esc), ch('q')],
        Action::Help,
        ["", "leave the help", "close"],
    ),
    row(
        Group::Time,
        PAST,
        &[ch('g'), plain(Key::Esc)],
        Action::Live,
        ["live", "back to now; follow the newest event", "now"],
    ),
    row(Group::Time, LIVE, &[ch('g')], Action::Live, ["", "", ""]),
    row(Group::Time, PAST, &[ch('[')], Action::Seek(Step::Back), ["seek -1", "", "back"]),
    row(Group::Time, PAST, &[ch(']')], Action::Seek(Step::On), ["", "", "on"]),
    row(
        Group::Server,
        VIEW,
        &[ch(' ')],
        Action::Hold,
        ["pause, run", "hold or run all server threads between two system calls", "hold"],
    ),
    row(
        Group::Server,
        VIEW,
        &[ch('.')],
        Action::StepCall,
        ["step T1", "one system call of the selected thread", "step"],
    ),
    row(
        Group::Server,
        VIEW,
        &[ch('>')],
        Action::StepTurn,
        ["turn T1", "on to the selected thread's next epoll_wait", "turn"],
    ),
    row(
        Group::Registration,
        VIEW,
        &[ch('t')],
        Action::Do(Command::Trigger(Scope::Selected, None)),
        ["trigger fd=7 edge", "level-triggered <-> edge-triggered", "level/edge"],
    ),
    row(
        Group::Registration,
        VIEW,
        &[ch('T')],
        Action::TriggerAll,
        ["trigger all edge", "the same for all and for those to come", ""],
    ),
    row(
        Group::Server,
        VIEW,
        &[ch('d')],
        Action::ReadPolicy,
        ["read drain, read once 4", "read until EAGAIN <-> one read an event", "drain/once"],
    ),
    row(
        Group::Clients,
        VIEW,
        &[ch('c')],
        Action::Do(Command::Client),
        ["client", "connect a built-in client", "client"],
    ),
    row(
        Group::Clients,
        VIEW,
        &[ch('i')],
        Action::AskSend,
        ["send fd=7 text", "type a line that the selected built-in client sends", "send"],
    ),
    row(
        Group::Clients,
        VIEW,
        &[ch('K')],
        Action::Do(Command::Close(None)),
        ["close fd=7", "the selected built-in client closes its end", ""],
    ),
    row(
        Group::Clients,
        VIEW,
        &[ch('X')],
        Action::Do(Command::Reset(None)),
        ["reset fd=7", "the selected built-in client resets its end", ""],
    ),
    row(
        Group::Registration,
        VIEW,
        &[ch('o')],
        Action::Do(Command::Oneshot(None, None)),
        ["oneshot fd=7", "one-shot on or off", ""],
    ),
    row(
        Group::Registration,
        VIEW,
        &[ch('x')],
        Action::Do(Command::Exclusive(None, None)),
        [
            "exclusive fd=7",
            "EPOLLEXCLUSIVE on or off (shows nothing on a single epoll instance)",
            "",
        ],
    ),
    row(
        Group::Registration,
        VIEW,
        &[ch('w')],
        Action::Do(Command::Watch(None, None)),
        ["watch fd=7", "watch OUT or not", ""],
    ),
    row(
        Group::Registration,
        VIEW,
        &[ch('m')],
        Action::Do(Command::Rearm(None)),
        ["rearm fd=7", "MOD with the same mask: polls it, re-arms it", ""],
    ),
    row(
        Group::Server,
        VIEW,
        &[ch('-')],
        Action::Delay(Step::Back),
        ["delay 0", "less delay before each call", ""],
    ),
    row(
        Group::Server,
        VIEW,
        &[ch('+'), ch('=')],
        Action::Delay(Step::On),
        ["delay 200", "more delay before each call (real time at the gate)", ""],
    ),
    row(
        Group::Server,
        VIEW,
        &[ch('n')],
        Action::Threads(Step::On),
        ["threads 2", "one worker thread more", ""],
    ),
    row(
        Group::Server,
        VIEW,
        &[ch('N')],
        Action::Threads(Step::Back),
        ["threads 1", "one worker thread fewer", ""],
    ),
    row(
        Group::Look,
        MOVE,
        &[ch('j'), plain(Key::Down)],
        Action::Move(Reach::Row, Step::On),
        ["select fd=7, lane T1", "select the next row", ""],
    ),
    row(
        Group::Look,
        MOVE,
        &[ch('k'), plain(Key::Up)],
        Action::Move(Reach::Row, Step::Back),
        ["", "select the row before", ""],
    ),
    row(
        Group::Look,
        MOVE,
        &[plain(Key::PageDown)],
        Action::Move(Reach::Page, Step::On),
        ["", "ten rows on", ""],
    ),
    row(
        Group::Look,
        MOVE,
        &[plain(Key::PageUp)],
        Action::Move(Reach::Page, Step::Back),
        ["", "ten rows back", ""],
    ),
    row(
        Group::Look,
        MOVE,
        &[plain(Key::Home)],
        Action::Move(Reach::End, Step::Back),
        ["", "the first row; in calls the oldest one kept", ""],
    ),
    row(
        Group::Look,
        MOVE,
        &[plain(Key::End)],
        Action::Move(Reach::End, Step::On),
        ["", "the last row; in calls the newest one, which is followed", ""],
    ),
    row(Group::Look, VIEW, &[plain(Key::Tab)], Action::Focus(Step::On), ["", "next pane", ""]),
    row(
        Group::Look,
        VIEW,
        &[plain(Key::BackTab)],
        Action::Focus(Step::Back),
        ["", "pane before", ""],
    ),
    row(
        Group::Look,
        VIEW,
        &[ch('1')],
        Action::View(View::Overview),
        ["view overview", "everything at once", ""],
    ),
    row(
        Group::Look,
        VIEW,
        &[ch('2')],
        Action::View(View::Timeline),
        ["view timeline", "the timeline", ""],
    ),
    row(
        Group::Look,
        VIEW,
        &[ch('3')],
        Action::View(View::Calls),
        ["view calls", "every system call", ""],
    ),
    row(
        Group::Look,
        VIEW,
        &[ch('4')],
        Action::View(View::Findings),
        ["view findings", "what would be a bug in a real server", ""],
    ),
    row(
        Group::Time,
        VIEW,
        &[ch('h'), plain(Key::Left)],
        Action::Track(Step::Back),
        ["at 12.031", "the mark before, on the selected thread or descriptor", ""],
    ),
    row(
        Group::Time,
        VIEW,
        &[ch('l'), plain(Key::Right)],
        Action::Track(Step::On),
        ["", "the mark after it", ""],
    ),
    row(
        Group::Time,
        VIEW,
        &[ch('z')],
        Action::Zoom(Step::Back),
        ["zoom 1s", "narrow the timeline, down to 500 us", ""],
    ),
    row(
        Group::Time,
        VIEW,
        &[ch('Z')],
        Action::Zoom(Step::On),
        ["zoom 2m", "widen the timeline, up to 10 minutes", ""],
    ),
    row(
        Group::Time,
        VIEW,
        &[ch('f')],
        Action::Still,
        ["still", "keep the view still while the server goes on; again to follow", ""],
    ),
    row(
        Group::Look,
        VIEW,
        &[ch('/')],
        Action::AskFilter,
        ["filter fd=7", "show only a descriptor, a peer or a kind", "filter"],
    ),
    row(Group::Look, LIVE, &[plain(Key::Esc)], Action::Clear, ["filter", "forget the filter", ""]),
    row(
        Group::Look,
        VIEW,
        &[ch('y')],
        Action::Copy,
        ["copy", "copy the Why sentence, or the selected call, to the clipboard (OSC 52)", ""],
    ),
    row(
        Group::Program,
        VIEW,
        &[ch(':')],
        Action::AskCommand,
        ["", "type a command; some have no key: accept, max-events, drop, mistake", "command"],
    ),
    row(
        Group::Time,
        LIVE,
        &[ch('[')],
        Action::Seek(Step::Back),
        ["seek -1", "one event back in time; the whole screen shows it", "back in time"],
    ),
    row(
        Group::Time,
        LIVE,
        &[ch(']')],
        Action::Seek(Step::On),
        ["seek 1", "one event forward in time", ""],
    ),
    row(
        Group::Program,
        EVERY,
        &[ctrl('z')],
        Action::Suspend,
        ["", "stop the program and the server in it; the kernel goes on queueing clients", ""],
    ),
    row(Group::Entry, ENTRY, &[plain(Key::Enter)], Action::Submit, ["", "carry it out", "go"]),
    row(Group::Entry, ENTRY, &[plain(Key::Esc)], Action::Cancel, ["", "give up", "give up"]),
    row(
        Group::Entry,
        ENTRY,
        &[plain(Key::Tab)],
        Action::Complete,
        ["", "complete the word", "complete"],
    ),
    row(
        Group::Entry,
        ENTRY,
        &[plain(Key::Backspace), ctrl('h')],
        Action::Erase(Step::Back),
        ["", "delete the character before", ""],
    ),
    row(
        Group::Entry,
        ENTRY,
        &[plain(Key::Delete)],
        Action::Erase(Step::On),
        ["", "delete the character under the cursor", ""],
    ),
    row(Group::Entry, ENTRY, &[ctrl('u')], Action::EraseAll, ["", "delete the line", ""]),
    row(
        Group::Entry,
        ENTRY,
        &[plain(Key::Left)],
        Action::Caret(Reach::Row, Step::Back),
        ["", "left", ""],
    ),
    row(
        Group::Entry,
        ENTRY,
        &[plain(Key::Right)],
        Action::Caret(Reach::Row, Step::On),
        ["", "right", ""],
    ),
    row(
        Group::Entry,
        ENTRY,
        &[plain(Key::Home), ctrl('a')],
        Action::Caret(Reach::End, Step::Back),
        ["", "to the beginning", ""],
    ),
    row(
        Group::Entry,
        ENTRY,
        &[plain(Key::End), ctrl('e')],
        Action::Caret(Reach::End, Step::On),
        ["", "to the end", ""],
    ),
    row(Group::Program, VIEW, &[ch('q')], Action::Quit, ["quit", "end the program", "quit"]),
    row(Group::Program, EVERY, &[ctrl('c')], Action::Quit, ["", "end the program", ""]),
];

/// What `press` asks for in `mode`.
pub fn action(mode: Mode, press: KeyPress) -> Option<Action> {
    let bound = BINDINGS.iter().find(|b| b.modes.contains(&mode) && b.keys.contains(&press));
    match (bound, press) {
        (Some(binding), _) => Some(binding.action.clone()),
        (None, KeyPress { key: Key::Char(c), ctrl: false }) if mode == Mode::Entry => {
            Some(Action::Insert(c))
        }
        (None, _) => None,
    }
}

/// The bindings that the hint bar shows in `mode`.
pub fn hints(mode: Mode) -> impl Iterator<Item = &'static Binding> {
    BINDINGS.iter().filter(move |b| b.modes.contains(&mode) && !b.hint.is_empty())
}

/// The bindings under a heading of the help; those that only repeat another mode's are left out.
pub fn rows(group: Group) -> impl Iterator<Item = &'static Binding> {
    BINDINGS.iter().filter(move |b| b.group == group && !b.help.is_empty())
}

/// The keys of a binding as text: `+ =`.
pub fn keys(binding: &Binding) -> String {
    binding.keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// The rows of the README's table of keys, and of the commands that have none.
pub fn readme_rows() -> String {
    let mut text = String::from("| key | does | palette |\n| --- | --- | --- |\n");
    let code = |t: &str| if t.is_empty() { String::new() } else { format!("`{t}`") };
    for group in Group::ALL {
        for binding in rows(group) {
            let keys: Vec<_> = binding.keys.iter().map(|k| format!("`{k}`")).collect();
            let words: Vec<_> = binding.palette.split(", ").map(code).collect();
            // Writing to a string cannot fail.
            let _ =
                writeln!(text, "| {} | {} | {} |", keys.join(" "), binding.help, words.join(" "));
        }
    }
    for (word, arguments, help) in keyless() {
        let usage = format!("{word} {}", arguments.replace('|', "\\|"));
        let _ = writeln!(text, "| | {help} | {} |", code(usage.trim_end()));
    }
    text
}

/// The commands that only the palette has.
pub fn keyless() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    GRAMMAR.into_iter().filter(|(word, ..)| !BINDINGS.iter().any(|b| names(b).any(|n| n == *word)))
}

/// The command words that a binding's palette text names.
fn names(binding: &Binding) -> impl Iterator<Item = &'static str> {
    binding.palette.split(", ").filter_map(|usage| usage.split(' ').next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_key_means_one_thing_in_a_mode() {
        let mut seen = HashSet::new();
        for binding in BINDINGS {
            for mode in binding.modes {
                for key in binding.keys {
                    assert!(seen.insert((*mode, *key)), "`{key}` means two things in {mode:?}");
                }
            }
        }
    }

    #[test]
    fn every_palette_text_parses() {
        for binding in BINDINGS {
            for usage in binding.palette.split(", ").filter(|u| !u.is_empty()) {
                Command::parse(usage).unwrap_or_else(|e| panic!("{usage}: {e}"));
            }
        }
    }

    #[test]
    fn every_command_has_a_key_but_those_that_need_words() {
        let without: Vec<_> = keyless().map(|(word, ..)| word).collect();
        assert_eq!(without, ["accept", "max-events", "drop", "mistake"]);
    }

    #[test]
    fn keys_that_type_text_are_free_in_entry() {
        for c in ' '..='~' {
            assert_eq!(action(Mode::Entry, ch(c)), Some(Action::Insert(c)));
        }
    }

    #[test]
    fn readme_has_a_row_a_binding() {
        let rows = readme_rows();
        let shown = BINDINGS.iter().filter(|b| !b.help.is_empty()).count();
        assert_eq!(rows.lines().count(), 2 + shown + 4);
        assert!(
            rows.contains("| `t` | level-triggered <-> edge-triggered | `trigger fd=7 edge` |")
        );
    }
}
