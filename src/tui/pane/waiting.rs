//! The wait queue (wq) in the order in which the kernel wakes it, and the threads held at the gate.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::RenderContext;
use crate::event::{GateStep, GoId, LaneId, Pass, TimeUnit, visible};
use crate::model::{EpollView, LaneState, ThreadLane};
use crate::text::strace;
use crate::tui::draw::{Row, cells, first_row};
use crate::tui::layout::WIDE;
use crate::tui::spots::Spot;
use crate::tui::theme::Role;
use crate::tui::ui::UiContext;

/// Draws the threads.
pub(crate) struct Waiting<'a>(pub RenderContext<'a>);

impl Waiting<'_> {
    /// The pane's title: how many of the threads sleep.
    pub(crate) fn title(look: &RenderContext<'_>) -> Vec<String> {
        let world = look.world();
        let alive = world.lanes.iter().filter(|lane| lane.is_alive()).count();
        if let Some(set) = world.scan() {
            let sleeps = |lane: &&ThreadLane| matches!(lane.state, LaneState::Asleep(_));
            let asleep = world.lanes.iter().filter(sleeps).count();
            return vec![format!("Asleep in {}", set.backend), format!("{asleep} of {alive}")];
        }
        if world.world.ring().is_some() {
            let sleeps = |lane: &&ThreadLane| matches!(lane.state, LaneState::Asleep(_));
            let asleep = world.lanes.iter().filter(sleeps).count();
            let narrow = look.ui.size.0 < WIDE;
            let name = if narrow { "In io_uring_enter" } else { "Waiting in io_uring_enter" };
            return vec![name.to_owned(), format!("{asleep} of {alive}")];
        }
        if world.netpoll().is_some() {
            let waits = world.instance.wq.len();
            return vec!["Threads".to_owned(), format!("{waits} of {alive} waits")];
        }
        if world.served().is_some() {
            let sleeps = |lane: &&ThreadLane| matches!(lane.state, LaneState::Asleep(_));
            let asleep = world.lanes.iter().filter(sleeps).count();
            return vec!["Asleep, each in its call".to_owned(), format!("{asleep} of {alive}")];
        }
        let asleep = world.instance.wq.len();
        let name = if look.ui.size.0 < WIDE { "Asleep (wq)" } else { "Waiting in epoll_wait (wq)" };
        let mut title = vec![name.to_owned()];
        look.named(&mut title);
        title.push(look.known_by(format!("{asleep} of {alive}")));
        title
    }

    /// The threads in the order of the pane: sleepers as they are woken, then the others.
    pub(crate) fn order(world: EpollView<'_>) -> Vec<LaneId> {
        let asleep: Vec<_> = world.instance.wq.iter().collect();
        let others = world.lanes.iter().map(|lane| lane.id).filter(|id| !asleep.contains(id));
        asleep.iter().copied().chain(others).collect()
    }

    /// The lines: sleepers in their order, then the held, then the others.
    fn lines(&self, columns: usize) -> Vec<(Option<&ThreadLane>, String, Role)> {
        let world = self.0.world();
        let mut lines = Vec::new();
        let foretold = self.0.foretells() && world.instance.wq.len() > 1;
        let netpoller = if world.netpoll().is_some() { "netpoller, " } else { "" };
        for (place, id) in world.instance.wq.iter().enumerate() {
            if let Some(lane) = world.world.lane(id) {
                let next = if place == 0 && foretold { ", woken next" } else { "" };
                let since = lane.since;
                let [long, short] = match lane.pending {
                    _ if world.clock == TimeUnit::Steps => {
                        ["asleep", "asleep"].map(|word| format!("{word}{next}"))
                    }
                    Some(pass) => [", asleep", ""]
                        .map(|asleep| format!("{}{asleep} since {since}", pending(pass))),
                    None => ["asleep ", ""].map(|asleep| format!("{asleep}since {since}{next}")),
                };
                let (long, short) = (format!("{netpoller}{long}"), format!("{netpoller}{short}"));
                let fits = crate::tui::words::width(&long) <= columns;
                let text = if fits { long } else { short };
                lines.push((Some(lane), text, Role::Asleep));
            }
        }
        let asleep = |lane: &&ThreadLane| !world.instance.wq.iter().any(|id| id == lane.id);
        for lane in world.world.lanes.iter().filter(asleep) {
            let (text, role, hint) = words(world, lane, columns);
            lines.push((Some(lane), text, role));
            if let Some(hint) =
                self.hint(lane, hint).filter(|_| lane.id == self.0.ui.lane || lane.has_died())
            {
                lines.push((None, format!("   {hint}"), Role::Dim));
            }
        }
        lines
    }

    /// The hint below a thread: what a key does there is not the same everywhere.
    fn hint(&self, lane: &ThreadLane, live: Option<&'static str>) -> Option<&'static str> {
        let ui = self.0.ui;
        match &lane.state {
            LaneState::Held(_) | LaneState::Died(_) if ui.keyless => None,
            LaneState::Held(_) if ui.place == UiContext::Replay => {
                Some("press . to see what it did")
            }
            LaneState::Held(_) if ui.place == UiContext::Watch => None,
            LaneState::Died(_) if matches!(ui.place, UiContext::Replay | UiContext::Watch) => None,
            _ => live,
        }
    }
}

/// The goroutine that a thread runs.
fn goroutine(world: EpollView<'_>, lane: &ThreadLane) -> Option<GoId> {
    world.netpoll()?.run_by(lane.id).map(|go| go.id)
}

