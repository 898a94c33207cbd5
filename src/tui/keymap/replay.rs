//! The keys of a recording; those that only look around are the live server's.

use super::table::rows;
use super::{Binding, Group, Mode};
use crate::event::Command;
use crate::tui::action::{Direction, KeyAction};
use crate::tui::key::{Key, ch, plain};

const REPLAY_MODE: &[Mode] = &[Mode::Replay, Mode::ReplayPage];
/// Wherever there is no server to ask: these keys go to what has happened.
const RECORDED_MODES: &[Mode] = &[Mode::Replay, Mode::ReplayPage, Mode::Watch, Mode::WatchPage];
/// Where no page is open.
const PANES: &[Mode] = &[Mode::Replay, Mode::Watch];

/// The keys of whatever has happened elsewhere or earlier.
pub(super) static RECORDED: &[Binding] = rows! {
    Recorded RECORDED_MODES [ch('.')] KeyAction::ToCall(Direction::On)
        => "call 1", "the next call of the selected thread", "call";
    Recorded RECORDED_MODES [ch(',')] KeyAction::ToCall(Direction::Back) => "call -1", "its call before", "";
    Recorded RECORDED_MODES [ch('>')] KeyAction::ToWait(Direction::On)
        => "wait 1", "the next wait of the selected thread", "wait";
    Recorded RECORDED_MODES [ch('<')] KeyAction::ToWait(Direction::Back) => "wait -1", "its wait before", "";
    Recorded RECORDED_MODES [ch('n')] KeyAction::FindNext(Direction::On)
        => "", "the next event of those that F looked for", "";
    Recorded RECORDED_MODES [ch('N')] KeyAction::FindNext(Direction::Back)
        => "", "the one before", "";
    Recorded PANES [plain(Key::Esc)] KeyAction::Clear => "", "forget the filter", "";
};

/// All keys, in the order of the help and the hint bar.
pub(super) static REPLAY: &[Binding] = rows! {
    Replay REPLAY_MODE [ch(' '), ch('p')] KeyAction::Stand => "play, stand", "play, or stand", "play";
    Replay REPLAY_MODE [ch('[')] KeyAction::Seek(Direction::Back) => "seek -1", "one event back", "back";
    Replay REPLAY_MODE [ch(']')] KeyAction::Seek(Direction::On) => "seek 1", "one event on", "on";
    Replay REPLAY_MODE [ch('M')] KeyAction::Do(Command::Mark(String::new()))
        => "mark", "mark this moment; the file stays as it is", "mark";
    Replay REPLAY_MODE [ch('-')] KeyAction::Pace(Direction::Back) => "speed 1/2", "slower", "slower";
    Replay REPLAY_MODE [ch('+'), ch('=')] KeyAction::Pace(Direction::On)
        => "speed 2", "faster: 1/4, 1/2, 1, 2, 4, 8", "faster";
    Replay REPLAY_MODE [ch('P')] KeyAction::PlayTurn
        => "", "slow motion: the last turn of the selected thread before the end", "";
    Replay REPLAY_MODE [plain(Key::Home)] KeyAction::Beginning => "", "to the beginning", "";
    Replay REPLAY_MODE [ch('g'), plain(Key::End)] KeyAction::Live => "live", "to the end", "";
};
