//! The state of the screen of a comparison, and what the keys do to it.

use crate::compare::board::CompareBoard;
use crate::compare::lines::csv;
use crate::compare::mirror::MirrorBoard;
use crate::compare::why::{count, why};
use crate::compare::{ComparePhase, ComparePlan, CompareUpdate, ReadyPlace};
use crate::event::Backend;
use crate::tui::action::{CompareAction, Direction, KeyAction, Reach};
use crate::tui::key::KeyPress;
use crate::tui::keymap;
use crate::tui::pane::Help;
use crate::tui::spots::Spot;
use crate::tui::ui::{Ui, UiContext, UiRequest};

/// Numbers of clients that the keys go through.
const CLIENTS: [u32; 5] = [1, 10, 100, 1000, 10_000];
/// Active clients among more of them, where not all are.
const FEW: u32 = 10;

/// What the loop of the screen is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CompareCommand {
    /// Stop what is measured, and measure this.
    Measure(ComparePlan),
    /// Listen for a client whose bytes go to every loop.
    Mirror,
    /// Write this text, CSV, into a new file.
    Export(String),
}

/// What came out of a run with another workload.
#[derive(Clone, Debug)]
struct EarlierRun {
    clients: u32,
    active: u32,
    base: Backend,
    ratios: Vec<(Backend, f64)>,
}

/// The screen's state.
pub(crate) struct CompareApp {
    /// What has been measured.
    pub(crate) board: CompareBoard,
    /// The selected row.
    pub(crate) selected: usize,
    /// What the mirror has seen, once it was asked for.
    pub(crate) mirror: Option<MirrorBoard>,
    /// Whether the mirror is shown instead of the curve.
    pub(crate) mirrored: bool,
    /// The kernel's name and number.
    pub(crate) kernel: String,
    /// Processors that the program may use.
    pub(crate) cpus: usize,
    /// Descriptors that the program may have.
    pub(crate) descriptors: u64,
    pub(crate) ui: Ui,
    earlier: Vec<EarlierRun>,
}

impl CompareApp {
    pub(crate) fn new(plan: ComparePlan, kernel: String, cpus: usize, descriptors: u64) -> Self {
        let ui = Ui { place: UiContext::Compare, ..Ui::default() };
        Self {
            board: CompareBoard::new(plan),
            selected: 0,
            mirror: None,
            mirrored: false,
            kernel,
            cpus,
            descriptors,
            ui,
            earlier: Vec::new(),
        }
    }

    /// Takes over what was told.
    pub(crate) fn take(&mut self, update: CompareUpdate) {
        self.board.take(update);
    }

    /// Takes a key.
    pub(crate) fn key(&mut self, press: KeyPress) -> Option<CompareCommand> {
        self.ui.message = None;
        match keymap::action(self.ui.mode(), press)? {
            KeyAction::Move(reach, direction) => self.go(reach, direction),
            KeyAction::Compare(action) => return self.act(action),
            KeyAction::Help => self.ui.help = if self.ui.help.is_some() { None } else { Some(0) },
            KeyAction::Quit => self.ui.request = Some(UiRequest::Quit),
            KeyAction::Suspend => self.ui.request = Some(UiRequest::Suspend),
            _ => {}
        }
        None
    }

    /// A click selects a loop, or does what the key does that is named there.
    pub(super) fn click(&mut self, on: Spot) -> Option<CompareCommand> {
        match on {
            Spot::Key(press) => return self.key(press),
            Spot::Row(row) => self.selected = row,
            _ => {}
        }
        None
    }

    /// The wheel moves the selection, or scrolls the help.
    pub(crate) fn wheel(&mut self, direction: Direction) {
        self.go(Reach::Row, direction);
    }

    fn act(&mut self, action: CompareAction) -> Option<CompareCommand> {
        match action {
            CompareAction::AllActive => self.with_active(),
            CompareAction::Clients(direction) => self.with_clients(direction),
            CompareAction::Again => {
                self.board.points.clear();
                Some(self.begin(self.board.plan.clone()))
            }
            CompareAction::Mirror if self.has_no_mirror() => {
                self.mirrored = true;
                Some(CompareCommand::Mirror)
            }
            CompareAction::Mirror => {
                self.mirrored = !self.mirrored;
                None
            }
            CompareAction::Export if self.board.rounds == 0 && self.board.points.is_empty() => {
                self.ui.say("nothing has been measured yet");
                None
            }
            CompareAction::Export => Some(CompareCommand::Export(csv(&self.board))),
        }
    }

    /// Whether there is none yet, or it failed and is not looked at: it may be tried again.
    fn has_no_mirror(&self) -> bool {
        self.mirror.as_ref().is_none_or(|mirror| mirror.failed.is_some() && !self.mirrored)
    }