/// What a thread that sleeps has been let go for.
fn pending(pass: Pass) -> &'static str {
    if pass == Pass::Turn { "turn pending" } else { "step pending" }
}

fn words(
    world: EpollView<'_>,
    lane: &ThreadLane,
    columns: usize,
) -> (String, Role, Option<&'static str>) {
    match &lane.state {
        LaneState::Unstarted => ("not yet started".to_owned(), Role::Dim, None),
        LaneState::Running if lane.pending == Some(Pass::Step) => {
            ("makes the call".to_owned(), Role::Text, None)
        }
        LaneState::Running if world.clock == TimeUnit::Steps => {
            ("in no call".to_owned(), Role::Dim, None)
        }
        LaneState::Running if world.scan().is_some() => {
            ("runs".to_owned(), Role::Text, Some("0 hooks are left on any socket"))
        }
        LaneState::Running if world.netpoll().is_some() => match goroutine(world, lane) {
            Some(go) => (format!("runs {go}"), Role::Handled, None),
            None => ("idle: nothing to run".to_owned(), Role::Dim, None),
        },
        LaneState::Running => ("runs".to_owned(), Role::Text, None),
        LaneState::Held(next) => {
            let to_wait = next.ends_turn();
            let hint = if world.switching.is_some() && !to_wait {
                "a switch is pending: > on to its wait"
            } else if to_wait {
                "press . to make the call"
            } else if next.call().is_none() {
                match next {
                    GateStep::Run(_) => "press . to run it, > for a turn",
                    GateStep::Reap { .. } => "press . to take it, > for a turn",
                    GateStep::Call(_) | GateStep::Push { .. } => {
                        "press . to write it, > for a turn"
                    }
                }
            } else {
                "press . to make it, > for a turn"
            };
            let next = strace::before(&world, next, world.seq);
            let text = format!("held before {next}");
            let fits = super::super::words::width(&text) <= columns;
            (if fits { text } else { format!("next: {next}") }, Role::Title, Some(hint))
        }
        LaneState::Harvesting(call) if world.clock == TimeUnit::Steps => {
            (format!("held inside {}", strace::entered(&world, call, world.seq)), Role::Title, None)
        }
        LaneState::Harvesting(call) => (format!("in {call}"), Role::Text, None),
        LaneState::Asleep(call) if world.clock == TimeUnit::Steps => {
            (format!("asleep in {}", strace::entered(&world, call, world.seq)), Role::Asleep, None)
        }
        LaneState::Asleep(call) if world.served().is_some() && lane.pending.is_none() => {
            (format!("in {call} since {}", lane.since), Role::Asleep, None)
        }
        LaneState::Asleep(_) => match lane.pending {
            Some(pass) => (format!("{}: the call sleeps", pending(pass)), Role::Asleep, None),
            None => match world.scan() {
                Some(set) => {
                    let n = if set.is_select() { set.bits() } else { set.len() };
                    let text = format!("since {}, on {n} wait queues", lane.since);
                    (text, Role::Asleep, None)
                }
                None => (format!("asleep since {}", lane.since), Role::Asleep, None),
            },
        },
        LaneState::Ended => ("ended".to_owned(), Role::Dim, None),
        LaneState::Died(message) => {
            let text = format!("died: {}", visible(message.as_bytes(), 100));
            (text, Role::Bad, Some("press space to start it again"))
        }
    }
}

impl Widget for Waiting<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let look = self.0;
        // The marker, the thread's name and the mark stand before the words.
        let lines = self.lines(usize::from(area.width.saturating_sub(6)));
        let at = |lane: &ThreadLane| lane.id == look.ui.lane;
        // Where no thread can be chosen, those that are woken next are to be seen.
        let told = look.world().clock == TimeUnit::Steps;
        let at = |lane: &ThreadLane| at(lane) && !told;
        let chosen = lines.iter().position(|(l, ..)| l.is_some_and(at)).unwrap_or(0);
        let rows = usize::from(area.height);
        // A hint stands below its thread, and is to be seen with it.
        let cut = lines.len() > rows && rows > 1;
        let shown = if cut { rows - 1 } else { rows };
        let first = if told { 0 } else { first_row(chosen + 1, lines.len(), shown) };
        if cut {
            let more = format!("   and {} more", lines.len() - shown);
            Row::new(buf, area, area.height - 1).put(&more, look.style(Role::Dim));
        }
        for (n, (lane, text, role)) in lines.iter().skip(first).take(shown).enumerate() {
            let mut row = Row::new(buf, area, cells(n));
            if let Some(lane) = lane {
                look.note_row(area, cells(n), Spot::Lane(lane.id));
                let marker = if at(lane) { look.theme.glyphs.selected } else { " " };
                let glyph = match role {
                    Role::Asleep => look.theme.glyphs.asleep,
                    Role::Title => look.theme.glyphs.held,
                    Role::Bad => look.theme.glyphs.stuck,
                    _ => look.theme.glyphs.idle,
                };
                row.put(marker, look.style(Role::Focus));
                row.put(&format!("{} ", look.world().lane_name(lane.id)), look.style(Role::Title));
                row.put(glyph, look.style(*role)).put(" ", look.style(Role::Text));
            }
            row.put(text, look.style(*role));
        }
        if lines.is_empty() {
            Row::new(buf, area, 0).put(" no thread has begun", look.style(Role::Dim));
        }
    }
}
