//! The rows of the table of keys that hold while it is asked what is to be written for others.

use super::table::rows;
use super::{Binding, Group, Mode};
use crate::tui::action::KeyAction::Export;
use crate::tui::action::{Direction, ExportAction};
use crate::tui::key::{Key, ch, plain};

const ASKED: &[Mode] = &[Mode::Export];

/// All keys, in the order of the hint bar.
pub(super) static EXPORT: &[Binding] = rows! {
    Program ASKED [plain(Key::Enter)] Export(ExportAction::Write) => "", "", "write";
    Program ASKED [ch('j'), plain(Key::Down)] Export(ExportAction::Choose(Direction::On))
        => "", "", "down";
    Program ASKED [ch('k'), plain(Key::Up)] Export(ExportAction::Choose(Direction::Back))
        => "", "", "up";
    Program ASKED [ch('r')] Export(ExportAction::Range) => "", "", "range";
    Program ASKED [ch('h')] Export(ExportAction::Hide) => "", "", "hide";
    Program ASKED [ch('n')] Export(ExportAction::Name) => "", "", "name";
    Program ASKED [ch('z')] Export(ExportAction::Size) => "", "", "size";
    Program ASKED [plain(Key::Esc), ch('q'), ch('e')] Export(ExportAction::Leave)
        => "", "", "leave";
};
