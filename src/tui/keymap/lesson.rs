//! The rows of the table of keys that belong to lessons, in the order of the help and the hint bar.

use super::table::row;
use super::{Binding, Group, Mode};
use crate::tui::action::{Action, Reach, Shown, Step};
use crate::tui::key::{Key, ch, plain};

const READY: &[Mode] = &[Mode::Lesson];
const ASKED: &[Mode] = &[Mode::Question];
const EARLIER: &[Mode] = &[Mode::Earlier];
const ENDED: &[Mode] = &[Mode::Ended];
const GOING: &[Mode] = &[Mode::Lesson, Mode::Question];
const NOW: &[Mode] = &[Mode::Lesson, Mode::Question, Mode::Ended];
const EVERY: &[Mode] = &[Mode::Lesson, Mode::Question, Mode::Ended, Mode::Earlier];
const MENU: &[Mode] = &[Mode::Menu];

/// The keys of a lesson and of its menu.
pub static LESSON: &[Binding] = &[
    row(
        Group::Lesson,
        READY,
        &[plain(Key::Enter), ch('.'), ch(' ')],
        Action::Next,
        ["", "the next step, or its question", "next"],
    ),
    row(Group::Lesson, ENDED, &[plain(Key::Enter), ch('.'), ch(' ')], Action::Next, ["", "", ""]),
    row(
        Group::Lesson,
        ASKED,
        &[ch('1')],
        Action::Answer(0),
        ["", "answer a question", "to 4 answer"],
    ),
    row(Group::Lesson, ASKED, &[ch('2')], Action::Answer(1), ["", "", ""]),
    row(Group::Lesson, ASKED, &[ch('3')], Action::Answer(2), ["", "", ""]),
    row(Group::Lesson, ASKED, &[ch('4')], Action::Answer(3), ["", "", ""]),
    row(
        Group::Lesson,
        ASKED,
        &[plain(Key::Enter), ch('.'), ch(' ')],
        Action::AskAnswer,
        ["", "where the answer is typed: open its line again", "answer"],
    ),
    row(
        Group::Lesson,
        ASKED,
        &[ch('x')],
        Action::Skip,
        ["", "go on without an answer", "no answer"],
    ),
    row(
        Group::Lesson,
        NOW,
        &[ch('[')],
        Action::Seek(Step::Back),
        ["", "one step back; the screen shows how it was", "back"],
    ),
    row(Group::Lesson, NOW, &[ch(']')], Action::Seek(Step::On), ["", "one step forward again", ""]),
    row(Group::Lesson, EARLIER, &[ch('[')], Action::Seek(Step::Back), ["", "", "back"]),
    row(Group::Lesson, EARLIER, &[ch(']')], Action::Seek(Step::On), ["", "", "forward"]),
    row(
        Group::Lesson,
        EARLIER,
        &[plain(Key::Enter), ch('.'), ch(' '), ch('g'), plain(Key::Esc)],
        Action::Live,
        ["", "in the past: back to now", "now"],
    ),
    row(
        Group::Lesson,
        NOW,
        &[ch('v')],
        Action::AskTry,
        ["", "try something of your own: `write p.w 3`, `wait e`, ...", "try"],
    ),
    row(
        Group::Lesson,
        EARLIER,
        &[ch('v'), ch('p'), ch('x'), ch('1'), ch('2'), ch('3'), ch('4')],
        Action::NotInThePast,
        ["", "", ""],
    ),
    row(
        Group::LessonLook,
        EVERY,
        &[ch('w')],
        Action::Part(Shown::Why),
        ["", "the Why sentence; again for everything", "why"],
    ),
    row(
        Group::LessonLook,
        EVERY,
        &[ch('t')],
        Action::Part(Shown::Timeline),
        ["", "the timeline; again for everything", "time"],
    ),
    row(
        Group::LessonLook,
        EVERY,
        &[ch('c')],
        Action::Part(Shown::Calls),
        ["", "every system call; again for everything", "calls"],
    ),
    row(
        Group::LessonLook,
        EVERY,
        &[ch('s')],
        Action::Part(Shown::Steps),
        ["", "the steps; again for everything", "steps"],
    ),
    row(
        Group::LessonLook,
        EVERY,
        &[ch('e'), plain(Key::Tab)],
        Action::Instance(Step::On),
        ["", "the next epoll instance", "epoll"],
    ),
    row(
        Group::LessonLook,
        EVERY,
        &[plain(Key::BackTab)],
        Action::Instance(Step::Back),
        ["", "the epoll instance before", ""],
    ),
    row(Group::LessonLook, EVERY, &[ch('?')], Action::Help, ["", "show this help", "help"]),
    row(
        Group::Lesson,
        GOING,
        &[ch('p')],
        Action::Play,
        ["", "play on by itself; it stops at questions", "play"],
    ),
    row(Group::Lesson, EVERY, &[ch('r')], Action::Restart, ["", "begin again", "restart"]),
    row(
        Group::LessonLook,
        EVERY,
        &[ch('j'), plain(Key::Down)],
        Action::Move(Reach::Row, Step::On),
        ["", "the next row: a registration, a call, a step", ""],
    ),
    row(
        Group::LessonLook,
        EVERY,
        &[ch('k'), plain(Key::Up)],
        Action::Move(Reach::Row, Step::Back),
        ["", "the row before", ""],
    ),
    row(
        Group::LessonLook,
        EVERY,
        &[plain(Key::Home)],
        Action::Move(Reach::End, Step::Back),
        ["", "the first row", ""],
    ),
    row(
        Group::LessonLook,
        EVERY,
        &[plain(Key::End)],
        Action::Move(Reach::End, Step::On),
        ["", "the last row; of calls and steps: now", ""],
    ),
    row(
        Group::LessonLook,
        EVERY,
        &[plain(Key::PageDown)],
        Action::Scroll(Step::On),
        ["", "scroll the narration", ""],
    ),
    row(
        Group::LessonLook,
        EVERY,
        &[plain(Key::PageUp)],
        Action::Scroll(Step::Back),
        ["", "scroll it back", ""],
    ),
    row(
        Group::LessonLook,
        EVERY,
        &[ch('y')],
        Action::Copy,
        ["", "copy the Why sentence (OSC 52)", ""],
    ),
    row(
        Group::Lesson,
        EVERY,
        &[ch('q')],
        Action::Leave,
        ["", "leave the lesson: back to the menu, or the end", "leave"],
    ),
    row(
        Group::Menu,
        MENU,
        &[plain(Key::Enter), ch('.'), ch(' ')],
        Action::Begin,
        ["", "begin the chosen lesson", "begin"],
    ),
    row(
        Group::Menu,
        MENU,
        &[ch('j'), plain(Key::Down)],
        Action::Move(Reach::Row, Step::On),
        ["", "the next lesson", "down"],
    ),
    row(
        Group::Menu,
        MENU,
        &[ch('k'), plain(Key::Up)],
        Action::Move(Reach::Row, Step::Back),
        ["", "the lesson before", "up"],
    ),
    row(
        Group::Menu,
        MENU,
        &[plain(Key::Home)],
        Action::Move(Reach::End, Step::Back),
        ["", "the first lesson", ""],
    ),
    row(
        Group::Menu,
        MENU,
        &[plain(Key::End)],
        Action::Move(Reach::End, Step::On),
        ["", "the last lesson", ""],
    ),
    row(
        Group::Menu,
        MENU,
        &[plain(Key::PageDown)],
        Action::Move(Reach::Page, Step::On),
        ["", "ten lessons on", ""],
    ),
    row(
        Group::Menu,
        MENU,
        &[plain(Key::PageUp)],
        Action::Move(Reach::Page, Step::Back),
        ["", "ten lessons back", ""],
    ),
    row(Group::Menu, MENU, &[ch('?')], Action::Help, ["", "show this help", "help"]),
    row(
        Group::Menu,
        MENU,
        &[ch('q'), plain(Key::Esc)],
        Action::Quit,
        ["", "end the program", "quit"],
    ),
];
