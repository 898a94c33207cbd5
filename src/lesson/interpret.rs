//! What an action of a case does: the calls that it comes to, on any [`Kernel`].

mod go;
mod ring;

use crate::event::{CtlOp, Fd, FileKind, LaneId, Mask, SocketOption};
use crate::sim::Way;

use super::case::{
    Action, Actor, ActorKind, Amount, ConnectTarget, FdArg, Label, Outcome, Run, Scan, Seen, Wait,
    Who,
};
use super::kernel::{Call, Kernel, Query, RunError, SELECT_SETS, nanos};
use super::table::MAIN;

/// A number that is no operation of epoll_ctl(2).
pub(crate) const NO_OPERATION: i32 = 42;
/// No drain or fill makes more calls.
pub(crate) const MOST_CALLS: u32 = 200_000;

type Done = Result<Option<Outcome>, RunError>;

/// Makes one action, up to the next rest. What it returned, if it has a result.
///
/// # Errors
/// If it cannot be made.
pub(crate) fn perform(k: &mut impl Kernel, action: &Action) -> Done {
    k.begin(action)?;
    let outcome = calls(k, action)?;
    k.end(action)?;
    Ok(outcome)
}

fn calls<K: Kernel>(k: &mut K, action: &Action) -> Done {
    match action {
        Action::Add { ep, fd, mask, who } => control(k, who.as_ref(), CtlOp::Add, (ep, fd), *mask),
        Action::Mod { ep, fd, mask, who } => control(k, who.as_ref(), CtlOp::Mod, (ep, fd), *mask),
        Action::Del { ep, fd, who } => control(k, who.as_ref(), CtlOp::Del, (ep, fd), Mask::EMPTY),
        Action::Ctl { ep, fd, mask } => {
            control(k, None, CtlOp::Invalid(NO_OPERATION), (ep, fd), *mask)
        }
        Action::Wait(wait) => {
            let query = wait_query(k, wait)?;
            waits(k, &query, wait.timeout, wait.thread.as_ref())
        }
        Action::Poll(scan) => scans(k, Way::Poll, scan),
        Action::Select(scan) => scans(k, Way::Select, scan),
        Action::SelectAgain => select_again(k),
        Action::Async { fd } => by(k, None, fd, |_, fd| Call::Async { fd }),
        Action::SignalWait => k.notice().map(Some),
        Action::Blocking { fd } => by(k, None, fd, |_, fd| Call::Blocking { fd }),
        Action::Submit(submit) => ring::submit(k, submit),
        Action::Enter(enter) => ring::enter(k, enter),
        Action::Reap { ring, max } => {
            let ring = k.number(ring)?;
            k.reap(ring, *max).map(Some)
        }
        Action::Go { ep, fd, name, who } => go::run(k, (ep, fd), name, who.as_ref()),
        Action::Freeze { ep, thread, max, at } => freeze(k, ep, thread, *max, *at),
        Action::Thaw { thread } => to_sleeper(k, thread, K::thaw),
        Action::Expire { thread } => to_sleeper(k, thread, K::expire),
        Action::Signal { thread } => {
            to_sleeper(k, thread, K::signal)?;
            Ok(came_to(k, 0))
        }
        Action::Write { fd, what, who } => {
            by(k, who.as_ref(), fd, |k, fd| Call::Write { fd, what: amount(k, fd, *what) })
        }
        Action::Read { fd, n, who } => read(k, who.as_ref(), fd, *n),
        Action::Drain { fd, n, who } => drain(k, who.as_ref(), fd, *n),
        Action::Fill { fd, n, who } => fill(k, who.as_ref(), fd, *n),
        Action::Close { fd, who } => by(k, who.as_ref(), fd, |_, fd| Call::Close { fd }),
        Action::Rst { fd } => reset(k, fd),
        Action::Dup { fd, name, least } => {
            is_free(k, name)?;
            k.has_room(1, 0)?;
            let least = least.map(|least| least_number(k, least)).transpose()?;
            by(k, None, fd, |_, fd| Call::Dup { fd, name: name.clone(), least })
        }
        Action::Shutdown { fd, how } => by(k, None, fd, |_, fd| Call::Shutdown { fd, how: *how }),
        Action::Connect { fd, to } => connect(k, fd, to),
        Action::Accept { fd, name, who } => {
            k.has_room(1, 0)?;
            by(k, who.as_ref(), fd, |_, fd| Call::Accept { fd, name: name.clone() })
        }
        Action::Arm { fd, ms, interval } => {
            by(k, None, fd, |_, fd| Call::Settime { fd, ms: *ms, interval: *interval })
        }
        Action::Sockopt { fd, opt, value } => {
            by(k, None, fd, |_, fd| Call::Setsockopt { fd, option: opt.with(*value) })
        }
        Action::New { actor } => new_actor(k, actor),
        Action::Sleep { ms } => {
            k.pass(nanos(*ms))?;
            Ok(came_to(k, 0))
        }
        Action::Repeat { times, body, until } => repeat(k, *times, body, *until),
        Action::Many { .. } => action.as_repeat().map_or(Ok(None), |repeat| calls(k, &repeat)),
        Action::Measure { name, times, run } => measure(k, name, (*times).max(1), run),
        Action::Limit { free } => {
            let end = free.map(|free| k.table().free(free));
            k.call(MAIN, &Call::Limit { end })?;
            Ok(came_to(k, 0))
        }
        Action::LimitSignals { room } => {
            k.call(MAIN, &Call::LimitSignals { room: *room })?;
            Ok(came_to(k, 0))
        }
        Action::Reset => {
            k.reset_counters();
            Ok(None)
        }
        Action::Note | Action::Tally { .. } => Ok(None),
    }
}

