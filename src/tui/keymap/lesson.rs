//! The rows of the table of keys that belong to lessons, in the order of the help and the hint bar.

use super::table::row;
use super::{Binding, Group, Mode};
use crate::tui::action::{Direction, KeyAction, Reach, Shown};
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
        KeyAction::Next,
        ["", "the next step, or its question", "next"],
    ),
    row(
        Group::Lesson,
        ENDED,
        &[plain(Key::Enter), ch('.'), ch(' ')],
        KeyAction::Next,
        ["", "", ""],
    ),
    row(
        Group::Lesson,
        ASKED,
        &[ch('1')],
        KeyAction::Answer(0),
        ["", "answer a question", "to 4 answer"],
    ),
    row(Group::Lesson, ASKED, &[ch('2')], KeyAction::Answer(1), ["", "", ""]),
    row(Group::Lesson, ASKED, &[ch('3')], KeyAction::Answer(2), ["", "", ""]),
    row(Group::Lesson, ASKED, &[ch('4')], KeyAction::Answer(3), ["", "", ""]),
    row(
        Group::Lesson,
        ASKED,
        &[plain(Key::Enter), ch('.'), ch(' ')],
        KeyAction::AskAnswer,
        ["", "where the answer is typed: open its line again", "answer"],
    ),
    row(
        Group::Lesson,
        ASKED,
        &[ch('x')],
        KeyAction::Skip,
        ["", "go on without an answer", "no answer"],
    ),
    row(
        Group::Lesson,
        NOW,
        &[ch('[')],
        KeyAction::Seek(Direction::Back),
        ["", "one step back; the screen shows how it was", "back"],
    ),
    row(
        Group::Lesson,
        NOW,
        &[ch(']')],
        KeyAction::Seek(Direction::On),
        ["", "one step forward again", ""],
    ),
    row(Group::Lesson, EARLIER, &[ch('[')], KeyAction::Seek(Direction::Back), ["", "", "back"]),
    row(Group::Lesson, EARLIER, &[ch(']')], KeyAction::Seek(Direction::On), ["", "", "forward"]),
    row(
        Group::Lesson,
        EARLIER,
        &[plain(Key::Enter), ch('.'), ch(' '), ch('g'), plain(Key::Esc)],
        KeyAction::Live,
        ["", "in the past: back to now", "now"],
    ),
    row(
        Group::Lesson,
        NOW,
        &[ch('v')],
        KeyAction::AskTry,
        ["", "try something of your own: `write p.w 3`, `wait e`, ...", "try"],
    ),
    row(
        Group::Lesson,
        EARLIER,
        &[ch('v'), ch('p'), ch('x'), ch('1'), ch('2'), ch('3'), ch('4')],
        KeyAction::NotInThePast,
        ["", "", ""],
    ),
    row(
        Group::LessonLook,
        EVERY,
        &[ch('w')],
        KeyAction::Part(Shown::Why),
        ["", "the Why sentence; again for everything", "why"],
    ),
    row(
        Group::LessonLook,
        EVERY,
        &[ch('t')],
        KeyAction::Part(Shown::Timeline),
        ["", "the timeline; again for everything", "time"],
    ),
    row(
        Group::LessonLook,
        EVERY,
        &[ch('c')],
        KeyAction::Part(Shown::Calls),
        ["", "every system call; again for everything", "calls"],
    ),
    row(
        Group::LessonLook,
        EVERY,
        &[ch('s')],
        KeyAction::Part(Shown::Steps),
        ["", "the steps; again for everything", "steps"],
    ),
    row(
        Group::LessonLook,
        EVERY,
        &[ch('e'), plain(Key::Tab)],
        KeyAction::Instance(Direction::On),
        ["", "the next epoll instance", "epoll"],
    ),
    row(
        Group::LessonLook,
        EVERY,
        &[plain(Key::BackTab)],
        KeyAction::Instance(Direction::Back),
        ["", "the epoll instance before", ""],
    ),
    row(Group::LessonLook, EVERY, &[ch('?')], KeyAction::Help, ["", "show this help", "help"]),
    row(
        Group::Lesson,
        GOING,
        &[ch('p')],
        KeyAction::Play,
        ["", "play on by itself; it stops at questions", "play"],
    ),
    row(Group::Lesson, EVERY, &[ch('r')], KeyAction::Restart, ["", "begin again", "restart"]),
    row(
        Group::LessonLook,
        EVERY,
        &[ch('j'), plain(Key::Down)],
        KeyAction::Move(Reach::Row, Direction::On),
        ["", "the next row: a registration, a call, a step", ""],
    ),
    row(
        Group::LessonLook,
        EVERY,
        &[ch('k'), plain(Key::Up)],
        KeyAction::Move(Reach::Row, Direction::Back),
        ["", "the row before", ""],
    ),
    row(
        Group::LessonLook,
        EVERY,
        &[plain(Key::Home)],
        KeyAction::Move(Reach::End, Direction::Back),
        ["", "the first row", ""],
    ),
    row(
        Group::LessonLook,
        EVERY,
        &[plain(Key::End)],
        KeyAction::Move(Reach::End, Direction::On),
        ["", "the last row; of calls and steps: now", ""],
    ),
    row(
        Group::LessonLook,
        EVERY,
        &[plain(Key::PageDown)],
        KeyAction::Scroll(Direction::On),
        ["", "scroll the narration", ""],
    ),
    row(
        Group::LessonLook,
        EVERY,
        &[plain(Key::PageUp)],
        KeyAction::Scroll(Direction::Back),
        ["", "scroll it back", ""],
    ),
    row(
        Group::LessonLook,
        EVERY,
        &[ch('y')],
        KeyAction::Copy,
        ["", "copy the Why sentence (OSC 52)", ""],
    ),
    row(
        Group::Lesson,
        EVERY,
        &[ch('q')],
        KeyAction::Leave,
        ["", "leave the lesson: back to the menu, or the end", "leave"],
    ),
    row(
        Group::Menu,
        MENU,
        &[plain(Key::Enter), ch('.'), ch(' ')],
        KeyAction::Begin,
        ["", "begin the chosen lesson", "begin"],
    ),
    row(
        Group::Menu,
        MENU,
        &[ch('j'), plain(Key::Down)],
        KeyAction::Move(Reach::Row, Direction::On),
        ["", "the next lesson", "down"],
    ),
    row(
        Group::Menu,
        MENU,
        &[ch('k'), plain(Key::Up)],
        KeyAction::Move(Reach::Row, Direction::Back),
        ["", "the lesson before", "up"],
    ),
    row(
        Group::Menu,
        MENU,
        &[plain(Key::Home)],
        KeyAction::Move(Reach::End, Direction::Back),
        ["", "the first lesson", ""],
    ),
    row(
        Group::Menu,
        MENU,
        &[plain(Key::End)],
        KeyAction::Move(Reach::End, Direction::On),
        ["", "the last lesson", ""],
    ),
    row(
        Group::Menu,
        MENU,
        &[plain(Key::PageDown)],
        KeyAction::Move(Reach::Page, Direction::On),
        ["", "ten lessons on", ""],
    ),
    row(
        Group::Menu,
        MENU,
        &[plain(Key::PageUp)],
        KeyAction::Move(Reach::Page, Direction::Back),
        ["", "ten lessons back", ""],
    ),
    row(Group::Menu, MENU, &[ch('?')], KeyAction::Help, ["", "show this help", "help"]),
    row(
        Group::Menu,
        MENU,
        &[ch('q'), plain(Key::Esc)],
        KeyAction::Quit,
        ["", "end the program", "quit"],
    ),
];
