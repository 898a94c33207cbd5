//! Moving the selection and the focus.

use super::App;
use crate::event::{Fd, LaneId, View, WatchKey};
use crate::model::{Divergence, Finding, TrackId};
use crate::session::Scene;
use crate::tui::action::{Direction, Reach};
use crate::tui::layout;
use crate::tui::pane::{Help, Interest, RenderContext, Waiting};
use crate::tui::theme::PLAIN;
use crate::tui::ui::{Pane, TrackChoice, WhyTopic};

/// Rows of a page.
const PAGE: usize = 10;

/// Where a selection among `len` rows goes; the first row if none was selected.
fn moved(at: Option<usize>, len: usize, reach: Reach, step: Direction) -> Option<usize> {
    let last = len.checked_sub(1)?;
    let Some(at) = at else {
        return Some(if reach == Reach::End && step == Direction::On { last } else { 0 });
    };
    let by = match reach {
        Reach::Row => 1,
        Reach::Page => PAGE,
        Reach::End => len,
    };
    Some(match step {
        Direction::Back => at.saturating_sub(by),
        Direction::On => (at + by).min(last),
    })
}

impl App {
    pub(super) fn show(&mut self, view: View, scene: &Scene<'_>) {
        self.ui.view = view;
        self.ui.page = None;
        self.ui.focus = match view {
            View::Overview => Pane::Interest,
            View::Timeline => Pane::Timeline,
            View::Calls => Pane::Calls,
            View::Findings => Pane::Findings,
            View::Path => Pane::Path,
        };
        if view == View::Findings
            && let Some(Some(key)) = self.found(scene).get(self.ui.finding)
        {
            self.select(*key);
        }
    }

    pub(super) fn focus(&mut self, step: Direction) {
        let panes = layout::panes(layout::beside_bar(&self.ui, self.ui.size), self.ui.view);
        let at = panes.iter().position(|pane| *pane == self.ui.focus).unwrap_or(0);
        let len = panes.len().max(1);
        let next = match step {
            Direction::Back => (at + len - 1) % len,
            Direction::On => (at + 1) % len,
        };
        self.ui.focus = panes.get(next).copied().unwrap_or(Pane::Interest);
    }

    pub(super) fn go(&mut self, reach: Reach, step: Direction, scene: &Scene<'_>) {
        if let Some(top) = self.ui.help {
            let look = RenderContext { scene: *scene, ui: &self.ui, theme: &PLAIN, spots: None };
            self.ui.help = Some(Help(look, top).scrolled(reach, step));
            return;
        }
        self.go_in(self.ui.focus, reach, step, scene);
        self.turn_page(scene);
    }

    /// Moves the selection of a pane.
    pub(super) fn go_in(&mut self, pane: Pane, reach: Reach, step: Direction, scene: &Scene<'_>) {
        match pane {
            // What is selected is what goes the way.
            Pane::Interest | Pane::Path => self.go_interest(reach, step, scene),
            Pane::Ready => self.go_ready(reach, step, scene),
            Pane::Waiting => self.go_waiting(reach, step, scene),
            Pane::Timeline => self.go_timeline(reach, step, scene),
            Pane::Calls => self.go_calls(reach, step, scene),
            Pane::Findings => self.go_findings(reach, step, scene),
        }
    }

    pub(super) fn select(&mut self, key: WatchKey) {
        self.newcomer = None;
        self.ui.watch = Some(key);
        self.ui.chosen = true;
        self.ui.topic = WhyTopic::Watch;
        self.ui.track = TrackChoice::Watch;
    }

    pub(super) fn select_fd(&mut self, fd: Fd, scene: &Scene<'_>) {
        let view = self.world(scene).through(self.ui.poller);
        match view.watch_at(fd) {
            Some(key) => self.select(key),
            None if view.scan().is_some() => self.ui.warn(format!("fd {fd} is not in the set")),
            None => self.ui.warn(format!("fd {fd} is not on the interest list")),
        }
    }

    pub(super) fn select_lane(&mut self, lane: LaneId, scene: &Scene<'_>) {
        if self.world(scene).lane(lane).is_none() {
            self.ui.warn(format!("{lane} does not exist"));
            return;
        }
        self.ui.lane = lane;
        self.ui.topic = WhyTopic::Lane;
        self.ui.track = TrackChoice::Lane;
    }

    fn go_among(&mut self, keys: &[WatchKey], reach: Reach, step: Direction) {
        let at = self.ui.watch.and_then(|key| keys.iter().position(|k| *k == key));
        if let Some(next) = moved(at, keys.len(), reach, step) {
            self.select(keys[next]);
        }
    }

    fn go_interest(&mut self, reach: Reach, step: Direction, scene: &Scene<'_>) {
        let look =
            RenderContext { scene: self.view(*scene), ui: &self.ui, theme: &PLAIN, spots: None };
        let keys = Interest(look).all_keys();
        self.go_among(&keys, reach, step);
    }

