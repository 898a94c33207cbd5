//! What has been done with one file so far. It is counted in the fold, so that the past knows it, too.

use serde::{Deserialize, Serialize};

use crate::event::{Nanos, RingOp, Seq, Syscall, SyscallRecord};

/// What has been done with an open file since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCounts {
    /// How often a wait handed it over; with io_uring, its completions that were taken.
    pub reports: u64,
    /// Reads that took bytes.
    pub reads: u64,
    /// Bytes that they took.
    pub bytes_in: u64,
    /// Connections accepted from it.
    pub accepts: u64,
    /// Writes that were taken.
    pub writes: u64,
    /// Bytes that they gave.
    pub bytes_out: u64,
    /// Calls on it that said EAGAIN.
    pub again: u64,
    /// The longest time that it stood on the ready list before a wait handed it over, and the event
    /// that did.
    pub waited: Option<(Nanos, Seq)>,
}

impl FileCounts {
    /// A call on it returned.
    pub(super) fn called(&mut self, record: &SyscallRecord) {
        if record.ret.is(crate::event::Errno::EAGAIN) {
            self.again += 1;
        }
        let Some(n) = record.ret.value().and_then(|n| u64::try_from(n).ok()) else { return };
        match record.call {
            Syscall::Accept { .. } => self.accepts += 1,
            Syscall::Read { .. } => self.read(n),
            Syscall::Write { .. } | Syscall::Send { .. } => self.wrote(n),
            _ => {}
        }
    }

    /// A completion of an operation on it was taken.
    pub(super) fn completed(&mut self, op: RingOp, n: Option<u64>) {
        self.reports += 1;
        let Some(n) = n else { return };
        match op {
            RingOp::Accept => self.accepts += 1,
            RingOp::Recv | RingOp::Read => self.read(n),
            RingOp::Send => self.wrote(n),
            _ => {}
        }
    }

    fn read(&mut self, n: u64) {
        self.reads += u64::from(n > 0);
        self.bytes_in += n;
    }

    fn wrote(&mut self, n: u64) {
        self.writes += 1;
        self.bytes_out += n;
    }

    /// It left the ready list because a wait handed it over.
    pub(super) fn handed_over(&mut self, waited: Nanos, at: Seq) {
        if self.waited.is_none_or(|(longest, _)| longest < waited) {
            self.waited = Some((waited, at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lane::LaneCounts;
    use super::super::scenario::{EDGE, IN, LEVEL, Scenario};
    use crate::event::{Fd, LaneId, Nanos};

    #[test]
    fn what_is_done_with_a_file_is_counted() {
        let s = Scenario::new().listen(4, IN).client(7, LEVEL).enter(1).arrive(7, 8);
        let s = s.report(1, &[(7, IN)]).read(1, 7, 4, 4).read(1, 7, 4, 4).again(1, 7);
        let counts = s.world.file_at(Fd(7)).expect("fd 7").counts;
        assert_eq!((counts.reports, counts.reads, counts.bytes_in, counts.again), (1, 2, 8, 1));
        assert!(counts.waited.is_some_and(|(waited, _)| waited > Nanos(0)));
        assert_eq!(s.world.file_at(Fd(4)).map(|file| file.counts.reports), Some(0));
    }

    #[test]
    fn the_longest_time_on_the_ready_list_is_kept() {
        let s = Scenario::new().listen(4, IN).client(7, EDGE);
        let turn = |s: Scenario, ns: u64| {
            let s = s.every(1000).enter(1).every(ns).arrive(7, 3);
            s.report(1, &[(7, IN)]).every(1000).read(1, 7, 9, 3).again(1, 7)
        };
        let s = turn(turn(turn(s, 5_000), 90_000), 20_000);
        let waited = s.world.file_at(Fd(7)).and_then(|file| file.counts.waited);
        let longest = waited.map(|(waited, _)| waited);
        assert_eq!(longest, Some(Nanos(90_000)));
    }

    #[test]
    fn the_time_of_a_thread_is_shared_out_without_rest() {
        let s = Scenario::new().listen(4, IN).client(7, LEVEL).every(1000);
        let s = s.enter(1).asleep(&[1]).arrive(7, 3).report(1, &[(7, IN)]);
        let s = s.read(1, 7, 9, 3).again(1, 7).enter(1);
        let lane = s.world.lane(LaneId(1)).expect("T1");
        let spent = lane.spent(s.world.t);
        assert!(spent.asleep > Nanos(0) && spent.running > Nanos(0), "{spent:?}");
        let later = Nanos(s.world.t.0 + 500);
        let (before, after) = (lane.spent(s.world.t), lane.spent(later));
        let sum = |it: LaneCounts| it.asleep.0 + it.running.0 + it.held.0;
        assert_eq!(sum(after) - sum(before), 500);
        assert_eq!(spent.events, 1);
    }
}
