//! The one table of keys: it makes key handling, the hint bar, the help, and the reference's
//! rows.

mod compare;
mod export;
mod lesson;
mod replay;
mod table;
mod watch;

pub use lesson::LESSON;
pub(crate) use table::BINDINGS;

use super::action::{Direction, EditAction, KeyAction, LessonAction};
use super::key::{Key, KeyPress};
use crate::event::{Command, GRAMMAR, View};
use crate::text::Remedy;

/// What the keyboard is for just now. A key means one thing in one mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The newest event is shown.
    Live,
    /// An earlier event is shown.
    Past,
    /// The past is gone through in slow motion.
    Playing,
    /// A line is being typed.
    Entry,
    /// The help is shown.
    Help,
    /// The page of a row is shown.
    Page,
    /// A lesson, and its next step can be made.
    Lesson,
    /// A lesson, and a question is open.
    Question,
    /// A lesson that is over.
    Ended,
    /// A lesson, and an earlier step of it is shown.
    Earlier,
    /// The lessons to choose from.
    Menu,
    /// The lessons to choose from, and words by which they are looked for are typed.
    Search,
    /// A comparison of loops.
    Compare,
    /// A lesson that was gone through earlier.
    Retold,
    /// A recording.
    Replay,
    /// The page of a row of one.
    ReplayPage,
    /// What is to be written for others is asked.
    Export,
    /// A session elsewhere.
    Watch,
    /// The page of a row of one.
    WatchPage,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Live,
        Self::Past,
        Self::Playing,
        Self::Entry,
        Self::Help,
        Self::Page,
        Self::Lesson,
        Self::Question,
        Self::Ended,
        Self::Earlier,
        Self::Menu,
        Self::Search,
        Self::Compare,
        Self::Retold,
        Self::Replay,
        Self::ReplayPage,
        Self::Export,
        Self::Watch,
        Self::WatchPage,
    ];

    /// Whether there is no server to ask, where another one's or an earlier one's is looked at.
    pub(crate) fn is_serverless(self) -> bool {
        matches!(self, Self::Replay | Self::ReplayPage | Self::Watch | Self::WatchPage)
    }

    /// Whether what is typed is text.
    fn types(self) -> bool {
        matches!(self, Self::Entry | Self::Search)
    }
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
    /// Going through a lesson.
    Lesson,
    /// Looking around in a lesson.
    LessonLook,
    /// Going through a lesson that was gone through earlier.
    Retold,
    /// Choosing a lesson.
    Menu,
    /// Comparing loops.
    Compare,
    /// Going through a recording.
    Replay,
    /// Looking on at a session elsewhere.
    Watch,
    /// From one of the things that have happened to the next.
    Recorded,
}

impl Group {
    /// Those of a recording, in the order of its help.
    pub const REPLAY: [Self; 5] =
        [Self::Replay, Self::Recorded, Self::Look, Self::Program, Self::Entry];

    /// Those of a session elsewhere, in the order of its help.
    pub const WATCH: [Self; 5] =
        [Self::Watch, Self::Recorded, Self::Look, Self::Program, Self::Entry];

    /// Those of a lesson, in the order of its help.
    pub const LESSON: [Self; 4] = [Self::Lesson, Self::LessonLook, Self::Menu, Self::Entry];

    /// Those of a lesson that was gone through earlier, in the order of its help.
    pub(crate) const RETOLD: [Self; 2] = [Self::Retold, Self::LessonLook];

    /// Those of the server, in the order of its help.
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
            Self::Lesson => "Lesson",
            Self::LessonLook => "Looking around in a lesson",
            Self::Retold => "Going through a lesson that is only told",
            Self::Menu => "Choosing a lesson",
            Self::Compare => "Comparing loops",
            Self::Replay => "Going through a recording",
            Self::Watch => "Looking on",
            Self::Recorded => "What has happened",
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
    pub action: KeyAction,
    /// The same in the palette; empty if there is none.
    pub palette: &'static str,
    /// What it does; empty if it repeats another mode's.
    pub help: &'static str,
    /// What the hint bar says; empty if it is not there.
    pub hint: &'static str,
    /// Its heading.
    pub group: Group,
}

/// Every binding.
fn all() -> impl Iterator<Item = &'static Binding> {
    let own = replay::REPLAY.iter().chain(watch::WATCH).chain(BINDINGS).chain(replay::RECORDED);
    own.chain(LESSON).chain(compare::COMPARE).chain(export::EXPORT)
}

/// What `press` asks for in `mode`.
pub fn action(mode: Mode, press: KeyPress) -> Option<KeyAction> {
    let bound = all().find(|b| b.modes.contains(&mode) && b.keys.contains(&press));
    match (bound, press) {
        (Some(binding), _) => Some(binding.action.clone()),
        (None, KeyPress { key: Key::Char(c), ctrl: false }) if mode.types() => {
            Some(KeyAction::Edit(EditAction::Insert(c)))
        }
        (None, _) => None,
    }
}

/// The bindings that the hint bar shows in `mode`.
pub fn hints(mode: Mode) -> impl Iterator<Item = &'static Binding> {
    all().filter(move |b| b.modes.contains(&mode) && !b.hint.is_empty())
}

