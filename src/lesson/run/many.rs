//! Actions that are many calls: repeats, measurements; and the limit of descriptors.

use crate::event::{Kind, Nanos, Ret, Setup, Syscall};
use crate::lesson::case::{Action, Counter, Label, Outcome, Run};
use crate::lesson::stage::MAIN;
use crate::lesson::stage::job::{Done, Query, Ready};

use super::act::outcome;
use super::files::told;
use super::report::seen_text;
use super::sleep::Sleeping;
use super::step::Doing;
use super::{RunError, Runner};

/// Calls that are measured together. The fastest such batch counts, so that what else runs on the
/// machine does not.
const BATCH: u32 = 50;

impl Runner {
    /// The same actions again and again.
    pub(super) fn repeat(
        &mut self,
        doing: &mut Doing,
        times: u32,
        body: &[Action],
        until: Option<Outcome>,
    ) -> Result<(), RunError> {
        let mut rounds = 0;
        let mut events = None;
        for round in 1..=times {
            doing.round = Some(round);
            for (at, action) in body.iter().enumerate() {
                let untouched = (round, at) == (1, 0);
                self.one_of_round(doing, &action.of_round(round), round).map_err(|error| {
                    match error {
                        // What was done cannot be taken back.
                        RunError::Refused(why) if !untouched => {
                            RunError::Failed(format!("round {round}: {why}"))
                        }
                        other => other,
                    }
                })?;
                if doing.kernel.events.is_some() {
                    events = Some((doing.kernel.events.clone(), doing.model.events.clone()));
                }
            }
            rounds = round;
            let enough = until.is_some() && doing.last == until;
            if enough || !doing.found.mismatches.is_empty() {
                break;
            }
        }
        doing.round = None;
        doing.came_to(outcome(Ok(rounds.into())));
        if let Some((kernel, model)) = events {
            (doing.kernel.events, doing.model.events) = (kernel, model);
        }
        Ok(())
    }

    /// One action of a round, judged at once.
    fn one_of_round(
        &mut self,
        doing: &mut Doing,
        action: &Action,
        round: u32,
    ) -> Result<(), RunError> {
        (doing.kernel.ret, doing.model.ret, doing.last) = (None, None, None);
        (doing.kernel.events, doing.model.events) = (None, None);
        self.perform(doing, action)?;
        let when = format!(" of {} in round {round}", action.word());
        doing.found.results(&doing.kernel, &doing.model, &when);
        Ok(())
    }

    /// One call so many times, and how long one takes: in the fastest batch, if there is a whole one.
    pub(super) fn measure(
        &mut self,
        doing: &mut Doing,
        name: &Label,
        times: u32,
        run: &Run,
    ) -> Result<(), RunError> {
        let (query, call) = match run {
            Run::Wait(wait) => {
                let ep = self.stage.number(&wait.ep)?;
                let max = u32::try_from(wait.max).unwrap_or(0);
                let call = Syscall::EpollWait { ep, max, timeout_ms: 0 };
                (Query::Wait { ep, max: wait.max }, Sleeping { call, labels: Vec::new() })
            }
            Run::Scan(way, scan) => self.scan_query(*way, scan)?,
        };
        let times = times.max(1);
        let mut ready = Ready::new(&query)
            .map_err(|errno| RunError::Refused(format!("that call cannot be made: {errno}")))?;
        let clock = self.clock;
        let (timing, done) = timed(&mut ready, times, || Nanos(clock.now()));
        let Timing { events, empty, each } = timing;
        self.counters.set(Counter::Ns(name.clone()), each);
        self.counters.add(Counter::Calls, u64::from(times) - 1);
        if let Query::Wait { .. } = query {
            self.counters.add(Counter::Waits, u64::from(times) - 1);
            self.counters.add(Counter::Events, events);
            self.counters.add(Counter::Empty, empty);
        }
        let polled = query.polled().len() as u64 * (u64::from(times) - 1);
        self.counters.add(Counter::Polled, polled);
        // Only an epoll_wait changes what the next one brings.
        let changes = matches!(query, Query::Wait { .. });
        for _ in 1..if changes { times } else { 1 } {
            self.model_asks(&query, &call);
        }
        let model = self.model_asks(&query, &call);
        let mut unseen = Doing::default();
        let kernel = self.returned(&mut unseen, MAIN, &call, &done)?;
        doing.found.both(|| "the last call".to_owned(), &kernel, &model, seen_text);
        doing.tell(done.ended, MAIN, Kind::Measured { call: call.call, times, each: Nanos(each) });
        doing.came_to(outcome(Ok(times.into())));
        Ok(())
    }

    /// `RLIMIT_NOFILE` so that just so many more descriptors can be opened.
    pub(super) fn set_limit(
        &mut self,
        doing: &mut Doing,
        free: Option<u32>,
    ) -> Result<(), RunError> {
        let started = self.now();
        self.limit = self.stage.limit(free)?;
        self.counters.call(None);
        let soft = self.limit.map(|end| end.0.unsigned_abs());
        told(
            doing,
            MAIN,
            Syscall::Setup(Setup::Setrlimit { soft }),
            (started, self.now()),
            Ret::ok(0),
        );
        doing.came_to(outcome(Ok(0)));
        Ok(())
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
fn timed(ready: &mut Ready, times: u32, now: impl Fn() -> Nanos) -> (Timing, Done) {
    let (mut events, mut empty) = (0, 0);
    let started = now();
    let (mut fastest, mut mark) = (None::<u64>, started);
    for n in 1..times {
        // What fails fails in the last call, too, which is looked at.
        let found = ready.repeat().unwrap_or(0);
        events += found as u64;
        empty += u64::from(found == 0);
        if n % BATCH == 0 {
            let now = now();
            let took = now.since(mark).0;
            fastest = Some(fastest.map_or(took, |least| least.min(took)));
            mark = now;
        }
    }
    let answer = ready.call(0);
    let ended = now();
    let all = ended.since(started).0 / u64::from(times);
    let each = fastest.map_or(all, |took| took / u64::from(BATCH));
    (Timing { events, empty, each }, Done { answer, started, ended })
}
