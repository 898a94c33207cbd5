//! What stands where on the screen: written down while it is drawn, so that a click finds what was
//! seen there.

use std::cell::RefCell;

use ratatui::layout::Rect;

use super::key::KeyPress;
use super::ui::Pane;
use crate::event::{LaneId, Seq, WatchKey};
use crate::model::TrackId;

/// Something that a click can mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spot {
    /// Nothing: what lies below is covered.
    Cover,
    /// A pane, where nothing else of it stands.
    Pane(Pane),
    /// A file.
    File(WatchKey),
    /// A thread.
    Lane(LaneId),
    /// An event.
    Event(Seq),
    /// An event on a track.
    Mark(TrackId, Seq),
    /// A row of the findings, counted from 0; divergences come last.
    Finding(usize),
    /// A key that is named there.
    Key(KeyPress),
    /// A suggestion for the line being typed.
    Suggestion(usize),
    /// A lesson of the menu, or a row of a comparison, counted from 0.
    Row(usize),
}

/// The largest screen on which the pointer is looked for, as that is drawn.
const LARGEST: (u16, u16) = (1000, 500);

/// The cells of a screen of that size, on which the pointer is looked for.
pub(crate) fn on_screen((width, height): (u16, u16)) -> Rect {
    Rect::new(0, 0, width.min(LARGEST.0), height.min(LARGEST.1))
}

/// What stands where; what was drawn last lies on top.
#[derive(Debug, Default)]
pub(crate) struct Spots(RefCell<Vec<(Rect, Spot)>>);

impl Spots {
    pub(super) fn note(&self, area: Rect, spot: Spot) {
        self.0.borrow_mut().push((area, spot));
    }

    /// What lies on top of a cell.
    pub(super) fn at(&self, cell: (u16, u16)) -> Option<Spot> {
        let spots = self.0.borrow();
        spots.iter().rev().find(|(area, _)| area.contains(cell.into())).map(|(_, spot)| *spot)
    }

    /// The rows that are about a file and not covered.
    pub(super) fn files(&self) -> Vec<(Rect, WatchKey)> {
        let spots = self.0.borrow();
        let covers =
            |(area, spot): &&(Rect, Spot), of: &Rect| *spot == Spot::Cover && area.intersects(*of);
        let files = spots.iter().enumerate().filter_map(|(n, (area, spot))| match spot {
            Spot::File(key) if !spots[n..].iter().any(|over| covers(&over, area)) => {
                Some((*area, *key))
            }
            _ => None,
        });
        files.collect()
    }

    /// The pane that a cell belongs to, if nothing covers it.
    pub(super) fn pane(&self, cell: (u16, u16)) -> Option<Pane> {
        let spots = self.0.borrow();
        let here = spots.iter().rev().filter(|(area, _)| area.contains(cell.into()));
        for (_, spot) in here {
            match spot {
                Spot::Cover => return None,
                Spot::Pane(pane) => return Some(*pane),
                Spot::File(_)
                | Spot::Lane(_)
                | Spot::Event(_)
                | Spot::Mark(..)
                | Spot::Finding(_)
                | Spot::Key(_)
                | Spot::Suggestion(_)
                | Spot::Row(_) => {}
            }
        }
        None
    }
}
