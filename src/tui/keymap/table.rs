//! The rows of the table of keys, in the order of the help and the hint bar.

use super::{Binding, Group, Mode};
use crate::event::{Command, Scope, View};
use crate::tui::action::KeyAction::Edit;
use crate::tui::action::{Direction, EditAction, KeyAction, Reach};
use crate::tui::key::{Key, ch, ctrl, plain};

const VIEW: &[Mode] = &[Mode::Live, Mode::Past, Mode::Playing, Mode::Page];
/// Looking around is the same before a server and before a recording.
const LOOK: &[Mode] = &[
    Mode::Live,
    Mode::Past,
    Mode::Playing,
    Mode::Page,
    Mode::Replay,
    Mode::ReplayPage,
    Mode::Watch,
    Mode::WatchPage,
];
/// These mean something else while the past is gone through.
const STILL: &[Mode] = &[Mode::Live, Mode::Past, Mode::Page];
/// Where a session is shared.
const SHARED: &[Mode] =
    &[Mode::Live, Mode::Past, Mode::Playing, Mode::Page, Mode::Replay, Mode::ReplayPage];
const PAST: &[Mode] = &[Mode::Past, Mode::Playing];
const PLAYING: &[Mode] = &[Mode::Playing];
const LIVE: &[Mode] = &[Mode::Live];
const ROWS: &[Mode] = &[Mode::Live, Mode::Past, Mode::Playing, Mode::Replay, Mode::Watch];
const PAGE: &[Mode] = &[Mode::Page, Mode::ReplayPage, Mode::WatchPage];
/// Where an event may be the newest.
const NEWEST: &[Mode] = &[Mode::Live, Mode::Page];
const ENTRY: &[Mode] = &[Mode::Entry];
/// Wherever a line is typed.
const TYPED: &[Mode] = &[Mode::Entry, Mode::Search];
const HELP: &[Mode] = &[Mode::Help];
/// Lessons have rows of their own for these.
const MOVE: &[Mode] = &[
    Mode::Live,
    Mode::Past,
    Mode::Playing,
    Mode::Page,
    Mode::Help,
    Mode::Replay,
    Mode::ReplayPage,
    Mode::Watch,
    Mode::WatchPage,
];
const ENDS: &[Mode] =
    &[Mode::Live, Mode::Past, Mode::Playing, Mode::Page, Mode::Help, Mode::Watch, Mode::WatchPage];
const EVERY: &[Mode] = &Mode::ALL;

/// A table of keys. A row is a group of the help, the modes in which the keys hold, the keys, what
/// they ask for, and three texts: for the palette, the help, and the hint bar.
macro_rules! rows {
    ($($group:ident $modes:ident [$($key:expr),+] $action:expr
        => $palette:literal, $help:literal, $hint:literal;)+) => {
        &[$(Binding {
            modes: $modes,
            keys: &[$($key),+],
            action: $action,
            palette: $palette,
            help: $help,
            hint: $hint,
            group: Group::$group,
        }),+]
    };
}

pub(super) use rows;