/// An action came to this; the one that is beside has nothing to say.
fn came_to(k: &mut impl Kernel, value: u32) -> Option<Outcome> {
    let [first, beside] = k.seen();
    if let Some(beside) = beside {
        (beside.ret, beside.events) = (None, None);
    }
    first.map(|first| first.returned(Ok(value.into())))
}

// --- threads

/// The lane of whoever makes a call.
fn caller(k: &mut impl Kernel, who: Option<&Who>) -> Result<LaneId, RunError> {
    let lane = match who {
        None => return Ok(MAIN),
        Some(Who::Thread(name)) => k.thread(name)?,
        Some(Who::Woken) => {
            let woken = k.table().woken;
            woken.ok_or_else(|| RunError::refused("no thread has returned yet"))?
        }
    };
    if k.sleeps(lane) {
        return Err(RunError::Refused(format!("thread {} sleeps", k.table().name_of(lane))));
    }
    Ok(lane)
}

/// The lane of a thread that is in no call.
fn awake(k: &mut impl Kernel, name: &Label) -> Result<LaneId, RunError> {
    let lane = k.thread(name)?;
    if k.sleeps(lane) {
        return Err(RunError::Refused(format!("thread {name} sleeps already")));
    }
    Ok(lane)
}

fn freeze(k: &mut impl Kernel, ep: &FdArg, thread: &Label, max: u32, at: u32) -> Done {
    let ep = k.number(ep)?;
    let lane = awake(k, thread)?;
    k.freeze(lane, ep, max, at).map(|()| None)
}

/// Something is done to a thread that is in a call.
fn to_sleeper<K: Kernel>(
    k: &mut K,
    name: &Label,
    what: impl FnOnce(&mut K, LaneId) -> Result<(), RunError>,
) -> Done {
    let lane = k.table().lane_of(name).filter(|lane| k.sleeps(*lane));
    let lane = lane.ok_or_else(|| RunError::Refused(format!("thread {name} does not sleep")))?;
    what(k, lane).map(|()| None)
}

// --- calls that ask what is ready

fn wait_query(k: &impl Kernel, wait: &Wait) -> Result<Query, RunError> {
    Ok(Query::Wait { ep: k.number(&wait.ep)?, max: wait.max })
}

fn scan_query(k: &impl Kernel, way: Way, scan: &Scan) -> Result<Query, RunError> {
    let fds = scan.fds.iter().map(|(arg, mask)| Ok((k.number(arg)?, *mask)));
    let labels = scan.fds.iter().map(|(arg, _)| Label::new(arg.to_string())).collect();
    let fds: Vec<(Fd, Mask)> = fds.collect::<Result<_, RunError>>()?;
    let sets = fds.iter().fold(Mask::EMPTY, |all, (_, mask)| all | (*mask & SELECT_SETS));
    Ok(Query::Scan { way, fds, labels, sets })
}

/// select(2) with what the last one left in its sets.
fn select_again(k: &mut impl Kernel) -> Done {
    let sets = k.table().sets.clone();
    let query = sets.ok_or_else(|| RunError::refused("no select of the main thread was made"))?;
    waits(k, &query, Some(0), None)
}

fn scans(k: &mut impl Kernel, way: Way, scan: &Scan) -> Done {
    let query = scan_query(k, way, scan)?;
    waits(k, &query, scan.timeout, scan.thread.as_ref())
}

fn waits(k: &mut impl Kernel, query: &Query, ms: Option<u32>, thread: Option<&Label>) -> Done {
    let lane = match thread {
        Some(name) => awake(k, name)?,
        None => MAIN,
    };
    let outcome = k.wait(lane, query, ms)?;
    if lane == MAIN {
        let seen = k.seen()[0].as_ref().and_then(|seen| seen.events.clone());
        if let Some(left) = seen.and_then(|seen| query.left(&seen)) {
            k.table_mut().sets = Some(left);
        }
    }
    Ok(outcome)
}

