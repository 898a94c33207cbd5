//! The keys of a recording; those that only look around are the live server's.

use super::table::rows;
use super::{Binding, Group, Mode};
use crate::event::Command;
use crate::tui::action::{Direction, KeyAction};
use crate::tui::key::{Key, ch, plain};

const REPLAY_MODE: &[Mode] = &[Mode::Replay];

/// All keys, in the order of the help and the hint bar.
pub(super) static REPLAY: &[Binding] = rows! {
    Replay REPLAY_MODE [ch(' '), ch('p')] KeyAction::Stand => "", "play, or stand", "play";
    Replay REPLAY_MODE [ch('[')] KeyAction::Seek(Direction::Back) => "", "one event back", "back";
    Replay REPLAY_MODE [ch(']')] KeyAction::Seek(Direction::On) => "", "one event on", "on";
    Replay REPLAY_MODE [ch('.')] KeyAction::ToCall(Direction::On)
        => "", "the next call of the selected thread", "call";
    Replay REPLAY_MODE [ch(',')] KeyAction::ToCall(Direction::Back) => "", "its call before", "";
    Replay REPLAY_MODE [ch('>')] KeyAction::ToWait(Direction::On)
        => "", "the next wait of the selected thread", "wait";
    Replay REPLAY_MODE [ch('<')] KeyAction::ToWait(Direction::Back) => "", "its wait before", "";
    Replay REPLAY_MODE [ch('n')] KeyAction::FindNext(Direction::On)
        => "", "the next event of those that F looked for", "";
    Replay REPLAY_MODE [ch('N')] KeyAction::FindNext(Direction::Back)
        => "", "the one before", "";
    Replay REPLAY_MODE [ch('M')] KeyAction::Do(Command::Mark(String::new()))
        => "", "mark this moment; the file stays as it is", "mark";
    Replay REPLAY_MODE [ch('-')] KeyAction::Pace(Direction::Back) => "", "slower", "slower";
    Replay REPLAY_MODE [ch('+'), ch('=')] KeyAction::Pace(Direction::On)
        => "", "faster: 1/4, 1/2, 1, 2, 4, 8", "faster";
    Replay REPLAY_MODE [ch('P')] KeyAction::PlayTurn
        => "", "slow motion: the last turn of the selected thread before the end", "";
    Replay REPLAY_MODE [plain(Key::Home)] KeyAction::Beginning => "", "to the beginning", "";
    Replay REPLAY_MODE [ch('g'), plain(Key::End)] KeyAction::Live => "", "to the end", "";
    Replay REPLAY_MODE [plain(Key::Esc)] KeyAction::Clear => "", "forget the filter", "";
};