    fn go(&mut self, reach: Reach, direction: Direction) {
        if Help::scroll(&mut self.ui, reach, direction) {
            return;
        }
        let by = match reach {
            Reach::Row => 1,
            Reach::Page => 10,
            Reach::End => usize::MAX,
        };
        let rows = self.board.plan.rows();
        self.selected = match direction {
            // From the last row on to the first one, as Tab does elsewhere.
            Direction::Back if self.selected == 0 => rows - 1,
            Direction::Back => self.selected.saturating_sub(by),
            Direction::On if self.selected + 1 == rows => 0,
            Direction::On => self.selected.saturating_add(by).min(rows - 1),
        };
    }

    /// All clients are active, or few of them.
    fn with_active(&mut self) -> Option<CompareCommand> {
        let mut plan = self.board.plan.clone();
        plan.active =
            if plan.active == plan.clients { FEW.min(plan.clients) } else { plan.clients };
        if plan.active == self.board.plan.active {
            self.ui.say(format!("all of {} are active", plan.clients));
            return None;
        }
        Some(self.begin(plan))
    }

    fn with_clients(&mut self, direction: Direction) -> Option<CompareCommand> {
        let mut plan = self.board.plan.clone();
        let all = plan.active == plan.clients;
        let next = match direction {
            Direction::On => CLIENTS.into_iter().find(|n| *n > plan.clients),
            Direction::Back => CLIENTS.into_iter().rev().find(|n| *n < plan.clients),
        };
        let Some(clients) = next else {
            self.ui
                .say(format!("{} clients: that is as far as it goes", count(plan.clients.into())));
            return None;
        };
        plan.clients = clients;
        plan.active = if all { clients } else { plan.active.max(FEW).min(clients) };
        if plan.descriptors() > self.descriptors {
            let (needs, has) = (count(plan.descriptors()), count(self.descriptors));
            self.ui.warn(format!("{clients} clients take {needs} descriptors, the limit is {has}"));
            return None;
        }
        Some(self.begin(plan))
    }

    /// Begins another run; the curve is kept, and so is what came out of this one.
    fn begin(&mut self, mut plan: ComparePlan) -> CompareCommand {
        self.remember();
        let points = std::mem::take(&mut self.board.points);
        plan.curve = points.is_empty();
        self.board = CompareBoard::new(plan.clone());
        self.board.points = points;
        CompareCommand::Measure(plan)
    }

    fn remember(&mut self) {
        let (clients, active) = (self.board.plan.clients, self.board.plan.active);
        let reports = self.board.reports();
        let base = reports[self.board.base()].name;
        let costs = reports.iter().filter(|report| !report.again);
        let ratios: Vec<_> = costs
            .filter_map(|report| Some((report.name, report.cost.as_ref()?.ratio.median)))
            .collect();
        if !ratios.is_empty() {
            self.earlier.retain(|run| (run.clients, run.active) != (clients, active));
            self.earlier.push(EarlierRun { clients, active, base, ratios });
        }
    }

    /// The sentences about the selected row, with what it cost under another workload.
    pub(crate) fn why(&self) -> String {
        let text = why(&self.board, self.selected);
        let reports = self.board.reports();
        let Some(report) = reports.get(self.selected) else { return text };
        if report.again || report.cost.is_none() || self.selected == self.board.base() {
            return text;
        }
        let earlier = self.earlier.iter().rev().find_map(|run| {
            let (_, ratio) = run.ratios.iter().find(|(name, _)| *name == report.name)?;
            Some((run, ratio))
        });
        let Some((run, ratio)) = earlier else { return text };
        let (active, clients) = (count(run.active.into()), count(run.clients.into()));
        let of = if run.active == run.clients {
            format!("all of {clients} active")
        } else {
            format!("{active} of {clients}")
        };
        format!("{text} With {of} it cost {ratio:.2} of {}'s.", run.base)
    }

    /// Which lines the curve shows: those of one ready descriptor, or of all.
    pub(crate) fn ready(&self) -> ReadyPlace {
        let all = self.board.plan.active == self.board.plan.clients;
        if all { ReadyPlace::All } else { ReadyPlace::Middle }
    }

    /// What is being done, in words.
    pub(crate) fn doing(&self) -> String {
        let (done, of) = (self.board.rounds, self.board.plan.rounds);
        match self.board.phase {
            ComparePhase::Starting(name) => format!("starting {name}"),
            ComparePhase::Round(number) => format!("round {number} of {of}"),
            ComparePhase::Curve(watched) => {
                format!("a wait with {} watched", count(watched.into()))
            }
            ComparePhase::Done => format!("round {done} of {of}"),
            ComparePhase::Stopped => format!("stopped after {done} of {of}"),
        }
    }
}