// --- calls that return at once

/// `epoll_ctl(2)` of two descriptors. A registration goes by the name in the case.
fn control(
    k: &mut impl Kernel,
    who: Option<&Who>,
    op: CtlOp,
    (ep, fd): (&FdArg, &FdArg),
    mask: Mask,
) -> Done {
    let lane = caller(k, who)?;
    let label = Label::new(fd.to_string());
    let (ep, fd) = (k.number(ep)?, k.number(fd)?);
    k.call(lane, &Call::Ctl { ep, op, fd, mask, label }).map(Some)
}

/// A call about one descriptor that returns at once.
fn by<K: Kernel>(
    k: &mut K,
    who: Option<&Who>,
    fd: &FdArg,
    call: impl FnOnce(&K, Fd) -> Call,
) -> Done {
    let lane = caller(k, who)?;
    let fd = k.number(fd)?;
    let call = call(k, fd);
    k.call(lane, &call).map(Some)
}

/// read(2): of a blocking file another thread sleeps in it.
fn read<K: Kernel>(k: &mut K, who: Option<&Who>, fd: &FdArg, len: u32) -> Done {
    let number = k.number(fd)?;
    if !k.table().blocks(number) {
        return by(k, who, fd, |_, fd| Call::Read { fd, len });
    }
    let lane = caller(k, who)?;
    if lane == MAIN {
        let why = format!("{fd} is a blocking file, and the main thread never waits for ever");
        return Err(RunError::Refused(why));
    }
    k.wait(lane, &Query::Read { fd: number, len }, None)
}

/// `SO_LINGER` with 0 seconds, then close(2).
fn reset(k: &mut impl Kernel, fd: &FdArg) -> Done {
    let fd = k.number(fd)?;
    let set = k.call(MAIN, &Call::Setsockopt { fd, option: SocketOption::Linger(0) })?;
    if matches!(set, Outcome::Errno(_)) {
        return Ok(Some(set));
    }
    k.call(MAIN, &Call::Close { fd }).map(Some)
}

fn connect(k: &mut impl Kernel, fd: &FdArg, to: &ConnectTarget) -> Done {
    let client = k.number(fd)?;
    let to = match to {
        ConnectTarget::Nobody => None,
        ConnectTarget::Listener(label) => Some(listener(k, label)?),
    };
    if k.table().kind(client) == Some(FileKind::Udp) {
        let why = format!("{fd} is a UDP socket, which is connected to its peer for good");
        return Err(RunError::Refused(why));
    }
    k.call(MAIN, &Call::Connect { fd: client, to }).map(Some)
}

/// The number of a listener to connect to; it may have been shut down.
fn listener(k: &impl Kernel, label: &Label) -> Result<Fd, RunError> {
    let table = k.table();
    let open = table.number_of(label).filter(|_| table.is_open(label));
    let fd = open.ok_or_else(|| RunError::Refused(format!("{label} is closed")))?;
    if table.kind(fd) != Some(FileKind::Listener) {
        return Err(RunError::Refused(format!("{label} is no listener to connect to")));
    }
    Ok(fd)
}

/// What `write` means for that file: bytes, or the number that an eventfd takes.
fn amount(k: &impl Kernel, fd: Fd, what: Amount) -> Amount {
    match what {
        Amount::Bytes(n) if k.table().kind(fd) == Some(FileKind::Eventfd) => {
            Amount::Value(n.into())
        }
        other => other,
    }
}

/// Why a `fill` of such a file has no end.
fn never_full(kind: FileKind) -> Option<&'static str> {
    match kind {
        FileKind::Eventfd => {
            Some("an eventfd takes 2^64 writes of 1: write 18446744073709551614 to fill it")
        }
        FileKind::Udp => Some("a UDP socket is never full: what its peer has no room for is lost"),
        _ => None,
    }
}

// --- many calls

fn drain(k: &mut impl Kernel, who: Option<&Who>, fd: &FdArg, n: u32) -> Done {
    let lane = caller(k, who)?;
    let fd = k.number(fd)?;
    k.drain(lane, fd, n).map(Some)
}

fn measure(k: &mut impl Kernel, name: &Label, times: u32, run: &Run) -> Done {
    let query = match run {
        Run::Wait(wait) => wait_query(k, wait)?,
        Run::Scan(way, scan) => scan_query(k, *way, scan)?,
    };
    let timeout = match run {
        Run::Scan(_, scan) => scan.timeout.unwrap_or(0),
        Run::Wait(_) => 0,
    };
    k.measure(name, times, &query, timeout)?;
    Ok(came_to(k, times))
}

