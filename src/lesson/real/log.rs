//! What is told of the calls that the kernel was made, and what is counted of them.

use crate::event::{Kind, LaneId, Nanos, Output, Ret, Syscall, SyscallRecord};

use crate::lesson::case::{Counter, Label};
use crate::lesson::table::MAIN;

use super::counters::Counters;

/// Events of one step that are told; more calls are only counted.
const MOST_TOLD: usize = 2000;

/// What happened in a step, and the counters of the case.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// What happened: when, by whom, what.
    pub(crate) events: Vec<(Nanos, LaneId, Kind)>,
    /// How many more calls were made.
    pub(crate) untold: u64,
    /// The threads beside the main one, in the order of their lanes.
    pub(crate) names: Vec<Label>,
    /// What is counted of the calls.
    pub(crate) counters: Counters,
}

impl Log {
    /// Something happened.
    pub(crate) fn tell(&mut self, t: Nanos, lane: LaneId, kind: Kind) {
        if let Kind::Return(record) = &kind {
            self.counters.returned(record);
            let at = usize::from(lane.0).checked_sub(usize::from(MAIN.0) + 1);
            if let Some(name) = at.and_then(|at| self.names.get(at)) {
                self.counters.add(Counter::CallsOf(name.clone()), 1);
            }
        }
        if self.events.len() < MOST_TOLD {
            self.events.push((t, lane, kind));
        } else {
            self.untold += 1;
        }
    }

    /// A call returned that was made at a time, and had returned at another.
    pub(crate) fn returned(
        &mut self,
        lane: LaneId,
        call: Syscall,
        (started, ended): (Nanos, Nanos),
        ret: Ret,
        output: Output,
    ) {
        self.tell(ended, lane, Kind::Return(SyscallRecord { call, ret, output, started }));
    }
}