/// All keys. The order is that of the help and the hint bar.
pub(crate) static BINDINGS: &[Binding] = rows! {
    Program LOOK [ch('?')] KeyAction::Help => "help", "show this help", "help";
    Program STILL [ch('L')] KeyAction::Lessons
        => "", "the lessons; the server goes on, and is there again afterwards", "lessons";
    Program HELP [ch('?'), plain(Key::Esc), ch('q')] KeyAction::Help
        => "", "leave the help", "close";
    Program HELP [ch(' ')] KeyAction::Move(Reach::Page, Direction::On)
        => "", "the next page of the help", "page";
    Time PAST [ch('g'), plain(Key::Esc)] KeyAction::Live
        => "live", "back to now; follow the newest event", "now";
    Look PAGE [plain(Key::Esc), plain(Key::Enter)] KeyAction::ClosePage
        => "", "leave the page; j and k turn to the next row's", "close";
    Time NEWEST [ch('g')] KeyAction::Live => "", "", "";
    Time PLAYING [ch(' '), ch('p')] KeyAction::Stand
        => "", "slow motion: stand, or go on", "stand";
    Time PLAYING [ch('-')] KeyAction::Pace(Direction::Back) => "", "slow motion: slower", "slower";
    Time PLAYING [ch('+'), ch('=')] KeyAction::Pace(Direction::On)
        => "", "slow motion: faster", "faster";
    Time PAST [ch('[')] KeyAction::Seek(Direction::Back) => "seek -1", "", "back";
    Time PAST [ch(']')] KeyAction::Seek(Direction::On) => "", "", "on";
    Server STILL [ch(' ')] KeyAction::Hold
        => "pause, run", "hold or run all server threads between two system calls", "hold";
    Server VIEW [ch('.')] KeyAction::StepCall
        => "step T1", "one system call of the selected thread", "step";
    Server VIEW [ch('>')] KeyAction::StepTurn
        => "turn T1", "on to the selected thread's next wait", "turn";
    Server VIEW [ch('b')] KeyAction::Do(Command::Backend(None))
        => "backend poll", "wait by the next loop that can be had; clients stay", "backend";
    Registration VIEW [ch('t')] KeyAction::Do(Command::Trigger(Scope::Selected, None))
        => "trigger fd=7 edge", "level-triggered <-> edge-triggered", "level/edge";
    Registration VIEW [ch('T')] KeyAction::TriggerAll
        => "trigger all edge", "the same for all and for those to come", "all";
    Server VIEW [ch('d')] KeyAction::ReadPolicy
        => "read drain, read once 4", "read until EAGAIN <-> one read of 16 bytes an event",
        "drain/once";
    Clients VIEW [ch('c')] KeyAction::Do(Command::Client)
        => "client", "connect a built-in client", "client";
    Clients VIEW [ch('i')] KeyAction::AskSend
        => "send fd=7 text", "type a line that the selected built-in client sends", "send";
    Clients VIEW [ch('K')] KeyAction::Do(Command::Close(None))
        => "close fd=7", "the selected built-in client closes its end", "close";
    Clients VIEW [ch('X')] KeyAction::Do(Command::Reset(None))
        => "reset fd=7", "the selected built-in client resets its end", "reset";
    Registration VIEW [ch('o')] KeyAction::Do(Command::Oneshot(None, None))
        => "oneshot fd=7", "one-shot on or off", "one-shot";
    Registration VIEW [ch('x')] KeyAction::Do(Command::Exclusive(None, None))
        => "exclusive fd=7", "EPOLLEXCLUSIVE on or off (shows nothing on a single instance)", "";
    Registration VIEW [ch('w')] KeyAction::Do(Command::Watch(None, None))
        => "watch fd=7", "watch OUT or not", "OUT";
    Registration VIEW [ch('m')] KeyAction::Do(Command::Rearm(None))
        => "rearm fd=7", "MOD with the same mask: polls it, re-arms it", "MOD";
    Server STILL [ch('-')] KeyAction::Delay(Direction::Back)
        => "delay 0", "less delay before each call", "";
    Server STILL [ch('+'), ch('=')] KeyAction::Delay(Direction::On)
        => "delay 200", "more delay before each call (real time at the gate)", "delay";
    Server VIEW [ch('n')] KeyAction::Threads(Direction::On)
        => "threads 2", "one worker thread more", "thread";
    Server VIEW [ch('N')] KeyAction::Threads(Direction::Back)
        => "threads 1", "one worker thread fewer", "";
    Look MOVE [ch('j'), plain(Key::Down)] KeyAction::Move(Reach::Row, Direction::On)
        => "select fd=7, lane T1", "select the next row", "";
    Look MOVE [ch('k'), plain(Key::Up)] KeyAction::Move(Reach::Row, Direction::Back)
        => "", "select the row before", "";
    Look MOVE [plain(Key::PageDown)] KeyAction::Move(Reach::Page, Direction::On)
        => "", "ten rows on", "";
    Look MOVE [plain(Key::PageUp)] KeyAction::Move(Reach::Page, Direction::Back)
        => "", "ten rows back", "";
    Look ENDS [plain(Key::Home)] KeyAction::Move(Reach::End, Direction::Back)
        => "", "the first row; in calls the oldest one kept", "";
    Look ENDS [plain(Key::End)] KeyAction::Move(Reach::End, Direction::On)
        => "", "the last row; in calls the newest one, which is followed", "";
    Look ROWS [plain(Key::Enter)] KeyAction::Page
        => "", "the page of the row: what was counted, its last events", "";
    Look LOOK [plain(Key::Tab)] KeyAction::Focus(Direction::On) => "", "next pane", "pane";
    Look LOOK [plain(Key::BackTab)] KeyAction::Focus(Direction::Back) => "", "pane before", "";
    Look LOOK [ch('1')] KeyAction::View(View::Overview)
        => "view overview", "everything at once", "";
    Look LOOK [ch('2')] KeyAction::View(View::Timeline) => "view timeline", "the timeline", "timeline";
    Look LOOK [ch('3')] KeyAction::View(View::Calls) => "view calls", "every system call", "calls";
    Look LOOK [ch('4')] KeyAction::View(View::Findings)
        => "view findings", "what would be a bug in a real server", "findings";
    Look LOOK [ch('5')] KeyAction::View(View::Path)
        => "view path", "the way of one event through the kernel", "way";
    Time LOOK [ch('h'), plain(Key::Left)] KeyAction::Track(Direction::Back)
        => "at 12.031", "the mark before, on the selected thread or descriptor", "";
    Time LOOK [ch('l'), plain(Key::Right)] KeyAction::Track(Direction::On)
        => "", "the mark after it", "";
    Look LOOK [ch('{')] KeyAction::ToBookmark(Direction::Back)
        => "", "the moment before that was marked", "";
    Look LOOK [ch('}')] KeyAction::ToBookmark(Direction::On)
        => "", "the next moment that was marked", "";
    Look LOOK [ch('F')] KeyAction::AskFind
        => "find fd=7 EAGAIN", "go to an event by its words; from now on back in time", "";
    Time LOOK [ch('z')] KeyAction::Zoom(Direction::Back)
        => "zoom 1s", "narrow the timeline, down to 5 us; marks in one column part", "zoom";
    Time LOOK [ch('Z')] KeyAction::Zoom(Direction::On)
        => "zoom 2m", "widen the timeline, up to 10 minutes", "";
    Time STILL [ch('p')] KeyAction::Play
        => "play", "slow motion: from the viewed event on, one each 400 ms", "";
    Time VIEW [ch('P')] KeyAction::PlayTurn
        => "", "slow motion: the selected thread's last turn; then back to now", "slow motion";
    Time VIEW [ch('f')] KeyAction::Still
        => "still", "keep the view still while the server goes on; again to follow", "still";
    Look LOOK [ch('/')] KeyAction::AskFilter
        => "filter fd=7", "show only a descriptor, a peer or a kind", "filter";
    Look LOOK [ch('s')] KeyAction::Sort
        => "sort unread", "order of the list: number, unread, state, activity", "";
    Look LIVE [plain(Key::Esc)] KeyAction::Clear => "filter", "forget the filter", "";
    Look LOOK [ch('y')] KeyAction::Copy
        => "copy", "copy the Why sentence or the selected call (OSC 52)", "copy";
    Program LOOK [ch(':')] KeyAction::AskCommand
        => "", "a command; without a key: accept, max-events, drop, mistake", "command";
    Time NEWEST [ch('[')] KeyAction::Seek(Direction::Back)
        => "seek -1", "one event back in time; the whole screen shows it", "back in time";
    Time NEWEST [ch(']')] KeyAction::Seek(Direction::On) => "seek 1", "one event forward in time", "";
    Program EVERY [ctrl('z')] KeyAction::Suspend
        => "", "suspend, the server too; the kernel goes on queueing clients", "";
    Entry ENTRY [plain(Key::Enter)] Edit(EditAction::Submit) => "", "carry it out", "go";
    Entry ENTRY [plain(Key::Esc)] Edit(EditAction::Cancel) => "", "give up", "give up";
    Entry ENTRY [plain(Key::Tab)] Edit(EditAction::Complete)
        => "", "complete the word, or take the chosen one", "complete";
    Entry ENTRY [plain(Key::Down)] Edit(EditAction::Choose(Direction::On))
        => "", "down in the list of what could stand there", "";
    Entry ENTRY [plain(Key::Up)] Edit(EditAction::Choose(Direction::Back))
        => "", "up in that list; from the line to what was typed before", "";
    Entry TYPED [plain(Key::Backspace), ctrl('h')] Edit(EditAction::Erase(Direction::Back))
        => "", "delete the character before", "";
    Entry TYPED [plain(Key::Delete)] Edit(EditAction::Erase(Direction::On))
        => "", "delete the character under the cursor", "";
    Entry TYPED [ctrl('u')] Edit(EditAction::EraseAll) => "", "delete the line", "";
    Entry TYPED [plain(Key::Left)] Edit(EditAction::Caret(Reach::Row, Direction::Back))
        => "", "left", "";
    Entry TYPED [plain(Key::Right)] Edit(EditAction::Caret(Reach::Row, Direction::On))
        => "", "right", "";
    Entry TYPED [plain(Key::Home), ctrl('a')] Edit(EditAction::Caret(Reach::End, Direction::Back))
        => "", "to the beginning", "";
    Entry TYPED [plain(Key::End), ctrl('e')] Edit(EditAction::Caret(Reach::End, Direction::On))
        => "", "to the end", "";
    Program LOOK [ch('e')] KeyAction::AskExport
        => "export page class.html", "write a file for others: a page, a picture, tracks, ...", "";
    Program VIEW [ch('R')] KeyAction::Record
        => "record class.rec, record off", "record what happens from now on, or end that", "";
    Program LOOK [ch('S')] KeyAction::Share
        => "share, share off", "let browsers watch; again: where they connect to", "";
    Program SHARED [ch('a')] KeyAction::CloseAnswers
        => "ask off", "before a class: take no more answers, and show them; then put them away", "close";
    Program LIVE [ch('M')] KeyAction::Do(Command::Mark(String::new()))
        => "mark here", "mark this moment, to find it again", "";
    Program LOOK [ch('q')] KeyAction::Quit => "quit", "end the program", "quit";
    Program EVERY [ctrl('c')] KeyAction::Quit => "", "end the program", "";
};
