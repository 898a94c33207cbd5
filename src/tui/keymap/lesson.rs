//! The rows of the table of keys that belong to lessons, in the order of the help and the hint bar.

use super::table::rows;
use super::{Binding, Group, Mode};
use crate::tui::action::KeyAction::Lesson;
use crate::tui::action::{Direction, KeyAction, LessonAction, Reach, Shown};
use crate::tui::key::{Key, ch, plain};

const READY: &[Mode] = &[Mode::Lesson];
const ASKED: &[Mode] = &[Mode::Question];
const EARLIER: &[Mode] = &[Mode::Earlier];
const ENDED: &[Mode] = &[Mode::Ended];
const GOING: &[Mode] = &[Mode::Lesson, Mode::Question];
const RETOLD: &[Mode] = &[Mode::Retold];
const NOW: &[Mode] = &[Mode::Lesson, Mode::Question, Mode::Ended];
/// Where a lesson is gone through for the first time.
const OWN: &[Mode] = &[Mode::Lesson, Mode::Question, Mode::Ended, Mode::Earlier];
const EVERY: &[Mode] = &[Mode::Lesson, Mode::Question, Mode::Ended, Mode::Earlier, Mode::Retold];
const MENU: &[Mode] = &[Mode::Menu];
const SEARCH: &[Mode] = &[Mode::Search];
/// The list of lessons, whether words are typed or not.
const LIST: &[Mode] = &[Mode::Menu, Mode::Search];

