//! A step in progress: what has happened and what was seen so far.

use crate::event::{Kind, LaneId, Nanos, Output, Ret, Syscall, SyscallRecord};
use crate::lesson::case::{Label, Outcome, Seen};
use crate::lesson::stage::job::Done;
use crate::lesson::stage::make::Made;

use super::compare::Comparison;
use super::report::{Happening, Observed};

/// Events of one step that are told; more calls are only counted.
const MOST_TOLD: usize = 2000;

/// A step in progress.
#[derive(Debug, Default)]
pub(super) struct Doing {
    pub(super) events: Vec<Happening>,
    pub(super) untold: u64,
    pub(super) kernel: Observed,
    pub(super) model: Observed,
    pub(super) found: Comparison,
    /// What the last action of a repeat returned.
    pub(super) last: Option<Outcome>,
    /// Threads of which the kernel may bring back some or not.
    pub(super) maybe: Vec<Label>,
    /// The action waits for time to pass.
    pub(super) patient: bool,
    /// The round of a repeat.
    pub(super) round: Option<u32>,
}

impl Doing {
    /// Something happened.
    pub(super) fn tell(&mut self, t: Nanos, lane: LaneId, kind: Kind) {
        if self.events.len() < MOST_TOLD {
            self.events.push(Happening { t, lane, kind });
        } else {
            self.untold += 1;
        }
    }

    /// A call returned.
    pub(super) fn returned(
        &mut self,
        lane: LaneId,
        call: Syscall,
        done: &Done,
        ret: Ret,
        out: Output,
    ) {
        let record = SyscallRecord { call, ret, output: out, started: done.started };
        self.tell(done.ended, lane, Kind::Return(record));
    }

    /// A call returned that opened or set a file.
    pub(super) fn made(&mut self, lane: LaneId, made: Made) {
        let Made { call, ret, output, time: (started, ended) } = made;
        self.tell(ended, lane, Kind::Return(SyscallRecord { call, ret, output, started }));
    }

    /// What a call returned, by the kernel and by the model.
    pub(super) fn result(&mut self, kernel: Outcome, model: Outcome) {
        (self.kernel.ret, self.model.ret) = (Some(kernel), Some(model));
        (self.kernel.events, self.model.events) = (None, None);
        self.last = Some(kernel);
    }

    /// What an action came to of which the model has nothing to say.
    pub(super) fn came_to(&mut self, kernel: Outcome) {
        self.result(kernel, kernel);
        self.model.ret = None;
    }

    /// What a call handed over, by the kernel and by the model. It returned the number of events,
    /// or with `bits`, as select(2) does, that of the bits in them.
    pub(super) fn handed_over(&mut self, kernel: Seen, model: Seen, bits: bool) {
        let returned = |seen: &Seen| match seen {
            Seen::Events(events) if bits => {
                Outcome::Value(events.iter().map(|one| i64::from(one.mask.0.count_ones())).sum())
            }
            Seen::Events(events) => Outcome::Value(i64::try_from(events.len()).unwrap_or(i64::MAX)),
            Seen::Errno(errno) => Outcome::Errno(*errno),
        };
        self.last = Some(returned(&kernel));
        (self.kernel.ret, self.model.ret) = (Some(returned(&kernel)), Some(returned(&model)));
        (self.kernel.events, self.model.events) = (Some(kernel), Some(model));
    }

    /// Holds the two results of one of many calls against each other. Whether they agree.
    pub(super) fn same(&mut self, what: &str, kernel: Outcome, model: Outcome) -> bool {
        let round = self.round;
        let name = || match round {
            Some(round) => format!("{what} in round {round}"),
            None => what.to_owned(),
        };
        self.found.both(name, &kernel, &model, |ret| super::report::outcome_text(*ret));
        kernel == model
    }
}
