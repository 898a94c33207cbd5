//! The keys of who looks on at a session elsewhere; those that only look around are the live server's.

use super::table::rows;
use super::{Binding, Group, Mode};
use crate::event::Command;
use crate::tui::action::{Direction, KeyAction};
use crate::tui::key::ch;

const WATCH_MODE: &[Mode] = &[Mode::Watch, Mode::WatchPage];

/// All keys, in the order of the help and the hint bar.
pub(super) static WATCH: &[Binding] = rows! {
    Watch WATCH_MODE [ch('V')] KeyAction::Follow
        => "follow", "follow the teacher's view, or look around on your own", "follow";
    Watch WATCH_MODE [ch('[')] KeyAction::Seek(Direction::Back)
        => "seek -1", "one event back in time; the session goes on", "back in time";
    Watch WATCH_MODE [ch(']')] KeyAction::Seek(Direction::On) => "seek 1", "one event on", "";
    Watch WATCH_MODE [ch('g')] KeyAction::Live => "live", "back to now", "now";
    Watch WATCH_MODE [ch(' '), ch('p')] KeyAction::Stand
        => "play, stand", "slow motion: from the viewed event on; stand, or go on", "";
    Watch WATCH_MODE [ch('-')] KeyAction::Pace(Direction::Back) => "", "slow motion: slower", "";
    Watch WATCH_MODE [ch('+'), ch('=')] KeyAction::Pace(Direction::On)
        => "", "slow motion: faster", "";
    Watch WATCH_MODE [ch('P')] KeyAction::PlayTurn
        => "", "slow motion: the selected thread's last turn; then back to now", "";
    Watch WATCH_MODE [ch('f')] KeyAction::Still
        => "still", "keep the view still while the session goes on; again to follow it", "";
    Watch WATCH_MODE [ch('M')] KeyAction::Do(Command::Mark(String::new()))
        => "mark", "mark this moment, for yourself", "mark";
    Watch WATCH_MODE [ch('R')] KeyAction::Record
        => "record", "record what comes from now on, or end that", "record";
};
