//! The rows of the table of keys that belong to a comparison, in the order of the help and the hint
//! bar.

use super::table::rows;
use super::{Binding, Group, Mode};
use crate::tui::action::KeyAction::Compare;
use crate::tui::action::{CompareAction, Direction, KeyAction, Reach};
use crate::tui::key::{Key, ch, plain};

const COMPARED: &[Mode] = &[Mode::Compare];

/// The keys of a comparison.
pub(super) static COMPARE: &[Binding] = rows! {
    Compare COMPARED [ch('?')] KeyAction::Help => "", "show this help", "help";
    Compare COMPARED [plain(Key::Tab), ch('j'), plain(Key::Down)]
        KeyAction::Move(Reach::Row, Direction::On) => "", "the next loop", "loop";
    Compare COMPARED [plain(Key::BackTab), ch('k'), plain(Key::Up)]
        KeyAction::Move(Reach::Row, Direction::Back) => "", "the loop before", "";
    Compare COMPARED [ch('a')] Compare(CompareAction::AllActive)
        => "", "all clients send requests, or ten of them", "all/few active";
    Compare COMPARED [ch('+'), ch('=')] Compare(CompareAction::Clients(Direction::On))
        => "", "more clients: 1, 10, 100, 1,000, 10,000", "more";
    Compare COMPARED [ch('-')] Compare(CompareAction::Clients(Direction::Back))
        => "", "fewer clients", "fewer clients";
    Compare COMPARED [ch('m')] Compare(CompareAction::Mirror)
        => "", "mirror a client of yours, or the curve again", "mirror a client";
    Compare COMPARED [ch('e')] Compare(CompareAction::Export)
        => "", "write what has been measured into a new file, as CSV", "export";
    Compare COMPARED [ch('r')] Compare(CompareAction::Again)
        => "", "measure everything again", "again";
    Compare COMPARED [ch('q')] KeyAction::Quit
        => "", "end; what has been measured is printed", "quit";
};