/// The bindings under a heading of the help; those that only repeat another mode's are left out.
pub fn rows(group: Group) -> impl Iterator<Item = &'static Binding> {
    all().filter(move |b| b.group == group && !b.help.is_empty())
}

/// The keys of a binding as text: `+ =`; those of the answers stand together.
pub fn keys(binding: &Binding) -> String {
    names_of(binding).join(" ")
}

/// The key that asks for a remedy: `m for a MOD`.
pub fn remedy(remedy: Remedy) -> String {
    let (command, what) = match remedy {
        Remedy::Modify => (Command::Rearm(None), "a MOD"),
        Remedy::UnwatchOut => (Command::Watch(None, None), "OUT off"),
    };
    let asks = |b: &&Binding| b.action == KeyAction::Do(command.clone());
    let key = all().find(asks).map(|b| names_of(b).remove(0)).unwrap_or_default();
    format!("{key} for {what}")
}

/// The key that narrows the timeline.
pub(crate) fn zoom_in() -> String {
    let asks = |b: &&Binding| b.action == KeyAction::Zoom(Direction::Back);
    all().find(asks).map(|b| names_of(b).remove(0)).unwrap_or_default()
}

/// The keys that open the lessons and the help.
pub(crate) fn beginnings() -> Option<[String; 2]> {
    let key = |action: KeyAction| all().find(|b| b.action == action).map(|b| names_of(b).remove(0));
    Some([key(KeyAction::Lessons)?, key(KeyAction::Help)?])
}

/// The key that shows the findings.
pub(crate) fn findings() -> Option<KeyPress> {
    let asks = |b: &&Binding| b.action == KeyAction::View(View::Findings);
    all().find(asks).and_then(|b| b.keys.first().copied())
}

/// The keys of a row of the help.
fn names_of(binding: &Binding) -> Vec<String> {
    let together = all().filter(|one| match (&one.action, &binding.action) {
        (
            KeyAction::Lesson(LessonAction::Answer(_)),
            KeyAction::Lesson(LessonAction::Answer(_)),
        ) => true,
        _ => std::ptr::eq(*one, binding),
    });
    together.flat_map(|one| one.keys).map(ToString::to_string).collect()
}

/// The commands that only the palette has.
pub fn keyless() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    GRAMMAR.into_iter().filter(|(word, ..)| !all().any(|b| names(b).any(|n| n == *word)))
}

/// The bindings that ask for a command, by its word; those of the live server first.
pub(crate) fn for_command(word: &str) -> impl Iterator<Item = &'static Binding> {
    let others = all().filter(|b| !BINDINGS.iter().any(|own| std::ptr::eq(own, *b)));
    let all = BINDINGS.iter().chain(others);
    all.filter(move |b| !b.help.is_empty() && names(b).any(|name| name == word))
}

/// The command words that a binding's palette text names.
fn names(binding: &Binding) -> impl Iterator<Item = &'static str> {
    binding.palette.split(", ").filter_map(|usage| usage.split(' ').next())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::event::Command;
    use crate::tui::key::ch;

    #[test]
    fn a_key_means_one_thing_in_a_mode() {
        let mut seen = HashSet::new();
        for binding in all() {
            for mode in binding.modes {
                for key in binding.keys {
                    assert!(seen.insert((*mode, *key)), "`{key}` means two things in {mode:?}");
                }
            }
        }
    }

    /// A key may have no row of its own where it repeats another one's.
    #[test]
    fn every_key_is_told_in_the_help_the_footer_or_the_palette() {
        let groups = Group::ALL
            .into_iter()
            .chain(Group::LESSON)
            .chain(Group::RETOLD)
            .chain(Group::REPLAY)
            .chain(Group::WATCH)
            .chain([Group::Compare]);
        let groups: Vec<_> = groups.collect();
        let answers = |action: &KeyAction| {
            matches!(
                action,
                KeyAction::Lesson(LessonAction::Answer(_) | LessonAction::NotInThePast)
            )
        };
        let told = |binding: &Binding| {
            let helped = !binding.help.is_empty() && groups.contains(&binding.group);
            helped || !binding.hint.is_empty() || !binding.palette.is_empty()
        };
        for binding in all() {
            let same = |one: &&Binding| one.action == binding.action && told(one);
            let repeats = |key: &KeyPress| all().filter(same).any(|one| one.keys.contains(key));
            for key in binding.keys {
                let known = told(binding) || repeats(key) || answers(&binding.action);
                assert!(known, "`{key}` of {:?} in {:?}", binding.action, binding.modes);
            }
        }
    }

    #[test]
    fn every_palette_text_parses() {
        for binding in all() {
            for usage in binding.palette.split(", ").filter(|u| !u.is_empty()) {
                Command::parse(usage).unwrap_or_else(|e| panic!("{usage}: {e}"));
            }
        }
    }

    #[test]
    fn every_command_has_a_key_but_those_that_need_words() {
        let without: Vec<_> = keyless().map(|(word, ..)| word).collect();
        assert_eq!(without, ["accept", "max-events", "drop", "mistake", "netpoll", "save"]);
    }

    #[test]
    fn keys_that_type_text_are_free_in_entry() {
        for c in ' '..='~' {
            for mode in [Mode::Entry, Mode::Search] {
                assert_eq!(action(mode, ch(c)), Some(KeyAction::Edit(EditAction::Insert(c))));
            }
        }
    }
}
