//! One call made many times, and how long it takes.

use crate::event::{Kind, Nanos};
use crate::lesson::case::{Counter, Label, Seen};
use crate::lesson::kernel::{Copied, Query, RunError, timeout_ms};
use crate::lesson::table::MAIN;

use super::RealKernel;
use super::job::{Done, Ready};

/// Calls that are measured together. The fastest such batch counts, so that what else runs on the
/// machine does not.
const BATCH: u32 = 50;

impl RealKernel {
    /// One call so many times, and how long one takes: in the fastest batch, if there is a whole one.
    pub(super) fn measured(
        &mut self,
        name: &Label,
        times: u32,
        query: &Query,
        timeout: u32,
    ) -> Result<Seen, RunError> {
        self.can_ask(query)?;
        let call = query.syscall(Some(timeout));
        let mut ready = Ready::new(query)
            .map_err(|errno| RunError::Refused(format!("that call cannot be made: {errno}")))?;
        if timeout > 0 && ready.repeat(0) == Ok(0) {
            let why = "nothing is ready: each of the calls would wait for its timeout";
            return Err(RunError::refused(why));
        }
        let clock = self.clock;
        let now = || Nanos(clock.now());
        let (timing, done) = timed(&mut ready, times, timeout_ms(Some(timeout)), now);
        let Timing { events, empty, each } = timing;
        // The last of them is told of, and counted with that; but it is shown as one of many.
        let (before, untold) = (self.log.events.len(), self.log.untold);
        let seen = self.handed_over(MAIN, call, query, &done)?;
        self.log.events.truncate(before);
        self.log.untold = untold;
        let more = u64::from(times) - 1;
        let counters = &mut self.log.counters;
        counters.set(Counter::Ns(name.clone()), each);
        counters.add(Counter::Calls, more);
        match query {
            Query::Wait { .. } => {
                counters.add(Counter::Waits, more);
                counters.add(Counter::Events, events);
                counters.add(Counter::Empty, empty);
            }
            Query::Scan { fds, .. } => counters.add(Counter::Polled, fds.len() as u64 * more),
            Query::Read { .. } | Query::Enter { .. } => {}
        }
        // What each copies is the same, but that epoll_wait copies its events.
        let Copied { into, out } = match query {
            Query::Wait { .. } => query.copied(events),
            _ => query.copied(0),
        };
        let calls = if matches!(query, Query::Wait { .. }) { 1 } else { more };
        counters.copied(Copied { into: into * calls, out: out * calls });
        let kind = Kind::Measured { call, times, each: Nanos(each) };
        self.log.tell(done.ended, MAIN, kind);
        Ok(seen)
    }
}

/// What came of the calls of a measurement but the last.
struct Timing {
    /// Events, or descriptors with something to tell.
    events: u64,
    /// Calls that brought none.
    empty: u64,
    /// Nanoseconds that one takes: in the fastest batch, where there is a whole one.
    each: u64,
}

/// Makes the call so many times, at least once, and looks at what the last one brought.
fn timed(ready: &mut Ready, times: u32, timeout: i32, now: impl Fn() -> Nanos) -> (Timing, Done) {
    let (mut events, mut empty) = (0, 0);
    let started = now();
    let (mut fastest, mut mark) = (None::<u64>, started);
    for n in 1..times {
        // What fails fails in the last call, too, which is looked at.
        let found = ready.repeat(timeout).unwrap_or(0);
        events += found as u64;
        empty += u64::from(found == 0);
        if n % BATCH == 0 {
            let now = now();
            let took = now.since(mark).0;
            fastest = Some(fastest.map_or(took, |least| least.min(took)));
            mark = now;
        }
    }
    let answer = ready.call(timeout);
    let ended = now();
    let all = ended.since(started).0 / u64::from(times);
    let each = fastest.map_or(all, |took| took / u64::from(BATCH));
    (Timing { events, empty, each }, Done { answer, started, ended })
}