    fn go_ready(&mut self, reach: Reach, step: Direction, scene: &Scene<'_>) {
        let view = self.world(scene).through(self.ui.poller);
        let found = view.scan().into_iter().flat_map(|set| {
            let places = set.last.iter().flat_map(|last| last.found.iter());
            places.filter_map(|place| set.at(*place)).map(|entry| entry.key)
        });
        let posted = view
            .world
            .ring()
            .into_iter()
            .flat_map(|rings| rings.cq.iter().filter_map(|one| rings.get(one.cqe.id)?.key()));
        let ready = view.instance.ready.iter().map(|e| e.key);
        let keys: Vec<_> = ready.chain(found).chain(posted).collect();
        self.go_among(&keys, reach, step);
    }

    fn go_waiting(&mut self, reach: Reach, step: Direction, scene: &Scene<'_>) {
        let lanes = Waiting::order(self.world(scene).through(self.ui.poller));
        let at = lanes.iter().position(|id| *id == self.ui.lane);
        if let Some(next) = moved(at, lanes.len(), reach, step) {
            self.select_lane(lanes[next], scene);
        }
    }

    fn go_timeline(&mut self, reach: Reach, step: Direction, scene: &Scene<'_>) {
        let world = self.world(scene);
        let tracks: Vec<_> = scene
            .timeline
            .tracks()
            .map(|(id, _)| id)
            .filter(|id| match id {
                TrackId::Lane(lane) => lane.is_worker(),
                TrackId::Watch(key) => self.ui.filter.shows(world, *key),
            })
            .collect();
        let now = match (self.ui.track, self.ui.watch) {
            (TrackChoice::Watch, Some(key)) => Some(TrackId::Watch(key)),
            (TrackChoice::Lane, _) => Some(TrackId::Lane(self.ui.lane)),
            (TrackChoice::Watch, None) => None,
        };
        let at = now.and_then(|now| tracks.iter().position(|id| *id == now));
        match moved(at, tracks.len(), reach, step).map(|next| tracks[next]) {
            Some(TrackId::Watch(key)) => self.select(key),
            Some(TrackId::Lane(lane)) => self.select_lane(lane, scene),
            None => {}
        }
    }

    /// The registrations that the viewed findings are about, newest first.
    fn found(&self, scene: &Scene<'_>) -> Vec<Option<WatchKey>> {
        let world = self.world(scene).through(self.ui.poller);
        let key = |f: &Finding| f.fd.zip(f.file).map(|(fd, file)| WatchKey { fd, file });
        let findings = world.findings.iter().rev().map(key);
        findings.map(|key| key.filter(|k| world.watches(*k))).collect()
    }

    fn divergences(&self, scene: &Scene<'_>) -> Vec<Divergence> {
        let check = scene.live.through(self.ui.poller).check();
        check.recent().rev().copied().collect()
    }

    /// Findings come first, divergences below; a divergence is looked at where it was noticed.
    fn go_findings(&mut self, reach: Reach, step: Direction, scene: &Scene<'_>) {
        let found = self.found(scene);
        let divergences: Vec<_> = self.divergences(scene);
        let chosen = self.ui.divergence.and_then(|d| divergences.iter().position(|o| *o == d));
        let at = chosen.map_or(self.ui.finding, |n| found.len() + n);
        if let Some(next) = moved(Some(at), found.len() + divergences.len(), reach, step) {
            self.choose_finding(next, scene);
        }
    }

    /// Selects a row of the findings: of the divergences below them, if it is one.
    pub(super) fn choose_finding(&mut self, next: usize, scene: &Scene<'_>) {
        let found = self.found(scene);
        let divergences = self.divergences(scene);
        if next >= found.len() + divergences.len() {
            return;
        }
        if let Some(divergence) = next.checked_sub(found.len()).map(|n| divergences[n]) {
            self.ui.divergence = Some(divergence);
            self.visit(divergence.seq, scene);
            return;
        }
        if self.ui.divergence.take().is_some() {
            self.live(scene);
        }
        self.ui.finding = next;
        if let Some(key) = found[next] {
            self.select(key);
        }
    }

    fn go_calls(&mut self, reach: Reach, step: Direction, scene: &Scene<'_>) {
        match (reach, step) {
            (Reach::End, Direction::On) => self.live(scene),
            (Reach::End, Direction::Back) => self.oldest_row(scene),
            (Reach::Row, step) => self.rows(1, step, scene),
            (Reach::Page, step) => self.rows(PAGE, step, scene),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_stays_inside_its_list() {
        assert_eq!(moved(None, 0, Reach::Row, Direction::On), None);
        assert_eq!(moved(None, 3, Reach::Row, Direction::Back), Some(0));
        assert_eq!(moved(Some(2), 3, Reach::Row, Direction::On), Some(2));
        assert_eq!(moved(Some(2), 3, Reach::Page, Direction::Back), Some(0));
        assert_eq!(moved(Some(0), 3, Reach::End, Direction::On), Some(2));
        assert_eq!(moved(Some(9), 3, Reach::Row, Direction::On), Some(2));
    }
}