fn fill(k: &mut impl Kernel, who: Option<&Who>, fd: &FdArg, n: u32) -> Done {
    let lane = caller(k, who)?;
    let fd = k.number(fd)?;
    if let Some(why) = k.table().kind(fd).and_then(never_full) {
        return Err(RunError::refused(why));
    }
    k.fill(lane, fd, n).map(Some)
}

/// [`Kernel::drain`], one read after the other. An empty datagram is not the end of anything.
pub(crate) fn drain_by_calls(
    k: &mut impl Kernel,
    lane: LaneId,
    fd: Fd,
    n: u32,
) -> Result<Outcome, RunError> {
    let ends = !matches!(k.table().kind(fd), Some(FileKind::Datagram | FileKind::Udp));
    for _ in 0..MOST_CALLS {
        let mut outcome = k.call(lane, &Call::Read { fd, len: n })?;
        if ends && outcome == Outcome::Value(0) {
            outcome = Outcome::Eof;
        }
        for seen in k.seen().into_iter().flatten() {
            if ends && seen.ret == Some(Outcome::Value(0)) {
                seen.ret = Some(Outcome::Eof);
            }
        }
        if !k.agree("a read") || !matches!(outcome, Outcome::Value(_)) {
            return Ok(outcome);
        }
    }
    Err(too_many("reads"))
}

/// [`Kernel::fill`], one write after the other.
pub(crate) fn fill_by_calls(
    k: &mut impl Kernel,
    lane: LaneId,
    fd: Fd,
    n: u32,
) -> Result<Outcome, RunError> {
    let what = Amount::Bytes(n);
    for _ in 0..MOST_CALLS {
        // What is refused after others of the same step were made cannot be taken back.
        let outcome = k.call(lane, &Call::Write { fd, what }).map_err(|error| match error {
            RunError::Refused(why) => RunError::Failed(why),
            other => other,
        })?;
        if !k.agree("a write") || !matches!(outcome, Outcome::Value(_)) {
            return Ok(outcome);
        }
    }
    Err(too_many("writes"))
}

/// A drain or fill that does not come to its end.
pub(crate) fn too_many(calls: &str) -> RunError {
    RunError::Failed(format!("it took more than {MOST_CALLS} {calls}, which is the most"))
}

/// The same actions again and again.
fn repeat(k: &mut impl Kernel, times: u32, body: &[Action], until: Option<Outcome>) -> Done {
    let mut rounds = 0;
    let mut events: [Option<Seen>; 2] = [None, None];
    for round in 1..=times {
        k.in_round(Some(round));
        let (mut last, mut same) = (None, true);
        for (at, action) in body.iter().enumerate() {
            for seen in k.seen().into_iter().flatten() {
                (seen.ret, seen.events) = (None, None);
            }
            last = perform(k, &action.of_round(round)).map_err(|error| match error {
                // What was done cannot be taken back.
                RunError::Refused(why) if (round, at) != (1, 0) => {
                    RunError::Failed(format!("round {round}: {why}"))
                }
                other => other,
            })?;
            same = k.agree_on(action);
            let now = k.seen().map(|seen| seen.and_then(|seen| seen.events.clone()));
            if now[0].is_some() {
                events = now;
            }
        }
        rounds = round;
        if (until.is_some() && last == until) || !same {
            break;
        }
    }
    k.in_round(None);
    let done = came_to(k, rounds);
    if events[0].is_some() {
        for (seen, events) in k.seen().into_iter().zip(events) {
            if let Some(seen) = seen {
                seen.events = events;
            }
        }
    }
    Ok(done)
}

// --- what is made

/// A number from which on a duplicate may be, which must not be the tool's own.
fn least_number(k: &impl Kernel, least: u32) -> Result<Fd, RunError> {
    k.number(&FdArg::Number(i32::try_from(least).unwrap_or(i32::MAX)))
}

/// Whether a new descriptor may be called so.
fn is_free(k: &impl Kernel, name: &Label) -> Result<(), RunError> {
    if k.table().is_open(name) {
        return Err(RunError::Refused(format!("{name} is open already")));
    }
    Ok(())
}

/// The members of an actor, up to the first that cannot be made.
fn new_actor(k: &mut impl Kernel, actor: &Actor) -> Done {
    let labels = actor.labels();
    labels.iter().try_for_each(|label| is_free(k, label))?;
    k.has_room(labels.len(), if actor.kind == ActorKind::Epoll { labels.len() } else { 0 })?;
    make_members(k, actor)
}

/// The members of an actor of which there is nothing yet, up to the first that cannot be made.
///
/// # Errors
/// If the tool itself fails.
pub(crate) fn make_members(k: &mut impl Kernel, actor: &Actor) -> Done {
    let mut outcome = None;
    for name in actor.members() {
        outcome = Some(k.make(&name, actor.kind)?);
        if matches!(outcome, Some(Outcome::Errno(_))) {
            break;
        }
    }
    Ok(outcome)
}