/// The keys of a lesson and of its menu.
pub static LESSON: &[Binding] = rows! {
    Lesson READY [plain(Key::Enter), ch('.'), ch(' ')] Lesson(LessonAction::Next)
        => "", "the next step, or its question", "next";
    Lesson ENDED [plain(Key::Enter)] Lesson(LessonAction::Next)
        => "", "at the end: the next lesson", "next lesson";
    Lesson ENDED [ch('.'), ch(' ')] Lesson(LessonAction::Next) => "", "", "";
    Lesson ASKED [ch('1')] Lesson(LessonAction::Answer(0))
        => "", "answer a question", "to 4 answer";
    Lesson ASKED [ch('2')] Lesson(LessonAction::Answer(1)) => "", "", "";
    Lesson ASKED [ch('3')] Lesson(LessonAction::Answer(2)) => "", "", "";
    Lesson ASKED [ch('4')] Lesson(LessonAction::Answer(3)) => "", "", "";
    Lesson ASKED [plain(Key::Enter), ch('.'), ch(' ')] Lesson(LessonAction::AskAnswer)
        => "", "where the answer is typed: open its line again", "answer";
    Lesson ASKED [ch('x')] Lesson(LessonAction::Skip) => "", "go on without an answer", "no answer";
    Lesson ASKED [ch('a')] Lesson(LessonAction::CloseClass)
        => "", "before a class: take no more answers, and show them", "close";
    Lesson NOW [ch('[')] KeyAction::Seek(Direction::Back)
        => "", "one step back; the screen shows how it was", "back";
    Lesson NOW [ch(']')] KeyAction::Seek(Direction::On) => "", "one step forward again", "";
    Lesson EARLIER [ch('[')] KeyAction::Seek(Direction::Back) => "", "", "back";
    Lesson EARLIER [ch(']')] KeyAction::Seek(Direction::On) => "", "", "forward";
    Lesson EARLIER [plain(Key::Enter), ch('.'), ch(' '), ch('g'), plain(Key::Esc)] KeyAction::Live
        => "", "in the past: back to now", "now";
    Lesson NOW [ch('v')] Lesson(LessonAction::AskTry)
        => "", "try something of your own: `write p.w 3`, `wait e`, ...", "try";
    Lesson NOW [ch('u')] Lesson(LessonAction::Undo)
        => "", "undo that: the lesson is made anew up to it", "undo";
    Lesson EARLIER [ch('v'), ch('u'), ch('p'), ch('x'), ch('1'), ch('2'), ch('3'), ch('4')]
        Lesson(LessonAction::NotInThePast) => "", "", "";
    Retold RETOLD [ch(']')] KeyAction::Seek(Direction::On) => "", "one step on", "on";
    Retold RETOLD [ch('[')] KeyAction::Seek(Direction::Back) => "", "one step back", "back";
    Retold RETOLD [ch(' '), ch('p')] Lesson(LessonAction::Play)
        => "", "play it at the pace of reading, or stand", "play/stand";
    Retold RETOLD [ch('-')] Lesson(LessonAction::ReadingSpeed(Direction::Back)) => "", "play slower", "";
    Retold RETOLD [ch('+'), ch('=')] Lesson(LessonAction::ReadingSpeed(Direction::On))
        => "", "play faster", "";
    Retold RETOLD [plain(Key::Home), ch('r')] KeyAction::Beginning => "", "to the beginning", "";
    Retold RETOLD [plain(Key::Enter), ch('g'), plain(Key::End)] KeyAction::Live
        => "", "to the end; of a lesson elsewhere: to what is looked at there", "end";
    Retold RETOLD [ch('q'), plain(Key::Esc)] Lesson(LessonAction::Leave)
        => "", "leave the lesson", "leave";
    LessonLook EVERY [ch('R')] KeyAction::Record
        => "", "record the lesson from here on, or end that", "";
    LessonLook EVERY [ch('w')] Lesson(LessonAction::Part(Shown::Why))
        => "", "the Why sentence; again for everything", "why";
    LessonLook EVERY [ch('t')] Lesson(LessonAction::Part(Shown::Timeline))
        => "", "the timeline; again for everything", "time";
    LessonLook EVERY [ch('c')] Lesson(LessonAction::Part(Shown::Calls))
        => "", "every system call; again for everything", "calls";
    LessonLook EVERY [ch('5')] Lesson(LessonAction::Part(Shown::Path))
        => "", "the way of one event; again for everything", "";
    LessonLook EVERY [ch('s')] Lesson(LessonAction::Part(Shown::Steps))
        => "", "the steps; again for everything", "steps";
    LessonLook EVERY [plain(Key::Tab)] Lesson(LessonAction::Instance(Direction::On))
        => "", "the next epoll instance", "epoll";
    LessonLook EVERY [plain(Key::BackTab)] Lesson(LessonAction::Instance(Direction::Back))
        => "", "the epoll instance before", "";
    LessonLook EVERY [ch('?')] KeyAction::Help => "", "show this help", "help";
    Lesson GOING [ch('p')] Lesson(LessonAction::Play)
        => "", "play on by itself; it stops at questions", "play";
    Lesson GOING [ch('-')] Lesson(LessonAction::ReadingSpeed(Direction::Back))
        => "", "play slower", "";
    Lesson GOING [ch('+'), ch('=')] Lesson(LessonAction::ReadingSpeed(Direction::On))
        => "", "play faster", "";
    Lesson OWN [ch('m')] Lesson(LessonAction::SlowMotion)
        => "", "slow motion after each step, or not", "";
    Lesson OWN [ch('r')] Lesson(LessonAction::Restart)
        => "", "begin again; a file of your own is read again", "restart";
    LessonLook EVERY [ch('j'), plain(Key::Down)] KeyAction::Move(Reach::Row, Direction::On)
        => "", "the next row: a registration, a call, a step", "";
    LessonLook EVERY [ch('k'), plain(Key::Up)] KeyAction::Move(Reach::Row, Direction::Back)
        => "", "the row before", "";
    LessonLook OWN [plain(Key::Home)] KeyAction::Move(Reach::End, Direction::Back)
        => "", "the first row", "";
    LessonLook OWN [plain(Key::End)] KeyAction::Move(Reach::End, Direction::On)
        => "", "the last row; of calls and steps: now", "";
    LessonLook EVERY [plain(Key::PageDown)] Lesson(LessonAction::Scroll(Direction::On))
        => "", "scroll the narration", "";
    LessonLook EVERY [plain(Key::PageUp)] Lesson(LessonAction::Scroll(Direction::Back))
        => "", "scroll it back", "";
    LessonLook EVERY [ch('S')] KeyAction::Share
        => "", "let browsers watch; again: where they connect to", "";
    LessonLook EVERY [ch('y')] KeyAction::Copy => "", "copy the Why sentence (OSC 52)", "";
    LessonLook EVERY [ch('e')] KeyAction::AskExport
        => "", "write a file for others: a page, a picture, tracks, ...", "";
    Lesson NOW [ch('q'), plain(Key::Esc)] Lesson(LessonAction::Leave)
        => "", "leave the lesson; asks first if answers would be lost", "leave";
    Lesson EARLIER [ch('q')] Lesson(LessonAction::Leave) => "", "", "leave";
    Menu MENU [plain(Key::Enter), ch('.'), ch(' ')] Lesson(LessonAction::Begin)
        => "", "begin the chosen lesson", "begin";
    Menu SEARCH [plain(Key::Enter)] Lesson(LessonAction::Begin) => "", "", "begin";
    Menu MENU [ch('j'), plain(Key::Down)] KeyAction::Move(Reach::Row, Direction::On)
        => "", "the next lesson", "down";
    Menu SEARCH [plain(Key::Down)] KeyAction::Move(Reach::Row, Direction::On) => "", "", "down";
    Menu MENU [ch('k'), plain(Key::Up)] KeyAction::Move(Reach::Row, Direction::Back)
        => "", "the lesson before", "up";
    Menu SEARCH [plain(Key::Up)] KeyAction::Move(Reach::Row, Direction::Back) => "", "", "up";
    Menu MENU [plain(Key::Home)] KeyAction::Move(Reach::End, Direction::Back)
        => "", "the first lesson", "";
    Menu MENU [plain(Key::End)] KeyAction::Move(Reach::End, Direction::On)
        => "", "the last lesson", "";
    Menu LIST [plain(Key::PageDown)] KeyAction::Move(Reach::Page, Direction::On)
        => "", "ten lessons on", "";
    Menu LIST [plain(Key::PageUp)] KeyAction::Move(Reach::Page, Direction::Back)
        => "", "ten lessons back", "";
    Menu MENU [ch('/')] Lesson(LessonAction::Search)
        => "", "look for lessons by words of their titles and texts", "search";
    Menu SEARCH [plain(Key::Esc)] KeyAction::Clear
        => "", "in a search: all lessons again", "all lessons";
    Menu MENU [ch('S')] KeyAction::Share
        => "", "let browsers watch; again: where they connect to", "";
    Menu MENU [ch('?')] KeyAction::Help => "", "show this help", "help";
    Menu MENU [plain(Key::Esc)] KeyAction::Clear
        => "", "forget what was looked for, or as q", "";
    Menu MENU [ch('q')] Lesson(LessonAction::Leave)
        => "", "leave the lessons: back to the server, or the end", "leave";
};
